"""`manifest.json` of a dbt project: the relation of each model, its compiled query, and the relations that it reads.

Source: dbt docs, manifest JSON file (schema versions 9 to 12): `nodes`, `sources`, `relation_name`, `compiled_code`,
`depends_on.nodes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lampkeeper.files.snapshots import read_json
from lampkeeper.files.text import read_text
from lampkeeper.model.errors import UsageError
from lampkeeper.model.names import TableName, split_name

_MODELS = frozenset({"model", "snapshot"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtModel:
    """One model: its table or view, its compiled query (empty if the project was only parsed), what it reads."""

    unique_id: str
    relation: TableName
    query: str
    reads: tuple[TableName, ...] = ()


def read_manifest(path: Path) -> tuple[DbtModel, ...]:
    """Return the models with a relation of three parts, sorted; raise UsageError for any other file."""
    data: Any = read_json(read_text(path), path)
    nodes = data.get("nodes") if isinstance(data, dict) else None
    if not isinstance(nodes, dict):
        raise UsageError(
            f"{path}: not a manifest of dbt: `nodes` is missing", fix="give target/manifest.json after `dbt compile`"
        )
    sources = data.get("sources")
    relations = {
        str(key): name
        for key, node in {**(sources if isinstance(sources, dict) else {}), **nodes}.items()
        if isinstance(node, dict) and (name := _relation(node)) is not None
    }
    found = []
    for key, node in nodes.items():
        if isinstance(node, dict) and node.get("resource_type") in _MODELS and str(key) in relations:
            depends = node.get("depends_on")
            below = depends.get("nodes") if isinstance(depends, dict) else ()
            reads = tuple(sorted({relations[str(n)] for n in below or () if str(n) in relations}))
            query = node.get("compiled_code") or node.get("compiled_sql") or ""
            found.append(DbtModel(unique_id=str(key), relation=relations[str(key)], query=str(query), reads=reads))
    return tuple(sorted(found, key=lambda m: (m.relation, m.unique_id)))


def _relation(node: Mapping[str, Any]) -> TableName | None:
    """Return the table of a node: by `relation_name` (quoted), or by its database, schema and alias."""
    written = node.get("relation_name")
    if isinstance(written, str):
        try:
            parts = split_name(written.replace('"', "`"))
        except UsageError:
            return None
        return TableName(*parts) if len(parts) == 3 else None
    named = (node.get("database"), node.get("schema"), node.get("alias") or node.get("identifier") or node.get("name"))
    return TableName(*(str(p) for p in named)) if all(isinstance(p, str) and p for p in named) else None
