"""testdata: create, verify and drop the test data of the scenarios in any workspace."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click

from lampkeeper.app.test_data import AUTH_FILE, DataRun, governed_patterns, read_sign_in
from lampkeeper.cli.app import common, listed
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import is_local, timeouts_of
from lampkeeper.model.errors import UsageError
from lampkeeper.model.known_names import require_known
from lampkeeper.testdata.catalogs import Variant
from lampkeeper.testdata.choice import DataChoice, banks_named
from lampkeeper.testdata.lifecycle import counting_statements, creating_statements, dropping_statements
from lampkeeper.testdata.overlay_columns import OverlayColumns, removing_statement
from lampkeeper.text.counting import counted


@click.command("testdata")
@click.option(
    "--auth-file", type=click.Path(path_type=Path, dir_okay=False), default=None, metavar="PATH",
    help="The sign-in file of the workspace (default: ./auth.auto.tfvars if there is one, else the SDK's sign-in).",
)  # fmt: skip
@click.option("--prod", is_flag=True, help="Create the catalogs of production too.")
@click.option("--verify", "verify_dev", is_flag=True, help="Check rows, tags, masks and policies of development.")
@click.option("--verify-prod", is_flag=True, help="Check rows, tags, masks and policies of production.")
@click.option("--teardown", "drop_dev", is_flag=True, help="Drop the catalogs of development.")
@click.option("--teardown-prod", "drop_prod", is_flag=True, help="Drop the catalogs of production.")
@click.option("--warehouse-id", default="", metavar="ID", help="The SQL warehouse (default: one is chosen, or created).")
@click.option("--bank", default="", metavar="CODES", help="The banks of these overlays instead: ANZ, IN, SEA or all.")
@click.option(
    "--overlay-columns", default="", metavar="SETS", help="Also the columns of the overlay scenarios: country, industry."
)
@click.option("--remove-overlay-columns", is_flag=True, help="Drop the columns that --overlay-columns added.")
@click.option(
    "--suffix", default="", metavar="TEXT", help="End the names of the catalogs with _TEXT, as a run of the scenarios does."
)
@click.option("--dry-run", is_flag=True, help="Print the SQL, and do nothing.")
@common(env=False, workspace=True)
def testdata_command(
    context: CommandContext, auth_file: Path | None, prod: bool, verify_dev: bool, verify_prod: bool, drop_dev: bool,
    drop_prod: bool, warehouse_id: str, bank: str, overlay_columns: str, remove_overlay_columns: bool, suffix: str, dry_run: bool,
) -> Outcome:  # fmt: skip
    """Create, verify and drop the test data of the scenarios.

    Without a flag, the missing tables of dev_fin and dev_clinical are created: 5 tables with 57 invented rows. --verify checks
    the catalogs that the environments of the sign-in file's workspace govern, and fails for every shortfall. --teardown drops
    only catalogs that this command created.
    """
    verifying = _variants(verify_dev, verify_prod)
    dropping = _variants(drop_dev, drop_prod)
    if sum(map(bool, (verifying, dropping, prod, remove_overlay_columns))) > 1:
        raise UsageError(
            "choose one of --prod, --verify, --teardown and --remove-overlay-columns",
            fix="--verify-prod and --teardown-prod go with --verify and --teardown",
        )
    choice = DataChoice(
        variants=verifying or dropping or _variants(True, prod), banks=banks_named(listed(bank)),
        columns=() if dropping else _sets(listed(overlay_columns)), suffix=f"_{suffix}" if suffix else "",
    )  # fmt: skip
    task = _Task(context, choice, verifying=bool(verifying), dropping=bool(dropping), removing=remove_overlay_columns)
    if dry_run:
        return task.shown()
    sign_in = read_sign_in(auth_file or AUTH_FILE, context.profile, given=auth_file is not None)
    return task.done(DataRun(sign_in, warehouse=warehouse_id, timeouts=timeouts_of(os.environ)))


def _variants(dev: bool, prod: bool) -> tuple[Variant, ...]:
    return tuple(v for v, chosen in ((Variant.DEV, dev), (Variant.PROD, prod)) if chosen)


def _sets(names: Iterable[str]) -> tuple[OverlayColumns, ...]:
    for name in names:
        require_known("set of columns", name, list(OverlayColumns), fix="choose country or industry")
    return tuple(OverlayColumns(name) for name in names)


class _Task:
    """What the flags ask for; either shown as SQL or done."""

    def __init__(self, context: CommandContext, choice: DataChoice, *, verifying: bool, dropping: bool, removing: bool) -> None:
        self._console = context.console
        self._choice = choice
        self._verifying, self._dropping, self._removing = verifying, dropping, removing

    def shown(self) -> Outcome:
        """Print the statements."""
        if self._verifying:
            statements = counting_statements(self._choice)
        elif self._dropping:
            statements = dropping_statements(self._choice)
        else:
            statements = (removing_statement(),) if self._removing else creating_statements(self._choice)
        for statement in statements:
            self._console.line(f"{statement};")
        return Outcome(document={"statements": list(statements)})

    def done(self, run: DataRun) -> Outcome:
        """Carry it out."""
        host = {"host": run.workspace.host}
        if self._verifying:
            return self._verified(run)
        if self._dropping:
            dropped = run.drop(self._choice)
            self._console.line(f"dropped: {dropped} of {len(self._choice.catalogs)} catalogs")
            return Outcome(document={**host, "dropped": dropped})
        if self._removing:
            removed = run.remove_columns()
            self._console.line(f"removed: {removed} columns")
            return Outcome(document={**host, "removed_columns": removed})
        with self._console.progress("test data") as progress:
            created = run.create(self._choice, progress)
        made, kept = created.report.made, created.report.kept
        rows = sum(len(t.rows) for t in self._choice.tables)
        self._console.line(f"test data: {len(made)} tables created, {len(kept)} existing ({rows} rows), {created.writes} writes")
        return Outcome(
            document={
                **host,
                "made": [str(t) for t in made],
                "kept": [str(t) for t in kept],
                "rows": rows,
                "writes": created.writes,
            }
        )

    def _verified(self, run: DataRun) -> Outcome:
        with self._console.progress("verifying"):
            findings = run.verify(self._choice, local=is_local(run.workspace))
        names = [folder.env for folder in run.environments]
        scope = {p.split(".")[0].strip("`") for p in governed_patterns(run.environments)} & set(self._choice.catalogs)
        where = f"{', '.join(sorted(scope)) or 'no catalog'} of {', '.join(names) or 'no environment'}"
        verdict = counted(len(findings), "error") if findings else "rows, tags, masks and policies are complete"
        self._console.line(f"verify: {where}: {verdict}")
        return Outcome(
            document={"host": run.workspace.host, "environments": names, "findings": [f.as_dict() for f in findings]},
            findings=findings,
        )


COMMANDS = (testdata_command,)
