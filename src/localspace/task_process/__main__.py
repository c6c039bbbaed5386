"""Runs one task: `python -m localspace.task_process LIFELINE`.

It reads the folder of the task and what its environment has besides from stdin, and everything else from the folder's
`spec.json`. While no task has come it loads what most tasks load.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import runpy
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from localspace.task_process import mounts, own_packages
from localspace.task_process.cells import CellRunner
from localspace.task_process.dbutils import DbUtils, NotebookExit
from localspace.task_process.namespace import install, make_namespace
from localspace.task_process.rest import Rest
from localspace.task_process.session import SparkSession
from localspace.task_process.sql_script import run_script

_OWN = str(Path(__file__).parent)


WAIT_SECONDS = 60.0
"""How long a process that is ready waits for a task before it ends."""

_LOADED_BEFORE = "databricks.sdk"
"""Nearly every task imports it, which takes a second."""


def main() -> int:
    """Run the task and report; the exit code is 0 when it succeeded, or when no task came."""
    threading.Thread(target=_die_with_the_workspace, args=(int(sys.argv[1]),), daemon=True).start()
    given = _await_task()
    if not given:
        return 0
    os.environ.update(given["environment"])
    folder = Path(given["folder"])
    _become_the_task(folder)
    spec = json.loads((folder / "spec.json").read_text("utf-8"))
    _forget_what_the_task_brings(spec["paths"])
    rest = Rest.from_environment()
    session = SparkSession(rest)
    namespace = make_namespace(session, DbUtils(spec, rest))
    install(session, namespace)
    os.chdir(spec["directory"])
    sys.path[:0] = [spec["directory"], *spec["paths"]]
    siblings = own_packages.install([spec["directory"], *spec["paths"]])
    original = str(spec.get("notebook_path") or "").rpartition("/")[0]
    mounts.install(mounts.Mounts(rest, folder, spec["directory"], original))
    report: dict[str, Any] = {}
    kinds: dict[str, Callable[[], None]] = {
        "notebook": lambda: _notebook(spec, namespace, rest, siblings, report),
        "script": lambda: _script(spec),
        "wheel": lambda: _wheel(spec),
        "sql": lambda: run_script(spec, rest, report),
    }
    report |= _outcome(kinds[spec["kind"]])
    sys.stdout.flush()
    sys.stderr.flush()
    beside = folder / "result.part"
    beside.write_text(json.dumps(report), "utf-8")
    beside.replace(folder / "result.json")
    return 0 if report["ok"] else 1


def _await_task() -> dict[str, Any]:
    """Return what the workspace sends, or {} if it sends nothing."""
    if (
        not select.select([0], [], [], 0)[0]
        and importlib.util.find_spec("databricks")
        and importlib.util.find_spec(_LOADED_BEFORE)
    ):
        importlib.import_module(_LOADED_BEFORE)
    if not select.select([0], [], [], WAIT_SECONDS)[0]:
        return {}
    text = sys.stdin.read()
    given: dict[str, Any] = json.loads(text) if text else {}
    return given


def _become_the_task(folder: Path) -> None:
    os.chdir(folder)
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open("output.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, at in ((0, nothing), (1, log), (2, log)):
        os.dup2(at, number)
    os.close(nothing)
    os.close(log)


def _forget_what_the_task_brings(paths: list[str]) -> None:
    """Forget the loaded package if a library of the task holds another version of it."""
    package = _LOADED_BEFORE.partition(".")[0]
    if any((Path(path) / package).is_dir() for path in paths):
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            del sys.modules[name]


def _outcome(work: Callable[[], None]) -> dict[str, Any]:
    try:
        work()
    except NotebookExit as done:
        return {"ok": True, "exit_value": done.value}
    except SystemExit as end:
        if end.code in (None, 0):
            return {"ok": True}
        return {"ok": False, "error": f"SystemExit: {end.code}", "trace": _trace(end)}
    except BaseException as error:
        # Any exception of user code fails the task, KeyboardInterrupt too.
        trace = _trace(error)
        sys.stderr.write(trace.rstrip("\n") + "\n")
        return {"ok": False, "error": _said(error), "trace": trace}
    return {"ok": True}


def _said(error: BaseException) -> str:
    """Return the name of the exception's class and its message, as IPython does: without the module of the class."""
    kind = type(error)
    whole = "".join(traceback.format_exception_only(error)).strip()
    return whole.removeprefix(f"{kind.__module__}.") if whole.startswith(f"{kind.__module__}.{kind.__qualname__}") else whole


def _trace(error: BaseException) -> str:
    """Return the traceback; an exception may render its own by `_render_traceback_` (source: IPython, showtraceback)."""
    rendered = getattr(error, "_render_traceback_", None)
    if callable(rendered):
        return "\n".join(map(str, rendered()))
    lines = traceback.TracebackException.from_exception(error)
    kept = [one for one in lines.stack if not one.filename.startswith((_OWN, "<frozen"))]
    lines.stack = traceback.StackSummary.from_list(kept)
    return "".join(lines.format())


def _notebook(
    spec: dict[str, Any], namespace: dict[str, Any], rest: Rest, siblings: own_packages.SiblingFinder, report: dict[str, Any]
) -> None:
    runner = CellRunner(spec, namespace, rest, siblings)
    report["cells"] = runner.shown
    runner.run()


def _script(spec: dict[str, Any]) -> None:
    sys.argv = [spec["script"], *spec["arguments"]]
    runpy.run_path(spec["script"], run_name="__main__")


def _wheel(spec: dict[str, Any]) -> None:
    sys.argv = [spec["entry_point"], *spec["arguments"]]
    _entry_point(spec["package"], spec["entry_point"])()


def _entry_point(package: str, name: str) -> Callable[[], Any]:
    """Return what a wheel task calls: the entry point in the package's metadata, else the function of that name."""
    wanted = _normal(package)
    for found in metadata.distributions():
        if _normal(found.metadata["Name"] or "") == wanted:
            for one in found.entry_points:
                if one.name == name:
                    loaded: Callable[[], Any] = one.load()
                    return loaded
            break
    module = importlib.import_module(wanted)
    function = getattr(module, name, None)
    if not callable(function):
        raise AttributeError(f"the package '{package}' has neither an entry point nor a function '{name}'")
    called: Callable[[], Any] = function
    return called


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _die_with_the_workspace(lifeline: int) -> None:
    os.set_inheritable(lifeline, False)
    while os.read(lifeline, 1):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
