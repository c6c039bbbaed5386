"""Queries the tables as every test principal and compares the results with the expected access.

Tables are compared in groups: the reference principal and then all others are asked about a whole group, so that little time
passes between the expected result of a table and the results that are compared with it.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from lampkeeper.deploy.verify.asking import Container, Inquiry, Interviewer, Refusal, TestPrincipal
from lampkeeper.deploy.verify.judge import TableFacts
from lampkeeper.deploy.verify.queries import Reading, Reference, days, probe_questions, read_probe, read_reference
from lampkeeper.deploy.verify.report import CellVerdict, RowsVerdict
from lampkeeper.deploy.verify.statements import SALT, Question, Row
from lampkeeper.model.access import Access, CellState, TableAccess
from lampkeeper.model.hash_key import HashKey
from lampkeeper.model.masks import Function
from lampkeeper.model.names import FunctionName, TableName
from lampkeeper.model.schema import Table

Progress = Callable[[str, int, int], None]

THREADS = 8
"""How many statements run side by side."""
TABLES_PER_GROUP = 40
COLUMNS_PER_GROUP = 400


@dataclass(slots=True)
class Comparison:
    """The cells and row counts of all tables, and the number of statements."""

    cells: list[CellVerdict] = field(default_factory=list)
    rows: list[RowsVerdict] = field(default_factory=list)
    queries: int = 0
    references: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class _Case:
    """One table on its way: who may be its reference, what was answered, on which dates."""

    table: Table
    facts: TableFacts
    candidates: list[TestPrincipal]
    questions: tuple[Question, ...]
    probing: tuple[Question, ...]
    reference: Reference | None = None
    chosen: str = ""
    seen: dict[str, Reading | Refusal] = field(default_factory=dict)
    days: set[str] = field(default_factory=set)

    @property
    def waits(self) -> bool:
        """Return whether the case still needs a reference and has candidates for it."""
        return self.reference is None and bool(self.candidates)

    def hear_reference(self, answer: list[Row] | Refusal) -> None:
        """Take the answer of the first candidate; a refused one gets its own mismatch, and the next one becomes the reference."""
        name = self.candidates.pop(0).name
        self.facts = replace(self.facts, reference=self.facts.expectations[name])
        if isinstance(answer, Refusal):
            self.seen[name] = answer
            return
        self.days |= days(self.questions, answer)
        self.reference, self.chosen = read_reference(self.questions, answer), name
        self.seen[name] = self.facts.raw_reading(self.reference)

    def hear(self, name: str, answer: list[Row] | Refusal) -> None:
        """Take the answer of a principal that is not the reference."""
        if isinstance(answer, Refusal):
            self.seen[name] = answer
            return
        self.days |= days(self.probing, answer)
        self.seen[name] = read_probe(self.probing, answer)

    def verdict(self, names: Sequence[str]) -> Comparison:
        """Return the results of these principals."""
        found = Comparison(references={self.chosen} if self.chosen else set())
        for name in names:
            cells, rows = self.facts.judge(name, self.seen[name], self.reference)
            found.cells += cells
            found.rows.append(rows)
        readings = {name: seen for name, seen in self.seen.items() if isinstance(seen, Reading)}
        found.cells = self.facts.agreed(found.cells, readings)
        return found


class CellCheck:
    """Compares the results of test principals with an access model."""

    def __init__(
        self,
        expected: Access,
        test_principals: Sequence[TestPrincipal],
        salt: str,
        threads: int = THREADS,
        *,
        live: Access | None = None,
        batched: bool = True,
    ) -> None:
        """Take the expected access and the test principals; the one that sees most of a table raw is its reference.

        `live`: the grants that the workspace shows. Without `batched`, each table and principal gets a statement of its own.
        """
        self._expected = expected
        self._live = live
        self._test_principals = tuple(test_principals)
        self._interviewers = {
            w.name: Interviewer(w, {SALT: salt}, batched=batched) for w in self._test_principals
        }  # fmt: skip
        self._threads = threads
        # The comparison does not depend on the environment's key, so the run uses a random one: see verify.queries.
        made_up = HashKey.parse(secrets.token_hex(32), "a key for one run")
        self._functions: dict[FunctionName, Function] = {
            f.name: replace(f, body=made_up.insert(f.body)) if f.keyed else f for f in expected.model.functions
        }
        self._keyed = frozenset(f.name for f in expected.model.functions if f.keyed)

    def run(self, progress: Progress | None = None) -> Comparison:
        """Query every table of the model."""
        tables = self._expected.model.tables
        groups = list(_groups(tables))
        total, done = Comparison(), 0
        # The threads of a group only wait for statements, which run in a pool of their own: so no more of them run than allowed.
        with (
            ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="statement") as statements,
            ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="verify") as pool,
        ):
            for group, part in zip(groups, pool.map(lambda g: _Group(self, g, statements).run(), groups), strict=True):
                total.cells += part.cells
                total.rows += part.rows
                total.queries += part.queries
                total.references |= part.references
                done += len(group)
                if progress is not None:
                    progress(str(group[-1].name), done, len(tables))
        total.cells.sort()
        total.rows.sort(key=lambda r: (r.principal, r.table))
        return total

    def case(self, table: Table) -> _Case:
        """Return the case of one table."""
        expectations = {w.name: self._expected.table(w.principal, table.name) for w in self._test_principals}
        facts = TableFacts(table=table, expectations=expectations, functions=self._functions, reference=None, keyed=self._keyed)
        return _Case(
            table=table,
            facts=facts,
            candidates=by_rawness(self._test_principals, expectations),
            questions=facts.reference_questions(),
            probing=probe_questions(table, facts.keyed_columns(), dated=facts.dated()),
        )

    def shut(self, test_principal: TestPrincipal, case: _Case) -> frozenset[Container]:
        """Return catalog and schema of a table that exists, if USE on them is missing by the files and by the live grants."""
        if self._live is None or case.reference is None:
            return frozenset()
        name = case.table.name
        missing = {*case.facts.expectations[test_principal.name].missing}
        missing &= {*self._live.missing(test_principal.principal, name)}
        levels: tuple[tuple[str, Container], ...] = (("USE_CATALOG", name.parts[:1]), ("USE_SCHEMA", name.parts[:2]))
        return frozenset(c for privilege, c in levels if f"{privilege} on {'.'.join(c)}" in missing)

    @property
    def interviewers(self) -> Mapping[str, Interviewer]:
        """Return who asks each test principal, by its name."""
        return self._interviewers


class _Group:
    """Some tables that are asked about together."""

    def __init__(self, check: CellCheck, tables: Sequence[Table], statements: ThreadPoolExecutor) -> None:
        self._check = check
        self._tables = tables
        self._pool = statements
        self._counted: list[None] = []

    def run(self) -> Comparison:
        cases = self._ask([self._check.case(t) for t in self._tables])
        # Midnight passed between two queries, and a mask depends on the date.
        late = self._ask([self._check.case(c.table) for c in cases if len(c.days) > 1])
        again = {c.table.name: c for c in late}
        total = Comparison()
        for case in cases:
            found = again.get(case.table.name, case).verdict(list(self._check.interviewers))
            total.cells += found.cells
            total.rows += found.rows
            total.references |= found.references
        total.queries = len(self._counted)
        return total

    def _ask(self, cases: list[_Case]) -> list[_Case]:
        while waiting := [c for c in cases if c.waits]:
            by_candidate: dict[str, list[_Case]] = defaultdict(list)
            for case in waiting:
                by_candidate[case.candidates[0].name].append(case)
            self._each(
                {
                    name: (mine, Inquiry(questions={c.table.name: c.questions for c in mine}))
                    for name, mine in by_candidate.items()
                },
                lambda case, _, answer: case.hear_reference(answer),
            )
        probes: dict[str, tuple[list[_Case], Inquiry]] = {}
        for name, interviewer in self._check.interviewers.items():
            mine = [c for c in cases if name not in c.seen]
            probes[name] = (mine, self._probe(interviewer.test_principal, mine))
        self._each(probes, lambda case, name, answer: case.hear(name, answer))
        return cases

    def _probe(self, test_principal: TestPrincipal, cases: Sequence[_Case]) -> Inquiry:
        doubtful = {c.table.name: c for c in cases if not c.facts.expectations[test_principal.name].readable}
        return Inquiry(
            questions={c.table.name: c.probing for c in cases},
            doubtful=frozenset(doubtful),
            shut={t: self._check.shut(test_principal, c) for t, c in doubtful.items()},
        )

    def _each(
        self,
        inquiries: Mapping[str, tuple[Sequence[_Case], Inquiry]],
        hear: Callable[[_Case, str, list[Row] | Refusal], None],
    ) -> None:
        """Ask several principals side by side."""
        asked = {
            name: self._pool.submit(self._check.interviewers[name].ask, inquiry, lambda: self._counted.append(None))
            for name, (mine, inquiry) in inquiries.items()
            if mine
        }
        for name, answers in asked.items():
            found: dict[TableName, list[Row] | Refusal] = answers.result()
            for case in inquiries[name][0]:
                hear(case, name, found[case.table.name])


def _groups(tables: Sequence[Table]) -> Iterator[Sequence[Table]]:
    group: list[Table] = []
    width = 0
    for table in tables:
        columns = len(table.columns)
        if group and (len(group) == TABLES_PER_GROUP or width + columns > COLUMNS_PER_GROUP):
            yield group
            group, width = [], 0
        group.append(table)
        width += columns
    if group:
        yield group


def rawness(access: TableAccess) -> int:
    """Return the number of columns of a table that a principal should see raw, doubled if no row is filtered."""
    return sum(c.state is CellState.RAW for c in access.cells.values()) * (1 if access.filters else 2)


def by_rawness(test_principals: Sequence[TestPrincipal], expectations: Mapping[str, TableAccess]) -> list[TestPrincipal]:
    """Return the principals that should see a column of the table raw, those that see most first."""
    able = [w for w in test_principals if rawness(expectations[w.name])]
    return sorted(able, key=lambda w: -rawness(expectations[w.name]))
