"""`localspace serve --profile` writes a profile of its own and never replaces one of a real workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from localspace.main import cli
from localspace.server.profile import ForeignProfileError, require_own, write_profile

pytestmark = pytest.mark.unit

OTHER = "[PROD]\nhost = https://prod.cloud.databricks.com\ntoken = kept\n"
LOCAL = {"host": "http://127.0.0.1:4000", "token": "t"}


@pytest.mark.parametrize(
    "text",
    [OTHER, "[PROD]\n", "[PROD]\nhost = https://127.0.0.1.example.com\n", "[PROD]\naccount_id = 1\nhost=prod.example\n"],
)
def test_a_profile_of_another_host_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "databrickscfg"
    file.write_text(text)
    with pytest.raises(ForeignProfileError, match="PROD"):
        require_own(file, "PROD")
    assert file.read_text() == text


def test_serve_refuses_before_it_creates_anything(tmp_path: Path) -> None:
    file, data = tmp_path / "databrickscfg", tmp_path / "data"
    file.write_text(OTHER)
    serve = ["serve", "--profile", "PROD", "--data", str(data)]
    done = CliRunner().invoke(cli, serve, env={"DATABRICKS_CONFIG_FILE": str(file)})
    assert done.exit_code == 1
    assert "belongs to https://prod.cloud.databricks.com" in done.output
    assert file.read_text() == OTHER
    assert not data.exists()


def test_the_profile_of_an_earlier_local_workspace_is_replaced_and_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "databrickscfg"
    file.write_text(OTHER)
    write_profile(file, "DEV", LOCAL)
    require_own(file, "DEV")
    write_profile(file, "DEV", LOCAL | {"host": "http://127.0.0.1:4001"})
    assert file.read_text() == OTHER + "\n[DEV]\nhost = http://127.0.0.1:4001\ntoken = t\n"


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "databrickscfg"
    file.write_text("host = x\n")
    with pytest.raises(ForeignProfileError, match="cannot be read"):
        require_own(file, "DEV")


def test_no_file_and_a_new_name_are_free(tmp_path: Path) -> None:
    require_own(tmp_path / "absent", "DEV")
    file = tmp_path / "databrickscfg"
    file.write_text(OTHER)
    require_own(file, "DEV")
    assert file.read_text() == OTHER
