"""The option that chooses the engine of plan, apply and destroy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.places import is_local
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.errors import UsageError
from lampkeeper.remote.clients import Workspace

if TYPE_CHECKING:
    from lampkeeper.app.engines import Engine
    from lampkeeper.app.inputs import EnvInputs
    from lampkeeper.deploy.plan import Plan

_CHOSEN = "lampkeeper.engine"


def _keep(context: click.Context, _option: click.Parameter, name: str) -> None:
    context.meta[_CHOSEN] = name


engine_option = click.option(
    "--engine", type=click.Choice(["direct", "terraform"]), default="direct", show_default=True, expose_value=False,
    callback=_keep,
    help="direct: lampkeeper writes. terraform: Terraform or OpenTofu from PATH writes what its provider can write.",
)  # fmt: skip


def engine_of(
    context: CommandContext, inputs: EnvInputs, workspace: Workspace, saved: Plan | None = None, *, seconds: float | None = None
) -> Engine:
    """Return the engine of the option `--engine`, or that of a saved plan.

    `seconds` is the time for propagation that the user gave.
    """
    # Imported here for its loading time: commands without a plan do not wait for it.
    from lampkeeper.app.engines import DirectEngine, terraform_engine

    chosen = click.get_current_context().meta.get(_CHOSEN)
    if chosen != "terraform" and not (saved is not None and saved.terraform):
        return DirectEngine(root=inputs.folder.root)
    if context.flags.account_secret_scope:
        raise UsageError(
            "--engine terraform signs in to workspace and account as one principal",
            fix="leave out --account-secret-scope, or --engine terraform",
        )
    if seconds is None:
        seconds = 0.0 if is_local(workspace) else PropagationWait().seconds
    return terraform_engine(inputs, workspace, os.environ, propagation=seconds)
