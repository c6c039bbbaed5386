"""What people wrote of an environment reaches the run of a job, and nothing that is there is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lampkeeper.app.bundle_inputs import digests, require_same_files, take_files, undeployed
from lampkeeper.files.folder import EnvFolder
from lampkeeper.model.errors import UnsafePlanError

pytestmark = pytest.mark.unit

FILES = {
    "env.auto.tfvars": 'uc_tables = ["c.s.*"]\n', "taxonomy.yaml": "tags: []\n", "overlays/own.yaml": "code: own\n",
    "masks/mask_x.sql": "-- x\n", "masks/checked.json": "{}\n", "decisions.yaml": "decisions: []\n",
}  # fmt: skip
PRIVATE = {"auth.auto.tfvars": "secret", "state.json": "{}", "snapshot.json": "{}", "generated/labels.jsonl": ""}


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_what_people_write_is_taken_and_nothing_else_is(tmp_path: Path) -> None:
    source, folder = tmp_path / "deployed" / "dev", EnvFolder(tmp_path / "root", "dev")
    _write(source, FILES | PRIVATE)
    assert {str(p.relative_to(source)) for p in take_files(folder, source)} == set(FILES)
    assert {str(p.relative_to(folder.path)) for p in folder.path.rglob("*") if p.is_file()} == set(FILES)
    assert take_files(folder, source) == ()


def test_what_is_there_already_stays_where_the_bundle_says_nothing(tmp_path: Path) -> None:
    source, folder = tmp_path / "deployed" / "dev", EnvFolder(tmp_path / "root", "dev")
    _write(source, FILES)
    _write(folder.path, {"decisions.yaml": "mine", "overlays/other.yaml": "mine", "taxonomy.yaml": "old", "state.json": "mine"})
    take_files(folder, source)
    there = {n: (folder.path / n).read_text() for n in ("decisions.yaml", "overlays/other.yaml", "taxonomy.yaml", "state.json")}
    assert there == {
        "decisions.yaml": "mine", "overlays/other.yaml": "mine", "taxonomy.yaml": "tags: []\n", "state.json": "mine",
    }  # fmt: skip


def test_git_keeps_what_people_write_and_ignores_the_rest(tmp_path: Path) -> None:
    _write(tmp_path, {".gitignore": (Path(__file__).parents[2] / ".gitignore").read_text()})
    _write(tmp_path / "envs" / "dev", FILES | PRIVATE)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "envs"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert {line.removeprefix("envs/dev/") for line in listed.stdout.splitlines()} == set(FILES)


def test_a_file_that_is_changed_added_or_missing_is_not_as_deployed(tmp_path: Path) -> None:
    source, folder = tmp_path / "deployed" / "dev", EnvFolder(tmp_path / "root", "dev")
    _write(source, FILES | PRIVATE)
    take_files(folder, source)
    _write(folder.path, {"state.json": "mine"})
    assert undeployed(folder.path, source) == ()
    _write(folder.path, {"taxonomy.yaml": "other", "overlays/extra.yaml": "x", "decisions.yaml": "decided since"})
    (folder.path / "masks" / "mask_x.sql").unlink()
    assert undeployed(folder.path, source) == ("decisions.yaml", "masks/mask_x.sql", "overlays/extra.yaml", "taxonomy.yaml")
    assert undeployed(folder.path, tmp_path / "never") == tuple(sorted(digests(folder.path)))


@pytest.mark.parametrize("name", sorted({*FILES, "overlays/added.yaml", "masks/added.sql"}))
def test_a_plan_stands_on_the_files_that_it_was_made_of(tmp_path: Path, name: str) -> None:
    source, folder = tmp_path / "deployed" / "dev", EnvFolder(tmp_path / "root", "dev")
    _write(source, FILES)
    take_files(folder, source)
    then = digests(folder.path)
    require_same_files(folder, then, (), source)
    _write(folder.path, {name: "somebody else's"})
    if name == "decisions.yaml":
        require_same_files(folder, then, (), source)
        return
    with pytest.raises(UnsafePlanError, match=f"{name} is not as it was when the plan was made"):
        require_same_files(folder, then, (), source)
    now = digests(folder.path)
    with pytest.raises(UnsafePlanError, match=f"{name} is not as deployed, and the plan does not say so"):
        require_same_files(folder, now, (), source)
    require_same_files(folder, now, (name,), source)
    require_same_files(folder, now, (), None)
