"""Proves by queries that unreviewed tables show no rows to principals that may read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lampkeeper.deploy.history_tables import TABLES as RECORD
from lampkeeper.deploy.verify.asking import Refusal, TestPrincipal, refusal
from lampkeeper.model.access import Access
from lampkeeper.model.desired import Desired
from lampkeeper.model.effective import OUTSIDER
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.tags import EntityType
from lampkeeper.model.unreviewed import REVIEW_KEY, REVIEWED, Reach, outermost, within
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.live import Governed
from lampkeeper.remote.unreviewed import UnreviewedTable, read_reviewed, read_unreviewed

MOST = 3
"""The largest number of unreviewed tables that are queried per catalog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreviewedProof:
    """One hidden catalog or schema: the number of its unreviewed tables, the queries, and the findings."""

    reach: Reach
    tables: int
    asked: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        """Return one line for people."""
        where = ".".join(self.reach)
        if not self.tables:
            return f"unreviewed tables of {where}: none exists, so none was queried"
        if not self.asked:
            return f"unreviewed tables of {where}: {self.tables}, none readable for a test principal: not proven by query"
        wrong = f", {len(self.findings)} wrong" if self.findings else ", no rows each"
        return f"unreviewed tables of {where}: {self.tables}, queried {'; '.join(self.asked)}{wrong}"


def prove_unreviewed(
    desired: Desired, workspace: Workspace, live: Governed, expected: Access, test_principals: Sequence[TestPrincipal]
) -> tuple[UnreviewedProof, ...]:
    """Count rows of unreviewed tables as every test principal that may read them and is not exempt, per hidden securable."""
    around = {t.parts[:n] for t in desired.tables for n in (1, 2)}
    reaches = outermost(p for p in around if expected.closes_unreviewed(OUTSIDER, p))
    if not reaches:
        return ()
    unreviewed = read_unreviewed(workspace, {p[0] for p in reaches})
    others = reviewed_by_others(desired, workspace, reaches)
    proofs = (_prove(p, [t for t in unreviewed if within(p, t.name.parts)], live, expected, test_principals) for p in reaches)
    return tuple(replace(p, findings=(*p.findings, *others.get(p.reach, ()))) for p in proofs)


def reviewed_by_others(
    desired: Desired, workspace: Workspace, reaches: Iterable[Reach], code: str = "verify/review_by_others"
) -> dict[Reach, list[Finding]]:
    """Return, by hidden catalog or schema, a finding for each table with a review tag that is not in the desired state."""
    asked = {
        t.entity_name.casefold()
        for t in desired.tag_assignments if t.key == REVIEW_KEY and t.entity_type is EntityType.TABLES
    }  # fmt: skip
    reaches = outermost(reaches)
    found: dict[Reach, list[Finding]] = defaultdict(list)
    for table in read_reviewed(workspace, {p[0] for p in reaches}):
        reach = next((p for p in reaches if within(p, table.parts)), None)
        if reach is not None and table.plain.casefold() not in asked:
            # `apply` tags the history tables, which are not in the desired state; a table with such a name may be one.
            ours = table.table in RECORD
            finding = Finding(
                code=code, severity=Severity.WARNING if ours else Severity.ERROR, location=str(table),
                message=f"has the tag {REVIEW_KEY}={REVIEWED}, which is not in the desired state, so its rows are visible"
                + (" (the history has a table of this name)" if ours else ""),
                fix="remove the tag and check who may assign it; or add the table to uc_tables and run generate",
            )  # fmt: skip
            found[reach].append(finding)
    return found


def _prove(
    reach: Reach, tables: Sequence[UnreviewedTable], live: Governed, expected: Access, test_principals: Sequence[TestPrincipal]
) -> UnreviewedProof:
    found = list(_inherited(reach, live))
    asked: list[str] = []
    real = live.access
    proven: set[UnreviewedTable] = set()
    for table in tables:
        for test_principal in test_principals:
            if len(proven) == MOST:
                break
            held = real.identities(test_principal.principal)
            if not held.intersection(table.readers) or not expected.closes_unreviewed(test_principal.principal, reach):
                continue
            answer = _count(test_principal, table)
            if isinstance(answer, Refusal):
                continue
            proven.add(table)
            asked.append(f"{table.name} as {test_principal.name}")
            if answer:
                found.append(_shows(test_principal, table, answer))
    return UnreviewedProof(reach=reach, tables=len(tables), asked=tuple(asked), findings=tuple(found))


def _count(test_principal: TestPrincipal, table: UnreviewedTable) -> int | Refusal:
    try:
        rows = test_principal.query_runner.ask(f"SELECT count(*) FROM {table.name.sql}", {})  # noqa: S608 - the name is quoted
    except RemoteError as error:
        return refusal(error)
    return int(rows[0][0] or 0)


def _shows(test_principal: TestPrincipal, table: UnreviewedTable, rows: int) -> Finding:
    return Finding(
        code="verify/unreviewed_rows",
        severity=Severity.ERROR,
        location=f"{test_principal.name}: {table.name}",
        message=f"this table is unreviewed, and it shows {rows} row(s)",
        fix="run `plan` to see whether the fallback policy exists, then `apply`",
    )


def _inherited(reach: Reach, live: Governed) -> list[Finding]:
    """Return an error if a catalog or schema has the review tag: every new table in it would count as reviewed."""
    above = {EntityType.CATALOGS, EntityType.SCHEMAS}
    return [
        Finding(
            code="verify/review_inherited",
            severity=Severity.ERROR,
            location=f"{t.entity_type.removesuffix('s')} {t.entity_name}",
            message=f"has the tag {REVIEW_KEY}={REVIEWED}, which its tables inherit, so new tables in it are visible",
            fix="remove the tag; it belongs on tables",
        )
        for t in live.tags
        if t.key == REVIEW_KEY
        and t.value == REVIEWED
        and t.entity_type in above
        and _above(reach, tuple(t.entity_name.split(".")))
    ]


def _above(reach: Reach, name: tuple[str, ...]) -> bool:
    """Return whether tables of the catalog or schema inherit the tags of the securable `name`."""
    return within(reach, name) or within(name, reach)
