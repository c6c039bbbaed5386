"""Wheel tasks: entry points, arguments, wheels that do not import, libraries that cannot be had."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import pytest
from databricks.sdk.service import compute, jobs
from databricks.sdk.service.workspace import ImportFormat

from support.fake_runner import fake_runner
from support.jobs import Ended, Jobs
from support.localspace_server import running_localspace

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def flow() -> Iterator[Jobs]:
    with running_localspace(build_runner=fake_runner) as running:
        yield Jobs(running.client())


def _wheel(files: dict[str, str], name: str = "demo_pkg", *, entry: str = "", requires: str = "") -> bytes:
    info = f"{name}-1.0.dist-info"
    everything = files | {f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}\nText.\n"}
    if entry:
        everything[f"{info}/entry_points.txt"] = f"[console_scripts]\n{entry}\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in everything.items():
            archive.writestr(path, text)
    return packed.getvalue()


def _run(flow: Jobs, content: bytes, task: jobs.PythonWheelTask, *more: str, suffix: str = "", **request: object) -> Ended:
    path = f"{flow.folder}/demo_pkg-1.0-py3-none-any.whl"
    flow.client.workspace.upload(path, content, format=ImportFormat.RAW, overwrite=True)
    spec = compute.Environment(environment_version="4", dependencies=[path + suffix, *more])
    return flow.run(
        jobs.Task(task_key="main", environment_key="default", python_wheel_task=task),
        environments=[jobs.JobEnvironment(environment_key="default", spec=spec)],
        **request,
    )


MAIN = {"demo_pkg/__init__.py": "import sys\n\n\ndef main():\n    print(sys.argv)\n    raise SystemExit(0)\n"}
TASK = jobs.PythonWheelTask(package_name="demo-pkg", entry_point="main")


def test_an_entry_point_gets_its_arguments_untouched(flow: Jobs) -> None:
    task = jobs.PythonWheelTask(package_name="demo-pkg", entry_point="go", parameters=["--a", "b c", "$(x)", "ü\n"])
    ended = _run(flow, _wheel(MAIN, entry="go = demo_pkg:main"), task)
    assert (ended.result, ended.output().logs) == ("SUCCESS", "['go', '--a', 'b c', '$(x)', 'ü\\n']\n")


def test_without_an_entry_point_the_function_of_the_package_runs(flow: Jobs) -> None:
    task = jobs.PythonWheelTask(package_name="demo-pkg", entry_point="main", named_parameters={"env": "dev"})
    assert _run(flow, _wheel(MAIN), task).output().logs == "['main', '--env=dev']\n"


def test_job_parameters_reach_named_parameters(flow: Jobs) -> None:
    task = jobs.PythonWheelTask(package_name="demo-pkg", entry_point="main", named_parameters={"env": "dev"})
    ended = _run(flow, _wheel(MAIN), task, parameters={"env": "prod"})
    assert ended.output().logs == "['main', '--env=prod']\n"


def test_an_exit_code_other_than_0_fails_the_task(flow: Jobs) -> None:
    ended = _run(flow, _wheel({"demo_pkg/__init__.py": "def main():\n    raise SystemExit(3)\n"}), TASK)
    assert (ended.result, ended.output().error) == ("FAILED", "SystemExit: 3")


def test_a_wheel_that_does_not_import_fails_with_the_trace(flow: Jobs) -> None:
    ended = _run(flow, _wheel({"demo_pkg/__init__.py": "import no_such_module_anywhere\n"}), TASK)
    assert ended.result == "FAILED"
    assert "No module named 'no_such_module_anywhere'" in (ended.output().error or "")
    assert "demo_pkg/__init__.py" in (ended.output().error_trace or "")


def test_an_entry_point_that_is_missing_is_named(flow: Jobs) -> None:
    ended = _run(flow, _wheel({"demo_pkg/__init__.py": ""}), TASK)
    assert "'demo-pkg' has neither an entry point nor a function 'main'" in (ended.output().error or "")


@pytest.mark.parametrize(
    ("content", "more", "suffix", "words"),
    [
        (b"not a zip", (), "", "is not a wheel"),
        (_wheel(MAIN, requires="Requires-Dist: no-such-dist-anywhere>=1\n"), (), "", "needs 'no-such-dist-anywhere>=1'"),
        (_wheel(MAIN, requires='Requires-Dist: no-such-dist; extra == "big"\n'), (), "[big]", "needs 'no-such-dist'"),
        (_wheel(MAIN), ("no-such-requirement==9",), "", "asks for 'no-such-requirement==9'"),
        (_wheel(MAIN), ("/Workspace/Users/ghost/x.whl",), "", "/Users/ghost/x.whl"),
        (_wheel(MAIN), ("--index-url https://example.org",), "", "options of the installer"),
    ],
)
def test_a_library_that_cannot_be_had_is_named(
    flow: Jobs, content: bytes, more: tuple[str, ...], suffix: str, words: str
) -> None:
    ended = _run(flow, content, TASK, *more, suffix=suffix)
    assert ended.result == "FAILED"
    assert words in (ended.output().error or "")
    details = ended.task("main").status
    assert details is not None
    assert details.termination_details is not None
    assert details.termination_details.code is jobs.TerminationCodeCode.LIBRARY_INSTALLATION_ERROR


def test_extras_nobody_asked_for_are_not_needed(flow: Jobs) -> None:
    requires = 'Requires-Dist: no-such-dist; extra == "big"\nRequires-Dist: click>=8\n'
    assert _run(flow, _wheel(MAIN, requires=requires), TASK, "databricks-sdk>=0.1").result == "SUCCESS"
