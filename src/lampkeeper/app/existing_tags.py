"""An environment's taxonomy.yaml: read, laid over what the overlays know, and held against what a generation made."""

from __future__ import annotations

from lampkeeper.design.classify.existing_tags import tag_conflicts, tags_of_others, unmapped_columns
from lampkeeper.design.knowledge.knowledge import Knowledge
from lampkeeper.design.knowledge.taxonomy import Taxonomy
from lampkeeper.design.knowledge.taxonomy_file import read_taxonomy
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.text import read_text
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, has_errors, sort_findings
from lampkeeper.model.labels import Label
from lampkeeper.model.schema import Snapshot
from lampkeeper.model.tags import TagAssignment


def map_existing_tags(folder: EnvFolder, knowledge: Knowledge) -> tuple[Knowledge, tuple[Finding, ...]]:
    """Return the knowledge with the environment's taxonomy in it, and what is wrong with that file; as it is without a file."""
    path = folder.taxonomy_path
    if not path.is_file():
        return knowledge, ()
    read = read_taxonomy(read_text(path), str(path), knowledge.vocabulary)
    if has_errors(read.findings):
        return knowledge, read.findings
    mapped, findings = knowledge.mapped(read.taxonomy)
    return mapped, sort_findings([*read.findings, *findings])


def existing_tag_findings(
    snapshot: Snapshot, labels: tuple[Label, ...], desired: Desired, knowledge: Knowledge, ours: tuple[TagAssignment, ...]
) -> tuple[Finding, ...]:
    """Return where tags of others are in the way of what was made, and what the taxonomy has no tag for.

    `ours` are the tags that the environment has put there itself.
    """
    taxonomy: Taxonomy = knowledge.taxonomy
    theirs = tags_of_others(snapshot, taxonomy, ours)
    return (*tag_conflicts(snapshot, theirs, desired, taxonomy), *unmapped_columns(snapshot, labels, desired, knowledge))
