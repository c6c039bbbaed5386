"""An environment's taxonomy.yaml: read, laid over what the packs know, and held against what a generation made."""

from __future__ import annotations

from lampkeeper.app.labelling import assigned_by_us
from lampkeeper.design.classify.own_tags import tag_conflicts, tags_of_others, unmapped_columns
from lampkeeper.design.knowledge.overlay import Overlay
from lampkeeper.design.knowledge.taxonomy import Taxonomy
from lampkeeper.design.knowledge.taxonomy_file import read_taxonomy
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.text import read_text
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, has_errors, sort_findings
from lampkeeper.model.labels import Label
from lampkeeper.model.schema import Snapshot


def with_own_tags(folder: EnvFolder, overlay: Overlay) -> Overlay:
    """Return the overlay with the environment's taxonomy in it; raise UsageError when that file has mistakes."""
    mapped, findings = map_own_tags(folder, overlay)
    if has_errors(findings):
        raise UsageError("\n".join(f"{f.place}: {f.message}" for f in findings), fix=f"lampkeeper taxonomy --env {folder.env}")
    return mapped


def map_own_tags(folder: EnvFolder, overlay: Overlay) -> tuple[Overlay, tuple[Finding, ...]]:
    """Return the same with everything that is wrong with the file; without a file the overlay as it is."""
    path = folder.taxonomy_path
    if not path.is_file():
        return overlay, ()
    read = read_taxonomy(read_text(path), str(path), overlay.vocabulary)
    if has_errors(read.findings):
        return overlay, read.findings
    mapped, findings = overlay.mapped(read.taxonomy)
    return mapped, sort_findings([*read.findings, *findings])


def own_tag_findings(
    folder: EnvFolder, snapshot: Snapshot, labels: tuple[Label, ...], desired: Desired, overlay: Overlay
) -> tuple[Finding, ...]:
    """Return where tags of others are in the way of what was made, and what the taxonomy has no tag for."""
    taxonomy: Taxonomy = overlay.taxonomy
    theirs = tags_of_others(snapshot, taxonomy, assigned_by_us(folder))
    return (*tag_conflicts(snapshot, theirs, desired, taxonomy), *unmapped_columns(snapshot, labels, desired, overlay))
