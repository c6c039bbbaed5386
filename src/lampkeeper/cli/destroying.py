"""destroy of an environment in a volume, from the process that launched the jobs."""

from __future__ import annotations

from lampkeeper.cli.applying import apply_progress, waiting
from lampkeeper.cli.console import Console
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.planner import plan_destroy
from lampkeeper.deploy.shared import shared_envs
from lampkeeper.deploy.state import States
from lampkeeper.model.errors import UnsafePlanError
from lampkeeper.model.layers import LAYERS
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.task import whoami
from lampkeeper.remote.volumes import VolumeFolder


def destroy_in_volume(console: Console, workspace: Workspace, envs: str, env: str) -> int:
    """Remove what lampkeeper created for an environment, including the account layer; return the number of writes."""
    volume = VolumeFolder(workspace, envs)
    with shared_envs(volume, env, holder=whoami(workspace), writes=True, wait=90.0, report=console.note) as shared:
        states = States.in_folder(shared.root, env)
        plan = plan_destroy(workspace, states, layers=LAYERS)
        if plan.blocked:
            raise UnsafePlanError(f"destroy is blocked: {plan.findings[0]}")
        shared.mirror(states)
        with console.progress("destroying") as step:
            report = apply_plan(
                plan, workspace, states, progress=apply_progress(step), allow_widening=True, saved=False,
                wait=waiting(workspace, None),
            )  # fmt: skip
    return report.writes
