"""The processes of tasks: their life, what they share, what they take over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localspace.core.child_process import ChildProcess
from localspace.jobs.process import TaskProcesses

pytestmark = pytest.mark.server


def test_a_task_process_dies_with_the_workspace(tmp_path: Path) -> None:
    task = script_task(tmp_path, "import time\ntime.sleep(600)\n")
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(task)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    time.sleep(0.4)
    os.kill(pid, 0)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    end = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < end
        time.sleep(0.02)


_OWNER = """
import sys
from pathlib import Path
from localspace.jobs.process import TaskProcesses
folder = Path(sys.argv[1])
process = TaskProcesses(folder.parent).start(folder, {"DATABRICKS_HOST": "http://127.0.0.1:9", "DATABRICKS_TOKEN": "none"})
print(process.mark()["pid"], flush=True)
process.wait()
"""


def script_task(folder: Path, code: str, paths: tuple[Path, ...] = ()) -> Path:
    """Write a task that runs `code`; return its folder."""
    task = folder / "task"
    task.mkdir(parents=True)
    script = folder / "script.py"
    script.write_text(code)
    spec = {
        "kind": "script", "script": str(script), "directory": str(folder), "arguments": [],
        "paths": [str(path) for path in paths], "run_folder": str(folder), "context": {}, "values": {},
    }  # fmt: skip
    (task / "spec.json").write_text(json.dumps(spec))
    return task


SIGNED_IN = {"DATABRICKS_HOST": "http://127.0.0.1:9", "DATABRICKS_TOKEN": "a-secret-token"}


def ran(processes: TaskProcesses, folder: Path, code: str, paths: tuple[Path, ...] = ()) -> tuple[int, str, int]:
    """Run a task; return its exit code, its output and its process id."""
    task = script_task(folder, code, paths)
    process = processes.start(task, SIGNED_IN)
    pid = process.mark()["pid"]
    return process.wait(), (task / "output.log").read_text(), pid


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[TaskProcesses]:
    opened = TaskProcesses(tmp_path / "runs")
    yield opened
    opened.close()


def test_tasks_share_nothing_but_the_time_it_takes_to_load_packages(tmp_path: Path, processes: TaskProcesses) -> None:
    code = (
        "import builtins, os, sys\n"
        "left = getattr(builtins, 'left', 'nothing')\n"
        "print(left, os.environ['DATABRICKS_TOKEN'], os.environ['HOME'], sys.stdin.read() == '')\n"
        "builtins.left = 'something'; os.environ['LEFT'] = 'x'\n"
    )
    found = [ran(processes, tmp_path / str(number), code) for number in range(3)]
    assert len({pid for _, _, pid in found}) == 3
    for number, (exit_code, output, _) in enumerate(found):
        assert exit_code == 0, output
        assert output == f"nothing a-secret-token {tmp_path / str(number) / 'task' / 'home'} True\n"


def test_a_token_is_in_no_listing_of_processes(tmp_path: Path, processes: TaskProcesses) -> None:
    code = "print(open('/proc/self/environ').read().count('a-secret-token'), open('/proc/self/cmdline').read().count('a-secret'))"
    assert [ran(processes, tmp_path / str(number), code)[:2] for number in range(2)] == [(0, "0 0\n"), (0, "0 0\n")]


def test_a_ready_process_that_has_ended_is_replaced(tmp_path: Path, processes: TaskProcesses) -> None:
    first = ran(processes, tmp_path / "0", "print(1)")
    ready = processes._ready
    assert ready is not None
    ready.signal_group()
    ready.wait()
    second = ran(processes, tmp_path / "1", "print(2)")
    assert (first[:2], second[:2]) == ((0, "1\n"), (0, "2\n"))
    assert second[2] != ready.pid


def test_the_packages_that_a_task_brings_come_before_those_loaded_already(tmp_path: Path, processes: TaskProcesses) -> None:
    own = tmp_path / "libraries"
    (own / "databricks" / "sdk").mkdir(parents=True)
    (own / "databricks" / "__init__.py").write_text("")
    (own / "databricks" / "sdk" / "__init__.py").write_text("version = 'of the task'\n")
    code = "import databricks.sdk as found\nprint(found.version)\n"
    for number in range(2):
        time.sleep(number * 2)  # the second process has loaded its own by then
        assert ran(processes, tmp_path / str(number), code, (own,))[:2] == (0, "of the task\n")


def test_a_process_that_gets_no_task_ends(tmp_path: Path) -> None:
    code = "import localspace.task_process.__main__ as it, sys; it.WAIT_SECONDS = 0.2; sys.exit(it.main())"
    child = ChildProcess(
        lambda listening: [sys.executable, "-c", code, str(listening)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        output=subprocess.DEVNULL,
        stdin=subprocess.PIPE,
    )
    assert child.wait(30) == 0
    child.release()
    child.stdin.close()
