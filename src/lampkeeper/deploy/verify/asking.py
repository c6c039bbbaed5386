"""Asks questions about many tables as one test principal: several tables per statement, and singly what a statement refuses.

A statement over several tables fails as a whole. So a refusal is never charged to a table on the word of such a statement: the
statement is halved until the table that it fails on is asked alone, by the statement that it would get without batches. All
other tables have their results from the other halves.

A table that the principal should not be able to read is asked alone. There is one exception: if the platform refuses such a
table because the principal lacks USE on its catalog or schema, the other tables in there are refused too, provided that the
files and the live grants agree that USE is missing, and that another principal has read the table in the same run, so it exists.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lampkeeper.deploy.verify.report import Asked
from lampkeeper.deploy.verify.statements import Question, Row, read_statement, statement
from lampkeeper.model.access import Principal
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.names import TableName
from lampkeeper.text.sql_quoting import quote_string

Rows = Sequence[Row]
Container = tuple[str, ...]
"""The parts of the name of a catalog or schema."""

DENIALS = frozenset({"INSUFFICIENT_PERMISSIONS", "PERMISSION_DENIED", "UNAUTHORIZED_ACCESS"})
"""Error codes and classes of a missing privilege (SQLSTATE 42501); any other error is a failure, not a denial."""

TABLES_PER_STATEMENT = 20
ANSWERS_PER_STATEMENT = 500
"""A statement has one row per answer: a row count, or the digest of a column or of an expected mask."""
CHARACTERS_PER_STATEMENT = 250_000
"""The bodies of masks make the text of the reference's statements long; the engine reads it once per character."""

_UNREACHABLE = frozenset({"NO_ANSWER", "NO_CONNECTION"})


class QueryRunner(Protocol):
    """Runs one query as one principal."""

    def ask(self, sql: str, parameters: Mapping[str, str]) -> Rows:
        """Return the rows, every cell a text or None; raise RemoteError with the platform's code."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPrincipal:
    """A test principal: shown as `name`, on the platform `principal`, and whether the run created it."""

    name: str
    principal: Principal
    query_runner: QueryRunner
    probe: bool = False

    def asked(self, *, reference: bool) -> Asked:
        """Return the entry for the report."""
        return Asked(name=self.name, groups=tuple(sorted(self.principal.groups)), probe=self.probe, reference=reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A query without a result: denied by privileges, or failed; `code` is the platform's error class."""

    denied: bool
    code: str


def refusal(error: RemoteError) -> Refusal:
    """Classify a failed query as denied or failing. An error that is not about the table (no response, bad token) is raised."""
    if error.code in _UNREACHABLE or error.status in (401, 429) or error.status >= 500:
        raise error
    denied = error.code.split(".")[0] in DENIALS or "42501" in error.message
    return Refusal(denied=denied, code=error.code or "no error class")


def lacks_use(error: RemoteError, table: TableName) -> Container | None:
    """Return the catalog or schema of the table on which the principal lacks USE according to the refusal, if it names one.

    The words are observed: "User does not have USE SCHEMA on Schema 'main.sales'".
    """
    text = error.message.casefold().replace("use_", "use ")
    levels: tuple[tuple[str, Container], ...] = (("catalog", table.parts[:1]), ("schema", table.parts[:2]))
    for level, container in levels:
        if f"use {level} on {level} {quote_string('.'.join(container).casefold())}" in text:
            return container
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """The questions about some tables to one principal.

    `doubtful`: tables that it should not be able to read. `shut`: for tables of which others have read the rows, the catalogs and
    schemas on which the principal lacks USE according to both the files and the live grants.
    """

    questions: Mapping[TableName, Sequence[Question]]
    doubtful: frozenset[TableName] = frozenset()
    shut: Mapping[TableName, frozenset[Container]] = field(default_factory=dict)

    def alone(self) -> list[Question]:
        """Return the questions that get a statement each; tables of one schema follow each other."""
        return [q for t in sorted(self.doubtful) for q in self.questions.get(t, ())]

    def batches(self) -> Iterator[list[Question]]:
        """Yield the other questions, in lists that one statement answers."""
        batch: list[Question] = []
        for question in (q for t, asked in self.questions.items() if t not in self.doubtful for q in asked):
            if batch and not _fits([*batch, question]):
                yield batch
                batch = []
            batch.append(question)
        if batch:
            yield batch


def _fits(batch: Sequence[Question]) -> bool:
    return (
        len(batch) <= TABLES_PER_STATEMENT
        and sum(len(q.answers) for q in batch) <= ANSWERS_PER_STATEMENT
        and sum(q.length for q in batch) <= CHARACTERS_PER_STATEMENT
    )


class Interviewer:
    """Asks one test principal; several threads may use it."""

    def __init__(self, test_principal: TestPrincipal, parameters: Mapping[str, str], *, batched: bool = True) -> None:
        """Take the principal and the parameters of every statement; without `batched` each question gets its own statement."""
        self.test_principal = test_principal
        self._parameters = parameters
        self._batched = batched
        self._shut: dict[Container, Refusal] = {}
        self._lock = threading.Lock()

    def ask(self, inquiry: Inquiry, count: Callable[[], None]) -> dict[TableName, list[Row] | Refusal]:
        """Return for each table the rows of its questions, or why there are none; `count` is called for each statement."""
        run = _Answers(interviewer=self, inquiry=inquiry, count=count)
        if self._batched:
            for question in inquiry.alone():
                run.one(question)
            for batch in inquiry.batches():
                run.several(batch)
        else:
            for question in (q for asked in inquiry.questions.values() for q in asked):
                run.one(question)
        return {table: run.result(table) for table in inquiry.questions}

    def send(self, sql: str) -> Rows:
        """Run one statement."""
        return self.test_principal.query_runner.ask(sql, self._parameters)

    def close(self, container: Container, found: Refusal) -> None:
        """Note that the principal lacks USE on a catalog or schema."""
        with self._lock:
            self._shut[container] = found

    def closed(self, containers: Iterable[Container]) -> Refusal | None:
        """Return the refusal that all tables of one of these catalogs or schemas get, if one is known."""
        if not self._batched:
            return None
        with self._lock:
            return next((self._shut[c] for c in sorted(containers) if c in self._shut), None)


@dataclass(slots=True, kw_only=True)
class _Answers:
    """The answers to one inquiry as they come in."""

    interviewer: Interviewer
    inquiry: Inquiry
    count: Callable[[], None]
    rows: dict[tuple[TableName, int], Row] = field(default_factory=dict)
    refused: dict[TableName, Refusal] = field(default_factory=dict)

    def one(self, question: Question) -> None:
        """Ask one question, unless its table is refused already."""
        if self._settled(question.table):
            return
        self.count()
        try:
            self._take([question], self.interviewer.send(statement([question])))
        except RemoteError as error:
            found = self.refused[question.table] = refusal(error)
            container = lacks_use(error, question.table) if found.denied else None
            if container is not None and container in self.inquiry.shut.get(question.table, ()):
                self.interviewer.close(container, found)

    def several(self, batch: Sequence[Question]) -> None:
        """Ask several questions by one statement; if it is refused, by two of half the size."""
        batch = [q for q in batch if not self._settled(q.table)]
        if len(batch) < 2:
            for question in batch:
                self.one(question)
            return
        self.count()
        try:
            self._take(batch, self.interviewer.send(statement(batch)))
        except RemoteError as error:
            found = refusal(error)
            if found.denied and any(lacks_use(error, q.table) for q in batch):
                # A whole catalog or schema is closed: halves would be refused too.
                for question in batch:
                    self.one(question)
                return
            middle = len(batch) // 2
            self.several(batch[:middle])
            self.several(batch[middle:])

    def _take(self, batch: Sequence[Question], rows: Rows) -> None:
        self.rows |= {question.key: row for question, row in read_statement(batch, rows)}

    def result(self, table: TableName) -> list[Row] | Refusal:
        """Return the rows of a table in the order of its questions, or its refusal."""
        if table in self.refused:
            return self.refused[table]
        return [self.rows[q.key] for q in self.inquiry.questions[table]]

    def _settled(self, table: TableName) -> bool:
        if table not in self.refused:
            found = self.interviewer.closed(self.inquiry.shut.get(table, ()))
            if found is not None:
                self.refused[table] = found
        return table in self.refused
