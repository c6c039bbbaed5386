"""seed writes to a local workspace alone."""

import pytest

from support.env_folders import Run

pytestmark = pytest.mark.unit


def test_another_workspace_is_refused_before_any_call(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "https://bank.cloud.databricks.test")
    monkeypatch.setenv("DATABRICKS_TOKEN", "a-token")
    code, out, err = run("seed")
    assert (code, out) == (2, "")
    assert "https://bank.cloud.databricks.test is not a local workspace" in err
    assert "localspace serve --profile DEV" in err


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (("nothing.sql",), "nothing.sql: nothing of this name can be seeded"),
        (("banks", "--prod"), "--prod belongs to the demo"),
    ],
)
def test_what_cannot_be_seeded_is_refused_with_what_can(run: Run, words: tuple[str, ...], reported: str) -> None:
    code, out, err = run("seed", *words)
    assert (code, out) == (2, "")
    assert reported in err
    assert "fix: " in err
