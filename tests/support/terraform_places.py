"""A local workspace with both engines on it, and the layers' files that Terraform reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lampkeeper.app.engines import DirectEngine, Engine
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.terraform.engine import TerraformEngine
from lampkeeper.deploy.terraform.layer_folder import read_held
from lampkeeper.deploy.terraform.program import Program
from lampkeeper.deploy.terraform.sign_in import address_variables, environment_for
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.files.folder import ABAC_FILE, EnvFolder
from lampkeeper.files.text import write_text
from lampkeeper.files.tfvars import part_of, render_layer
from lampkeeper.model.auth import Auth
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import LAYERS
from lampkeeper.remote.clients import Workspace, connect
from support.admin_callers import administrators
from support.governed_configs import Config
from support.governed_places import Place, place_at
from support.light_sql import light_runner
from support.localspace_server import LocalWorkspace, running_localspace
from support.missing_tools import terraform_and_mirror


@dataclass(frozen=True, kw_only=True)
class TerraformPlace:
    """A place, one caller's way to it, and the engines with this caller's sign-in."""

    place: Place
    workspace: Workspace
    terraform: TerraformEngine
    direct: DirectEngine

    @property
    def root(self) -> Path:
        """Return the folder that holds `envs`."""
        return self.place.folder

    def build(self, config: Config) -> None:
        """Make tables and people, and let the caller govern them: a service principal owns nothing here."""
        config.build(self.place)
        for catalog in sorted({name.split(".")[0] for name in config.tables}):
            change = {"principal": "metastore_admins", "add": ["ALL_PRIVILEGES", "MANAGE"]}
            path = f"/api/2.1/unity-catalog/permissions/catalog/{catalog}"
            self.place.workspace.write("test", "PATCH", path, {"changes": [change]})

    def write(self, desired: Desired) -> None:
        """Write the files of the three layers."""
        folder = EnvFolder(self.root, self.place.env)
        for layer in LAYERS:
            write_text(folder.layer_path(layer) / ABAC_FILE, render_layer(part_of(desired, layer), layer))

    def plan(self, desired: Desired, engine: Engine | None = None, *, adopt: bool = True) -> Plan:
        """Write the files and plan them."""
        self.write(desired)
        return (engine or self.terraform).plan(desired, self.workspace, self.place.states(), adopt=adopt)

    def destroy(self, engine: Engine | None = None) -> Plan:
        """Plan the removal of all layers."""
        return (engine or self.terraform).plan_destroy(self.workspace, self.place.states(), sole_workspace=True)

    def apply(self, plan: Plan, engine: Engine | None = None, *, saved: bool = True) -> None:
        """Apply a plan as it survives its JSON form."""
        states, read = self.place.states(), Plan.from_json(plan.to_json())
        writer = (engine or self.terraform).writer(read, states)
        apply_plan(
            read, self.workspace, states, allow_widening=True, wait=PropagationWait(seconds=0), saved=saved, terraform=writer
        )

    def held(self) -> int:
        """Return how many objects Terraform's states hold."""
        return sum(len(objects) for objects in read_held(self.place.states()).values())


def environ_for(folder: Path, mirror: Path) -> dict[str, str]:
    """Return the environment of a person whose Terraform takes providers from the mirror."""
    settings = folder / "terraform.rc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    return {
        "PATH": os.environ["PATH"], "HOME": str(folder), "TF_CLI_CONFIG_FILE": str(settings), "CHECKPOINT_DISABLE": "1",
    }  # fmt: skip


def terraform_place(space: LocalWorkspace, folder: Path, who: str = "user") -> TerraformPlace:
    """Return both engines on a running local workspace, signed in as `user` or as `service principal`."""
    found = terraform_and_mirror()
    assert found is not None
    program, mirror = found
    folder.mkdir(parents=True, exist_ok=True)
    place = place_at(space, folder)
    auth = Auth(
        workspace_host=space.host, token=administrators(space)[who], account_id=space.account_id, workspace_id=space.workspace_id,
    )  # fmt: skip
    workspace = connect(auth, warehouse_id=space.warehouse_id, clock=place.workspace.clock)
    environment = environment_for(workspace, environ_for(folder, mirror))
    terraform = TerraformEngine(
        root=folder, addresses=address_variables(workspace), propagation=0,
        program=Program(path=program, environment=environment, secrets=workspace.secrets),
    )  # fmt: skip
    return TerraformPlace(place=place, workspace=workspace, terraform=terraform, direct=DirectEngine(root=folder))


@contextmanager
def light_terraform_place(folder: Path, who: str = "user") -> Iterator[TerraformPlace]:
    """Run a local workspace without a JVM."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_localspace(folder / "data", light_runner) as space:
        space.control("DELETE", "requests", bodies="true")
        yield terraform_place(space, folder, who)


__all__ = ["TerraformPlace", "environ_for", "light_terraform_place", "terraform_place"]
