"""One layer of an environment as Terraform sees it: a working folder with the module, the variables, and the state file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from lampkeeper.deploy.state import States
from lampkeeper.deploy.terraform.documents import HeldObject, held_in
from lampkeeper.deploy.terraform.program import Program
from lampkeeper.files.text import SECRET_MODE, write_text
from lampkeeper.files.tfvars import part_of, render_layer
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import InternalError
from lampkeeper.model.layers import LAYERS, Layer

STATE_FILE = "terraform.tfstate"
_WORK = Path(".lampkeeper") / "terraform"
_VARIABLES = "lampkeeper.tfvars.json"
_PLAN = "lampkeeper.tfplan"
_ABAC = "abac.tfvars"


def modules() -> Path:
    """Return the folder with the modules account, data_access and workspace: of the installed package, or of the repository."""
    here = Path(str(resources.files("lampkeeper.deploy.terraform")))
    found = next((p for p in (here / "modules", *(up / "terraform" for up in here.parents)) if _is_modules(p)), None)
    if found is None:
        raise InternalError("the Terraform modules of lampkeeper are not installed")
    return found


def _is_modules(folder: Path) -> bool:
    return all((folder / str(layer) / "versions.tf").is_file() for layer in LAYERS)


def state_file(states: States, layer: Layer) -> Path:
    """Return the path of Terraform's state of a layer, beside lampkeeper's own."""
    return states[layer].path.with_name(STATE_FILE)


def read_held(states: States, layers: tuple[Layer, ...] = LAYERS) -> dict[Layer, tuple[HeldObject, ...]]:
    """Return the objects that Terraform's states of these layers hold, without running a program."""
    found = {}
    for layer in layers:
        path = state_file(states, layer)
        if path.is_file() and (held := held_in(path.read_text(encoding="utf-8"), str(path))):
            found[layer] = held
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFolder:
    """One layer of an environment below `root`, the path of its Terraform state, and the program to run for it.

    The working folder is below `.lampkeeper`, outside of `envs`, so that neither providers nor plans travel with the environment.
    Terraform gets the path of its state relative to it: no absolute path is in a plan or a state.
    """

    root: Path
    layer: Layer
    state: Path
    program: Program

    @property
    def work(self) -> Path:
        """Return the working folder."""
        home = Path(os.path.relpath(self.state.parent, self.root / "envs"))
        return self.root / _WORK / home / str(self.layer)

    def plan(self, desired: Desired, variables: Mapping[str, Any], *, destroys: bool) -> tuple[bytes, dict[str, Any]]:
        """Plan the layer; return the saved plan and its JSON form. Write nothing to the workspace.

        The layer's file is written from the desired state: a further workspace has no file of its own.
        """
        self._prepare()
        write_text(self.work / _ABAC, render_layer(part_of(desired, self.layer), self.layer))
        write_text(self.work / _VARIABLES, json.dumps(variables, indent=1, sort_keys=True) + "\n")
        files = [f"-var-file={_ABAC}", f"-var-file={_VARIABLES}"]
        words = ["-destroy"] if destroys else []
        try:
            self.program.run(self.work, "plan", "-no-color", "-input=false", f"-out={_PLAN}", *self._one_by_one, *words, *files)
            shown = self.program.run(self.work, "show", "-json", "-no-color", _PLAN)
            return (self.work / _PLAN).read_bytes(), json.loads(shown)
        finally:
            (self.work / _PLAN).unlink(missing_ok=True)

    def apply(self, plan: bytes) -> None:
        """Apply exactly this saved plan; raise RemoteError if a resource fails, UnsafePlanError if the state has moved on."""
        self._prepare()
        path = self.work / _PLAN
        try:
            path.write_bytes(plan)
            path.chmod(SECRET_MODE)
            self.program.run(self.work, "apply", "-no-color", "-input=false", *self._one_by_one, _PLAN)
        finally:
            path.unlink(missing_ok=True)

    @property
    def _one_by_one(self) -> tuple[str, ...]:
        """Return the option for the account: parallel writes of governed tags abort (provider issue 5070)."""
        return ("-parallelism=1",) if self.layer is Layer.ACCOUNT else ()

    def _prepare(self) -> None:
        """Put the module into the working folder and initialise it with the state file as the backend."""
        self.work.mkdir(parents=True, exist_ok=True)
        for old in self.work.glob("*.tf"):
            old.unlink()
        for source in sorted((modules() / str(self.layer)).glob("*.tf")):
            shutil.copyfile(source, self.work / source.name)
        self.state.parent.mkdir(parents=True, exist_ok=True)
        path = os.path.relpath(self.state, self.work)
        self.program.run(self.work, "init", "-no-color", "-input=false", "-reconfigure", f"-backend-config=path={path}")
