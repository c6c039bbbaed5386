"""Further workspaces of an environment: one governance, and the Genie spaces in each workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.deploy.state import States
from lampkeeper.files.folder import LayerFiles
from lampkeeper.files.layer_folders import WorkspaceFolder, further_workspaces
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.genie import GenieSpace, Warehouse
from lampkeeper.model.known_names import unknown_name
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.remote.clients import Workspace

if TYPE_CHECKING:
    from lampkeeper.app.choices import Choices
    from lampkeeper.design.knowledge.knowledge import Knowledge
    from lampkeeper.files.settings import Settings
    from lampkeeper.model.findings import Finding
    from lampkeeper.model.labels import Label
    from lampkeeper.model.schema import Snapshot


class WorkspaceInputs(EnvInputs):
    """A further workspace of an environment: the environment's files, with a workspace layer for this workspace."""

    own_layers = (Layer.WORKSPACE,)

    def __init__(self, parent: EnvInputs, folder: WorkspaceFolder) -> None:
        """Take the inputs of the environment; its draft must have been split before `layers` are read."""
        super().__init__(folder)
        self.parent, self.name = parent, folder.name
        # Names of environments have no dot, so the owner of an object is never ambiguous.
        self.env = f"{parent.env}.{folder.name}"

    @cached_property
    def settings(self) -> Settings:
        """Return the environment's settings with the warehouse of this workspace."""
        return replace(self.parent.settings, sql_warehouse_id=self.folder.settings().sql_warehouse_id)

    @property
    def snapshot(self) -> Snapshot | None:
        """Return the environment's snapshot."""
        return self.parent.snapshot

    @property
    def labels(self) -> tuple[Label, ...]:
        """Return the environment's labels."""
        return self.parent.labels

    def mapped_knowledge(self, choices: Choices | None = None) -> tuple[Knowledge, tuple[Finding, ...]]:
        """Return what the environment's overlays and taxonomy define."""
        return self.parent.mapped_knowledge(choices)

    @cached_property
    def states(self) -> States:
        """Return the states of the environment's layers, and of the workspace layer of this workspace."""
        return States.load(self.env, {layer: self.folder.layer_path(layer) / "state.json" for layer in LAYERS})

    @property
    def has_draft(self) -> bool:
        """Return False: the draft belongs to the environment."""
        return False

    @cached_property
    def layers(self) -> LayerFiles:
        """Return the environment's layers, the workspace layer as it is for this workspace."""
        files = self.parent.layers
        *governance, mine = files.reads
        desired = desired_here(mine.desired, self.folder.settings(), str(self.folder.settings_path))
        return replace(files, reads=(*governance, replace(mine, desired=desired)))


def desired_here(environment: Desired, own: Settings, location: str) -> Desired:
    """Return the workspace layer of a further workspace: the chosen spaces of the environment, on the workspace's warehouse.

    A space that the environment attaches by id exists in one workspace only, so another one needs an id of its own. Raise
    UsageError for a space that the environment does not have, and for a warehouse id that belongs to another workspace.
    """
    ids = {space.name: space.space_id for space in own.spaces}
    known = {space.name: space for space in environment.spaces}
    for name in ids:
        if name not in known:
            raise unknown_name("Genie space", name, known, where="in the environment", location=location)
    chosen = [known[name] for name in ids or known]
    spaces = [replace(s, space_id=ids.get(s.name, ""), warehouse_id="") for s in chosen if not s.space_id or ids.get(s.name)]
    return replace(
        environment, spaces=tuple(_on(own.sql_warehouse_id, s) for s in spaces),
        warehouses=tuple(_warehouse(w, own.sql_warehouse_id, location) for w in environment.warehouses),
    )  # fmt: skip


def _on(warehouse: str, space: GenieSpace) -> GenieSpace:
    return replace(space, warehouse_id=warehouse) if warehouse else space


def _warehouse(warehouse: Warehouse, own: str, location: str) -> Warehouse:
    if own:
        return replace(warehouse, id=own)
    if warehouse.id:
        raise UsageError(
            f"{location}: the environment uses the warehouse {warehouse.id}, which belongs to its own workspace",
            fix="set sql_warehouse_id for this workspace",
        )
    return warehouse


def further_inputs(inputs: EnvInputs) -> tuple[WorkspaceInputs, ...]:
    """Return the inputs of the environment's further workspaces, sorted by name; none for the account layer."""
    if inputs.own_layers != LAYERS:
        return ()
    return tuple(WorkspaceInputs(inputs, folder) for folder in further_workspaces(inputs.folder))


def require_one_governance(workspaces: Mapping[str, Workspace]) -> None:
    """Raise UsageError if two names lead to one workspace, or if the workspaces do not share a metastore.

    Policies, tags and grants belong to the metastore: in a workspace of another one, the tables are not governed.
    """
    seen: dict[tuple[str, str], str] = {}
    metastores: dict[str, str] = {}
    for name, workspace in workspaces.items():
        address = (workspace.host, workspace.workspace_id)
        if address in seen:
            raise UsageError(
                f"{seen[address]} and {name} sign in to the same workspace, {workspace.host}",
                fix="correct auth.auto.tfvars of one of them",
            )
        seen[address] = name
        found = str(workspace.get("workspace", "/api/2.1/unity-catalog/metastore_summary").get("metastore_id") or "")
        metastores[name] = found
    first = next(iter(metastores.items()), None)
    for name, metastore in metastores.items():
        if first is not None and metastore != first[1]:
            raise UsageError(
                f"{name} uses another metastore than {first[0]}: the policies of the environment do not reach its tables",
                fix="make an environment of its own for it",
            )
