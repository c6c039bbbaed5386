"""Runs scenarios on a workspace that exists, one after another; everything that they make there carries the run's id."""

from __future__ import annotations

import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from lampkeeper.model.auth import Auth
from lampkeeper.places.place import Address
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.signals import uninterrupted
from lampkeeper.scenarios.existing import Guests, require_test_workspace
from lampkeeper.scenarios.results import ScenarioResult
from lampkeeper.scenarios.run_folder import RunFolder, dead_runs
from lampkeeper.scenarios.running import Running
from lampkeeper.scenarios.scenario import scenario_named
from lampkeeper.scenarios.suite import StepLines, SuiteOptions, lay_out
from lampkeeper.scenarios.world import Program, World
from lampkeeper.testdata.warehouse_choice import choose_warehouse


@dataclass(kw_only=True)
class ExistingSuite:
    """A run of scenarios on one workspace."""

    options: SuiteOptions
    program: Program
    workspace: Workspace
    address: Address

    @classmethod
    def opened(cls, options: SuiteOptions, program: Program, auth: Auth, *, warehouse_id: str, sandbox: bool) -> ExistingSuite:
        """Connect, and choose the warehouse; raise UsageError if scenarios may not start in this workspace."""
        workspace = connect(auth)
        require_test_workspace(workspace, options.examples, sandbox=sandbox)
        warehouse = choose_warehouse(workspace, warehouse_id)
        address = Address(
            host=workspace.host, account_id=workspace.account_id, workspace_id=workspace.workspace_id, warehouse_id=warehouse,
            auth=auth,
        )  # fmt: skip
        return cls(options=options, program=program, workspace=connect(auth, warehouse_id=warehouse), address=address)

    def run(self) -> tuple[ScenarioResult, ...]:
        """Run the scenarios in the order in which they were named."""
        run = RunFolder(top=self.options.folder.resolve(), run_id=secrets.token_hex(5), host=self.workspace.host)
        run.path.mkdir(parents=True)
        results: list[ScenarioResult] = []
        try:
            for name in self.options.names:
                stopped = self.options.fail_fast and any(not r.ok and not r.skipped for r in results)
                why = "an earlier scenario failed" if stopped else scenario_named(name).only_local
                if why:
                    results.append(ScenarioResult(name=name, run_id=run.run_id, skipped=True, error=why))
                    continue
                run.running = [name]
                run.save()
                results.append(self._one(run, name))
        finally:
            with uninterrupted():
                run.end()
        return tuple(results)

    def _one(self, run: RunFolder, name: str) -> ScenarioResult:
        folder = run.path / name
        lay_out(folder, self.options.examples)
        guests = Guests(workspace=self.workspace, run_id=run.run_id)
        line = StepLines(name=name, stream=sys.__stderr__ if self.options.to_stderr else sys.__stdout__)
        try:
            guests.move_in()
            running = self._running(name, run.run_id, folder, guests)
            running.told, running.keep_data = line.told, self.options.keep_data
            result = running.run()
        finally:
            if not self.options.keep_data:
                with uninterrupted():
                    remove_left(guests)
        if result.ok and not self.options.keep_data:
            shutil.rmtree(folder)
        else:
            result.kept = str(folder)
        line.ended(result)
        return result

    def _running(self, name: str, run_id: str, folder: Path, guests: Guests) -> Running:
        world = World(folder=folder, address=self.address, program=self.program, local=False, run_id=run_id)
        world.noted["warehouse_id"] = self.address.warehouse_id
        world.foreign_spaces = guests.foreign_spaces()
        return Running(scenario=scenario_named(name, run_id), world=world, surroundings=guests, run_id=run_id)

    def remove_dead(self) -> list[str]:
        """Remove what runs that died have left in this workspace, by their folders and their ids; return their ids."""
        removed = []
        for dead in dead_runs(self.options.folder):
            if str(dead.record.get("host", "")) != self.workspace.host:
                continue
            guests = Guests(workspace=self.workspace, run_id=dead.path.name)
            for name in dead.record.get("running", ()):
                if (dead.path / name).is_dir():
                    self._running(name, dead.path.name, dead.path / name, guests).tear_down()
            remove_left(guests)
            dead.remove()
            removed.append(dead.path.name)
        return removed


def remove_left(guests: Guests) -> None:
    """Remove everything that carries the run's id."""
    for _, remove in list(guests.left()):
        remove()
