"""The wheel: the same bytes from the same commit, its data files inside, a program in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.bundle_jobs import ROOT, build_wheel

DATA = (".yaml", ".yml", ".sql", ".css", ".json", ".html", ".js")


def test_the_same_source_and_time_give_the_same_bytes(product_wheel: Path, tmp_path: Path) -> None:
    assert build_wheel(tmp_path).read_bytes() == product_wheel.read_bytes()


@pytest.fixture(scope="module")
def cloned_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel in a clean clone of what is committed."""
    home = tmp_path_factory.mktemp("clone")
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(home / "project")], check=True)
    return build_wheel(home / "dist", source=home / "project")


MODULES = ("account", "data_access", "workspace")
"""Folders of `terraform`, which the wheel holds as data of the engine."""


def test_the_wheel_of_a_clean_clone_holds_every_file_that_is_committed(cloned_wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "-z", "--name-only", "HEAD", "src", *(f"terraform/{layer}" for layer in MODULES)],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    modules = "lampkeeper/deploy/terraform/modules/"
    names = [name for name in listed.stdout.decode().split("\0") if name]
    committed = {
        name.replace("terraform/", modules) if name.startswith("terraform/") else name.removeprefix("src/") for name in names
    }
    inside = {name for name in zipfile.ZipFile(cloned_wheel).namelist() if ".dist-info/" not in name}
    assert inside == committed
    assert {Path(name).suffix for name in inside} >= {".sql", ".yaml", ".css", ".js", ".html"}


def test_every_data_file_of_the_packages_is_in_the_wheel(product_wheel: Path) -> None:
    inside = set(zipfile.ZipFile(product_wheel).namelist())
    wanted = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and path.suffix in {*DATA, ".py"} and "__pycache__" not in path.parts
    }
    assert wanted - inside == set()
    assert any(name.endswith(".sql") for name in wanted)


def test_it_runs_in_an_environment_that_has_only_its_dependencies(cloned_wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    # Nothing is installed from a network: the dependencies are those beside us, the package itself is the wheel's.
    site = next((home / "lib").glob("python3*/site-packages"))
    zipfile.ZipFile(cloned_wheel).extractall(site)
    ours = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    for found in ours.iterdir():
        if not found.name.startswith(
            ("lampkeeper", "localspace", "partnercert", "_lampkeeper", "__editable__", "pyspark", "starlette", "openai")
        ):
            target = site / found.name
            if not target.exists() and found.suffix != ".pth":
                target.symlink_to(found)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    script = "import lampkeeper; print(lampkeeper.__path__[0]); from lampkeeper.cli.main import run; run()"
    library = (
        "import lampkeeper; print(lampkeeper.__path__[0]); from lampkeeper.design.knowledge.library import load_library as load; "
        "from lampkeeper.html import render; print(render('bars.html', title='a page', counts={}, top=1))"
    )
    done = subprocess.run(
        [str(home / "bin" / "python"), "-c", f"{library}; print(load())"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout.splitlines()[0]
    assert "mask_email" in done.stdout
    assert "a page" in done.stdout
    setup = subprocess.run(
        [str(home / "bin" / "python"), "-c", script, "setup"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (setup.returncode, (tmp_path / "envs" / "dev" / "env.auto.tfvars").is_file()) == (0, True), setup.stderr
    asked = subprocess.run(
        [str(home / "bin" / "python"), "-c", script, "generate", "--offline", "--model", "databricks:any"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (asked.returncode, "needs the package openai" in asked.stderr) == (2, True), asked.stderr
    assert "pip install '.[model]'" in asked.stderr
