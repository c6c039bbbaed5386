"""Proposed plans: which there are, what one changes for whom, widening first, and how it is approved."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from lampkeeper.deploy.approvals import PlanBook, Record, approvals_beside, plan_hash
from lampkeeper.deploy.effects import sentences
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.printed_plan import plan_lines
from lampkeeper.files.local_files import LocalFiles
from lampkeeper.model.auth import Auth
from lampkeeper.model.effective import MatrixChange
from lampkeeper.model.errors import UsageError
from lampkeeper.notebooks.opened import Opened
from lampkeeper.notebooks.shown import Row, Shown
from lampkeeper.remote.clients import connect
from lampkeeper.remote.volumes import VolumeFolder
from lampkeeper.text.counting import counted

_HASH = re.compile(r"[0-9a-f]{64}")
_CHOICES = 50
EFFECTS = ("widens access", "restores access", "first access", "narrows access")


def plans(found: Opened) -> tuple[str, ...]:
    """Return the hashes of the proposed plans, the newest first; raise UsageError if there is none."""
    hashes = tuple(record.plan_hash for record in _proposals(found))[:_CHOICES]
    if not hashes:
        raise UsageError(f"no plan was proposed for {found.env!r} yet", fix="run the job propose")
    return hashes


def waiting(found: Opened) -> Shown:
    """Return the proposed plans: who proposed each, its effect, and who approved it."""
    rows: list[Row] = []
    for record in _proposals(found)[:_CHOICES]:
        plan = read_plan(found, record.plan_hash)
        approval = _book(found).approval(record.plan_hash)
        rows.append(
            {
                "proposed_at": record.at, "plan": record.plan_hash, "proposer": record.by, "writes": plan.writes,
                "widens": len(plan.widening), "first_access": len(plan.first_access), "narrows": len(plan.narrowing),
                "approved_by": approval.by if approval else "",
            }
        )  # fmt: skip
    columns = ("proposed_at", "plan", "proposer", "writes", "widens", "first_access", "narrows", "approved_by")
    return Shown(
        title=f"Plans of {found.env}",
        columns=columns,
        rows=tuple(rows),
        summary=f"{counted(len(rows), 'proposed plan')} of {found.env}",
    )


def effects(found: Opened, hash_: str) -> Shown:
    """Return one row per effect, principal and table: how many columns change, from what to what. Widening comes first."""
    plan = read_plan(found, hash_)
    rows = tuple(_grouped(plan))
    counts = ", ".join(f"{counted(number, 'cell')}: {what}" for what, number in cells(found, hash_).items() if number)
    return Shown(
        title=f"Plan {hash_}", columns=("effect", "principal", "table", "columns", "before", "after"), rows=rows,
        summary=f"plan {hash_}: {counted(plan.writes, 'write')}; {counts or 'no access changes'}",
    )  # fmt: skip


def cells(found: Opened, hash_: str) -> dict[str, int]:
    """Return how many cells a plan changes, by effect."""
    return {what: len(changes) for what, changes in _by_effect(read_plan(found, hash_))}


def in_sentences(found: Opened, hash_: str) -> Shown:
    """Return the effects as sentences about people, as `lampkeeper approve` prints them."""
    rows = tuple(
        {"effect": what, "sentence": line}
        for what, changes in _by_effect(read_plan(found, hash_))
        for line in sentences(changes, full=True)
    )
    return Shown(title="In words", columns=("effect", "sentence"), rows=rows, summary=counted(len(rows), "sentence"))


def changes(found: Opened, hash_: str) -> Shown:
    """Return every line of the plan: examples of masks, objects with their attributes."""
    rows = tuple({"kind": str(line.tone), "line": line.text} for line in plan_lines(read_plan(found, hash_), full=True))
    return Shown(title="All changes", columns=("kind", "line"), rows=rows, summary=counted(len(rows), "line"))


def how_to_approve(found: Opened, hash_: str) -> str:
    """Return the state of the approval and the command of another principal that approves."""
    plan = read_plan(found, hash_)
    book = _book(found)
    approval = book.approval(hash_)
    if approval is not None:
        return f"approved by {approval.by} at {approval.at}; the job apply_approved applies it with plan_hash={hash_}"
    needed = "needs the approval of another principal" if plan.widening else "needs an approval in prod alone"
    return f"proposed by {book.proposal(hash_).by}; {needed}: {book.how_to_approve(hash_)}"


def read_plan(found: Opened, hash_: str) -> Plan:
    """Return a proposed plan; raise UsageError for text in another form, and if its content has another hash."""
    if not _HASH.fullmatch(hash_):
        raise UsageError(f"{hash_!r} is not the hash of a plan", fix="take the one that the job propose prints")
    raw = found.files.read(f"{found.env}/plans/{hash_}.json")
    if raw is None:
        raise UsageError(
            f"no plan {hash_!r} was proposed for {found.env!r}", fix="run the job propose, and take the hash it prints"
        )
    plan = Plan.from_json(raw.decode())
    if plan_hash(plan) != hash_:
        raise UsageError(f"the plan {hash_} was changed after it was proposed", fix="propose it again")
    return plan


def _by_effect(plan: Plan) -> Iterator[tuple[str, tuple[MatrixChange, ...]]]:
    yield from zip(EFFECTS, (plan.widening, plan.restoring, plan.first_access, plan.narrowing), strict=True)


def _grouped(plan: Plan) -> Iterator[Row]:
    for what, changes in _by_effect(plan):
        together: dict[tuple[str, str, str, str], list[str]] = {}
        for change in changes:
            key = (change.principal, str(change.table), change.before, change.after)
            together.setdefault(key, []).append(change.column if change.column is not None else "(rows)")
        for (principal, table, before, after), names in sorted(together.items()):
            yield {
                "effect": what, "principal": principal, "table": table, "columns": ", ".join(names),
                "before": before, "after": after,
            }  # fmt: skip


def _proposals(found: Opened) -> list[Record]:
    records = []
    for name in found.files.names(f"{found.env}/plans"):
        raw = found.files.read(name) if name.endswith(".proposal.json") else None
        if raw is not None:
            said = json.loads(raw)
            records.append(Record(plan_hash=str(said["plan_hash"]), env=found.env, by=str(said["by"]), at=str(said["at"])))
    return sorted(records, key=lambda r: (r.at, r.plan_hash), reverse=True)


def _book(found: Opened) -> PlanBook:
    approvals: LocalFiles | VolumeFolder = found.files
    options = f"--envs {found.envs}"
    if isinstance(found.files, VolumeFolder):
        approvals = VolumeFolder(connect(Auth()), approvals_beside(found.envs))
    return PlanBook(
        plans=found.files, approvals=approvals, env=found.env, approvers=found.inputs.settings.approvers, options=options
    )


def changes_of(found: Opened, hashes: Iterable[str]) -> tuple[tuple[MatrixChange, ...], dict[str, tuple[str, str]]]:
    """Return what these plans changed together, in their order, and the example of each mask: its arguments and result."""
    met: dict[tuple[str, str, str | None], MatrixChange] = {}
    examples: dict[str, tuple[str, str]] = {}
    for hash_ in hashes:
        plan = read_plan(found, hash_)
        examples |= {name: (arguments, result) for name, arguments, result in plan.examples}
        for _, some in _by_effect(plan):
            for change in some:
                key = (change.principal, str(change.table), change.column)
                before = met[key].before if key in met else change.before
                met[key] = MatrixChange(
                    principal=change.principal, table=change.table, column=change.column, before=before, after=change.after,
                    direction=change.direction,
                )  # fmt: skip
    return tuple(c for _, c in sorted(met.items(), key=lambda item: tuple(map(str, item[0]))) if c.before != c.after), examples
