"""setup and init: create the folders of an environment, and ask for its settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace

import click

from lampkeeper.cli.app import common, listed
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.places import timeouts_of
from lampkeeper.design.knowledge.overlay import OverlayKind
from lampkeeper.design.knowledge.overlays import built_in_overlays
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.scaffold import account_admin_file, scaffold
from lampkeeper.files.settings import Settings, read_settings
from lampkeeper.files.text import read_text
from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import UsageError
from lampkeeper.model.known_names import require_known
from lampkeeper.model.names import write_name
from lampkeeper.remote.catalog import list_catalogs
from lampkeeper.remote.clients import connect, profiles


@click.command("setup")
@click.option("--host", default="", help="The workspace URL, such as https://….cloud.databricks.com.")
@click.option("--account-id", default="", help="The account's ID (groups and governed tags belong to the account).")
@click.option("--cloud", default="", metavar="aws|azure", help="Also create scripts/account-admin.CLOUD.env from its example.")
@common(writes=True)
def setup_command(context: CommandContext, host: str, account_id: str, cloud: str) -> Outcome:
    """Create the folders of an environment and of the account layer with example files. Existing files are kept."""
    folder = EnvFolder(context.root, context.env)
    admin = account_admin_file(context.root / "scripts", cloud) if cloud else ()
    if (host or account_id) and not folder.auth_path.exists():
        folder.write_auth(Auth(workspace_host=host, account_id=account_id))
        admin = (*admin, folder.auth_path)
    made = [str(path) for path in (*scaffold(folder), *admin)]
    for path in made:
        context.console.line(f"created {path}")
    if not made:
        context.console.line("nothing to create: the environment exists already")
    context.console.line(f"next: edit {folder.settings_path}, or run `lampkeeper init --env {context.env}`")
    return Outcome(document={"env": context.env, "made": made})


@click.command("init")
@click.option("--catalogs", default="", metavar="NAMES", help="The catalogs to govern, such as dev_fin,dev_clinical.")
@click.option("--country", default=None, metavar="CODES", help="Country overlays, such as ANZ,IN; none: an empty text.")
@click.option("--industry", default=None, metavar="CODES", help="Industry overlays, such as healthcare; none: an empty text.")
@common(workspace=True, writes=True)
def init_command(context: CommandContext, catalogs: str, country: str | None, industry: str | None) -> Outcome:
    """Ask for profile, catalogs, country and industry of an environment, and write its settings.

    Each question offers what was found: the profiles of this machine, the catalogs of the workspace, the overlays. Without a
    terminal nothing is asked: options give the answers. Settings that somebody has written are kept.
    """
    folder = EnvFolder(context.root, context.env)
    _require_unwritten(folder)
    asks = sys.stdin.isatty() and not context.console.as_json
    found = profiles()
    profile = context.profile or (_ask("profile", found) if asks and found else "")
    auth = replace(folder.auth(), profile=profile) if profile else folder.auth()
    there = list_catalogs(connect(auth, timeouts=timeouts_of(os.environ)))
    chosen = listed(catalogs) or (_ask_some("catalogs", there, least=1) if asks else ())
    if not chosen:
        raise UsageError(
            f"no catalog is named (there are: {', '.join(there) or 'none'})", fix="give --catalogs, such as --catalogs dev_fin"
        )
    for name in chosen:
        require_known("catalog", name, there, where="in the workspace")
    settings = Settings(
        uc_tables=tuple(f"{write_name(name)}.*" for name in chosen),
        country=_codes(OverlayKind.COUNTRY, country, asks=asks),
        industry=_codes(OverlayKind.INDUSTRY, industry, asks=asks),
    )
    made = scaffold(folder)
    folder.setup(settings)
    if profile:
        folder.write_auth(auth)
    written = [folder.settings_path, *([folder.auth_path] if profile else [])]
    for path in (*(path for path in made if path not in written), *written):
        context.console.line(f"wrote {path}")
    context.console.line(f"next: `lampkeeper generate --env {context.env}`")
    document = {
        "env": context.env, "profile": profile, "catalogs": list(chosen), "country": list(settings.country),
        "industry": list(settings.industry), "written": [str(path) for path in written],
    }  # fmt: skip
    return Outcome(document=document)


def _require_unwritten(folder: EnvFolder) -> None:
    """Raise UsageError if the environment has settings."""
    path = folder.settings_path
    if path.is_file() and read_settings(read_text(path), path).settings != Settings():
        raise UsageError(f"{path} has settings already: they are kept", fix="edit the file, or choose another --env")


def _codes(kind: OverlayKind, given: str | None, *, asks: bool) -> tuple[str, ...]:
    """Return the codes of overlays of one kind: given, asked for, or none."""
    known = sorted(overlay.code for overlay in built_in_overlays() if overlay.kind is kind)
    codes = listed(given) if given is not None else _ask_some(str(kind), known) if asks else ()
    by_name = {code.casefold(): code for code in known}
    for code in codes:
        require_known(f"{kind} overlay", by_name.get(code.casefold(), code), known, fix="lampkeeper overlays list")
    return tuple(by_name[code.casefold()] for code in codes)


def _ask(what: str, found: Sequence[str]) -> str:
    """Ask for one of the names; the first one is the default."""
    answer = str(click.prompt(f"{what} ({', '.join(found)})", default=found[0], show_default=True, err=True)).strip()
    require_known(what, answer, found)
    return answer


def _ask_some(what: str, found: Iterable[str], *, least: int = 0) -> tuple[str, ...]:
    """Ask for names, separated by commas; without a `least` number none is an answer too."""
    names = ", ".join(found) or "none found"
    default = None if least else ""
    return listed(str(click.prompt(f"{what}, separated by commas ({names})", default=default, show_default=False, err=True)))


COMMANDS = (setup_command, init_command)
