"""demo: runs the whole workflow on a local workspace and prints each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import wrap

import click

from lampkeeper.app.auditing import Audit, audit
from lampkeeper.app.conform import never_observed
from lampkeeper.app.generating import Generated, generate
from lampkeeper.app.hash_keys import ExistingKey, key_for, local_key
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.planning import make_env_plan
from lampkeeper.app.snapshots import take_snapshot
from lampkeeper.app.validating import validate
from lampkeeper.app.verifying import verify_env, verify_options
from lampkeeper.cli.app import common, listed
from lampkeeper.cli.applying import apply_progress, print_applied
from lampkeeper.cli.audit import audit_dict, page_of, print_audit
from lampkeeper.cli.console import Console, fitted
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.cli.plan_summary import print_lines, print_plan
from lampkeeper.cli.report_page import render_page
from lampkeeper.cli.verification_table import print_verification
from lampkeeper.demo.run import (
    ENV,
    Answer,
    Question,
    Subject,
    ask_everybody,
    bank_subject,
    overlay_subject,
    schema_subject,
    seed_subject,
    sign_in_everybody,
    write_env,
)
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.printed_plan import WIDTH, closing_line, meaning, plan_lines
from lampkeeper.deploy.verify.report import VerifyReport
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.text import write_text
from lampkeeper.model.errors import UnsafePlanError
from lampkeeper.model.findings import Finding, Severity, has_errors, sort_findings
from lampkeeper.model.labels import Protect
from lampkeeper.places.local import LocalPlace
from lampkeeper.places.place import Address
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.warehouse import warm_up

_MOST_LABELS = 12
_MOST_MEANING = 34
_MOST_ROWS = 3
_MOST_COLUMNS = 16
_MOST_QUESTIONS = 2
_MOST_FINDINGS = 8


@dataclass(slots=True)
class Watch:
    """Measures how long each step takes, in seconds."""

    console: Console
    steps: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, title: str, waiting: str = "") -> Iterator[Callable[[str, int, int], None]]:
        """Announce a step and the reason for any wait, show its progress, record its time."""
        self.console.line(f"== {title}", "bold")
        if waiting:
            self.console.line(waiting)
        began = time.monotonic()
        with self.console.progress(title, announced=True) as progress:
            yield progress
        self.steps.append((title, time.monotonic() - began))


@click.command("demo")
@click.option("--schema", type=click.Path(path_type=Path, dir_okay=False), help="A .sql or .jsonl schema to use.")
@click.option(
    "--dir", "base", type=click.Path(path_type=Path, file_okay=False), default=Path(".demo"), show_default=True,
    help="Where the demo keeps its workspace, environment folder and report.",
)  # fmt: skip
@click.option(
    "--country",
    default="",
    metavar="CODES",
    help="Country overlays, such as ANZ,IN. Without --schema, the demo uses the sample bank of each country.",
)
@click.option("--industry", default="", metavar="CODES", help="Industry overlays, such as financial_services.")
@common(env=False)
def demo_command(context: CommandContext, schema: Path | None, base: Path, country: str, industry: str) -> Outcome:
    """Run the whole workflow on a local workspace: seed, generate, validate, plan, apply, verify, audit."""
    codes = listed(country), listed(industry)
    if schema is not None:
        subject = schema_subject(schema, *codes)
    else:
        subject = overlay_subject(*codes) if any(codes) else bank_subject()
    home = base.resolve() / subject.name
    place = LocalPlace(folder=home / "workspace")
    watch = Watch(context.console)
    with watch.step("start the local workspace"):
        address = place.up()
    try:
        context.console.line(f"{address.host}, data in {place.data}")
        return _Demo(context.console, watch, subject, home, address).run()
    finally:
        place.down()


class _Demo:
    """One run of the demo: its steps in order, each of which prints its result."""

    def __init__(self, console: Console, watch: Watch, subject: Subject, home: Path, address: Address) -> None:
        """Sign in as the administrator."""
        self._console, self._watch, self._subject, self._home = console, watch, subject, home
        self._address = address
        self._folder = EnvFolder(home, ENV)
        self._inputs = EnvInputs(self._folder)
        self._workspace: Workspace = connect(address.signed(), warehouse_id=address.warehouse_id)
        warm_up(self._workspace)

    def run(self) -> Outcome:
        """Run all steps and return the outcome; its exit code is 1 if any check failed."""
        seeded = self._seed()
        everybody = sign_in_everybody(self._address)
        with self._watch.step("ask before", "starting the SQL engine, about 10 s, once"):
            before = [ask_everybody(q, everybody) for q in self._subject.questions]
        made = self._generate()
        findings = self._validate()
        if has_errors(findings):
            return Outcome(document={"findings": [f.as_dict() for f in findings]}, findings=findings)
        writes = self._apply()
        with self._watch.step("ask after"):
            after = [ask_everybody(q, everybody) for q in self._subject.questions]
        for question, old, new in list(zip(self._subject.questions, before, after, strict=True))[:_MOST_QUESTIONS]:
            self._side_by_side(question, old, new)
        verified = self._verify()
        audited = self._audit()
        undecided = self._files(made, verified, audited)
        document = {
            "seeded": seeded,
            "labels": dict(made.counts),
            "undecided_file": str(undecided),
            "apply": {"writes": writes},
            "verify": {"mismatches": verified.mismatches, "ok": verified.ok, "counts": verified.counts},
            "audit": audit_dict(audited),
            "env": str(self._folder.path),
            "report": str(self._folder.path / "report.html"),
            "steps": {title: round(seconds, 2) for title, seconds in self._watch.steps},
        }
        lost = [f for f in self._subject.findings if f.severity is Severity.ERROR]
        found = sort_findings([*lost, *findings, *verified.findings, *audited.all_findings])
        write_text(self._folder.path / "findings.txt", "".join(f"{f}\n" for f in found))
        if len(found) > _MOST_FINDINGS:
            self._console.note(f"{len(found)} findings, all in {self._folder.path / 'findings.txt'}")
        return Outcome(document=document, findings=found[:_MOST_FINDINGS])

    def _seed(self) -> int:
        for finding in self._subject.findings[:3]:
            self._console.note(finding)
        if len(self._subject.findings) > 3:
            self._console.note(f"and {len(self._subject.findings) - 3} more findings about the schema file")
        with self._watch.step("seed") as progress:
            report, people = seed_subject(self._workspace, self._subject, progress)
        writes = report.writes + people
        rows = sum(len(t.rows) for t in self._subject.tables)
        self._console.line(
            f"seeded: {len(report.made)} tables created, {len(report.kept)} existing ({rows} rows), {writes} writes"
        )
        write_env(self._folder, self._subject, self._address)
        return writes

    def _generate(self) -> Generated:
        with self._watch.step("generate"):
            snapshot = take_snapshot(self._inputs, self._workspace)
            made = generate(self._inputs)
        self._console.line(f"{len(snapshot.tables)} tables read")
        self._print_labels(made)
        counts = made.counts
        self._console.line(
            f"columns {counts['columns']} = protected {counts['protected']} + not sensitive {counts['not_sensitive']}"
            f" + undecided {counts['undecided']}",
            "bold",
        )
        return made

    def _print_labels(self, made: Generated) -> None:
        asked = [q.table for q in self._subject.questions]
        shown = sorted((x for x in made.labels if x.protect is not Protect.NO), key=lambda x: x.column.table not in asked[:1])
        rows = [("sensitive column", "label", "protect", "why")]
        for label in shown[:_MOST_LABELS]:
            name = f"{label.label}/{label.subtype}" if label.subtype else str(label.label)
            column = f"{label.column.table.table}.{label.column.column}"
            rows.append((column, name, str(label.protect), "; ".join(label.evidence)))
        self._print_rows(rows)
        if len(shown) > _MOST_LABELS:
            self._console.line(f"and {len(shown) - _MOST_LABELS} more in {self._folder.labels_path}")

    def _validate(self) -> tuple[Finding, ...]:
        with self._watch.step("validate"):
            findings = validate(self._inputs)
        errors = has_errors(findings)
        self._console.line(f"validate: {'errors' if errors else 'no errors'}, {len(findings)} findings")
        return findings

    def _apply(self) -> int:
        with self._watch.step("plan"):
            # The demo has just created the tables, so hiding them takes access from nobody.
            own = [str(t) for t in self._inputs.desired.tables]
            plan, states = make_env_plan(self._inputs, self._workspace, find_key=self._key, allow_hiding=own)
        if plan.blocked:
            print_plan(self._console, plan)
            raise UnsafePlanError(f"the plan is blocked: {plan.findings[0]}")
        self._print_meaning(plan)
        with self._watch.step("apply") as progress:
            # The local workspace has no propagation delay unless a test turns it on.
            report = apply_plan(
                plan, self._workspace, states, progress=apply_progress(progress), saved=False, wait=PropagationWait(seconds=0),
                hash_key=key_for(plan, self._key, self._folder),
            )  # fmt: skip
        print_applied(self._console, report)
        return report.writes

    def _print_meaning(self, plan: Plan) -> None:
        """Print the plan's effect on access and its counts; write the single changes to a file."""
        whole = self._folder.path / "plan.txt"
        write_text(whole, "".join(f"{line.text}\n" for line in plan_lines(plan, full=True)))
        lines = meaning(plan)
        print_lines(self._console, lines[:_MOST_MEANING])
        if len(lines) > _MOST_MEANING:
            self._console.line(f"  and {len(lines) - _MOST_MEANING} more lines")
        for layer in plan.layers:
            counts = ", ".join(f"{n} to {a}" for a, n in plan.counts(layer).items()) or "no change"
            self._console.line(f"layer {layer}: {counts}", "bold")
        self._console.line(closing_line(plan))
        self._console.line(f"the whole plan, change by change: {whole}")

    def _print_rows(self, rows: Sequence[Sequence[str]], indent: str = "") -> None:
        for number, line in enumerate(fitted(rows, WIDTH - len(indent))):
            self._console.line(indent + line, "" if number else "bold")

    def _key(self) -> ExistingKey:
        """Return the hash key that the local workspace keeps for the demo's environment."""
        return ExistingKey(key=local_key(self._workspace, ENV))

    def _side_by_side(self, question: Question, before: Sequence[Answer], after: Sequence[Answer]) -> None:
        """Print for each person the answer to a question before and after."""
        self._console.line(question.sql, "italic")
        for old, new in zip(before, after, strict=True):
            who = f"  {new.person.role} ({new.person.user.split('@')[0]})"
            if old.refused and new.refused:
                self._console.line(f"{who}: refused before and after: {new.refused}")
                continue
            self._console.line(f"{who}:{f' refused before: {old.refused}' if old.refused else ''}")
            self._print_rows(_before_and_after(old, new), "    ")

    def _verify(self) -> VerifyReport:
        with self._watch.step("verify") as progress:
            options = verify_options(self._inputs.settings, {}, create_test_principals=True, local=True)
            report = verify_env(self._inputs, self._workspace, options, progress, find_key=self._key)
        asked = [q.table for q in self._subject.questions[:1]]
        basis = never_observed(Path.cwd())
        print_verification(self._console, report, basis=basis, only=asked, most=_MOST_COLUMNS)
        return report

    def _audit(self) -> Audit:
        with self._watch.step("audit"):
            found = audit(self._inputs, self._workspace)
        print_audit(self._console, found)
        return found

    def _files(self, made: Generated, verified: VerifyReport, audited: Audit) -> Path:
        undecided = self._folder.path / "undecided.txt"
        names = [f"{x.column}\t{'; '.join(x.evidence)}\n" for x in made.labels if x.protect is Protect.UNDECIDED]
        write_text(undecided, "".join(names))
        report = self._folder.path / "report.html"
        page = replace(page_of(self._inputs), verification=verified, drift=audited.all_findings, basis=never_observed(Path.cwd()))
        write_text(report, render_page(page))
        self._console.line("== where to find the files", "bold")
        for what, path in (
            ("env folder", self._folder.path),
            ("labels", self._folder.labels_path),
            (f"undecided ({len(names)})", undecided),
            ("plan", self._folder.path / "plan.txt"),
            ("findings", self._folder.path / "findings.txt"),
            ("report", report),
            ("workspace", self._home / "workspace" / "data"),
        ):
            self._console.line(f"{what:<16} {path}")
        steps = [*self._watch.steps, ("all", sum(s for _, s in self._watch.steps))]
        for line in wrap("seconds: " + ", ".join(f"{title} {seconds:.1f}" for title, seconds in steps), WIDTH):
            self._console.line(line)
        return undecided


def _before_and_after(old: Answer, new: Answer) -> list[tuple[str, ...]]:
    """Return one table: the header, the rows before and the rows after; one set of rows if they are equal."""
    columns = new.columns or old.columns
    rows = [("", *columns)]
    pairs = [("before and after", new)] if old == new else [("before", old), ("after", new)]
    for title, answer in pairs:
        if answer.refused:
            rows += [(f"{title}: refused", *("" for _ in columns))] if answer is new else []
        elif not answer.rows:
            rows.append((f"{title}: no rows", *("" for _ in columns)))
        for number, row in enumerate(answer.rows[:_MOST_ROWS]):
            rows.append((title if number == 0 else "", *("NULL" if v is None else v for v in row)))
    return rows


COMMANDS = (demo_command,)
