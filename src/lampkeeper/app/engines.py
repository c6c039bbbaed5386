"""The two engines of plan, apply and destroy, with the same methods: the direct one, and Terraform."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.deploy.direct import TerraformWriter
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan, plan_destroy
from lampkeeper.deploy.state import States
from lampkeeper.deploy.terraform.engine import TerraformEngine
from lampkeeper.deploy.terraform.layer_folder import read_held, state_file
from lampkeeper.deploy.terraform.program import Program, find_program
from lampkeeper.deploy.terraform.sign_in import address_variables, environment_for
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.remote.clients import Workspace


class EngineName(StrEnum):
    """The names of the engines."""

    DIRECT = "direct"
    TERRAFORM = "terraform"


class Engine(Protocol):
    """Makes plans, and gives an apply what it needs besides the workspace."""

    def plan(
        self, desired: Desired, workspace: Workspace, states: States, *, adopt: bool = False,
        layers: tuple[Layer, ...] = LAYERS, known: frozenset[tuple[str, str]] = frozenset(),
    ) -> Plan:  # fmt: skip
        """Return the plan that brings the workspace to the desired state."""
        ...

    def plan_destroy(
        self, workspace: Workspace, states: States, *, layers: tuple[Layer, ...] = LAYERS, sole_workspace: bool = False
    ) -> Plan:
        """Return the plan that removes what is owned."""
        ...

    def writer(self, plan: Plan, states: States) -> TerraformWriter | None:
        """Return what writes the changes that the engine itself does not write."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectEngine:
    """The engine that sends every write itself.

    It refuses layers that Terraform holds, whose state it would outrun; for a `preview`, which nobody applies, it compares them.
    """

    root: Path
    preview: bool = False

    def plan(
        self, desired: Desired, workspace: Workspace, states: States, *, adopt: bool = False,
        layers: tuple[Layer, ...] = LAYERS, known: frozenset[tuple[str, str]] = frozenset(),
    ) -> Plan:  # fmt: skip
        """Return the plan that brings the workspace to the desired state; raise UsageError if a layer is Terraform's."""
        self._require_own(states, layers)
        return make_plan(desired, workspace, states, adopt=adopt, layers=layers, known=known)

    def plan_destroy(
        self, workspace: Workspace, states: States, *, layers: tuple[Layer, ...] = LAYERS, sole_workspace: bool = False
    ) -> Plan:
        """Return the plan that removes what is owned; raise UsageError if a layer is Terraform's."""
        self._require_own(states, layers)
        return plan_destroy(workspace, states, layers=layers, sole_workspace=sole_workspace)

    def writer(self, plan: Plan, states: States) -> TerraformWriter | None:
        """Return None: every change is written by the direct engine."""
        return None

    def _require_own(self, states: States, layers: tuple[Layer, ...]) -> None:
        held = {} if self.preview else read_held(states, layers)
        if held:
            layer = next(iter(held))
            path = os.path.relpath(state_file(states, layer), self.root)
            raise UsageError(
                f"layer {layer}: Terraform holds {len(held[layer])} objects ({path})", fix="use --engine terraform here too"
            )


def terraform_engine(
    inputs: EnvInputs, workspace: Workspace, environ: Mapping[str, str], *, propagation: float
) -> TerraformEngine:
    """Return Terraform for an environment; raise UsageError if neither terraform nor OpenTofu is on PATH."""
    program = Program(
        path=find_program(environ), environment=environment_for(workspace, environ), secrets=workspace.secrets
    )  # fmt: skip
    return TerraformEngine(
        root=inputs.folder.root, program=program, addresses=address_variables(workspace), propagation=propagation
    )
