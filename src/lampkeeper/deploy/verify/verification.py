"""Proves by queries that every principal has the access of the desired state, and that all desired objects exist."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.verify.asking import TestPrincipal
from lampkeeper.deploy.verify.cells import THREADS, CellCheck, Progress
from lampkeeper.deploy.verify.identities import (
    NamedIdentity,
    Probes,
    direct_groups,
    groups_in_question,
    held_groups,
    named_test_principal,
    people_combinations,
    show_combination,
    sweep_probes,
    total_rawness,
    untested,
)
from lampkeeper.deploy.verify.keys import KeyPermissions
from lampkeeper.deploy.verify.report import VerifyReport, findings_of
from lampkeeper.deploy.verify.structure import StructureCheck, read_tag_policies
from lampkeeper.deploy.verify.unreviewed import prove_unreviewed
from lampkeeper.model.access import Access, AccessModel, Principal
from lampkeeper.model.desired import Desired
from lampkeeper.model.exemptions import Exemption
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.schema import Table
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.live import Governed, read_governed

__all__ = ["VerifyOptions", "VerifyReport", "prepare", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """How to verify.

    `membership_wait`: seconds to wait until a membership takes effect. `stale_after`: age in seconds from which a probe of an
    interrupted run is removed. `most_probes`: the largest number of combinations of groups to test; the rest are findings.
    `key_known`: the desired keyed functions have the id of the environment's key, not of the one last applied. `exemptions`: the
    principals that see raw values by an exemption in force. Without `batched`, each table and principal gets a statement of its
    own, with the same results.
    """

    create_test_principals: bool = False
    identities: tuple[NamedIdentity, ...] = ()
    operators: tuple[str, ...] = ()
    threads: int = THREADS
    batched: bool = True
    membership_wait: float = 300.0
    stale_after: float = 3600.0
    most_probes: int = 60
    key_known: bool = False
    exemptions: tuple[Exemption, ...] = ()
    salt: str = field(default_factory=lambda: secrets.token_hex(8))


def verify(
    desired: Desired,
    workspace: Workspace,
    tables: Sequence[Table],
    options: VerifyOptions | None = None,
    *,
    live: Governed | None = None,
    pending: Iterable[Change[Any]] = (),
    progress: Progress | None = None,
) -> VerifyReport:
    """Return the report. `tables` is the scope of the last snapshot, `pending` the changes of a new plan.

    `live` is the live state, if it was read after `prepare`.

    Raises RemoteError if the platform does not respond; problems with the protection of data are findings.
    """
    options = options or VerifyOptions()
    start = time.monotonic()
    findings = [pending_finding(c) for c in pending if c.action.writes and c.kind.planned]
    with ExitStack() as stack:
        probes: Probes | None = None
        if live is None:
            prepare(workspace, options)
            live = _read(desired, workspace)
        me = str(workspace.get("me", "/api/2.0/preview/scim/v2/Me").get("userName") or "")
        exempt = {e.principal: str(e) for e in options.exemptions}
        structure = StructureCheck(desired, live, read_tag_policies(workspace), me, options.operators, exempt).run(tables)
        expected = Access(expected_model(desired, live))
        if options.create_test_principals:
            asked_for = groups_in_question(live.directory.groups, expected, live.access)
            probes = Probes(workspace, asked_for, timeouts=options.membership_wait)
            stack.enter_context(probes)
        cast = PrincipalsUnderTest(workspace, desired, expected, live, options, probes)
        test_principals = list(cast.gather(progress))
        found = CellCheck(
            expected, test_principals, options.salt, options.threads, live=live.access, batched=options.batched
        ).run(progress)
        unreviewed = prove_unreviewed(desired, workspace, live, expected, test_principals)
        findings += [f for proof in unreviewed for f in proof.findings]
        findings += [*structure.findings, *cast.findings]
        if any(f.keyed for f in desired.functions):
            keys = KeyPermissions(desired=desired, live=live, workspace=workspace, me=me, operators=options.operators)
            findings += keys.findings()
    # After the context, because probes that could not be removed become findings at its end.
    findings += probes.findings if probes is not None else []
    cells, rows = tuple(found.cells), tuple(found.rows)
    declared = {c.plain.casefold() for t in tables for c in t.column_names()}
    return VerifyReport(
        principals=tuple(sorted(w.asked(reference=w.name in found.references) for w in test_principals)),
        cells=cells,
        rows=rows,
        findings=sort_findings([*findings, *findings_of(cells, rows)]),
        queries=found.queries,
        seconds=time.monotonic() - start,
        checked=structure.checked,
        unreviewed=tuple(str(proof) for proof in unreviewed),
        keyed=_how_keyed(desired, live, options),
        undeclared=frozenset(c.column for c in cells if c.column.plain.casefold() not in declared),
        exemptions=tuple(e.reported(live.directory.members.get(e.principal, ())) for e in options.exemptions),
    )


def expected_model(desired: Desired, live: Governed) -> AccessModel:
    """Return the expected access: the desired state, with the masks and filters that others set on the tables themselves."""
    model = AccessModel.of_desired(desired, live.tables)
    known = {f.name for f in desired.functions}
    used = {c.function for c in live.controls} - known
    theirs = tuple(f for f in live.functions if f.name in used and f.body)
    return replace(model, controls=live.controls, functions=(*model.functions, *theirs))


def _how_keyed(desired: Desired, live: Governed, options: VerifyOptions) -> str:
    """Return in words how keyed masks were compared; nothing if there are none."""
    names = {f.name for f in desired.functions if f.keyed}
    if not names:
        return ""
    if any(f.name in names and not f.body for f in live.functions):
        bodies = "bodies not readable for the runner, so not compared"
    else:
        bodies = f"bodies compared with {'the key of the environment' if options.key_known else 'the key last applied'}"
    return f"{len(names)} keyed functions: {bodies}; cells by count, distinct values and equality among principals"


def prepare(workspace: Workspace, options: VerifyOptions) -> None:
    """Delete test principals of interrupted runs first: an old one in a group would be reported as a member."""
    if options.create_test_principals:
        sweep_probes(workspace, options.stale_after)


def _read(desired: Desired, workspace: Workspace) -> Governed:
    homes = {*desired.schemas, *((f.name.catalog, f.name.schema) for f in desired.functions)}
    return read_governed(workspace, desired.tables, groups=[g.name for g in desired.groups], function_schemas=homes)


def pending_finding(change: Change[Any]) -> Finding:
    """Return the finding for a change that a fresh plan still holds."""
    why = f" ({'; '.join(change.reasons)})" if change.reasons else ""
    return Finding(
        code="verify/differs",
        severity=Severity.ERROR,
        location=f"{change.kind} {change.key}",
        message=f"is not as desired: {change.action} is pending{why}",
        fix="run `apply`",
    )


class PrincipalsUnderTest:
    """Finds a test principal for every combination of groups: named identities first, then probes."""

    def __init__(
        self,
        workspace: Workspace,
        desired: Desired,
        expected: Access,
        live: Governed,
        options: VerifyOptions,
        probes: Probes | None,
    ) -> None:
        """Take the models and options that decide which combinations are tested."""
        self._workspace = workspace
        self._desired = desired
        self._expected = expected
        self._live = live.access
        self._options = options
        self._probes = probes
        self._groups = groups_in_question(live.directory.groups, expected, self._live)
        self.findings: list[Finding] = []

    def gather(self, progress: Progress | None = None) -> Iterator[TestPrincipal]:
        """Yield a test principal for each combination; combinations without one become findings."""
        wanted = set(people_combinations(self._live, self._groups))
        covered: set[frozenset[str]] = set()
        best: TestPrincipal | None = None
        for identity in self._options.identities:
            test_principal = self._named(identity)
            covered.add(self._held(test_principal))
            best = self._better(best, test_principal)
            yield test_principal
        todo = sorted(wanted - covered, key=lambda c: (len(c), sorted(c)))
        everything = frozenset(self._groups)
        for number, combination in enumerate(todo, start=1):
            if progress is not None:
                progress(f"probe {show_combination(combination)}", number, len(todo))
            probe = self._probe(combination, number)
            if probe is not None:
                best = self._better(best, probe)
                yield probe
        if self._needs_more(best) and everything not in wanted:
            join = direct_groups(everything, self._live, self._locked())
            if self._probes is not None and join is not None:
                probe = self._probes.make("everything (reference)", everything, join)
                if probe is not None:
                    yield probe

    def _better(self, best: TestPrincipal | None, other: TestPrincipal) -> TestPrincipal:
        if best is None or total_rawness(self._expected, other.principal) > total_rawness(self._expected, best.principal):
            return other
        return best

    def _needs_more(self, best: TestPrincipal | None) -> bool:
        total = sum(len(t.columns) for t in self._expected.model.tables)
        return best is None or total_rawness(self._expected, best.principal) < 2 * total

    def _locked(self) -> frozenset[str]:
        """Return the groups that no probe may join, because an identity provider owns them."""
        return self._probes.provided if self._probes is not None else frozenset()

    def _probe(self, combination: frozenset[str], number: int) -> TestPrincipal | None:
        if self._probes is None:
            self.findings.append(
                untested(
                    combination,
                    "no named identity has it, and creating test principals is disabled",
                    "name an identity in verify_identities, or run with --create-test-principals",
                )
            )
            return None
        if number > self._options.most_probes:
            self.findings.append(untested(combination, f"there are more than {self._options.most_probes} combinations"))
            return None
        join = direct_groups(combination, self._live, self._locked())
        if join is None:
            locked = ", ".join(sorted(combination & self._locked()))
            self.findings.append(
                untested(
                    combination,
                    f"{locked} belong to an identity provider and are never written",
                    "name a member of them in verify_identities",
                )
            )
            return None
        return self._probes.make(show_combination(combination), combination, join)

    def _named(self, identity: NamedIdentity) -> TestPrincipal:
        test_principal = named_test_principal(self._workspace, identity)
        held = held_groups(test_principal, self._groups)
        missing = sorted(set(identity.groups) - held)
        if missing:
            self.findings.append(
                Finding(
                    code="verify/identity_groups",
                    severity=Severity.ERROR,
                    location=identity.name,
                    message=f"in the workspace it is not a member of {', '.join(missing)}",
                    fix="correct verify_identities, or wait until the membership takes effect",
                )
            )
        # For a managed group the desired members count; for any other group, the live ones.
        managed = set(self._desired.members)
        name = test_principal.principal.name
        ought = {g for g in held if g not in managed} | (self._expected.identities(Principal(name=name)) & managed)
        return TestPrincipal(
            name=test_principal.name,
            principal=Principal(name=name, groups=tuple(sorted(ought))),
            query_runner=test_principal.query_runner,
        )

    def _held(self, test_principal: TestPrincipal) -> frozenset[str]:
        return frozenset(test_principal.principal.groups)
