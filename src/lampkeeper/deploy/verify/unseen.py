"""Proves by query that a table which nobody has reviewed shows no row to those who may read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lampkeeper.deploy.history_tables import TABLES as RECORD
from lampkeeper.deploy.verify.cells import Refusal, Witness, refusal
from lampkeeper.model.access import Access
from lampkeeper.model.desired import Desired
from lampkeeper.model.effective import OUTSIDER
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.tags import EntityType
from lampkeeper.model.unseen import REVIEW_KEY, REVIEWED
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.live import Governed
from lampkeeper.remote.unseen import UnseenTable, read_reviewed, read_unseen

MOST = 3
"""How many unseen tables of a catalog are asked for at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenProof:
    """One catalog: how many unseen tables it has, what was asked, and what is wrong."""

    catalog: str
    tables: int
    asked: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        """Return one line for people."""
        if not self.tables:
            return f"unseen tables of {self.catalog}: there is none, so nothing was asked"
        if not self.asked:
            return f"unseen tables of {self.catalog}: {self.tables}, none that anybody asked here may read: not proven by query"
        wrong = f", {len(self.findings)} wrong" if self.findings else ", no row each"
        return f"unseen tables of {self.catalog}: {self.tables}, asked {'; '.join(self.asked)}{wrong}"


def prove_unseen(
    desired: Desired, workspace: Workspace, live: Governed, expected: Access, witnesses: Sequence[Witness]
) -> tuple[UnseenProof, ...]:
    """Count rows of unseen tables as every witness who may read them and is not exempt; one entry for each closed catalog."""
    catalogs = sorted({t.catalog for t in desired.tables if expected.closes_unseen(OUTSIDER, t.catalog)})
    if not catalogs:
        return ()
    unseen = read_unseen(workspace, catalogs)
    others = reviewed_by_others(desired, workspace, catalogs)
    proofs = (_prove(c, [t for t in unseen if t.name.catalog == c], live, expected, witnesses) for c in catalogs)
    return tuple(replace(p, findings=(*p.findings, *others.get(p.catalog, ()))) for p in proofs)


def reviewed_by_others(
    desired: Desired, workspace: Workspace, catalogs: Iterable[str], code: str = "verify/review_by_others"
) -> dict[str, list[Finding]]:
    """Return a finding for each table, by catalog, with a review tag that this environment does not ask for: its rows show."""
    asked = {
        t.entity_name.casefold()
        for t in desired.tag_assignments if t.key == REVIEW_KEY and t.entity_type is EntityType.TABLES
    }  # fmt: skip
    found: dict[str, list[Finding]] = defaultdict(list)
    for table in read_reviewed(workspace, catalogs):
        if table.plain.casefold() not in asked:
            # The record of runs gets the tag from `apply`, beside the desired state: a table of its name may be it.
            ours = table.table in RECORD
            finding = Finding(
                code=code, severity=Severity.WARNING if ours else Severity.ERROR, place=str(table),
                message=f"carries {REVIEW_KEY}={REVIEWED}, which this environment does not ask for: its rows are open"
                + (" (the record of runs has a table of this name)" if ours else ""),
                fix="take the tag off and see who may assign it; or put the table in uc_tables and generate",
            )  # fmt: skip
            found[table.catalog].append(finding)
    return found


def _prove(
    catalog: str, tables: Sequence[UnseenTable], live: Governed, expected: Access, witnesses: Sequence[Witness]
) -> UnseenProof:
    found = list(_inherited(catalog, live))
    asked: list[str] = []
    real = Access(live.access_model())
    proven: set[UnseenTable] = set()
    for table in tables:
        for witness in witnesses:
            if len(proven) == MOST:
                break
            held = real.identities(witness.principal)
            if not held.intersection(table.readers) or not expected.closes_unseen(witness.principal, catalog):
                continue
            answer = _count(witness, table)
            if isinstance(answer, Refusal):
                continue
            proven.add(table)
            asked.append(f"{table.name} as {witness.name}")
            if answer:
                found.append(_shows(witness, table, answer))
    return UnseenProof(catalog=catalog, tables=len(tables), asked=tuple(asked), findings=tuple(found))


def _count(witness: Witness, table: UnseenTable) -> int | Refusal:
    try:
        rows = witness.asker.ask(f"SELECT count(*) FROM {table.name.sql}", {})  # noqa: S608 - the name is quoted
    except RemoteError as error:
        return refusal(error)
    return int(rows[0][0] or 0)


def _shows(witness: Witness, table: UnseenTable, rows: int) -> Finding:
    return Finding(
        code="verify/unseen_rows",
        severity=Severity.ERROR,
        place=f"{witness.name}: {table.name}",
        message=f"nobody has reviewed this table, and it shows {rows} row(s)",
        fix="run `plan` to see whether the fallback policy stands, then `apply`",
    )


def _inherited(catalog: str, live: Governed) -> list[Finding]:
    """Return an error where the review tag stands above tables: everything that is made there would count as reviewed."""
    above = {EntityType.CATALOGS, EntityType.SCHEMAS}
    return [
        Finding(
            code="verify/review_inherited",
            severity=Severity.ERROR,
            place=f"{t.entity_type.removesuffix('s')} {t.entity_name}",
            message=f"carries {REVIEW_KEY}={REVIEWED}, which its tables inherit: new tables in it are open",
            fix="take the tag off; it belongs on tables",
        )
        for t in live.tags
        if t.key == REVIEW_KEY and t.value == REVIEWED and t.entity_type in above and t.entity_name.split(".")[0] == catalog
    ]
