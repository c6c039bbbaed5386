"""`conform`: the ledger's probes at a workspace of one's own, with outcome and date on record."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import localspace.probes
from lampkeeper.app.conform import never_observed
from lampkeeper.cli.main import main
from localspace.core.ledger import load_ledger
from localspace.probes import PROBES, Probe, ProbeError, Stage
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server

BROKEN = "two_masks"
REAL = {"select_needs_grant", "mask_in_every_clause", "nested_groups"}


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as running:
        yield running


@pytest.fixture(autouse=True)
def signed_in(space: LocalWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    profile = {"host": space.host, "token": space.token, "account_id": space.account_id, "workspace_id": space.workspace_id}
    lines = "\n".join(f"{key} = {value}" for key, value in profile.items())
    (tmp_path / "profiles").write_text(f"[MINE]\n{lines}\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "profiles"))


def pass_by(_: Stage) -> None:
    return


def contradict(_: Stage) -> None:
    raise ProbeError("SELECT 1: expected MULTIPLE_MASKS, got 3 row(s)")


def few_probes(contradicted: bool) -> tuple[Probe, ...]:
    """Return probes of every name, of which three really ask the workspace."""
    broken = contradict if contradicted else pass_by
    return tuple(p if p.name in REAL else Probe(name=p.name, check=broken if p.name == BROKEN else pass_by) for p in PROBES)


@pytest.mark.spark
def test_what_holds_at_an_own_workspace_is_observed_from_then_on(
    space: LocalWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(localspace.probes, "PROBES", few_probes(contradicted=False))
    rows = len(load_ledger())
    assert never_observed(tmp_path).startswith(f"{sum(r.standing != 'observed' for r in load_ledger())} of ")
    before = people(space)
    code = main(["conform", "--place", "existing", "--sandbox", "main.probing", "--profile", "MINE", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["probes"] == {"run": len(PROBES), "passed": len(PROBES)}
    assert sum(document["standings"].values()) == rows == len(document["rows"])
    record = json.loads((tmp_path / "conformance-record.json").read_text())
    assert [(r["place"], r["host"], len(r["rows"])) for r in record["runs"]] == [("existing", space.host, rows)]
    assert never_observed(tmp_path).startswith("0 of ")
    assert people(space) == before
    assert "probing" not in {s.name for s in space.client().schemas.list("main")}
    assert space.token not in (tmp_path / "conformance-record.json").read_text()


@pytest.mark.spark
def test_a_rule_that_does_not_hold_is_named_and_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(localspace.probes, "PROBES", few_probes(contradicted=True))
    code = main(["conform", "--place", "existing", "--sandbox", "main", "--profile", "MINE", "--record", "found.json"])
    out = capsys.readouterr().out
    assert code == 1
    assert f"({BROKEN}): SELECT 1: expected MULTIPLE_MASKS, got 3 row(s)" in out
    assert f"probes passed {len(PROBES) - 1} of {len(PROBES)}" in out
    rows = json.loads((tmp_path / "found.json").read_text())["runs"][0]["rows"]
    assert {r["probe"] for r in rows if r["outcome"] == "contradicted"} == {BROKEN}


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["--place", "existing"], "needs --sandbox"),
        (["--place", "existing", "--sandbox", "a b"], "not CATALOG"),
        (["--place", "existing", "--sandbox", "no_such_catalog", "--profile", "MINE"], "no_such_catalog"),
        (["--place", "existing", "--sandbox", "main.default", "--profile", "MINE"], "there already"),
        (["--place", "local", "--profile", "MINE"], "--place existing"),
        (["--place", "existing", "--sandbox", "main", "--env", "nowhere"], "nowhere"),
        (["--record", "profiles"], "not a record"),
    ],
)
def test_wrong_use_says_so_before_anything_is_made(
    space: LocalWorkspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reported: str
) -> None:
    before = people(space)
    assert main(["conform", *arguments]) == 2
    assert reported in capsys.readouterr().err
    assert people(space) == before
    assert not (tmp_path / "conformance-record.json").exists()


def people(space: LocalWorkspace) -> list[str]:
    account = space.account()
    principals = [str(p.display_name) for p in account.service_principals_v2.list()]
    return sorted([*principals, *(str(g.display_name) for g in account.groups_v2.list())])
