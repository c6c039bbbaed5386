"""The commands, thin: parse arguments, call, print, choose the exit code."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from partnercert import assembly, config, template
from partnercert.client import Limits
from partnercert.command_inputs import (
    CONFIG,
    FAILED,
    OUT,
    REFUSED,
    CaseId,
    case_of,
    environment_of,
    load_config,
    read_records,
    records_beside,
    require_credentials,
    stop,
    workspace_of,
)
from partnercert.console import Console, explain_text, list_rows
from partnercert.ending import Ending
from partnercert.report import render_html, render_json, render_junit, render_verdict, write_evidence
from partnercert.runner import Result, SignOffs, run_cases, run_checks
from partnercert.sign_off_command import signoff_command
from partnercert.signoff import SignOff

#: What `run --config` takes in place of a file: the reference partner, served for the run.
REFERENCE = "reference"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lampkeeper", prog_name="partnercert")
def cli() -> None:
    """Certify a partner's Partner Connect integration."""


cli.add_command(signoff_command)


@cli.command("run", short_help="Run the cases against a partner.")
@CONFIG
@click.option("--case", "cases", multiple=True, type=CaseId(), help="Only this case (repeatable).")
@click.option("--automated-only", is_flag=True, help="Run the automated parts; list the cases with a manual part.")
@click.option("--junit", type=OUT, help="Write JUnit XML.")
@click.option("--html", type=OUT, help="Write a self-contained HTML report.")
@click.option("--json", "json_path", type=OUT, help="Write the result as JSON ('-' for standard output).")
@click.option("--verdict", type=OUT, help="Write a verdict page to forward: results without transcripts.")
@click.option("--evidence", type=click.Path(path_type=Path, file_okay=False), help="Write reports, transcripts, manifest.")
@click.option("--signoffs", type=OUT, help="The sign-offs (default: beside the config).")
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
        stop(f"--signoffs {signoffs} does not exist")
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
        loaded = load_config(config_path)
        environment = environment_of(secret_scope)
        records = read_records(signoffs or records_beside(config_path))
        result = _run(loaded, environment, config_path.resolve().parent, records, options, console)
    console.finish(result)
    _write(result, junit=junit, html=html, json_path=json_path, verdict=verdict, evidence=evidence)
    if not result.certified:
        raise Ending(FAILED, f"partnercert: {result.conclusion()}; {result.failures()}")


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
    held = require_credentials(environment)
    access = workspace_of(loaded, held, environment)
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
            stop(f"{option}: the folder {path.parent} does not exist")


@cli.command("list")
@click.option("--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="Show which cases apply.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(config_path: Path | None, as_json: bool) -> None:
    """List the 21 cases."""
    loaded = load_config(config_path) if config_path else None
    rows = list_rows(loaded)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        gate = f"  [does not apply: {row['gate']}]" if row.get("gate") else ""
        click.echo(f"{row['id']}  {row['title']}{' (optional)' if row['optional'] else ''}{gate}")


@cli.command("explain", short_help="Explain one case.")
@click.argument("case", type=CaseId())
def explain_command(case: str) -> None:
    """Explain one case: the journey, the assertions, the manual checks."""
    click.echo(explain_text(case_of(case)))


@cli.command("init")
@click.argument("path", type=OUT, default=Path("partner.json"))
@click.option("--force", is_flag=True, help="Overwrite.")
def init_command(path: Path, force: bool) -> None:
    """Write a commented config; keys that start with // are comments."""
    if path.exists() and not force:
        stop(f"{path} exists; --force overwrites it")
    try:
        path.write_text(template.commented_config(), encoding="utf-8")
        for name, text in template.sample_images().items():
            image = path.parent / name
            if not image.exists():
                image.write_text(text, encoding="utf-8")
    except OSError as error:
        stop(f"{path} cannot be written: {error.strerror}")
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
        stop(f"no such fault: {', '.join(unknown)}; `partnercert serve --faults` lists them")
    loaded = load_config(config_path) if config_path else template.reference_config()
    held = require_credentials(os.environ)

    def ready(address: str) -> None:
        line = json.dumps({"base_url": address, "faults": list(fault_names)})
        click.echo(line if as_json else f"reference partner at {address} (Ctrl-C ends it)")

    try:
        serve(loaded, held.user, held.password, port=port, faults=[known[n] for n in fault_names], ready=ready)
    except ServeError as error:
        stop(str(error), REFUSED)


def _delays(text: str) -> tuple[float, ...]:
    try:
        delays = tuple(float(piece) for piece in text.split(",") if piece.strip())
    except ValueError:
        delays = (-1.0,)
    if any(not 0 <= delay <= 3600 for delay in delays):
        stop(f"--retry-delays must be seconds, comma-separated; is {text!r}")
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
                stop(f"{path} cannot be written: {error.strerror}")
    if evidence is not None:
        try:
            write_evidence(result, evidence)
        except OSError as error:
            stop(f"{evidence} cannot be written: {error.strerror}")
