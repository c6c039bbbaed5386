"""The entry point: the only module that turns findings and exceptions into exit codes."""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

import click

from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.program import program
from lampkeeper.model.errors import InternalError, LampkeeperError, as_internal
from lampkeeper.text.escaping import clean

INTERRUPTED = 130
INTERNAL = InternalError.exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of a command: its exit code, and the message and fix of an error; or the outcome that it returned.

    `sentence` is the sentence of the step, if the command was one; `bug` the exception that nobody expected.
    """

    code: int
    message: str = ""
    fix: str = ""
    sentence: str = ""
    outcome: Outcome | None = None
    bug: Exception | None = None


def run_command(arguments: Sequence[str]) -> Ended:
    """Run one command and return how it ended."""
    debug = "--debug" in arguments
    try:
        result = program.main(list(arguments), prog_name="lampkeeper", standalone_mode=False)
    except LampkeeperError as error:
        if debug:
            traceback.print_exc()
        return Ended(code=error.exit_code, message=error.message, fix=error.fix, sentence=error.sentence)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return Ended(code=2)
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "lampkeeper"
        return Ended(code=2, message=error.format_message(), fix=f"{where} --help")
    except (click.Abort, KeyboardInterrupt):
        return Ended(code=INTERRUPTED, message="stopped", fix="run the command again: it resumes")
    except BrokenPipeError:
        # The reader of stdout has exited (`| head`); a second error while Python closes stdout would only be noise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Ended(code=0)
    except Exception as error:
        if debug:
            traceback.print_exc()
        problem = as_internal(error)
        return Ended(code=INTERNAL, message=problem.message, fix=problem.fix, bug=error)
    if isinstance(result, Outcome):
        return Ended(code=result.code, outcome=result, sentence=result.sentence)
    return Ended(code=result if isinstance(result, int) else 0)


def main(arguments: Sequence[str]) -> int:
    """Run one command, print its error, and return its exit code."""
    ended = run_command(arguments)
    if ended.message:
        tail = f"\n  fix: {clean(ended.fix)}" if ended.fix else ""
        sys.stderr.write(f"error: {clean(ended.message)}{tail}\n")
        if "--json" in arguments:
            error = {"message": ended.message, "fix": ended.fix, "exit_code": ended.code}
            sys.stdout.write(json.dumps({"error": error}, indent=2) + "\n")
    return ended.code


def collect_rarely() -> None:
    """Let Python look for garbage rarely: what a command reads lives until it ends, and often would take a tenth of its time."""
    gc.set_threshold(50_000, 20, 100)


def run() -> None:
    """Run the console script."""
    collect_rarely()
    sys.exit(main(sys.argv[1:]))
