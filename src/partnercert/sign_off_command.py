"""The command that records manual checks."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from partnercert.command_inputs import CONFIG, OUT, CaseId, case_of, load_config, read_records, records_beside, stop
from partnercert.signoff import ROLES, Evidence, Result, SignOff, SignOffError, append, digest, failed_before


@click.command("signoff", short_help="Record a manual check of a case.")
@click.argument("case", type=CaseId())
@CONFIG
@click.option("--role", type=click.Choice(ROLES), default="partner", show_default=True)
@click.option("--person", "--who", required=True, help="Who looked.")
@click.option(
    "--result",
    type=click.Choice([said.value for said in Result], case_sensitive=False),
    default=None,
    help="Non-interactive: passed or failed.",
)
@click.option("--notes", default="", help="Observations.")
@click.option("--evidence", "files", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--days", type=click.IntRange(1), default=None, help="Days until it expires (default: the config's, or 90).")
@click.option("--override", is_flag=True, help="Override a failed sign-off of the same role; --notes gives the reason.")
@click.option("--signoffs", type=OUT, help="The file (default: beside the config).")
def signoff_command(
    case: str,
    config_path: Path,
    role: str,
    person: str,
    result: str | None,
    notes: str,
    files: tuple[Path, ...],
    days: int | None,
    override: bool,
    signoffs: Path | None,
) -> None:
    """Record a manual check: asks each point of the checklist, or takes --result."""
    loaded, chosen = load_config(config_path), case_of(case)
    if not person.strip():
        stop("--who must name a person")
    points = chosen.points(guided=bool(chosen.guided(loaded, False)))
    if not points:
        stop(f"{case} has no manual step to sign off")
    if chosen.gate(loaded):
        stop(f"{case} does not apply: {chosen.gate(loaded)}")
    click.echo(f"{case}: {chosen.title}")
    path = signoffs or records_beside(config_path)
    if not path.resolve().parent.is_dir():
        stop(f"--signoffs: the folder {path.parent} does not exist")
    failed = failed_before(read_records(path), case, role, loaded.fingerprint)
    answers = _ask(points, result)
    if failed is not None and all(answers) and not (override and notes.strip()):
        who = f"{failed.person} ({role}) on {failed.time[:10]}"
        stop(f"{who} recorded that {case} failed; to override it, give --override and --notes with the reason")
    now = datetime.now(UTC)
    lasts = timedelta(days=days or loaded.certification.sign_off_days)
    folder = config_path.resolve().parent
    record = SignOff(
        case=case,
        config_sha256=loaded.fingerprint,
        api_version=loaded.api_version,
        environment=loaded.base_url,
        role=role,
        person=person.strip(),
        time=now.isoformat(timespec="seconds"),
        result=Result.PASSED if all(answers) else Result.FAILED,
        expires=(now + lasts).isoformat(timespec="seconds"),
        answers=tuple(answers),
        notes=notes,
        overrides=failed.time if failed is not None and all(answers) else "",
        evidence=tuple(Evidence(path=os.path.relpath(f.resolve(), folder), sha256=digest(f)) for f in files),
    )
    try:
        append(path, record)
    except (SignOffError, OSError) as error:
        stop(str(error))
    if failed is not None and record.overrides:
        click.echo(f"overrides the failed sign-off by {failed.person} on {failed.time[:10]}")
    click.echo(f"{record.result} by {person} ({role}), valid until {record.expires[:10]}; recorded in {path.name}")


def _ask(points: tuple[str, ...], result: str | None) -> list[bool]:
    if result is not None:
        for point in points:
            click.echo(f"  [{'x' if result == Result.PASSED else ' '}] {point}")
        return [result == Result.PASSED] * len(points)
    if not sys.stdin.isatty():
        stop("sign-off needs a terminal: without one, give --result passed or --result failed")
    return [click.confirm(f"  {point}", default=False) for point in points]
