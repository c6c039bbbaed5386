"""setup and init: what they create, what they ask, and that nothing hangs without a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.files.auth_file import read_auth
from lampkeeper.files.folder import RESERVED
from lampkeeper.files.scaffold import AUTH_EXAMPLE, LAYER_EXAMPLES, SETTINGS_EXAMPLE
from lampkeeper.files.settings import Settings, read_settings
from lampkeeper.files.tfvars import read_layer
from lampkeeper.model.auth import Auth
from lampkeeper.model.desired import Desired
from support.env_folders import Run
from support.localspace_server import LocalWorkspace, running_localspace

ROOT = Path(__file__).parents[2]
MADE = {
    "README.md", ".gitignore", "account/abac.auto.tfvars", "account/auth.auto.tfvars", "dev/env.auto.tfvars",
    "dev/auth.auto.tfvars", "dev/data_access/abac.auto.tfvars",
}  # fmt: skip


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.unit
def test_setup_creates_the_folders_of_both_layers_and_a_second_one_creates_nothing(tmp_path: Path, run: Run) -> None:
    assert run("setup")[0] == 0
    made = files(tmp_path / "envs")
    assert set(made) == MADE
    for secret in ("account", "dev"):
        assert (tmp_path / "envs" / secret / "auth.auto.tfvars").stat().st_mode & 0o777 == 0o600
    code, out, _ = run("setup")
    assert (code, out.splitlines()[0]) == (0, "nothing to create: the environment exists already")
    assert files(tmp_path / "envs") == made


@pytest.mark.unit
def test_the_examples_are_comments_that_set_nothing_and_become_settings_without_the_marks() -> None:
    assert read_settings(SETTINGS_EXAMPLE, "env").settings == Settings()
    assert read_auth(AUTH_EXAMPLE, "auth") == Auth()
    for layer, text in LAYER_EXAMPLES.items():
        assert read_layer(text, Path("abac"), layer, ()).desired == Desired()
    example = "\n".join(
        line.removeprefix("# ") for line in SETTINGS_EXAMPLE.splitlines() if "=" in line or line[:3] in ("# ]", "# }")
    )
    read = read_settings(example.replace("# country", "country"), "env")
    assert read.findings == ()
    assert [space.name for space in read.settings.spaces] == ["Finance Analytics"]
    assert read.settings.country == ("ANZ",)


@pytest.mark.unit
def test_the_file_of_the_account_admin_comes_from_the_example_of_its_cloud(tmp_path: Path, run: Run) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for cloud in ("aws", "azure"):
        name = f"account-admin.{cloud}.env.example"
        (scripts / name).write_bytes((ROOT / "scripts" / name).read_bytes())
    assert run("setup", "--cloud", "azure")[0] == 0
    admin = scripts / "account-admin.azure.env"
    assert admin.read_bytes() == (ROOT / "scripts" / "account-admin.azure.env.example").read_bytes()
    assert admin.stat().st_mode & 0o777 == 0o600
    admin.write_text("DATABRICKS_ACCOUNT_ID=mine\n")
    assert run("setup", "--cloud", "azure")[0] == 0
    assert admin.read_text() == "DATABRICKS_ACCOUNT_ID=mine\n"
    assert not (scripts / "account-admin.aws.env").exists()
    code, _, err = run("setup", "--cloud", "azur")
    assert (code, "nearest: azure" in err) == (2, True)


@pytest.mark.unit
@pytest.mark.parametrize("name", [*RESERVED, "Dev", "../dev", ""])
def test_a_reserved_name_is_no_environment(tmp_path: Path, run: Run, name: str) -> None:
    code, _, err = run("setup", "--env", name)
    assert (code, "name" in err) == (2, True)
    assert not (tmp_path / "envs").exists()


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as space:
        for name in ("dev_fin", "dev-odd"):
            space.client().catalogs.create(name)
        yield space


@pytest.fixture
def at(space: LocalWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalWorkspace:
    config = f"[DEV]\nhost = {space.host}\ntoken = {space.token}\n\n[OTHER]\nhost = http://127.0.0.1:9\ntoken = x\n"
    (tmp_path / "profiles").write_text(config)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "profiles"))
    return space


def written(tmp_path: Path) -> tuple[Settings, Auth]:
    folder = tmp_path / "envs" / "dev"
    path = folder / "env.auto.tfvars"
    return read_settings(path.read_text(), path).settings, read_auth((folder / "auth.auto.tfvars").read_text(), "auth")


@pytest.mark.server
def test_init_without_a_terminal_takes_options_and_never_waits(at: LocalWorkspace, tmp_path: Path, run: Run) -> None:
    code, _, err = run("init", "--profile", "DEV")
    assert (code, "no catalog is named (there are: dev-odd, dev_fin, main)" in err) == (2, True)
    code, _, err = run("init", "--profile", "DEV", "--catalogs", "dev_fni")
    assert (code, "nearest: dev_fin" in err) == (2, True)
    code, _, err = run("init", "--profile", "DEV", "--catalogs", "dev_fin", "--country", "ANX")
    assert (code, "nearest: ANZ" in err) == (2, True)
    assert not (tmp_path / "envs").exists()
    words = ("--catalogs", "dev_fin,dev-odd", "--country", "anz", "--industry", "healthcare")
    assert run("init", "--profile", "DEV", *words)[0] == 0
    settings, auth = written(tmp_path)
    assert settings == Settings(uc_tables=("dev_fin.*", "`dev-odd`.*"), country=("ANZ",), industry=("healthcare",))
    assert auth == Auth(profile="DEV")
    assert (tmp_path / "envs/dev/auth.auto.tfvars").stat().st_mode & 0o777 == 0o600
    code, _, err = run("init", "--profile", "DEV", *words)
    assert (code, "has settings already: they are kept" in err) == (2, True)


@pytest.mark.server
def test_init_asks_and_offers_what_it_finds(
    at: LocalWorkspace, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["", "dev_fin", "", "healthcare, financial_services"])
    asked: list[str] = []

    def answer(text: str, default: object = None, **_: object) -> object:
        asked.append(text)
        return next(answers) or default

    monkeypatch.setattr("click.prompt", answer)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert run("setup")[0] == 0  # the examples of `setup` are no settings yet
    assert run("init")[0] == 0
    assert asked[:2] == ["profile (DEV, OTHER)", "catalogs, separated by commas (dev-odd, dev_fin, main)"]
    assert "ANZ" in asked[2]
    assert "healthcare" in asked[3]
    settings, auth = written(tmp_path)
    assert settings == Settings(uc_tables=("dev_fin.*",), industry=("healthcare", "financial_services"))
    assert auth == Auth(profile="DEV")


@pytest.mark.server
def test_a_sign_in_that_others_can_read_is_closed_and_reported(at: LocalWorkspace, tmp_path: Path, run: Run) -> None:
    assert run("init", "--profile", "DEV", "--catalogs", "dev_fin")[0] == 0
    path = tmp_path / "envs/dev/auth.auto.tfvars"
    path.chmod(0o644)
    err = run("destroy", "--yes")[2]
    assert "auth.auto.tfvars: others could read it (mode 0644); its mode is 0600 now" in err
    assert path.stat().st_mode & 0o777 == 0o600
    assert "others could read it" not in run("destroy", "--yes")[2]
