"""Provides the state of an environment to a command, from the table that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.workspaces import further_inputs
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.places import workspace_of
from lampkeeper.cli.steps import lease_wait
from lampkeeper.deploy.state_table import state_table
from lampkeeper.deploy.terraform.layer_folder import STATE_FILE
from lampkeeper.model.errors import UsageError
from lampkeeper.model.names import TableName
from lampkeeper.remote.table_files import TableFiles
from lampkeeper.remote.task import whoami


@contextmanager
def state_of(context: CommandContext, inputs: EnvInputs, *, writes: bool) -> Iterator[CommandContext]:
    """Fetch the state from the environment's state table before a block, if it has one; with `writes`, hold its lease."""
    name = inputs.settings.state_table
    if not name:
        yield context
        return
    if context.shared is not None:
        raise UsageError(
            f"state_table {name}: the environment is in a volume, which keeps its state too",
            fix="remove state_table from the settings",
        )
    workspace = workspace_of(context, inputs, any_warehouse=True)
    folders = {inputs.folder.layer_path(layer) for layer in inputs.own_layers}
    folders |= {each.folder.path for each in further_inputs(inputs)}
    holder = f"{whoami(workspace)}, run {context.flags.run_id}" if context.flags.run_id else whoami(workspace)
    files = sorted(f / name for f in folders for name in ("state.json", STATE_FILE))
    with state_table(
        TableFiles(workspace, TableName.parse(name)), context.root / "envs", files,
        holder=holder, writes=writes, wait=lease_wait(), report=context.console.note,
    ) as kept:  # fmt: skip
        inputs.changed("states")
        yield replace(context, state_table=kept)


def fetch_state(context: CommandContext, inputs: EnvInputs) -> None:
    """Fetch the state from the environment's state table, if it has one, for a command that only reads it."""
    with state_of(context, inputs, writes=False):
        pass
