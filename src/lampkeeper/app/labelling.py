"""Labels from every source, and the steps that fill the sources: a model, and the platform's findings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.model_exchange import ModelOptions
from lampkeeper.app.model_labels import ModelRun, ask_tables, recall
from lampkeeper.app.progress import Progress
from lampkeeper.app.space_content import SpaceExchange, ask_spaces, space_prompts
from lampkeeper.app.value_profiling import counted_profiles
from lampkeeper.design.classify.existing_tags import label_tags, tags_of_others
from lampkeeper.design.classify.lineage import inherited_labels
from lampkeeper.design.classify.merge import disagreements, merge_labels
from lampkeeper.design.classify.offline import classify
from lampkeeper.design.classify.platform_labels import Detection, label_detections
from lampkeeper.design.classify.prompt import subs_of
from lampkeeper.design.classify.strictness import looser_in
from lampkeeper.design.genie.spaces import SpaceRequest
from lampkeeper.design.knowledge.knowledge import Knowledge
from lampkeeper.design.knowledge.taxonomy import Taxonomy
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.label_sources import RememberedSpace, SourceFiles
from lampkeeper.files.text import write_text
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.labels import Label
from lampkeeper.model.lineage import Derivation
from lampkeeper.model.schema import Snapshot
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.data_classification import read_classification
from lampkeeper.text.digest import digest_of
from lampkeeper.text.moments import utc_text

if TYPE_CHECKING:
    from lampkeeper.remote.llm_client import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What each source says of the columns of a snapshot."""

    offline: tuple[Label, ...]
    platform: tuple[Label, ...] = ()
    model: tuple[Label, ...] = ()
    inherited: tuple[Label, ...] = ()
    tagged: tuple[Label, ...] = ()
    stewards: tuple[Label, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def all(self) -> tuple[tuple[Label, ...], ...]:
        """Return the sources, the least trusted first."""
        return (self.offline, self.platform, self.inherited, self.model, self.tagged, self.stewards)

    def merged(self, snapshot: Snapshot, knowledge: Knowledge | None = None, *, settle: bool = False) -> tuple[Label, ...]:
        """Return one label a column, in the snapshot's order; `settle` lets a model or the platform settle the undecided."""
        looser = looser_in(snapshot, knowledge, settle=settle)
        found = {x.column: x for x in merge_labels(*self.all, looser=looser)}
        return tuple(found[c] for c, _ in snapshot.columns())


def read_sources(
    inputs: EnvInputs,
    snapshot: Snapshot,
    knowledge: Knowledge | None = None,
    *,
    counted: bool = True,
    derivations: Iterable[Derivation] | None = None,
) -> Sources:
    """Return what every source says of the snapshot's columns, from the environment's files alone.

    With `counted` false the counts of values take no part: that is what names, types and comments come to. `derivations` are the
    column lineage, by default the kept one.
    """
    files, decisions = inputs.sources, inputs.decisions
    known = {c for c, _ in snapshot.columns()}
    stewards = tuple(d.as_label() for d in decisions if d.column in known)
    gone = tuple(
        Finding(
            code="labels/column_gone", severity=Severity.INFO, location=str(d.column),
            message=f"{d.by} decided on a column that is not in the snapshot", fix="remove the decision when the column is gone",
        )
        for d in decisions
        if d.column not in known
    )  # fmt: skip
    profiles = counted_profiles(snapshot, files, knowledge.schemes if knowledge else ()) if counted else {}
    offline = classify(snapshot, knowledge=knowledge, profiles=profiles)
    taxonomy = knowledge.taxonomy if knowledge is not None else Taxonomy()
    sources = Sources(
        offline=offline,
        tagged=label_tags(snapshot, tags_of_others(snapshot, taxonomy, inputs.assigned_tags), taxonomy, offline),
        platform=tuple(x for x in files.platform() if x.column in known),
        model=recall(snapshot, files.remembered()),
        stewards=stewards,
        findings=sort_findings([*disagreements(stewards), *gone]),
    )
    edges = tuple(files.lineage() if derivations is None else derivations)
    if not edges:
        return sources
    return replace(sources, inherited=inherited_labels(snapshot, sources.merged(snapshot, knowledge), edges))


def ask_model(
    inputs: EnvInputs,
    snapshot: Snapshot,
    model: Model,
    model_options: ModelOptions,
    now: datetime,
    progress: Progress | None = None,
    knowledge: Knowledge | None = None,
    spaces: Sequence[SpaceRequest] = (),
) -> ModelRun:
    """Ask a model about what it has not been asked yet; keep every whole answer, leave a record of the run.

    With an overlay the model may name the kinds that its overlays know. `spaces` are those whose content it may write.
    """
    subtypes = subs_of(knowledge.vocabulary) if knowledge is not None else None
    files = inputs.sources
    known = files.remembered()
    remembered = dict(known)

    def keep(answers: Any) -> None:
        if answers:
            remembered.update({a.table: a for a in answers})
            files.remember(remembered.values())

    run = ask_tables(snapshot, model, known, model_options, keep=keep, progress=progress, subtypes=subtypes)
    if spaces and run.exit_code != 4:
        run = replace(run, spaces=_ask_spaces(files, snapshot, model, model_options, spaces))
    write_record(inputs.folder, snapshot, run, now)
    return run


def _ask_spaces(
    files: SourceFiles, snapshot: Snapshot, model: Model, model_options: ModelOptions, spaces: Sequence[SpaceRequest]
) -> tuple[SpaceExchange, ...]:
    known = files.spaces()
    remembered = dict(known)

    def keep(answer: RememberedSpace) -> None:
        remembered[answer.key] = answer
        files.remember_spaces(remembered.values())

    return ask_spaces(space_prompts(snapshot, spaces), model, known, model_options, keep=keep)


def write_record(folder: EnvFolder, snapshot: Snapshot, run: ModelRun, now: datetime) -> None:
    """Write generated/runs/<time>-<hash>.json: prompt hashes, model, tokens, cost, and where the model's word differed."""
    given = {x.column: x for x in run.labels}
    rules = {x.column: x for x in classify(snapshot)}
    differ = [
        {"column": str(c), "rules": f"{rules[c].label} ({rules[c].protect})", "model": f"{x.label} ({x.protect})"}
        for c, x in given.items()
        if c in rules and (rules[c].label, rules[c].protect) != (x.label, x.protect)
    ]
    tokens = run.tokens
    asked = [*(t.digest for t in run.tables), *(s.digest for s in run.spaces)]
    document = {
        "at": utc_text(now), "model": run.model, "exit_code": run.exit_code,
        "input_tokens": tokens[0], "output_tokens": tokens[1], "cost_usd": run.model_options.cost(*tokens),
        "prompts": digest_of("".join(asked)),
        "decisions": differ, "tables": [t.as_dict() for t in run.tables],
        "spaces": [s.as_dict() for s in run.spaces],
    }  # fmt: skip
    text = json.dumps(document, indent=1) + "\n"
    state_version = now.strftime("%Y%m%dT%H%M%SZ")
    write_text(folder.generated_path / "runs" / f"{state_version}-{digest_of(text, digits=8)}.json", text)


def read_platform(inputs: EnvInputs, snapshot: Snapshot, workspace: Workspace) -> bool:
    """Read the platform's own classification and keep it; say whether the workspace has one that we may read.

    Where there is none to read, what was read before stays: a right that was lost takes no protection away.
    """
    rows = read_classification(workspace, {t.name.catalog for t in snapshot.tables})
    detections = [
        Detection(column=r.column, class_tag=r.class_tag, high=r.confidence == "HIGH", frequency=r.frequency) for r in rows or ()
    ]
    labels = label_detections(snapshot, detections)
    files = inputs.sources
    before = files.platform()
    if rows is None:
        labels = tuple(dict.fromkeys((*labels, *before)))
    if labels or before:
        files.write_platform(labels)
    return rows is not None
