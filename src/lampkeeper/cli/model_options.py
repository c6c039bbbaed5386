"""Sources of labels for `generate` besides the rules: a model, value profiles, Databricks Data Classification."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from lampkeeper.app.deciding import Decided, decide_by_values, masked_columns
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.labelling import ask_model, read_platform
from lampkeeper.app.model_exchange import ModelOptions
from lampkeeper.app.model_labels import ModelRun
from lampkeeper.app.space_content import SpaceWriter, space_prompts
from lampkeeper.app.value_profiling import Counter, count_values, counter_of
from lampkeeper.cli.app import switch
from lampkeeper.cli.context import CommandContext
from lampkeeper.cli.outcome import Outcome
from lampkeeper.design.classify.prompt import prompts_of, render_prompt, subs_of
from lampkeeper.design.genie.spaces import SpaceRequest
from lampkeeper.design.knowledge.knowledge import Knowledge
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.llm import ModelRef, ModelTimeouts, Provider

if TYPE_CHECKING:
    from lampkeeper.remote.llm_client import Model


_UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFlags:
    """The options of `generate` for sources other than the rules."""

    model: str = ""
    dry_run: bool = False
    counter: Counter | None = None
    decide_by_values: bool = False
    asked_for_values: bool = False
    settle: bool = False
    price: str = ""
    timeout: float = 180.0
    space_content: SpaceWriter = SpaceWriter.MODEL

    @property
    def needs_workspace(self) -> bool:
        """Return whether the sources need the workspace, even if no tables are read from it."""
        return self.counter is not None or self.asked_for_values or self.model.startswith(f"{Provider.DATABRICKS}:")


def _options(command: Callable[..., Any], options: Iterable[Callable[..., Any]]) -> Callable[..., Any]:
    for option in reversed(tuple(options)):
        command = option(command)
    return command


_FORMS = "databricks:ENDPOINT, openai:NAME, anthropic:NAME, URL#NAME"
_MODEL_NAMES = (
    click.option("--model", default="", metavar="REF", help=f"Also label with a model: {_FORMS}."),
    click.option(
        "--model-endpoint", default="", metavar="NAME",
        help="Also label with this model serving endpoint: the same as --model databricks:NAME.",
    ),
)  # fmt: skip
_MODEL_COSTS = (
    click.option("--model-price", default="", metavar="IN,OUT", help="USD per million input, output tokens, for the cost."),
    click.option("--model-timeout", type=float, default=180.0, show_default=True, metavar="SECONDS", help="Per request."),
)


def manifest_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --dbt-manifest."""
    return click.option(
        "--dbt-manifest", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="Also take the column lineage of a dbt project's target/manifest.json (after `dbt compile`).",
    )(command)  # fmt: skip


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that choose a model."""
    return _options(command, (*_MODEL_NAMES, *_MODEL_COSTS))


def ask_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options. They arrive as keywords named like the fields of AskFlags, two with the prefix `model_`."""
    options = (
        *_MODEL_NAMES,
        click.option("--dry-run", is_flag=True, help="Print the prompts and their token counts, and do nothing else."),
        click.option(
            "--profile-values", type=click.Choice([_UNDECIDED, "none", *(c.value for c in Counter)]), is_flag=False,
            flag_value=Counter.WAREHOUSE.value, default=_UNDECIDED, show_default=True,
            help="Count value formats where the data is; no values are copied. undecided: in the warehouse, for columns that"
            " their names leave undecided; warehouse or spark: for all columns, counted there (without a value: warehouse);"
            " none: for no column.",
        ),
        switch("--resolve-undecided", "Give undecided columns the label of the model or of Databricks Data Classification."),
        *_MODEL_COSTS,
        click.option(
            "--space-content", type=click.Choice([w.value for w in SpaceWriter]), default=SpaceWriter.MODEL.value,
            show_default=True, help="Source of the Genie spaces' content: the schema (offline), or also the model, if given.",
        ),
    )  # fmt: skip
    return _options(command, options)


def take_flags(options: dict[str, Any]) -> AskFlags:
    """Remove the flags from a command's options and return them."""
    counter = options.pop("profile_values")
    flags = AskFlags(
        model=_model_named(options),
        dry_run=options.pop("dry_run"),
        counter=None if counter in ("none", _UNDECIDED) else Counter(counter),
        decide_by_values=counter == _UNDECIDED,
        # An explicit value, as the jobs pass, also counts with --offline, like the other choices.
        asked_for_values=counter == _UNDECIDED and _is_given("profile_values"),
        settle=options.pop("resolve_undecided"),
        price=options.pop("model_price"),
        timeout=options.pop("model_timeout"),
        space_content=SpaceWriter(options.pop("space_content")),
    )
    return _checked(flags)


def take_model(options: dict[str, Any]) -> AskFlags:
    """Remove the flags of `model_options` from a command's options and return them."""
    return _checked(AskFlags(model=_model_named(options), price=options.pop("model_price"), timeout=options.pop("model_timeout")))


def _model_named(options: dict[str, Any]) -> str:
    model, endpoint = options.pop("model"), options.pop("model_endpoint").strip()
    if model and endpoint:
        raise UsageError("--model and --model-endpoint exclude each other", fix="leave one of them out")
    return f"{Provider.DATABRICKS}:{endpoint}" if endpoint else str(model)


def _checked(flags: AskFlags) -> AskFlags:
    if not 0 < flags.timeout < 3600:
        raise UsageError(f"--model-timeout {flags.timeout} is not a number of seconds", fix="give 1 to 3599")
    _prices(flags.price)
    if flags.model:
        ref = ModelRef.parse(flags.model, os.environ)
        if not flags.dry_run:
            # Report a missing package or key before the workspace is read.
            opened = _opener()
            if ref.provider is not Provider.DATABRICKS:
                opened(ref, os.environ)
    return flags


def _is_given(option: str) -> bool:
    """Return whether an option was given on the command line."""
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


def show_prompts(
    context: CommandContext, inputs: EnvInputs, knowledge: Knowledge, spaces: Sequence[SpaceRequest] = ()
) -> Outcome:
    """Print the prompts for the last snapshot and their sizes; nothing is read, sent or written."""
    snapshot = inputs.require_snapshot()
    prompts = prompts_of(snapshot, subtypes=subs_of(knowledge.vocabulary))
    of_spaces = tuple(space_prompts(snapshot, spaces).values())
    for number, prompt in enumerate(prompts, start=1):
        context.console.line(
            f"== prompt {number} of {len(prompts)}: {prompt.table.name}, {len(prompt.columns)} columns, {prompt.tokens} tokens"
        )
        context.console.line(render_prompt(prompt))
    for each in of_spaces:
        context.console.line(f"== space {each.space}: {len(each.tables)} tables, {each.tokens} tokens")
        context.console.line(each.render())
    total = sum(p.tokens for p in prompts) + sum(p.tokens for p in of_spaces)
    context.console.line(f"{len(prompts) + len(of_spaces)} prompts, {total} tokens (estimated, 3 bytes each); nothing was sent")
    document = {
        "env": context.env,
        "prompts": [
            {
                "table": str(p.table.name),
                "columns": len(p.columns),
                "tokens": p.tokens,
                "hash": p.digest,
                "messages": p.messages(),
            }
            for p in prompts
        ],
        "spaces": [{"space": p.space, "tokens": p.tokens, "hash": p.digest, "messages": p.messages()} for p in of_spaces],
        "tokens": total,
    }
    return Outcome(document=document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The result of the sources: findings, the exit code if a model failed, facts for the JSON document."""

    findings: tuple[Finding, ...] = ()
    code: int = 0
    document: dict[str, Any] | None = None
    settled: Decided | None = None


def fill_sources(
    context: CommandContext,
    inputs: EnvInputs,
    workspace: Workspace | None,
    flags: AskFlags,
    *,
    online: bool,
    knowledge: Knowledge,
    spaces: Sequence[SpaceRequest] = (),
) -> Asked:
    """Fill the requested sources. A source that fails becomes a finding; the labels by rules are used without it."""
    snapshot = inputs.require_snapshot()
    findings: list[Finding] = []
    if workspace is not None and online:
        read_platform(inputs, snapshot, workspace)
    if workspace is not None and flags.counter is not None:
        findings += count_with(context, inputs, snapshot, workspace, flags.counter, knowledge)
    settled: Decided | None = None
    if workspace is not None and flags.decide_by_values and (online or flags.asked_for_values):
        settled = _settle(context, inputs, snapshot, workspace, knowledge)
        findings += settled.findings
    if not flags.model:
        return Asked(findings=tuple(findings), settled=settled)
    run = _ask(context, inputs, snapshot, workspace, flags, knowledge, spaces)
    return Asked(findings=(*findings, *run.findings()), code=run.exit_code, document=_document(run), settled=settled)


def ask_about_labels(
    context: CommandContext, inputs: EnvInputs, snapshot: Snapshot, workspace: Workspace | None, flags: AskFlags
) -> tuple[Finding, ...]:
    """Ask the model about the tables of a snapshot, keep its labels, and return findings about its answers."""
    return tuple(_ask(context, inputs, snapshot, workspace, flags, inputs.knowledge(), ()).findings())


def _ask(
    context: CommandContext,
    inputs: EnvInputs,
    snapshot: Snapshot,
    workspace: Workspace | None,
    flags: AskFlags,
    knowledge: Knowledge,
    spaces: Sequence[SpaceRequest],
) -> ModelRun:
    model = _opener()(
        ModelRef.parse(flags.model, os.environ),
        os.environ,
        workspace,
        ModelTimeouts(answer=flags.timeout, silence=min(60.0, flags.timeout), deadline=flags.timeout * 5 / 3),
    )
    with context.console.progress(f"asking {model.ref}") as step:
        run = ask_model(
            inputs, snapshot, model, ModelOptions(prices=_prices(flags.price)), datetime.now(UTC), step, knowledge, spaces
        )
    context.console.line(_summary(run))
    return run


def _opener() -> Callable[..., Model]:
    """Return `open_model`; raise UsageError if the extra `model` is not installed."""
    # Imported here because it loads slowly, and only commands with a model need it.
    try:
        from lampkeeper.remote.llm_client import open_model
    except ModuleNotFoundError as error:
        if error.name != "openai":
            raise
        raise UsageError(
            "--model needs the package openai, which is not installed",
            fix="in the clone of lampkeeper: pip install '.[model]'; in a job's environment, depend on lampkeeper-….whl[model]",
        ) from None
    return open_model


def count_with(
    context: CommandContext, inputs: EnvInputs, snapshot: Snapshot, workspace: Workspace, counter: Counter, knowledge: Knowledge
) -> tuple[Finding, ...]:
    """Count the value formats of the snapshot's tables; return a finding for each table that could not be counted."""
    with context.console.progress("counting values") as step:
        masked = masked_columns(inputs, snapshot, knowledge)
        return count_values(inputs, snapshot, counter_of(counter, workspace), step, knowledge.schemes, masked)


def _settle(
    context: CommandContext, inputs: EnvInputs, snapshot: Snapshot, workspace: Workspace, knowledge: Knowledge
) -> Decided:
    with context.console.progress("counting values of undecided columns") as step:
        settled = decide_by_values(inputs, snapshot, knowledge, counter_of(Counter.WAREHOUSE, workspace), step)
    if settled.columns:
        context.console.line(str(settled))
    return settled


def _summary(run: ModelRun) -> str:
    tokens, cost = run.tokens, run.model_options.cost(*run.tokens)
    asked = sum(1 for t in run.tables if not t.remembered)
    spaces = f" spaces: {sum(s.remembered for s in run.spaces)} cached, {sum(s.answers > 0 for s in run.spaces)} asked;"
    return (
        f"model {run.model}: {len(run.tables) - asked} tables cached, {asked} asked,"
        f" {sum(1 for t in run.tables if not t.whole)} with an incomplete response;"
        f"{spaces if run.spaces else ''}"
        f" {tokens[0]} + {tokens[1]} tokens, {'cost unknown' if cost is None else f'{cost:.4f} USD'}"
    )


def _document(run: ModelRun) -> dict[str, Any]:
    return {
        "model": run.model,
        "tables": len(run.tables),
        "remembered": sum(1 for t in run.tables if t.remembered),
        "answers": sum(t.answers for t in run.tables),
        "input_tokens": run.tokens[0],
        "output_tokens": run.tokens[1],
        "cost_usd": run.model_options.cost(*run.tokens),
        "incomplete": [str(t.table) for t in run.tables if not t.whole],
        "spaces": [
            {"space": s.space, "remembered": s.remembered, "answers": s.answers, "usable": s.content is not None}
            for s in run.spaces
        ],
    }


def _prices(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        prices = tuple(float(p) for p in text.split(","))
    except ValueError:
        prices = ()
    if len(prices) != 2 or not all(math.isfinite(p) and p >= 0 for p in prices):
        raise UsageError(f"--model-price {text!r} is not two prices", fix="write --model-price 3,15")
    return prices
