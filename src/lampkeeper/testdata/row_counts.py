"""Counts the rows of tables as a principal whose reads no row filter cuts short.

The runner counts the tables on which no filter binds it. For the others a test principal joins the groups that are exempt from
the filter, as in a verification, and is removed at the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from lampkeeper.deploy.verify.asking import TestPrincipal
from lampkeeper.deploy.verify.identities import Probes, WorkspaceQueryRunner, direct_groups, groups_in_question, sweep_probes
from lampkeeper.model.access import Principal
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding
from lampkeeper.model.names import TableName
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.live import Governed


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The number of rows of a table; None if no principal could count it, with the reason."""

    table: TableName
    found: int | None
    reason: str = ""


class RowCounter:
    """Counts the rows of the tables of one workspace. `wait`: seconds until a membership takes effect."""

    def __init__(self, workspace: Workspace, live: Governed, *, wait: float = 60.0, stale_after: float = 3600.0) -> None:
        """Take the workspace, signed in as an admin, and the live state with the tables to count."""
        self._workspace = workspace
        self._live = live
        self._wait = wait
        self._stale_after = stale_after
        self.findings: list[Finding] = []

    def count(self, tables: Iterable[TableName]) -> tuple[Counted, ...]:
        """Return the number of rows of each table."""
        me = Principal(name=str(self._workspace.get("me", "/api/2.0/preview/scim/v2/Me").get("userName") or ""))
        groups = groups_in_question(self._live.directory.groups, self._live.access)
        by_groups: dict[frozenset[str] | None, list[TableName]] = defaultdict(list)
        found: list[Counted] = []
        for table in tables:
            if not self._live.access.table(me, table).filters:
                by_groups[None].append(table)
                continue
            exempt = self._exempt(groups, table)
            if exempt is None:
                names = sorted({str(f.function) for f in self._live.access.table(me, table).filters})
                found.append(Counted(table=table, found=None, reason=f"every principal is bound by {', '.join(names)}"))
            else:
                by_groups[exempt].append(table)
        mine = TestPrincipal(name="the runner", principal=me, query_runner=WorkspaceQueryRunner(self._workspace))
        found += self._asked(mine, by_groups.pop(None, []))
        found += self._as_probes(groups, {g: t for g, t in by_groups.items() if g is not None})
        return tuple(sorted(found, key=lambda c: c.table))

    def _exempt(self, groups: Sequence[str], table: TableName) -> frozenset[str] | None:
        """Return the fewest groups whose member reads every row of the table, None if there are none."""
        for names in [(g,) for g in groups] + [tuple(groups)]:
            access = self._live.access.table(Principal(name="", groups=names), table)
            if access.readable and not access.filters:
                return self._live.access.identities(Principal(name="", groups=names)) & frozenset(groups)
        return None

    def _as_probes(self, groups: Sequence[str], wanted: dict[frozenset[str], list[TableName]]) -> list[Counted]:
        if not wanted:
            return []
        found: list[Counted] = []
        with ExitStack() as stack:
            sweep_probes(self._workspace, self._stale_after)
            probes = stack.enter_context(Probes(self._workspace, groups, timeouts=self._wait))
            for number, (combination, tables) in enumerate(sorted(wanted.items(), key=lambda item: sorted(item[0])), start=1):
                join = direct_groups(combination, self._live.access, probes.provided)
                probe = probes.make(f"count {number}", combination, join) if join is not None else None
                if probe is None:
                    named = ", ".join(sorted(combination))
                    reason = f"a row filter binds the runner, and no test principal can join {named}"
                    found += [Counted(table=t, found=None, reason=reason) for t in tables]
                else:
                    found += self._asked(probe, tables)
        self.findings += probes.findings
        return found

    def _asked(self, who: TestPrincipal, tables: Sequence[TableName]) -> list[Counted]:
        if not tables:
            return []
        try:
            rows = who.query_runner.ask(" UNION ALL ".join(count_statement(t, position) for position, t in enumerate(tables)), {})
        except RemoteError as error:
            if len(tables) > 1:
                return [c for t in tables for c in self._asked(who, [t])]
            if error.status not in (200, 403, 404):
                raise
            return [Counted(table=tables[0], found=None, reason=error.message)]
        numbers = {int(position or 0): int(number or 0) for position, number in rows}
        return [Counted(table=t, found=numbers.get(position)) for position, t in enumerate(tables)]


def count_statement(table: TableName, position: int = 0) -> str:
    """Return the statement that counts one table, with the table's position in the list of tables."""
    return f"SELECT {position} AS position, count(*) AS found FROM {table.sql}"  # noqa: S608 (names quoted)
