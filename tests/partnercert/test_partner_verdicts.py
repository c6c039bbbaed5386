"""The committed table config x case -> verdict, and the extended checks on the sound partner and on twins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet
from databricks.sdk import WorkspaceClient

from partnercert.cases import CASES
from partnercert.cases.core import _may_write_to
from partnercert.extended.stateful import run_state
from partnercert.reference_partner import FAULTS, Fault
from partnercert.runner import Result
from partnercert.sdk_workspace import SdkWorkspace
from partnercert.verdicts import BlockedError, Judge, Outcome, Verdict
from support import partner
from support.nightly import sampled
from support.partner_workspace import ADMIN, PARTNER, FakeWorkspace

_LETTERS = {v.value[0]: v for v in (Verdict.PASS, Verdict.NOT_APPLICABLE, Verdict.MANUAL_PENDING, Verdict.FAIL)}
_UNLIKE_THE_OTHERS = ("auto_add", "no_trial", "bi_tool", "connect_only")
_TABLE = (Path(__file__).parent / "verdicts.txt").read_text().splitlines()


def _rows() -> Iterator[tuple[str, str, list[str], str]]:
    for line in _TABLE[2:]:
        name, mode, *rest = line.split()
        yield name, mode, rest[: len(CASES)], " ".join(rest[len(CASES) :])


def _result(outcomes: dict[str, Outcome], automated_only: bool) -> Result:
    return Result(
        partner="Reference Partner", config_sha256="0", api_version="2.1.0", base_url="http://127.0.0.1", seed=7,
        started="2026-01-01T00:00:00+00:00", automated_only=automated_only, outcomes=tuple(outcomes.values()),
        checks=(), exchanges=(),
    )  # fmt: skip


def test_the_table_names_every_case_and_the_configs_that_matter() -> None:
    assert _TABLE[1].split()[2:-1] == [case.id for case in CASES]
    assert len(CASES) == 21
    names = {name for name, *_ in _rows()}
    assert names >= {"auto_add", "invite", "not_found", "error", "manual", "demo", "trial_user", "trial_account"}


def _row(name: str, mode: str, letters: list[str], counts: str) -> ParameterSet:
    """Return a row as parameters: of ordinary runs those always run whose verdicts differ, and the others nightly."""
    marks = [pytest.mark.sampled, *([] if mode == "auto" or name in _UNLIKE_THE_OTHERS else [pytest.mark.nightly])]
    return pytest.param(name, mode, letters, counts, id=f"{name}-{mode}--{counts}", marks=marks)


@pytest.mark.parametrize(("name", "mode", "letters", "counts"), [_row(*row) for row in _rows()])
def test_the_sound_partner_gets_the_verdicts_of_the_table(name: str, mode: str, letters: list[str], counts: str) -> None:
    made = partner.session(partner.config(name))
    automated_only = mode == "auto"
    with made.client:
        outcomes = partner.run(made, automated_only=automated_only)
        assert made.contract_failures() == []
        assert made.client.leaks == []
    assert {c: o.verdict for c, o in outcomes.items()} == {
        case.id: _LETTERS[letter] for case, letter in zip(CASES, letters, strict=True)
    }
    result = _result(outcomes, automated_only)
    assert result.summary() == f"21 cases: {counts}"
    assert result.certified is automated_only


def test_p500_without_a_hook_never_passes() -> None:
    for name in ("trial_without_hook", "no_trial"):
        made = partner.session(partner.config(name))
        with made.client:
            assert partner.run(made, only=["P500"])["P500"].verdict is not Verdict.PASS


def test_on_a_workspace_both_core_cases_pass_and_everything_is_put_back() -> None:
    fake = FakeWorkspace()
    plan = partner.config("workspace").certification.workspace
    assert plan is not None
    with partner.served(fake.app()) as address:
        access = SdkWorkspace(
            WorkspaceClient(host=address, token=ADMIN, auth_type="pat"),
            WorkspaceClient(host=address, token=PARTNER, auth_type="pat"),
            plan,
        )
        made = partner.session(partner.config("workspace"), workspace=access)
        with made.client:
            outcomes = partner.run(made, automated_only=True, only=["P200", "P201"])
            full = partner.run(made, automated_only=False, only=["P200", "P201"])
    assert {c: (o.verdict, o.problems and o.reason) for c, o in outcomes.items()} == {
        "P200": (Verdict.PASS, ""),
        "P201": (Verdict.PASS, ""),
    }
    # P201 is wholly automated there; P200 still wants to be seen.
    assert (full["P200"].verdict, full["P201"].verdict) == (Verdict.MANUAL_PENDING, Verdict.PASS)
    assert fake.tables == {}
    assert fake.default_catalog == "main"


def test_a_partner_that_makes_a_schema_of_its_own_passes_and_it_is_removed() -> None:
    fake = FakeWorkspace()
    plan = partner.config("workspace").certification.workspace
    assert plan is not None
    with partner.served(fake.app()) as address:
        clients = [WorkspaceClient(host=address, token=t, auth_type="pat") for t in (ADMIN, PARTNER)]
        own = Fault(name="own_schema", about="legal")
        made = partner.session(partner.config("workspace"), own, workspace=SdkWorkspace(*clients, plan))
        with made.client:
            outcomes = partner.run(made, only=["P200", "P201"])
    assert {c: (o.verdict, o.reason) for c, o in outcomes.items()} == dict.fromkeys(("P200", "P201"), (Verdict.PASS, ""))
    assert fake.tables == {}
    assert {schema for _, schema in fake.schemas} == {plan.schema}


def test_the_seed_changes_the_walks_and_every_operation_is_covered() -> None:
    told = []
    for seed in (1, 1, 2):
        made = partner.session(partner.config("auto_add"), seed=seed)
        with made.client:
            judge = Judge()
            run_state(made, judge, 12)
            told.append([e.step for e in made.client.exchanges])
        assert [p for p in judge.problems if p.code != "walks"] == []
        assert "looks at other connections: create " in judge.problems[0].message
    assert told[0] == told[1] != told[2]


def test_a_partner_that_publishes_notebooks_passes_when_its_notebook_runs() -> None:
    fake = FakeWorkspace()
    plan = partner.config("notebook").certification.workspace
    assert plan is not None
    with partner.served(fake.app()) as address:
        clients = [WorkspaceClient(host=address, token=t, auth_type="pat") for t in (ADMIN, PARTNER)]
        made = partner.session(partner.config("notebook"), workspace=SdkWorkspace(*clients, plan))
        with made.client:
            outcomes = partner.run(made, only=["P200", "P201"])
    assert (outcomes["P200"].verdict, outcomes["P201"].verdict) == (Verdict.PASS, Verdict.NOT_APPLICABLE)


def test_without_hive_metastore_its_half_does_not_apply() -> None:
    fake = FakeWorkspace(hive=False, default_catalog="other")
    plan = partner.config("workspace").certification.workspace
    assert plan is not None
    with partner.served(fake.app()) as address:
        clients = [WorkspaceClient(host=address, token=t, auth_type="pat") for t in (ADMIN, PARTNER)]
        made = partner.session(partner.config("workspace"), workspace=SdkWorkspace(*clients, plan))
        with made.client:
            outcome = partner.run(made, only=["P200"])["P200"]
    assert outcome.verdict is Verdict.PASS
    assert [p.code for p in outcome.problems] == ["rows", "no-hive"]


@pytest.mark.parametrize("name", ["auto_add", "manual", "trial_user_invite", "connect_only", "m2m"])
def test_the_sound_partner_passes_every_extended_check(name: str) -> None:
    made = partner.session(partner.config(name))
    with made.client:
        checks = partner.check(made, examples=6)
    fine = (Verdict.PASS, Verdict.NOT_APPLICABLE)
    assert {c.check: c.reason for c in checks.values() if c.verdict not in fine} == {}
    assert {c.check for c in checks.values() if c.verdict is Verdict.NOT_APPLICABLE} <= {"EXPIRY"}
    assert len(checks) == 15


@pytest.mark.parametrize("fault", sampled([f for f in FAULTS if f.checks], name=lambda f: f.name, every=5))
def test_a_fault_fails_exactly_its_checks(fault: Fault) -> None:
    made = partner.session(partner.config(fault.config), fault)
    with made.client:
        walks = {"STATE": 30, "FUZZ": 16}
        examples = max([walks.get(name, 0) for name in fault.checks.split()])
        checks = partner.check(made, examples=examples)
    bad = (Verdict.FAIL, Verdict.BLOCKED)
    # CONTRACT repeats what other checks met on their way, so it is judged by the fault that only it sees.
    assert sorted(c.check for c in checks.values() if c.verdict in bad and c.check != "CONTRACT") == fault.checks.split()


def test_the_contract_check_reports_a_broken_reply_of_any_case() -> None:
    fault = next(f for f in FAULTS if f.name == "reuse_returns_id")
    made = partner.session(partner.config("auto_add"), fault)
    with made.client:
        partner.run(made, only=["P405"])
        assert [p.code for p in made.contract_failures()] == ["connection-id"]


def test_where_the_contract_is_silent_a_check_only_warns() -> None:
    fault = next(f for f in FAULTS if f.name == "any_workspace")
    made = partner.session(partner.config("auto_add"), fault)
    with made.client:
        assert partner.check(made)["TENANT"].verdict is Verdict.WARN


def test_a_500_is_tried_again_after_1_2_and_4_seconds_and_then_judged() -> None:
    waited: list[float] = []
    down = next(f for f in FAULTS if f.name == "connect_down_500")
    made = partner.session(partner.config("auto_add"), down, delays=(1.0, 2.0, 4.0))
    made.client._sleep = waited.append
    with made.client:
        assert partner.run(made, only=["P100"])["P100"].verdict is Verdict.FAIL
        assert waited == [1.0, 2.0, 4.0]
        assert len(made.client.exchanges) == 4
    waited.clear()
    busy = next(f for f in FAULTS if f.name == "busy_500")
    made = partner.session(partner.config("auto_add"), busy, delays=(1.0, 2.0, 4.0))
    made.client._sleep = waited.append
    with made.client:
        assert partner.run(made, only=["P100"])["P100"].verdict is Verdict.PASS
    assert waited == [1.0, 1.0]


def test_an_expected_500_is_not_tried_again() -> None:
    waited: list[float] = []
    made = partner.session(partner.config("error"), delays=(1.0, 2.0, 4.0))
    made.client._sleep = waited.append
    with made.client:
        assert partner.run(made, only=["P302", "P502"])["P302"].verdict is Verdict.PASS
    assert waited == []


class _Grants:
    """A workspace of which only external locations and grants matter."""

    def __init__(self, covering: str) -> None:
        self.covering = covering
        self.said: list[str] = []

    def external_location_above(self, url: str) -> str:
        return self.covering

    def principal(self) -> str:
        return "loader"

    def sql(self, statement: str, *, as_partner: bool = False) -> list[list[str]]:
        self.said.append(statement)
        return []


@pytest.mark.parametrize("needed", [True, False])
def test_a_location_that_covers_the_path_is_opened_for_every_catalog(needed: bool) -> None:
    workspace = _Grants("lake")
    _may_write_to(workspace, "s3://lake/x", needed=needed)  # type: ignore[arg-type]
    assert workspace.said == ["GRANT CREATE EXTERNAL TABLE ON EXTERNAL LOCATION `lake` TO `loader`"]


def test_only_unity_catalog_cannot_do_without_a_location() -> None:
    with pytest.raises(BlockedError, match="no writable external location"):
        _may_write_to(_Grants(""), "s3://lake/x", needed=True)  # type: ignore[arg-type]
    workspace = _Grants("")
    _may_write_to(workspace, "s3://lake/x", needed=False)  # type: ignore[arg-type]
    assert workspace.said == []
