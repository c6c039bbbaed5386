"""Runs scenarios one after another or several at once, each on a fresh local account; the SQL engine of a worker stays up."""

from __future__ import annotations

import multiprocessing
import os
import queue
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lampkeeper.places.local import LocalPlace
from lampkeeper.places.place import Address
from lampkeeper.remote.clients import connect
from lampkeeper.remote.signals import uninterrupted
from lampkeeper.scenarios.neighbour import Neighbour
from lampkeeper.scenarios.results import ScenarioResult, StepResult
from lampkeeper.scenarios.run_folder import RunFolder
from lampkeeper.scenarios.running import Running
from lampkeeper.scenarios.scenario import Step, scenario_named
from lampkeeper.scenarios.world import Program, World

_ADMIN_EXAMPLE = "account-admin.aws.env.example"
_PARENT_WATCH = 0.5
Disturb = Callable[[Step, World], None]
"""Changes the world between what a step does and its checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteOptions:
    """What to run, and how: `folder` is the folder of the runs, `to_stderr` keeps stdout free for one document."""

    names: tuple[str, ...]
    folder: Path
    keep_data: bool = False
    fail_fast: bool = False
    parallel: int = 1
    to_stderr: bool = False
    examples: Path = Path("scripts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One scenario for a worker."""

    name: str
    run_id: str
    home: Path
    address: Address
    program: Program
    options: SuiteOptions
    disturb: Disturb | None = None


def run_suite(options: SuiteOptions, program: Program) -> tuple[ScenarioResult, ...]:
    """Run the scenarios and return their results in the order in which they were named."""
    run = RunFolder(top=options.folder.resolve(), run_id=secrets.token_hex(5))
    run.path.mkdir(parents=True)
    run.save()
    suite = _Suite(options=options, program=program, run=run)
    try:
        return suite.run_all()
    finally:
        with uninterrupted():
            run.end()


@dataclass(kw_only=True)
class _Suite:
    """A run: the names that wait, the results, and a lock for what the threads of the workers share."""

    options: SuiteOptions
    program: Program
    run: RunFolder
    results: dict[str, ScenarioResult] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    errors: list[BaseException] = field(default_factory=list)

    def run_all(self) -> tuple[ScenarioResult, ...]:
        """Share the names among the workers."""
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for name in self.options.names:
            waiting.put(name)
        workers = min(self.options.parallel, len(self.options.names))
        if workers <= 1:
            self._work(1, waiting, run_task)
        else:
            threads = [threading.Thread(target=self._work_in_child, args=(n, waiting)) for n in range(1, workers + 1)]
            for thread in threads:
                thread.start()
            try:
                for thread in threads:
                    thread.join()
            except BaseException:
                self.stop.set()
                raise
            for error in self.errors:
                raise error
        return tuple(
            self.results.get(n) or ScenarioResult(name=n, run_id=self.run.run_id, skipped=True) for n in self.options.names
        )

    def _work_in_child(self, number: int, waiting: queue.SimpleQueue[str]) -> None:
        """Run scenarios in a process of its own: commands change the working folder and the environment of their process."""
        context = multiprocessing.get_context("spawn")
        try:
            with ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_the_parent) as child:
                self._work(number, waiting, lambda task: child.submit(run_task, task).result())
        except BaseException as error:
            self.errors.append(error)
            self.stop.set()

    def _work(self, number: int, waiting: queue.SimpleQueue[str], run: Callable[[Task], ScenarioResult]) -> None:
        with ExitStack() as places:
            place: _Place | None = None
            while not self.stop.is_set():
                try:
                    name = waiting.get_nowait()
                except queue.Empty:
                    return
                if place is None:
                    home = self.run.path / (f"{name}.workspace" if self.options.keep_data else f"workspace-{number}")
                    place = places.enter_context(self._place(home))
                result = self._one(name, place.address, run)
                if self.options.fail_fast and not result.ok:
                    self.stop.set()
                if self.options.keep_data:
                    places.close()
                    place = None

    def _one(self, name: str, address: Address, run: Callable[[Task], ScenarioResult]) -> ScenarioResult:
        with self.lock:
            self.run.running.append(name)
            self.run.save()
        task = Task(
            name=name, run_id=self.run.run_id, home=self.run.path, address=address, program=self.program, options=self.options
        )
        result = run(task)
        with self.lock:
            self.results[name] = result
            self.run.running.remove(name)
            self.run.save()
        return result

    @contextmanager
    def _place(self, folder: Path) -> Iterator[_Place]:
        """Run a local workspace; its process is written down before anything else happens."""
        place = LocalPlace(folder=folder)
        try:
            address = place.up()
            with self.lock:
                self.run.servers.append(place.pid or 0)
                self.run.save()
            yield _Place(address=address)
        finally:
            with uninterrupted():
                place.down()
                if not self.options.keep_data:
                    shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    address: Address


def run_task(task: Task) -> ScenarioResult:
    """Run one scenario on the account, which becomes a new one first; a failed scenario keeps its folder."""
    began = time.monotonic()
    folder, beside = task.home / task.name, task.home / f"{task.name}.neighbour"
    beside.mkdir(parents=True)
    lay_out(folder, task.options.examples)
    connect(task.address.signed()).write("reset", "POST", "/_localspace/reset", {})
    world = World(folder=folder, address=task.address, program=task.program)
    world.noted["warehouse_id"] = task.address.warehouse_id
    neighbour = Neighbour(world=World(folder=beside, address=task.address, program=task.program))
    neighbour.move_in()
    world.foreign_spaces = neighbour.spaces
    line = StepLines(name=task.name, stream=sys.__stderr__ if task.options.to_stderr else sys.__stdout__)
    running = Running(
        scenario=scenario_named(task.name), world=world, surroundings=neighbour, run_id=task.run_id, told=line.told,
        keep_data=task.options.keep_data,
    )  # fmt: skip
    if task.disturb is not None:
        running.disturb = task.disturb
    try:
        result = running.run()
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    result.seconds = time.monotonic() - began
    if result.ok and not task.options.keep_data:
        shutil.rmtree(folder)
    else:
        result.kept = str(folder)
    line.ended(result)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLines:
    """Prints a line per step, whole, past the streams that commands print to."""

    name: str
    stream: object

    def told(self, step: StepResult, number: int, of: int) -> None:
        """Print one step."""
        self.print(f"{'ok' if step.ok else 'FAIL':<4} {self.name} {number}/{of} {step.seconds:.1f} s  {step.title}")
        for check in step.failed:
            for text in (check.failures or ("",))[:20]:
                self.print(f"       {check.name}: {text}")

    def ended(self, result: ScenarioResult) -> None:
        """Print the verdict of the scenario."""
        counts = f"{len(result.steps)} steps, {result.checks} checks, {result.seconds:.1f} s"
        self.print(f"{result.word} {self.name}: {counts}{f', kept in {result.kept}' if result.kept else ''}")

    def print(self, text: str) -> None:
        """Print one line."""
        print(text, file=self.stream, flush=True)  # type: ignore[call-overload]


def lay_out(home: Path, examples: Path) -> None:
    """Make a scenario's folder as a clone has it; an installed lampkeeper has no example of the account admin's file."""
    folder = home / "scripts"
    folder.mkdir(parents=True)
    source = examples / _ADMIN_EXAMPLE
    text = source.read_text() if source.is_file() else "# DATABRICKS_ACCOUNT_ID=\n"
    (folder / _ADMIN_EXAMPLE).write_text(text)


def _end_with_the_parent() -> None:
    """End this process when the one that started it is gone."""
    parent, never = os.getppid(), threading.Event()

    def watch() -> None:
        while os.getppid() == parent:
            never.wait(_PARENT_WATCH)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def every_failure(results: Sequence[ScenarioResult]) -> int:
    """Return the exit code of the first failure, 0 if there is none."""
    return next((r.exit_code for r in results if not r.ok and not r.skipped), 0)
