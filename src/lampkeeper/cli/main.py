"""The entry point: the only module that turns findings and exceptions into exit codes."""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Sequence

import click

from lampkeeper.cli.outcome import Outcome, clean
from lampkeeper.cli.program import program
from lampkeeper.model.errors import LampkeeperError

INTERRUPTED = 130
INTERNAL = 70


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    as_json, debug = "--json" in arguments, "--debug" in arguments
    try:
        result = program.main(list(arguments), prog_name="lampkeeper", standalone_mode=False)
    except LampkeeperError as error:
        if debug:
            traceback.print_exc()
        return _say(error.message, error.fix, error.exit_code, as_json)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "lampkeeper"
        return _say(error.format_message(), f"{where} --help", 2, as_json)
    except (click.Abort, KeyboardInterrupt):
        return _say("stopped", "run the command again: it resumes", INTERRUPTED, as_json)
    except BrokenPipeError:
        # The reader of stdout has exited (`| head`); a second error while Python closes stdout would only be noise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _say(f"internal error: {type(error).__name__}: {error}", "run again with --debug and report it", INTERNAL, as_json)
    if isinstance(result, Outcome):
        return result.code
    return result if isinstance(result, int) else 0


def _say(message: str, fix: str, code: int, as_json: bool) -> int:
    tail = f"\n  fix: {clean(fix)}" if fix else ""
    sys.stderr.write(f"error: {clean(message)}{tail}\n")
    if as_json:
        sys.stdout.write(json.dumps({"error": {"message": message, "fix": fix, "exit_code": code}}, indent=2) + "\n")
    return code


def run() -> None:
    """Run the console script."""
    # What a command reads lives until it ends: looking for garbage that often would take a tenth of its time.
    gc.set_threshold(50_000, 20, 100)
    sys.exit(main(sys.argv[1:]))
