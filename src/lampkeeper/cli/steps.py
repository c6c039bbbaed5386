"""Runs a command as a step: on a local folder or a volume, with its verdict as an exit code or as a task value."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from lampkeeper.cli.console import Console
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.explaining import explained
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import timeouts_of
from lampkeeper.deploy.run_log import RunLog, StepRecord, Verdict, verdict_of
from lampkeeper.deploy.sentences import headed, sentence, without_values
from lampkeeper.deploy.shared import shared_envs
from lampkeeper.files.local_files import LocalFiles
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import InternalError, LampkeeperError, UsageError, as_internal
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.remote.clients import connect
from lampkeeper.remote.task import set_task_values, whoami
from lampkeeper.remote.volumes import ROOT, VolumeFolder
from lampkeeper.text.moments import utc_text

LEASE_WAIT = "LAMPKEEPER_LEASE_WAIT"
"""The environment variable with the seconds to wait for a lease that another run holds."""

_MOST = 50
_INTERNAL = InternalError.exit_code
_EXCUSED = frozenset({Verdict.OK, Verdict.FAILED, Verdict.UNSAFE})


def now() -> str:
    """Return the current time in the format of records."""
    return utc_text(datetime.now(UTC))


def in_volume(path: Path) -> bool:
    """Return whether a path is in a volume."""
    return str(path).startswith(ROOT)


def files_at(context: CommandContext, path: Path) -> LocalFiles | VolumeFolder:
    """Return a folder for plans, approvals and records: in a volume, or on this machine."""
    if not in_volume(path):
        return LocalFiles(path)
    return VolumeFolder(connect(Auth(profile=context.profile), timeouts=timeouts_of(os.environ)), str(path))


@contextmanager
def opened(context: CommandContext, envs: Path, *, writes: bool) -> Iterator[CommandContext]:
    """Provide the environment's files to a block: local ones, or a copy of a volume's that is written back afterwards."""
    files = context.files
    if not isinstance(files, VolumeFolder):
        yield context
        return
    who = whoami(files.workspace)
    holder = f"{who}, run {context.flags.run_id}" if context.flags.run_id else who
    with shared_envs(
        files, context.env, holder=holder, writes=writes, wait=lease_wait(), report=context.console.note, also=context.also
    ) as shared:
        console = Console(as_json=context.console.as_json, named=shared.named)
        try:
            yield replace(context, root=shared.root, shared=shared, console=console)
        except LampkeeperError as error:
            error.message, error.fix = shared.named(error.message), shared.named(error.fix)
            raise


def lease_wait() -> float:
    """Return the seconds to wait for a lease; raise UsageError if the environment variable is not a number."""
    given = os.environ.get(LEASE_WAIT, "90")
    try:
        return float(given)
    except ValueError:
        raise UsageError(f"{LEASE_WAIT}={given!r} is not a number of seconds", fix=f"export {LEASE_WAIT}=90") from None


def perform(
    context: CommandContext, envs: Path, work: Callable[[CommandContext], Outcome | None], *, writes: bool
) -> Outcome | int | None:
    """Do the work of a command and record its verdict; return its outcome, or 0 if the verdict is a task value."""
    called = click.get_current_context()
    step, wanted = called.info_name or "", str(called.params.get("plan_hash") or "")
    if not context.flags.run_id and not context.flags.task_value and not in_volume(envs):
        return work(context)
    context = replace(context, files=files_at(context, envs))
    book = RunLog(context.files, context.env, context.flags.run_id) if context.flags.run_id else None
    began = now()
    if book is not None:
        with explained(context, envs):
            book.write(StepRecord(step=step, began=began))

    def finish(code: int, message: str, said: str, facts: dict[str, Any]) -> bool:
        """Write the record; return whether the exit code is 0 because the verdict is a task value."""
        if book is not None:
            message = without_values(message)
            book.write(
                StepRecord(step=step, began=began, ended=now(), exit_code=code, message=message, sentence=said, facts=facts)
            )
        excused = context.flags.task_value and verdict_of(code) in _EXCUSED
        if excused:
            values = {key: value for key, value in facts.items() if isinstance(value, str | int | bool)}
            set_task_values(values | {"verdict": str(verdict_of(code)), "exit_code": code})
            if code:
                context.console.note(headed(code, said), "bold red")
        return excused

    try:
        with ExitStack() as stack:
            with explained(context, envs):
                at = stack.enter_context(opened(context, envs, writes=writes))
            with explained(at, envs):
                outcome, named = work(at), at.shared.named if at.shared is not None else str
    except LampkeeperError as error:
        error.sentence = sentence(step, context.env, error.message, fix=error.fix, plan_hash=wanted)
        if finish(error.exit_code, error.message, error.sentence, {}):
            return 0
        raise
    except Exception as error:
        problem = as_internal(error)
        finish(_INTERNAL, problem.message, sentence(step, context.env, problem.message, fix=problem.fix), {})
        raise
    if outcome is None:
        outcome = Outcome(document=None)
    code = outcome.code
    facts = dict(outcome.facts) | {"findings": [named(reported) for reported in _reported(outcome.findings)]}
    outcome = replace(outcome, sentence=named(outcome.said(step, context.env)))
    return 0 if finish(code, named(outcome.problem), outcome.sentence, facts) else outcome


def _reported(findings: tuple[Finding, ...]) -> list[str]:
    return [without_values(str(f)) for f in findings if f.severity is Severity.ERROR][:_MOST]
