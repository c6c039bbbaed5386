"""The commands, thin: parse arguments, call, print, choose the exit code."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import click

from partnercert import assembly, config, template
from partnercert.cases import CASES, Case
from partnercert.client import Limits
from partnercert.console import Console, explain_text, list_rows
from partnercert.payloads import Credentials
from partnercert.report import render_html, render_json, render_junit, render_verdict, write_evidence
from partnercert.runner import Result, SignOffs, run_cases, run_checks
from partnercert.signoff import ROLES, Evidence, SignOff, SignOffError, append, digest, failed_before, read
from partnercert.signoff import Result as Said
from partnercert.workspace import WorkspaceAccess

#: What `run --config` takes in place of a file: the reference partner, served for the run.
REFERENCE = "reference"
FAILED, WRONG_USE, REFUSED = 1, 2, 4
_IDS = [case.id for case in CASES]
_CONFIG = click.option(
    "--config", "config_path", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The partner's config."
)
_OUT = click.Path(path_type=Path, dir_okay=False)


class _Case(click.ParamType[str]):
    name = "case"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value.upper() not in _IDS:
            self.fail(f"{value} is not a case; `partnercert list` shows them", param, ctx)
        return value.upper()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lampkeeper", prog_name="partnercert")
def cli() -> None:
    """Certify a partner's Partner Connect integration."""


@cli.command("run", short_help="Run the cases against a partner.")
@_CONFIG
@click.option("--case", "cases", multiple=True, type=_Case(), help="Only this case (repeatable).")
@click.option("--automated-only", is_flag=True, help="Run the automated parts; list the cases with a manual part.")
@click.option("--junit", type=_OUT, help="Write JUnit XML.")
@click.option("--html", type=_OUT, help="Write a self-contained HTML report.")
@click.option("--json", "json_path", type=_OUT, help="Write the result as JSON ('-' for standard output).")
@click.option("--verdict", type=_OUT, help="Write a verdict page to forward: results without transcripts.")
@click.option("--evidence", type=click.Path(path_type=Path, file_okay=False), help="Write reports, transcripts, manifest.")
@click.option("--signoffs", type=_OUT, help="The sign-offs (default: beside the config).")
@click.option(
    "--optional",
    type=click.Choice(["warn", "fail"]),
    default="warn",
    show_default=True,
    help="Whether a failed optional case (P500 to P502) makes the exit code 1.",
)
@click.option("--secret-scope", default=None, help="Read the credentials from this secret scope of the workspace.")
@click.option("--extended/--no-extended", default=None, help="Extended checks (default: unless --case is given).")
@click.option(
    "--fuzz", type=click.IntRange(0), default=None, help="Fuzz examples an operation (default: 25 on loopback, else 0)."
)
@click.option("--seed", type=int, default=None, help="Replay the made-up identities of a run.")
@click.option("--timeout", type=click.FloatRange(0.01), default=60.0, show_default=True, help="Seconds for a whole reply.")
@click.option("--retry-delays", default="1,2,4", show_default=True, help="Seconds before a 500 is tried again.")
@click.option("--compat-gpc", is_flag=True, help="Send the misspelt cloud name gpc instead of gcp.")
def run_command(
    config_path: Path,
    cases: tuple[str, ...],
    automated_only: bool,
    junit: Path | None,
    html: Path | None,
    json_path: Path | None,
    verdict: Path | None,
    evidence: Path | None,
    signoffs: Path | None,
    optional: str,
    secret_scope: str | None,
    extended: bool | None,
    fuzz: int | None,
    seed: int | None,
    timeout: float,
    retry_delays: str,
    compat_gpc: bool,
) -> None:
    """Run the cases against a partner; `--config reference` serves and certifies the reference partner itself.

    Credentials: BASIC_USER, BASIC_PASSWORD (and PAT_TOKEN) in the environment, or a secret scope.
    """
    outputs = {"--junit": junit, "--html": html, "--json": json_path, "--verdict": verdict, "--evidence": evidence}
    _folders_exist(outputs)
    if signoffs is not None and not signoffs.is_file():
        _stop(f"--signoffs {signoffs} does not exist")
    options = _Options(
        cases=cases,
        automated_only=automated_only,
        optional_fails=optional == "fail",
        extended=extended if extended is not None else not cases,
        fuzz=fuzz,
        seed=random.SystemRandom().randrange(2**32) if seed is None else seed,
        limits=Limits(seconds=timeout, retry_delays=_delays(retry_delays)),
        compat_gpc=compat_gpc,
    )
    console = Console(to_stderr=str(json_path) == "-")
    if str(config_path) == REFERENCE:
        from partnercert.reference_partner.serving import serving

        pair = assembly.made_up()
        with serving(template.reference_config(), pair["BASIC_USER"], pair["BASIC_PASSWORD"]) as loaded:
            result = _run(loaded, {**os.environ, **pair}, Path(), [], options, console)
    else:
        loaded = _load(config_path)
        environment = _environment(secret_scope)
        records = _records(signoffs or _beside(config_path))
        result = _run(loaded, environment, config_path.resolve().parent, records, options, console)
    console.finish(result)
    _write(result, junit=junit, html=html, json_path=json_path, verdict=verdict, evidence=evidence)
    sys.exit(0 if result.certified else FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    cases: tuple[str, ...]
    automated_only: bool
    optional_fails: bool
    extended: bool
    fuzz: int | None
    seed: int
    limits: Limits
    compat_gpc: bool


def _run(
    loaded: config.PartnerConfig,
    environment: Mapping[str, str],
    folder: Path,
    records: list[SignOff],
    options: _Options,
    console: Console,
) -> Result:
    held = _credentials(environment)
    access = _workspace(loaded, held, environment)
    session = assembly.session(
        loaded, held, seed=options.seed, limits=options.limits, workspace=access, compat_gpc=options.compat_gpc
    )
    started = datetime.now(UTC)
    with session.client:
        console.start(loaded, options.seed)
        sign_offs = SignOffs(records=tuple(records), now=started, folder=folder)
        outcomes = run_cases(
            session,
            only=options.cases,
            sign_offs=sign_offs,
            automated_only=options.automated_only,
            progress=console.progress,
        )
        examples = options.fuzz if options.fuzz is not None else (25 if loaded.is_local else 0)
        checks = run_checks(session, examples=examples, progress=console.progress) if options.extended else ()
        session.tidy()
    return Result(
        partner=loaded.name,
        config_sha256=loaded.fingerprint,
        api_version=loaded.api_version,
        base_url=loaded.base_url,
        seed=options.seed,
        started=started.isoformat(timespec="seconds"),
        automated_only=options.automated_only,
        outcomes=outcomes,
        checks=checks,
        exchanges=tuple(session.client.exchanges),
        optional_fails=options.optional_fails,
    )


def _folders_exist(outputs: Mapping[str, Path | None]) -> None:
    """Refuse, before the run, a path in a folder that does not exist: a mistyped path would create one."""
    for option, path in outputs.items():
        if path is not None and str(path) != "-" and not path.resolve().parent.is_dir():
            _stop(f"{option}: the folder {path.parent} does not exist")


def _environment(secret_scope: str | None) -> Mapping[str, str]:
    if secret_scope is None:
        return os.environ
    try:
        return assembly.from_scope(secret_scope, os.environ)
    except assembly.MissingCredentialsError as error:
        _stop(str(error))


@cli.command("list")
@click.option("--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="Show which cases apply.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(config_path: Path | None, as_json: bool) -> None:
    """List the 21 cases."""
    loaded = _load(config_path) if config_path else None
    rows = list_rows(loaded)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        gate = f"  [does not apply: {row['gate']}]" if row.get("gate") else ""
        click.echo(f"{row['id']}  {row['title']}{' (optional)' if row['optional'] else ''}{gate}")


@cli.command("explain", short_help="Explain one case.")
@click.argument("case", type=_Case())
def explain_command(case: str) -> None:
    """Explain one case: the journey, the assertions, the manual checks."""
    click.echo(explain_text(_case(case)))


@cli.command("init")
@click.argument("path", type=_OUT, default=Path("partner.json"))
@click.option("--force", is_flag=True, help="Overwrite.")
def init_command(path: Path, force: bool) -> None:
    """Write a commented config; keys that start with // are comments."""
    if path.exists() and not force:
        _stop(f"{path} exists; --force overwrites it")
    try:
        path.write_text(template.commented_config(), encoding="utf-8")
        for name, text in template.pictures().items():
            picture = path.parent / name
            if not picture.exists():
                picture.write_text(text, encoding="utf-8")
    except OSError as error:
        _stop(f"{path} cannot be written: {error.strerror}")
    click.echo(f"wrote {path}, and a logo.svg and icon.svg to replace; edit it, then: partnercert run --config {path}")


@cli.command("serve")
@click.option("--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="Default: that of `init`.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Default: the port of base_url; 0: a free one.")
@click.option("--fault", "fault_names", multiple=True, help="Run with this fault (repeatable).")
@click.option("--faults", "list_faults", is_flag=True, help="List the faults with the cases each one fails.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line when ready.")
def serve_command(
    config_path: Path | None, port: int | None, fault_names: tuple[str, ...], list_faults: bool, as_json: bool
) -> None:
    """Serve the reference partner on 127.0.0.1."""
    from partnercert.reference_partner.faults import FAULTS
    from partnercert.reference_partner.serving import ServeError, serve

    if list_faults:
        for fault in FAULTS:
            click.echo(f"{fault.name:36} {fault.cases or '-':40} {fault.about}")
        return
    known = {fault.name: fault for fault in FAULTS}
    unknown = [name for name in fault_names if name not in known]
    if unknown:
        _stop(f"no such fault: {', '.join(unknown)}; `partnercert serve --faults` lists them")
    loaded = _load(config_path) if config_path else template.reference_config()
    held = _credentials(os.environ)

    def ready(address: str) -> None:
        line = json.dumps({"base_url": address, "faults": list(fault_names)})
        click.echo(line if as_json else f"reference partner at {address} (Ctrl-C ends it)")

    try:
        serve(loaded, held.user, held.password, port=port, faults=[known[n] for n in fault_names], ready=ready)
    except ServeError as error:
        _stop(str(error), REFUSED)


@cli.command("signoff", short_help="Record a manual check of a case.")
@click.argument("case", type=_Case())
@_CONFIG
@click.option("--role", type=click.Choice(ROLES), default="partner", show_default=True)
@click.option("--person", "--who", required=True, help="Who looked.")
@click.option(
    "--result",
    type=click.Choice([said.value for said in Said], case_sensitive=False),
    default=None,
    help="Non-interactive: passed or failed.",
)
@click.option("--notes", default="", help="Observations.")
@click.option("--evidence", "files", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--days", type=click.IntRange(1), default=None, help="Days until it expires (default: the config's, or 90).")
@click.option("--override", is_flag=True, help="Override a failed sign-off of the same role; --notes gives the reason.")
@click.option("--signoffs", type=_OUT, help="The file (default: beside the config).")
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
    loaded, chosen = _load(config_path), _case(case)
    if not person.strip():
        _stop("--who must name a person")
    points = chosen.points(guided=bool(chosen.guided(loaded, False)))
    if not points:
        _stop(f"{case} has no manual step to sign off")
    if chosen.gate(loaded):
        _stop(f"{case} does not apply: {chosen.gate(loaded)}")
    click.echo(f"{case}: {chosen.title}")
    path = signoffs or _beside(config_path)
    if not path.resolve().parent.is_dir():
        _stop(f"--signoffs: the folder {path.parent} does not exist")
    failed = failed_before(_records(path), case, role, loaded.fingerprint)
    answers = _ask(points, result)
    if failed is not None and all(answers) and not (override and notes.strip()):
        who = f"{failed.person} ({role}) on {failed.time[:10]}"
        _stop(f"{who} recorded that {case} failed; to override it, give --override and --notes with the reason")
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
        result=Said.PASSED if all(answers) else Said.FAILED,
        expires=(now + lasts).isoformat(timespec="seconds"),
        answers=tuple(answers),
        notes=notes,
        overrides=failed.time if failed is not None and all(answers) else "",
        evidence=tuple(Evidence(path=os.path.relpath(f.resolve(), folder), sha256=digest(f)) for f in files),
    )
    try:
        append(path, record)
    except (SignOffError, OSError) as error:
        _stop(str(error))
    if failed is not None and record.overrides:
        click.echo(f"overrides the failed sign-off by {failed.person} on {failed.time[:10]}")
    click.echo(f"{record.result} by {person} ({role}), valid until {record.expires[:10]}; recorded in {path.name}")


def _ask(points: tuple[str, ...], result: str | None) -> list[bool]:
    if result is not None:
        for point in points:
            click.echo(f"  [{'x' if result == Said.PASSED else ' '}] {point}")
        return [result == Said.PASSED] * len(points)
    if not sys.stdin.isatty():
        _stop("sign-off needs a terminal: without one, give --result passed or --result failed")
    return [click.confirm(f"  {point}", default=False) for point in points]


def _load(path: Path) -> config.PartnerConfig:
    try:
        loaded, warnings = config.load(path)
    except OSError as error:
        _stop(f"{path} cannot be read: {error.strerror}")
    except config.ConfigError as error:
        lines = "\n".join(f"  {problem}" for problem in error.problems)
        wrong = sum(problem.is_error for problem in error.problems)
        _stop(f"{path}: {wrong} error{'s' if wrong != 1 else ''}\n{lines}")
    for warning in warnings:
        click.echo(f"{path}: {warning}", err=True)
    return loaded


def _credentials(environment: Mapping[str, str]) -> Credentials:
    try:
        return assembly.credentials(environment)
    except assembly.MissingCredentialsError as error:
        _stop(str(error))


def _workspace(loaded: config.PartnerConfig, held: Credentials, environment: Mapping[str, str]) -> WorkspaceAccess | None:
    try:
        return assembly.workspace_access(loaded, held, environment)
    except assembly.MissingCredentialsError as error:
        _stop(str(error))


def _records(path: Path) -> list[SignOff]:
    try:
        return read(path)
    except SignOffError as error:
        _stop(str(error))


def _beside(config_path: Path) -> Path:
    return config_path.with_name(config_path.stem + ".signoffs.json")


def _delays(text: str) -> tuple[float, ...]:
    try:
        delays = tuple(float(piece) for piece in text.split(",") if piece.strip())
    except ValueError:
        delays = (-1.0,)
    if any(not 0 <= delay <= 3600 for delay in delays):
        _stop(f"--retry-delays must be seconds, comma-separated; is {text!r}")
    return delays


def _write(
    result: Result,
    *,
    junit: Path | None,
    html: Path | None,
    json_path: Path | None,
    verdict: Path | None,
    evidence: Path | None,
) -> None:
    renderings = ((junit, render_junit), (html, render_html), (verdict, render_verdict), (json_path, render_json))
    for path, render in renderings:
        if path is not None and str(path) == "-":
            click.echo(render(result), nl=False)
        elif path is not None:
            try:
                path.write_text(render(result), encoding="utf-8", errors="replace")
            except OSError as error:
                _stop(f"{path} cannot be written: {error.strerror}")
    if evidence is not None:
        try:
            write_evidence(result, evidence)
        except OSError as error:
            _stop(f"{evidence} cannot be written: {error.strerror}")


def _case(case_id: str) -> Case:
    return next(case for case in CASES if case.id == case_id)


def _stop(message: str, code: int = WRONG_USE) -> NoReturn:
    click.echo(f"partnercert: {message}", err=True)
    raise SystemExit(code)
