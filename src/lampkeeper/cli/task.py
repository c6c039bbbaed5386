"""The entry point `lampkeeper_task` of the wheel, for tasks of jobs: a command that does not succeed raises its sentence.

The message of the exception is what `runs/get-output` returns as the task's error, so the run page, the notification and
`databricks bundle run` show it. A task that called `sys.exit` would show `SystemExit: 1`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise

from lampkeeper.cli.main import Ended, collect_rarely, run_command
from lampkeeper.deploy.sentences import sentence


class TaskError(Exception):
    """A task that did not succeed; the name of the class is the verdict, the message the sentence.

    IPython, which runs Python tasks on the platform, asks an exception for `_render_traceback_` (source: IPython, showtraceback).
    For a verdict the frames say nothing, so they are left out.
    """

    def __init__(self, message: str, *, step: str, code: int) -> None:
        """Keep the sentence, the command and its exit code."""
        super().__init__(message)
        self.step, self.code = step, code

    def _render_traceback_(self) -> list[str]:
        return [f"lampkeeper {self.step} ended with exit code {self.code}"]


class Failed(TaskError):  # noqa: N818 (its name is shown to people)
    """Errors in the draft, a mismatch, drift: exit code 1."""


class WrongUse(TaskError):  # noqa: N818 (its name is shown to people)
    """An unknown environment, a missing scope, a malformed file: exit code 2."""


class Unsafe(TaskError):  # noqa: N818 (its name is shown to people)
    """A plan that widens access without an approval, or is stale: exit code 3."""


class Broken(TaskError):  # noqa: N818 (its name is shown to people)
    """The platform refused, a step died, or the task was stopped."""


class Bug(Exception):  # noqa: N818 (its name is shown to people)
    """A bug of lampkeeper: the only error of a task with a traceback."""


VERDICTS: dict[int, type[TaskError]] = {1: Failed, 2: WrongUse, 3: Unsafe}
"""The exception of each exit code; any other one but 0 is Broken."""


def run_task(arguments: Sequence[str]) -> None:
    """Run one command; raise TaskError unless it succeeded."""
    ended = run_command(arguments)
    if ended.code == 0:
        return
    step = arguments[0] if arguments else ""
    said = ended.sentence or _sentence(ended, step, arguments)
    if ended.bug is not None:
        raise Bug(said).with_traceback(ended.bug.__traceback__) from None
    raise VERDICTS.get(ended.code, Broken)(said, step=step, code=ended.code) from None


def _sentence(ended: Ended, step: str, arguments: Sequence[str]) -> str:
    """Return the sentence of a command that ended before it knew its step, such as for an unknown option."""
    given = dict(pairwise(arguments))
    env = given.get("--env", "")
    if ended.outcome is not None:
        return ended.outcome.said(step, env)
    return sentence(step, env, ended.message, fix=ended.fix, plan_hash=given.get("--plan-hash", ""))


def run() -> None:
    """Run the task's command."""
    collect_rarely()
    run_task(sys.argv[1:])
