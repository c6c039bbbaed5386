"""Runs of jobs, driven by the SDK: graph, values, failures, limits, cancel, queue, repair."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied
from databricks.sdk.service import jobs
from databricks.sdk.service.workspace import ImportFormat

from support.fake_runner import fake_runner
from support.jobs import ENVIRONMENTS, Jobs
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server

NOTEBOOK = "# Databricks notebook source\n"
OK = "print('ok')\n"
FAIL = "raise ValueError('on purpose')\n"


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


@pytest.fixture(scope="module")
def flow(space: LocalWorkspace) -> Jobs:
    return Jobs(space.client())


def _condition(key: str, left: str, op: jobs.ConditionTaskOp, right: str, after: tuple[str, ...] = ()) -> jobs.Task:
    edges = [jobs.TaskDependency(task_key=one) for one in after]
    return jobs.Task(task_key=key, depends_on=edges, condition_task=jobs.ConditionTask(left=left, op=op, right=right))


def _notebook(flow: Jobs, key: str, source: str, **parameters: str) -> jobs.Task:
    path = flow.notebook(key, NOTEBOOK + source)
    return jobs.Task(task_key=key, notebook_task=jobs.NotebookTask(notebook_path=path, base_parameters=parameters))


# What tasks get and give


def test_a_notebook_reads_widgets_sets_values_and_exits_with_one(flow: Jobs) -> None:
    source = (
        "dbutils.widgets.text('who', 'nobody')\ndbutils.jobs.taskValues.set('n', 3)\n"
        "dbutils.notebook.exit('hi ' + dbutils.widgets.get('who'))\n"
    )
    script = (
        "import sys\nfrom databricks.sdk.runtime import dbutils\nprint(sys.argv[1:], dbutils.jobs.taskValues.get('main', 'n'))\n"
    )
    ended = flow.run(
        _notebook(flow, "main", source, who="task"),
        flow.python("next", script, "{{tasks.main.values.n}}", "{{job.parameters.who}}", after=("main",)),
        parameters={"who": 'a "quoted"\nline; {{job.id}} $(x)'},
    )
    assert ended.result == "SUCCESS"
    output = ended.output("main").notebook_output
    assert output is not None
    assert output.result == 'hi a "quoted"\nline; {{job.id}} $(x)'
    assert ended.output("next").logs == "['3', 'a \"quoted\"\\nline; {{job.id}} $(x)'] 3\n"


def test_a_no_op_task_costs_little(flow: Jobs) -> None:
    ended = flow.run(_notebook(flow, "main", "pass\n"))
    assert ended.result == "SUCCESS"
    assert (ended.task("main").end_time or 0) - (ended.task("main").start_time or 0) < 1_500


def test_the_wrong_branch_of_a_condition_is_excluded_and_the_report_runs(flow: Jobs) -> None:
    plan = _notebook(flow, "plan", "dbutils.jobs.taskValues.set('loosens', True)\n")
    check = _condition("check", "{{tasks.plan.values.loosens}}", jobs.ConditionTaskOp.EQUAL_TO, "false", ("plan",))
    apply = flow.python("apply", OK)
    apply.depends_on = [jobs.TaskDependency(task_key="check", outcome="true")]
    verify = flow.python("verify", OK, after=("apply",))
    report = flow.python("report", OK, after=("verify", "plan"), run_if=jobs.RunIf.ALL_DONE)
    ended = flow.run(plan, check, apply, verify, report)
    assert ended.results == {
        "plan": "SUCCESS", "check": "SUCCESS", "apply": "EXCLUDED", "verify": "EXCLUDED", "report": "SUCCESS"
    }  # fmt: skip
    assert ended.task("check").condition_task is not None
    assert ended.task("check").condition_task.outcome == "false"
    assert ended.result == "SUCCESS"
    assert ended.output("apply").logs == ""


def test_a_failing_task_fails_the_run_and_names_itself(flow: Jobs) -> None:
    ended = flow.run(flow.python("bad", FAIL), flow.python("after", OK, after=("bad",)))
    assert ended.result == "FAILED"
    assert ended.results == {"bad": "FAILED", "after": "UPSTREAM_FAILED"}
    assert "Task bad failed with message: Workload failed, see run output for details" in ended.message
    output = ended.output("bad")
    assert output.error == "ValueError: on purpose"
    assert output.error_trace is not None
    assert "bad.py" in output.error_trace
    assert "task_process" not in output.error_trace
    details = ended.task("bad").status
    assert details is not None
    assert details.termination_details is not None
    assert details.termination_details.code is jobs.TerminationCodeCode.RUN_EXECUTION_ERROR


def test_a_clean_up_task_makes_a_failure_a_success_with_failures(flow: Jobs) -> None:
    clean = flow.python("clean", OK, after=("bad",), run_if=jobs.RunIf.AT_LEAST_ONE_FAILED)
    ended = flow.run(flow.python("bad", FAIL), clean)
    assert ended.results == {"bad": "FAILED", "clean": "SUCCESS"}
    assert ended.result == "SUCCESS_WITH_FAILURES"


def test_a_loop_runs_its_task_for_every_input(flow: Jobs) -> None:
    nested = flow.python("each", "import sys\nassert sys.argv[1] != 'bad'\nprint(sys.argv[1])\n", "{{input.name}}")
    loop = jobs.ForEachTask(inputs='[{"name": "a"}, {"name": "bad"}, {"name": "c"}]', concurrency=3, task=nested)
    ended = flow.run(jobs.Task(task_key="loop", for_each_task=loop))
    assert ended.result == "FAILED"
    task_run_id = ended.task("loop").run_id
    assert task_run_id is not None
    found = flow.client.jobs.get_run(task_run_id).iterations or []
    states = [one.state.result_state.value for one in found if one.state and one.state.result_state]
    assert states == ["SUCCESS", "FAILED", "SUCCESS"]
    shown = ended.task("loop").for_each_task
    assert shown is not None
    assert shown.stats is not None
    assert shown.stats.task_run_stats is not None
    assert shown.stats.task_run_stats.failed_iterations == 1


def test_a_job_runs_another_with_its_parameters(flow: Jobs) -> None:
    inner = flow.create(
        _notebook(flow, "inner", "dbutils.notebook.exit(dbutils.widgets.get('env'))\n"),
        parameters=[jobs.JobParameterDefinition(name="env", default="none")],
    )
    ended = flow.run(
        jobs.Task(task_key="call", run_job_task=jobs.RunJobTask(job_id=inner)),
        parameters={"env": "dev", "unknown to the other": "x"},
    )
    assert ended.result == "SUCCESS"
    child = ended.output("call").run_job_output
    assert child is not None
    assert child.run_id is not None
    output = flow.wait(child.run_id).output("inner").notebook_output
    assert output is not None
    assert output.result == "dev"


def test_a_notebook_includes_and_runs_others(flow: Jobs) -> None:
    flow.notebook("shared", NOTEBOOK + "base = 40\n")
    flow.notebook("child", NOTEBOOK + "dbutils.notebook.exit(int(dbutils.widgets.get('n')) + 1)\n")
    call = "dbutils.notebook.exit(dbutils.notebook.run('child', 60, {'n': base + 1}))\n"
    source = "# MAGIC %run ./shared\n\n# COMMAND ----------\n\n" + call
    output = flow.run(_notebook(flow, "main", source)).output().notebook_output
    assert output is not None
    assert output.result == "42"


def test_a_run_of_a_notebook_exports_its_cells_escaped(flow: Jobs) -> None:
    ended = flow.run(_notebook(flow, "main", "print('<b>bold</b>')\n"))
    run_id = ended.task("main").run_id
    assert run_id is not None
    views = flow.client.jobs.export_run(run_id).views or []
    assert views[0].content is not None
    assert "&lt;b&gt;bold&lt;/b&gt;" in views[0].content
    assert "<b>bold" not in views[0].content


# Bad input


def test_a_task_value_that_was_never_set_fails_where_it_is_used(flow: Jobs) -> None:
    ended = flow.run(flow.python("main", OK), flow.python("uses", OK, "{{tasks.main.values.ghost}}", after=("main",)))
    assert ended.results == {"main": "SUCCESS", "uses": "FAILED"}
    assert "has set no value 'ghost'" in (ended.output("uses").error or "")


def test_a_notebook_with_a_syntax_error_names_the_line(flow: Jobs) -> None:
    ended = flow.run(_notebook(flow, "main", "x = 1\n\n# COMMAND ----------\n\nif x\n    print(x)\n"))
    assert ended.result == "FAILED"
    assert "SyntaxError" in (ended.output().error or "")
    assert "line 6" in (ended.output().error_trace or "")


def test_a_secret_scope_that_does_not_exist_is_named(flow: Jobs) -> None:
    ended = flow.run(_notebook(flow, "main", "dbutils.secrets.get('no such scope', 'k')\n"))
    assert "Secret does not exist with scope: no such scope and key: k" in (ended.output().error or "")


def test_a_notebook_that_is_missing_is_named_with_who_looked(flow: Jobs) -> None:
    ended = flow.run(jobs.Task(task_key="main", notebook_task=jobs.NotebookTask(notebook_path="/Users/none/ghost")))
    assert ended.result == "FAILED"
    assert "/Users/none/ghost" in (ended.output().error or "")
    assert (flow.name or "") in (ended.output().error or "")


def test_a_loop_over_no_list_is_refused(flow: Jobs) -> None:
    nested = flow.python("each", OK)
    ended = flow.run(jobs.Task(task_key="loop", for_each_task=jobs.ForEachTask(inputs="not json", task=nested)))
    assert "inputs is not valid JSON" in (ended.output("loop").error or "")


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([jobs.Task(task_key="a")], "exactly one of"),
        ([jobs.Task(task_key="a", spark_python_task=jobs.SparkPythonTask(python_file="/x.py"))], "environment_key"),
        ([jobs.Task(task_key="a b", notebook_task=jobs.NotebookTask(notebook_path="/x"))], "task_key 'a b'"),
        ([_condition("a", "{{tasks.ghost.values.x}}", jobs.ConditionTaskOp.EQUAL_TO, "1")], "'ghost', which does not exist"),
        ([_condition("a", "{{job.naem}}", jobs.ConditionTaskOp.EQUAL_TO, "1")], "job.naem}} is not a known reference"),
    ],
)
def test_broken_settings_are_refused_when_a_job_is_made(flow: Jobs, tasks: list[jobs.Task], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        flow.create(*tasks)


# Limits


def test_of_long_output_the_end_is_kept_and_of_an_exit_value_the_start(flow: Jobs) -> None:
    five = 5 * 1024 * 1024
    long = "import sys\nsys.stdout.write('first' + 'x' * 6_000_000 + 'last')\n"
    ended = flow.run(
        flow.python("log", long), _notebook(flow, "value", "dbutils.notebook.exit('first' + 'y' * 6_000_000 + 'last')\n")
    )
    log, value = ended.output("log"), ended.output("value").notebook_output
    assert log.logs is not None
    assert len(log.logs) == five
    assert log.logs.endswith("last")
    assert log.logs_truncated
    assert value is not None
    assert value.result is not None
    assert value.truncated
    assert len(value.result) == five
    assert value.result.startswith("first")


def test_a_secret_that_was_read_is_blotted_out_everywhere(flow: Jobs, space: LocalWorkspace) -> None:
    flow.client.secrets.create_scope("jobs")
    flow.client.secrets.put_secret("jobs", "key", string_value="hunter2-hunter2")
    source = "s = dbutils.secrets.get('jobs', 'key')\nprint('it is', s)\nraise ValueError(s)\n"
    other = "import os\nos.write(1, dbutils.secrets.get('jobs', 'key').encode())\n"
    ended = flow.run(_notebook(flow, "main", source), _notebook(flow, "other", other))
    run_id = ended.task("main").run_id
    assert run_id is not None
    seen = str([ended.output("main").as_dict(), flow.client.jobs.export_run(run_id).as_dict()])
    assert "hunter2" not in seen
    assert "it is [REDACTED]" in seen
    # What a child process or a raw write put into the log never went through Python's stdout.
    left = space.workspace.services.jobs.executor.folder_of(ended.task("other").run_id or 0)
    assert (left / "output.log").read_text() == "[REDACTED]15\n"


# Ends before the end


def test_cancel_kills_the_process_and_all_that_it_started(flow: Jobs, tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    source = (
        "import os, subprocess, time\nfrom pathlib import Path\nchild = subprocess.Popen(['sleep', '60'])\n"
        f"Path({str(mark)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\ntime.sleep(60)\n"
    )
    run_id = flow.start(flow.create(flow.python("main", source), flow.python("after", OK, after=("main",))))
    flow.until(lambda: mark.exists() and len(mark.read_text().split()) == 2)
    flow.client.jobs.cancel_run(run_id)
    ended = flow.wait(run_id)
    assert ended.result == "CANCELED"
    assert set(ended.results.values()) == {"CANCELED"}
    flow.until(lambda: not any(_alive(int(pid)) for pid in mark.read_text().split()), 30)


def test_a_task_process_killed_by_kill_9_is_reported_as_failed(flow: Jobs) -> None:
    ended = flow.run(
        flow.python("main", f"import os\nprint('before', flush=True)\nos.kill(os.getpid(), {signal.SIGKILL.value})\n")
    )
    assert ended.results == {"main": "FAILED"}
    assert "killed by SIGKILL" in (ended.output().error or "")
    assert ended.output().logs == "before\n"


def test_a_process_that_ends_without_a_word_is_a_failure(flow: Jobs) -> None:
    ended = flow.run(flow.python("main", "import os\nos._exit(0)\n"))
    assert ended.result == "FAILED"
    assert "exit code 0 before it could report" in (ended.output().error or "")


def test_a_task_beyond_its_time_is_stopped(flow: Jobs) -> None:
    ended = flow.run(flow.python("main", "import time\ntime.sleep(60)\n", timeout_seconds=1))
    assert ended.results == {"main": "TIMEDOUT"}
    assert ended.result == "FAILED"


def test_a_run_beyond_its_time_is_stopped(flow: Jobs) -> None:
    ended = flow.run(flow.python("main", "import time\ntime.sleep(60)\n"), timeout_seconds=1)
    assert ended.result == "TIMEDOUT"


def test_a_retry_can_succeed(flow: Jobs, tmp_path: Path) -> None:
    mark = tmp_path / "tried"
    source = f"from pathlib import Path\nmark = Path({str(mark)!r})\nfirst = not mark.exists()\nmark.touch()\nassert not first\n"
    ended = flow.run(flow.python("main", source, max_retries=2, min_retry_interval_millis=10))
    assert ended.result == "SUCCESS"
    assert ended.task("main").attempt_number == 1


# Many runs


def test_runs_beyond_the_limit_wait_in_the_queue_or_are_skipped(flow: Jobs, tmp_path: Path) -> None:
    go = tmp_path / "go"
    source = f"import time\nfrom pathlib import Path\nwhile not Path({str(go)!r}).exists():\n    time.sleep(0.02)\n"
    job_id = flow.create(flow.python("main", source), max_concurrent_runs=1, queue=jobs.QueueSettings(enabled=True))
    first, second = flow.start(job_id), flow.start(job_id)
    assert flow.life(second) == "QUEUED"
    flow.client.jobs.update(job_id, new_settings=jobs.JobSettings(queue=jobs.QueueSettings(enabled=False)))
    third = flow.wait(flow.start(job_id))
    assert third.run.state is not None
    assert third.run.state.life_cycle_state is jobs.RunLifeCycleState.SKIPPED
    assert third.result == "MAXIMUM_CONCURRENT_RUNS_REACHED"
    go.touch()
    assert flow.wait(first).result == flow.wait(second).result == "SUCCESS"


def test_one_idempotency_token_starts_one_run(flow: Jobs) -> None:
    job_id = flow.create(flow.python("main", OK))
    first, second = (flow.start(job_id, idempotency_token="once") for _ in range(2))
    assert first == second
    assert len(list(flow.client.jobs.list_runs(job_id=job_id))) == 1
    flow.wait(first)


def test_a_repair_runs_what_failed_again_and_keeps_the_rest(flow: Jobs, tmp_path: Path) -> None:
    mark = tmp_path / "fixed"
    bad = flow.python("bad", f"from pathlib import Path\nassert Path({str(mark)!r}).exists()\n", after=("good",))
    job_id = flow.create(flow.python("good", OK), bad, flow.python("after", OK, after=("bad",)))
    first = flow.run_job(job_id)
    assert first.results == {"good": "SUCCESS", "bad": "FAILED", "after": "UPSTREAM_FAILED"}
    mark.touch()
    run_id = first.run.run_id
    assert run_id is not None
    repaired = flow.client.jobs.repair_run(run_id, rerun_all_failed_tasks=True).response
    ended = flow.wait(run_id)
    assert ended.result == "SUCCESS"
    assert set(ended.results.values()) == {"SUCCESS"}
    assert ended.task("good").run_id == first.task("good").run_id != ended.task("bad").run_id
    with pytest.raises(BadRequest, match="latest_repair_id"):
        flow.client.jobs.repair_run(run_id, rerun_tasks=["good"])
    history = flow.client.jobs.get_run(run_id, include_history=True).repair_history or []
    assert [one.id for one in history] == [None, repaired.repair_id]


def test_only_the_chosen_tasks_run(flow: Jobs) -> None:
    job_id = flow.create(flow.python("a", FAIL), flow.python("b", OK, after=("a",)))
    assert flow.run_job(job_id, only=["b"]).results == {"b": "SUCCESS"}
    with pytest.raises(BadRequest, match="no task 'ghost'"):
        flow.start(job_id, only=["ghost"])


def test_a_schedule_is_kept_and_fires_on_request(flow: Jobs, space: LocalWorkspace) -> None:
    schedule = jobs.CronSchedule(quartz_cron_expression="0 0 6 * * ?", timezone_id="UTC", pause_status=jobs.PauseStatus.PAUSED)
    job_id = flow.create(_condition("main", "{{job.trigger.type}}", jobs.ConditionTaskOp.EQUAL_TO, "periodic"), schedule=schedule)
    with space.http() as http:
        refused = http.post(f"/_localspace/jobs/{job_id}/trigger", json={})
        assert refused.status_code == 400
        assert "paused" in refused.json()["message"]
    schedule.pause_status = jobs.PauseStatus.UNPAUSED
    flow.client.jobs.update(job_id, new_settings=jobs.JobSettings(schedule=schedule))
    ended = flow.wait(space.control("POST", f"jobs/{job_id}/trigger", {})["run_id"])
    assert ended.run.trigger is jobs.TriggerType.PERIODIC
    assert ended.task("main").condition_task is not None
    assert ended.task("main").condition_task.outcome == "true"


# Who


def test_a_task_runs_as_run_as_with_a_token_that_ends_with_it(flow: Jobs, space: LocalWorkspace) -> None:
    principal = flow.client.service_principals.create(display_name="runner")
    assert principal.application_id is not None
    assert principal.id is not None
    source = (
        "import os\nfrom databricks.sdk import WorkspaceClient\n"
        "print(WorkspaceClient().current_user.me().user_name, os.environ['DATABRICKS_TOKEN'])\n"
    )
    task = flow.python("main", source)
    path = task.spark_python_task.python_file if task.spark_python_task else ""
    job_id = flow.create(task, run_as=jobs.JobRunAs(service_principal_name=principal.application_id))
    refused = flow.run_job(job_id)
    assert refused.result == "FAILED"
    assert path in (refused.output().error or "")
    assert "CAN_READ" in (refused.output().error or "")
    flow.client.jobs.update(job_id, new_settings=jobs.JobSettings(tasks=[_elsewhere(flow, source)]))
    ended = flow.run_job(job_id)
    assert ended.result == "SUCCESS"
    name, token = (ended.output().logs or "").split()
    assert name == principal.application_id
    with space.http(token) as http:
        assert http.get("/api/2.0/preview/scim/v2/Me").status_code == 401


def _elsewhere(flow: Jobs, source: str) -> jobs.Task:
    path = "/Workspace/Shared/main.py"
    flow.client.workspace.upload(path, source.encode(), format=ImportFormat.RAW, overwrite=True)
    return jobs.Task(task_key="main", environment_key="default", spark_python_task=jobs.SparkPythonTask(python_file=path))


def test_others_need_a_permission_on_a_job(flow: Jobs, space: LocalWorkspace) -> None:
    other = flow.client.service_principals.create(display_name="other")
    assert other.application_id is not None
    theirs = space.client(space.mint(other.application_id))
    job_id = flow.create(flow.python("main", OK))
    with pytest.raises(PermissionDenied):
        theirs.jobs.get(job_id)
    grant = jobs.JobAccessControlRequest(
        service_principal_name=other.application_id, permission_level=jobs.JobPermissionLevel.CAN_VIEW
    )
    flow.client.jobs.update_permissions(str(job_id), access_control_list=[grant])
    assert theirs.jobs.get(job_id).job_id == job_id
    with pytest.raises(PermissionDenied, match="CAN_MANAGE_RUN"):
        theirs.jobs.run_now(job_id)
    with pytest.raises(PermissionDenied, match="may not run jobs as"):
        theirs.jobs.create(name="as admin", tasks=[], run_as=jobs.JobRunAs(user_name=flow.name))


# A workspace that dies


def test_a_restart_ends_what_was_running_and_starts_what_was_queued(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    source = f"import os, time\nfrom pathlib import Path\nPath({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(60)\n"
    with running_localspace(tmp_path / "data", fake_runner) as space:
        flow = Jobs(space.client())
        job_id = flow.create(flow.python("main", source), queue=jobs.QueueSettings(enabled=True))
        running, queued = flow.start(job_id), flow.start(job_id)
        flow.until(lambda: mark.exists() and bool(mark.read_text()))
        first = int(mark.read_text())
    with running_localspace(tmp_path / "data", fake_runner) as space:
        flow = Jobs(space.client())
        ended = flow.wait(running)
        assert ended.run.state is not None
        assert ended.run.state.life_cycle_state is jobs.RunLifeCycleState.INTERNAL_ERROR
        assert ended.result == "FAILED"
        assert "restarted" in ended.message
        assert ended.results == {"main": "FAILED"}
        assert not _alive(first)
        flow.until(lambda: flow.life(queued) == "RUNNING")
        flow.client.jobs.cancel_run(queued)
        assert flow.wait(queued).result == "CANCELED"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A killed child that nobody has waited for yet counts as dead.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_submitted_runs_need_no_job(flow: Jobs) -> None:
    task = flow.python("main", OK)
    submitted = jobs.SubmitTask(task_key="main", environment_key="default", spark_python_task=task.spark_python_task)
    run_id = flow.client.jobs.submit(run_name="once", tasks=[submitted], environments=ENVIRONMENTS).run_id
    assert run_id is not None
    ended = flow.wait(run_id)
    assert ended.result == "SUCCESS"
    assert ended.run.run_type is jobs.RunType.SUBMIT_RUN
    flow.client.jobs.delete_run(run_id)
    with pytest.raises(NotFound, match="does not exist"):
        flow.client.jobs.get_run(run_id)


def test_jobs_are_listed_changed_and_deleted(flow: Jobs) -> None:
    job_id = flow.create(flow.python("a", OK), flow.python("b", OK), name="kept", tags={"room": "tests"})
    listed = {one.job_id: one for one in flow.client.jobs.list(name="KEPT", expand_tasks=True)}
    found = listed[job_id].settings
    assert found is not None
    assert ([one.task_key for one in found.tasks or ()], found.tags) == (["a", "b"], {"room": "tests"})
    flow.client.jobs.update(
        job_id, new_settings=jobs.JobSettings(tasks=[flow.python("c", OK)]), fields_to_remove=["tags", "tasks/a"]
    )
    changed = flow.client.jobs.get(job_id).settings
    assert changed is not None
    assert ([one.task_key for one in changed.tasks or ()], changed.tags) == (["b", "c"], None)
    flow.client.jobs.reset(job_id, jobs.JobSettings(name="new", tasks=[flow.python("d", OK)], environments=ENVIRONMENTS))
    reset = flow.client.jobs.get(job_id).settings
    assert reset is not None
    assert (reset.name, [one.task_key for one in reset.tasks or ()]) == ("new", ["d"])
    flow.client.jobs.delete(job_id)
    with pytest.raises(NotFound, match=f"Job {job_id} does not exist"):
        flow.client.jobs.get(job_id)


def test_many_tasks_come_in_pages_that_the_client_puts_together(flow: Jobs) -> None:
    check = jobs.ConditionTask(left="1", op=jobs.ConditionTaskOp.EQUAL_TO, right="1")
    tasks = [jobs.Task(task_key=f"t{number}", condition_task=check) for number in range(120)]
    job_id = flow.create(*tasks)
    found = flow.client.jobs.get(job_id).settings
    assert found is not None
    assert len(found.tasks or ()) == 120
    assert len(flow.run_job(job_id).results) == 120


def test_runs_are_listed_by_state_and_cancelled_together(flow: Jobs) -> None:
    job_id = flow.create(flow.python("main", "import time\ntime.sleep(60)\n"), max_concurrent_runs=3)
    started = [flow.start(job_id) for _ in range(3)]
    active = [one.run_id for one in flow.client.jobs.list_runs(job_id=job_id, active_only=True)]
    assert active == started[::-1]
    flow.client.jobs.cancel_all_runs(job_id=job_id)
    assert {flow.wait(one).result for one in started} == {"CANCELED"}
    assert len(list(flow.client.jobs.list_runs(job_id=job_id, completed_only=True, limit=2))) == 3
