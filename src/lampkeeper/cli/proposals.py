"""Where proposed plans and approvals are kept, as the commands are told."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from lampkeeper.cli.here import Here
from lampkeeper.cli.steps import files_at
from lampkeeper.deploy.approvals import PlanBook, approvals_beside
from lampkeeper.files.local_files import LocalFiles

approvals_option = click.option(
    "--approvals",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where approvals are kept (default: beside the environments; for those in a volume, the volume `approvals` of that"
    " schema). In production approvers alone write there.",
)


def plan_book(here: Here, approvals: Path | None) -> PlanBook:
    """Return the environment's proposed plans with their approvals."""
    beside = here.files
    options: list[str] = []
    if isinstance(beside, LocalFiles):
        place = beside.folder.parent / "approvals"
    else:
        place = Path(approvals_beside(beside.path))
        options += ["--envs", beside.path]
    if approvals is not None and approvals != place:
        options += ["--approvals", str(approvals)]
    return PlanBook(plans=beside, approvals=files_at(here, approvals or place), env=here.env, options=shlex.join(options))
