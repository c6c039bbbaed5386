"""Asking a model for labels, table by table, several at once: what is known is not asked again, what goes wrong opens nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lampkeeper.app.model_exchange import ModelExchange, ModelOptions, correction
from lampkeeper.app.progress import Progress
from lampkeeper.app.space_content import SpaceExchange
from lampkeeper.design.classify.prompt import Prompt, Subtypes, halves, make_prompts, table_digest
from lampkeeper.design.classify.reply import feedback, read_reply
from lampkeeper.files.label_sources import Remembered
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.labels import Label
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Snapshot, Table
from lampkeeper.remote.llm import fatal

if TYPE_CHECKING:
    from lampkeeper.remote.llm_client import Model

_FAILURES = 3
_STANDS = "the rules' labels stand, nothing is opened"


@dataclass(slots=True, kw_only=True)
class TableExchange(ModelExchange):
    """What asking about one table came to. `missing`: how many of its columns the answers say nothing of."""

    table: TableName
    prompts: list[str] = field(default_factory=list)
    labels: dict[ColumnName, Label] = field(default_factory=dict)
    missing: int = 0

    @property
    def whole(self) -> bool:
        """Return whether every column of the table has a label."""
        return not self.missing and self.failure is None and not self.skipped

    def as_dict(self) -> dict[str, Any]:
        """Return its part of the run record."""
        # slots=True makes a second class, which a bare super() does not know.
        common = ModelExchange.as_dict(self)
        return {
            "table": str(self.table), "prompts": self.prompts, "labels": len(self.labels), "missing": self.missing, **common,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRun:
    """What asking a model came to, table by table in the snapshot's order."""

    model: str
    tables: tuple[TableExchange, ...]
    model_options: ModelOptions
    spaces: tuple[SpaceExchange, ...] = ()

    @property
    def labels(self) -> tuple[Label, ...]:
        """Return every valid label, of tables answered in part too."""
        return tuple(label for t in self.tables for label in t.labels.values())

    @property
    def tokens(self) -> tuple[int, int]:
        """Return the tokens in and out, as the endpoint counted them."""
        runs: list[ModelExchange] = [*self.tables, *self.spaces]
        return sum(r.input_tokens for r in runs), sum(r.output_tokens for r in runs)

    @property
    def exit_code(self) -> int:
        """Return 4 when the endpoint failed a table, 1 when an answer could not be used, else 0."""
        if any(t.failure is not None for t in self.tables) or any(s.failure is not None for s in self.spaces):
            return 4
        return 0 if all(t.whole for t in self.tables) else 1

    def findings(self) -> tuple[Finding, ...]:
        """Return what went wrong: one finding for a failing endpoint, one for each table with unusable answers."""
        found = []
        failed = [t for t in self.tables if t.failure is not None or t.skipped]
        reason = next((t.failure for t in failed if t.failure is not None), None)
        if reason is not None:
            message = f"{reason.message}; {len(failed)} of {len(self.tables)} tables have no answer: {_STANDS}"
            found.append(
                Finding(code="model/failed", severity=Severity.ERROR, location=self.model, message=message, fix=reason.fix)
            )
        for each in self.tables:
            if each.whole or each in failed:
                continue
            if each.refused:
                code, what = "model/refused", "the model refuses to answer"
            else:
                code, what = "model/unusable", f"no usable answer in {each.answers} ({'; '.join(each.errors[-2:])})"
            message = f"{what}; {each.missing} columns without the model's word: {_STANDS}"
            found.append(
                Finding(
                    code=code,
                    severity=Severity.ERROR,
                    location=str(each.table),
                    message=message,
                    fix="run it again, or use another model",
                )
            )
        return sort_findings([*found, *(f for s in self.spaces for f in s.findings(self.model))])


def recall(snapshot: Snapshot, remembered: Mapping[TableName, Remembered]) -> tuple[Label, ...]:
    """Return what models said about tables that are as they were when asked."""
    return tuple(
        label
        for t in snapshot.tables
        if (known := remembered.get(t.name)) is not None and known.digest == table_digest(make_prompts(t))
        for label in known.labels
        if label.column.table == t.name
    )


def ask_tables(
    snapshot: Snapshot,
    model: Model,
    remembered: Mapping[TableName, Remembered],
    model_options: ModelOptions,
    *,
    keep: Callable[[Sequence[Remembered]], None],
    progress: Progress | None = None,
    subtypes: Subtypes | None = None,
) -> ModelRun:
    """Ask about every table that is new, changed, or last answered by another model; `keep` is given answers as they come.

    `subs` are the kinds that the model may name beside those always known.
    """
    name = str(model.ref)
    runs = {t.name: _started(t, remembered.get(t.name), name, subtypes) for t in snapshot.tables}
    open_tables = [t for t in snapshot.tables if not runs[t.name].remembered]
    gate = _Gate()
    query_runner = _QueryRunner(model=model, model_options=model_options, gate=gate, subtypes=subtypes)
    pool = ThreadPoolExecutor(max_workers=model_options.at_once, thread_name_prefix="model")
    pending: set[Future[TableExchange]] = set()
    try:
        pending = {pool.submit(query_runner.table, t, runs[t.name]) for t in open_tables}
        done = 0
        while pending:
            ready, pending = wait(pending, return_when=FIRST_COMPLETED)
            finished = [f.result() for f in ready]
            done += len(finished)
            keep([_answered(r, name) for r in finished if r.whole])
            if progress is not None:
                progress(str(finished[-1].table), done, len(open_tables))
    finally:
        gate.close()
        pool.shutdown(wait=True, cancel_futures=True)
    return ModelRun(model=name, tables=tuple(runs[t.name] for t in snapshot.tables), model_options=model_options)


def _started(table: Table, known: Remembered | None, model: str, subtypes: Subtypes | None) -> TableExchange:
    prompts = make_prompts(table, subtypes=subtypes)
    run = TableExchange(table=table.name, digest=table_digest(prompts), prompts=[p.digest for p in prompts])
    if known is not None and known.digest == run.digest and known.model == model:
        run.remembered = True
        run.labels = {x.column: x for x in known.labels if x.column.table == table.name}
    return run


def _answered(run: TableExchange, model: str) -> Remembered:
    return Remembered(table=run.table, digest=run.digest, model=model, labels=tuple(run.labels.values()))


class _Gate:
    """Open while asking makes sense: closed by a failure that is sure to repeat, or by several in a row."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._in_a_row = 0

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    def record(self, failure: RemoteError | None) -> None:
        with self._lock:
            self._in_a_row = 0 if failure is None else self._in_a_row + 1
            if failure is not None and (fatal(failure) or self._in_a_row >= _FAILURES):
                self._closed = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _QueryRunner:
    """Asks about one table at a time, in a thread."""

    model: Model
    model_options: ModelOptions
    gate: _Gate
    subtypes: Subtypes | None = None

    def table(self, table: Table, run: TableExchange) -> TableExchange:
        if self.gate.closed:
            run.skipped = True
        else:
            try:
                for prompt in make_prompts(table, subtypes=self.subtypes):
                    self._prompt(prompt, run, self.model_options.answers)
                self.gate.record(None)
            except RemoteError as error:
                run.failure = error
                self.gate.record(error)
        run.missing = sum(1 for c in table.column_names() if c not in run.labels)
        return run

    def _prompt(self, prompt: Prompt, run: TableExchange, answers: int) -> None:
        """Ask until every column has a valid label or the answers are used up; an answer cut off is asked for in halves."""
        messages = prompt.messages()
        while answers > 0 and not run.refused:
            answers -= 1
            answer = run.ask(self.model, messages, most_tokens=prompt.answer_tokens, schema=prompt.schema)
            reply = read_reply(answer.content, prompt, cut=answer.cut)
            if answer.refused:
                return
            run.labels |= {x.column: x for x in reply.labels}
            run.errors += reply.errors
            if all(c in run.labels for c in prompt.names):
                return
            parts = halves(prompt)
            if reply.cut and len(parts) > 1:
                for part in parts:
                    self._prompt(part, run, answers)
                return
            messages = [*prompt.messages(), *correction(answer, feedback(reply))]
