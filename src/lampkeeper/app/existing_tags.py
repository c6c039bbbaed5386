"""An environment's taxonomy.yaml: read, laid over what the overlays know, and held against what a generation made."""

from __future__ import annotations

from lampkeeper.app.labelling import assigned_by_us
from lampkeeper.design.classify.existing_tags import tag_conflicts, tags_of_others, unmapped_columns
from lampkeeper.design.knowledge.knowledge import Knowledge
from lampkeeper.design.knowledge.taxonomy import Taxonomy
from lampkeeper.design.knowledge.taxonomy_file import read_taxonomy
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.text import read_text
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, has_errors, sort_findings
from lampkeeper.model.labels import Label
from lampkeeper.model.schema import Snapshot


def with_existing_tags(folder: EnvFolder, knowledge: Knowledge) -> Knowledge:
    """Return the overlay with the environment's taxonomy in it; raise UsageError when that file has mistakes."""
    mapped, findings = map_existing_tags(folder, knowledge)
    if has_errors(findings):
        raise UsageError("\n".join(f"{f.place}: {f.message}" for f in findings), fix=f"lampkeeper taxonomy --env {folder.env}")
    return mapped


def map_existing_tags(folder: EnvFolder, knowledge: Knowledge) -> tuple[Knowledge, tuple[Finding, ...]]:
    """Return the same with everything that is wrong with the file; without a file the overlay as it is."""
    path = folder.taxonomy_path
    if not path.is_file():
        return knowledge, ()
    read = read_taxonomy(read_text(path), str(path), knowledge.vocabulary)
    if has_errors(read.findings):
        return knowledge, read.findings
    mapped, findings = knowledge.mapped(read.taxonomy)
    return mapped, sort_findings([*read.findings, *findings])


def existing_tag_findings(
    folder: EnvFolder, snapshot: Snapshot, labels: tuple[Label, ...], desired: Desired, knowledge: Knowledge
) -> tuple[Finding, ...]:
    """Return where tags of others are in the way of what was made, and what the taxonomy has no tag for."""
    taxonomy: Taxonomy = knowledge.taxonomy
    theirs = tags_of_others(snapshot, taxonomy, assigned_by_us(folder))
    return (*tag_conflicts(snapshot, theirs, desired, taxonomy), *unmapped_columns(snapshot, labels, desired, knowledge))
