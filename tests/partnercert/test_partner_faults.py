"""Certification bites: each fault fails exactly the cases it declares, and each case fails on two twins at least."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databricks.sdk import WorkspaceClient

from partnercert.cases import CASES
from partnercert.reference_partner import FAULTS, Fault
from partnercert.reference_partner.scope_faults import SCOPE
from partnercert.sdk_workspace import SdkWorkspace
from partnercert.verdicts import Verdict
from support import partner
from support.closing_lines import Record, note_table
from support.nightly import sampled
from support.partner_workspace import ADMIN, PARTNER, FakeWorkspace

IDS = [case.id for case in CASES]
#: These need a real socket, or much memory; tests/partnercert/test_partner_bad_input.py runs them.
ON_THE_WIRE = {"slow", "dripping", "closes_early", "huge", "huge_page"}
IN_PROCESS = [f for f in FAULTS if f.config not in ("workspace", "notebook") and f.name not in ON_THE_WIRE]
ON_A_WORKSPACE = [f for f in FAULTS if f.config in ("workspace", "notebook")]
_seen: dict[str, frozenset[str]] = {}


@pytest.fixture(scope="module")
def fake() -> Iterator[tuple[FakeWorkspace, str]]:
    workspace = FakeWorkspace()
    with partner.served(workspace.app()) as address:
        yield workspace, address


def _failed(fault: Fault, access: SdkWorkspace | None = None) -> frozenset[str]:
    made = partner.session(partner.config(fault.config), fault, workspace=access)
    with made.client:
        outcomes = partner.run(made)
    assert not [o.reason for o in outcomes.values() if "internal error" in o.reason]
    return frozenset(case for case, o in outcomes.items() if o.verdict is Verdict.FAIL)


@pytest.mark.parametrize("fault", sampled(IN_PROCESS, name=lambda f: f.name, every=5))
def test_a_fault_fails_exactly_its_cases(fault: Fault) -> None:
    _seen[fault.name] = _failed(fault)
    assert sorted(_seen[fault.name]) == fault.cases.split()


@pytest.mark.parametrize("fault", ON_A_WORKSPACE, ids=lambda f: f.name)
def test_a_fault_of_the_core_integration_fails_exactly_its_cases(fault: Fault, fake: tuple[FakeWorkspace, str]) -> None:
    _, address = fake
    admin = WorkspaceClient(host=address, token=ADMIN, auth_type="pat")
    loader = WorkspaceClient(host=address, token=PARTNER, auth_type="pat")
    plan = partner.config(fault.config).certification.workspace
    assert plan is not None
    _seen[fault.name] = _failed(fault, SdkWorkspace(admin, loader, plan))
    assert sorted(_seen[fault.name]) == fault.cases.split()


def test_matrix_every_case_fails_on_two_twins(record_property: Record) -> None:
    biting = [f for f in FAULTS if f.cases and f.name in _seen]
    table = [f"fault x case, {len(biting)} faults x {len(IDS)} cases", " " * 36 + " ".join(i[1:] for i in IDS)]
    table += [f"{f.name:36}" + " ".join(" X " if i in _seen[f.name] else " . " for i in IDS) for f in biting]
    counts = {i: sum(i in _seen[f.name] for f in biting) for i in IDS}
    note_table(record_property, "\n".join([*table, f"{'twins that fail it':36}" + " ".join(f"{counts[i]:2} " for i in IDS)]))
    declared = {i: sum(i in f.cases.split() for f in FAULTS) for i in IDS}
    assert {case: n for case, n in declared.items() if n < 2} == {}
    if len(biting) == len([f for f in FAULTS if f.cases and f.name not in ON_THE_WIRE]):
        assert {case: n for case, n in counts.items() if n < 2} == {}


def test_every_check_has_a_fault_and_forty_faults_are_about_scope_time_and_halves() -> None:
    assert len(SCOPE) >= 40
    assert {name for f in FAULTS for name in f.checks.split()} >= {"AUTH", "FIELDS", "REPLAY", "EXPIRY", "STATE", "FUZZ"}


def test_faults_declare_known_cases_and_have_names_of_their_own() -> None:
    assert len({f.name for f in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert set(fault.cases.split()) <= set(IDS)
        assert fault.cases.split() == sorted(fault.cases.split())
        assert fault.config in partner.VARIANTS
