"""Where proposed plans and approvals are kept, as the commands are told."""

from __future__ import annotations

from pathlib import Path

import click

from lampkeeper.cli.here import Here
from lampkeeper.cli.steps import files_at
from lampkeeper.deploy.approvals import PlanBook
from lampkeeper.files.local_files import LocalFiles

approvals_option = click.option(
    "--approvals",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where approvals are kept (default: beside the environments). In production a volume that approvers alone write.",
)


def plan_book(here: Here, approvals: Path | None) -> PlanBook:
    """Return the environment's proposed plans with their approvals."""
    beside = here.files
    if approvals is not None:
        return PlanBook(plans=here.files, approvals=files_at(here, approvals), env=here.env)
    if isinstance(beside, LocalFiles):
        return PlanBook(plans=beside, approvals=LocalFiles(beside.folder.parent / "approvals"), env=here.env)
    return PlanBook(plans=beside, approvals=files_at(here, Path(str(Path(beside.path).parent / "approvals"))), env=here.env)
