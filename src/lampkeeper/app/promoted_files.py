"""The other files of a promotion: files that people wrote, and the results of the other sources of labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.modes import Mode
from lampkeeper.app.own_masks import CHECKED
from lampkeeper.app.space_content import space_prompts
from lampkeeper.app.space_requests import space_requests
from lampkeeper.design.classify.prompt import make_prompts, table_digest
from lampkeeper.design.promotion.desired_renaming import renamed_labels, renamed_table
from lampkeeper.design.promotion.renaming import CatalogRenaming
from lampkeeper.files.label_sources import Remembered, RememberedSpace
from lampkeeper.files.settings import Settings
from lampkeeper.files.snapshots import read_json
from lampkeeper.files.text import read_text
from lampkeeper.model.genie import space_key
from lampkeeper.model.schema import Snapshot
from lampkeeper.text.digest import digest_of

CHECKED_MASKS = f"masks/{CHECKED}"
_CATALOG_KEYS = frozenset({"catalog", "table_catalog"})


def written_by_people(inputs: EnvInputs, renaming: CatalogRenaming) -> Iterator[tuple[str, str]]:
    """Yield name and new text of taxonomy, overlays, masks and schema files.

    A mask that passed the checklist as it stood, and whose text changes only by a catalog's name, still counts as checked.
    """
    base = inputs.folder.path
    if inputs.folder.taxonomy_path.is_file():
        yield "taxonomy.yaml", renaming.kept(read_text(inputs.folder.taxonomy_path), "taxonomy.yaml")
    for path, text in inputs.folder.overlay_texts():
        name = f"overlays/{path.name}"
        yield name, renaming.kept(text, name)
    yield from _masks(base / "masks", renaming)
    for path in sorted((base / "ddl").glob("*")):
        if path.suffix in (".sql", ".jsonl") and path.name[0] != "_":
            own = path.stem.casefold() in renaming.catalogs.destinations
            name = f"ddl/{renaming.name(path.stem) if own else path.stem}{path.suffix}"
            text = read_text(path)
            yield name, renaming.sql(text, name) if path.suffix == ".sql" else _json_lines(text, path, renaming, name)


def _masks(folder: Path, renaming: CatalogRenaming) -> Iterator[tuple[str, str]]:
    known: Any = read_json(read_text(folder / CHECKED), folder / CHECKED) if (folder / CHECKED).is_file() else {}
    checked = dict(known) if isinstance(known, dict) else {}
    for path in sorted(folder.glob("*.sql")):
        old = read_text(path)
        new = renaming.sql(old, f"masks/{path.name}")
        if checked.get(path.name) == digest_of(old):
            checked[path.name] = digest_of(new)
        yield f"masks/{path.name}", new
    if checked:
        yield CHECKED_MASKS, json.dumps(checked, indent=2, sort_keys=True) + "\n"


def with_own_masks(text: str, destination: Path, stage: Path) -> str:
    """Return the list of checked masks with the entries of masks that the destination keeps as its own."""
    path = destination / CHECKED_MASKS
    known: Any = read_json(read_text(path), path) if path.is_file() else {}
    own = {n: d for n, d in known.items() if not (stage / "masks" / n).is_file() and (destination / "masks" / n).is_file()}
    return json.dumps(json.loads(text) | own, indent=2, sort_keys=True) + "\n"


def _json_lines(text: str, path: Path, renaming: CatalogRenaming, place: str) -> str:
    lines = []
    for number, line in enumerate(text.split("\n"), start=1):
        old: Any = read_json(line, path, line=number) if line.strip() else None
        new = _json(old, renaming, place, "")
        lines.append(line if new == old else json.dumps(new, ensure_ascii=False))
    return "\n".join(lines)


def _json(value: Any, renaming: CatalogRenaming, place: str, key: str) -> Any:
    """Return a JSON value with the names in it at the destination: by its key a catalog, SQL, or prose."""
    if isinstance(value, dict):
        return {k: _json(v, renaming, place, str(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_json(v, renaming, place, key) for v in value]
    if not isinstance(value, str):
        return value
    if key in _CATALOG_KEYS:
        return renaming.name(value)
    return renaming.sql(value, place) if key in ("sql", "expression", "query") else renaming.prose(value, place)


def carry_sources(
    inputs: EnvInputs, there: EnvInputs, renaming: CatalogRenaming, settings: tuple[Settings, Settings], new: Snapshot
) -> None:
    """Write what models, the platform and counts said about the columns, for the tables of the destination.

    What a model said is known by a digest of the request. An answer that still counts for the source still counts at the
    destination, so that the next generation there protects as much; `settings` are those of the source and the destination.
    """
    old = inputs.snapshot or Snapshot(tables=())
    renamed = {t.name: renamed_table(renaming, t.name) for t in old.tables}
    answers = []
    for name, known in inputs.sources.remembered().items():
        table, target = old.index.get(name), new.index.get(renamed.get(name, name))
        if table is not None and target is not None and known.digest == table_digest(make_prompts(table)):
            digest = table_digest(make_prompts(target))
            labels = renamed_labels(renaming, known.labels, "generated/sources/model.jsonl")
            answers.append(Remembered(table=target.name, digest=digest, model=known.model, labels=labels))
    if answers:
        there.sources.remember(answers)
    counted = inputs.sources.counted()
    if counted:
        there.sources.count(replace(c, table=renamed_table(renaming, c.table)) for c in counted.values())
    platform = inputs.sources.platform()
    if platform:
        there.sources.write_platform(renamed_labels(renaming, platform, "generated/sources/platform.jsonl"))
    _carry_spaces(inputs, there, renaming, settings, (old, new))


def _carry_spaces(
    inputs: EnvInputs,
    there: EnvInputs,
    renaming: CatalogRenaming,
    settings: tuple[Settings, Settings],
    snapshots: tuple[Snapshot, Snapshot],
) -> None:
    known = inputs.sources.spaces()
    if not known:
        return
    before, after = (
        space_prompts(snapshot, space_requests(own, snapshot, Mode.FULL, "")[0])
        for own, snapshot in zip(settings, snapshots, strict=True)
    )
    names = {s.key: space_key(renaming.prose(s.name, "env.auto.tfvars")) for s in settings[0].spaces}
    found = []
    for key, answer in known.items():
        new = names.get(key, key)
        if key in before and new in after and answer.digest == before[key].digest:
            content = _json(dict(answer.content), renaming, "generated/sources/spaces.jsonl", "")
            found.append(
                RememberedSpace(key=new, digest=after[new].digest, model=answer.model, content=content, problems=answer.problems)
            )
    if found:
        there.sources.remember_spaces(found)
