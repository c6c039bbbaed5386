"""deployed: the names that a deploy of the bundle has given to its volumes, its schema and its jobs."""

from __future__ import annotations

import os

import click

from lampkeeper.cli.app import common
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import timeouts_of
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.remote.clients import connect
from lampkeeper.remote.deployment import environments_in, find_deployments


@click.command("deployed")
@common(env=False, workspace=True)
def deployed_command(context: CommandContext) -> Outcome:
    """Show the deployed bundles whose jobs you may view: volumes, history, environments, jobs.

    In mode development the names of the schema and the jobs begin with yours; other commands take the folder shown as --envs.
    """
    workspace = connect(Auth(profile=context.profile), timeouts=timeouts_of(os.environ))
    found = find_deployments(workspace)
    if not found:
        raise UsageError(
            "no deployed bundle is visible here", fix="databricks bundle deploy -t dev, or ask for CAN VIEW on its jobs"
        )
    document = []
    for one in found:
        environments = environments_in(workspace, one.envs)
        document.append(one.as_dict() | {"environments": list(environments)})
        context.console.line(f"target {one.target}", "bold")
        for name, value in (
            ("environments", ", ".join(environments) or "none yet: the first run of a job copies them to the volume"),
            ("--envs", one.envs), ("--approvals", one.approvals), ("history", one.history), ("files", one.files),
            ("jobs", ", ".join(f"{job} {job_id}" for job, job_id in one.jobs.items())),
        ):  # fmt: skip
            context.console.line(f"  {name:<13}{value}")
    return Outcome(document=document)


COMMANDS = (deployed_command,)
