"""Results of the other sources of labels, cached in the environment: generated/sources/.

model.jsonl      one line per table: the fingerprint of the request, the model, the labels
profiles.jsonl   one line per table: counts of its values (never a value), by column
platform.jsonl   labels from the platform's own classification
lineage.jsonl    one line per derivation: the column, the column that it was written from, whether only as a figure, the origin
spaces.jsonl     one line per space: the fingerprint of the request, the model, the valid content
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lampkeeper.files.snapshots import label_document, read_json, read_label, read_labels, render_labels
from lampkeeper.files.text import read_text, write_text
from lampkeeper.model.errors import UsageError
from lampkeeper.model.labels import Label
from lampkeeper.model.lineage import Derivation, LineageOrigin
from lampkeeper.model.names import ColumnName, TableName, write_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A model's labels for a table, with the fingerprint of the request."""

    table: TableName
    digest: str
    model: str
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedSpace:
    """A model's content for a space (by its key), in the form of a response, and the problems of the rejected rest."""

    key: str
    digest: str
    model: str
    content: Mapping[str, Any]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Value counts of a table: by column the filled rows, the distinct values, and how many pass each test."""

    table: TableName
    digest: str
    columns: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """The files under envs/<env>/generated/sources. A damaged file raises UsageError; once deleted, it is recreated."""

    folder: Path

    def remembered(self) -> dict[TableName, Remembered]:
        """Return the model's labels by table."""
        return {
            t: Remembered(
                table=t, digest=str(d["digest"]), model=str(d["model"]), labels=tuple(read_label(x) for x in d["labels"])
            )
            for t, d in self._lines("model.jsonl", {"digest", "model", "labels"}, lambda d: [read_label(x) for x in d["labels"]])
        }

    def remember(self, answers: Iterable[Remembered]) -> bool:
        """Write the model's labels."""
        lines = (
            {
                "table": write_name(*a.table.parts),
                "digest": a.digest,
                "model": a.model,
                "labels": [label_document(x) for x in a.labels],
            }
            for a in sorted(answers, key=lambda a: a.table)
        )
        return self._write("model.jsonl", lines)

    def spaces(self) -> dict[str, RememberedSpace]:
        """Return the model's content of spaces by key."""
        path = self.folder / "spaces.jsonl"
        found = {}
        for number, line in enumerate(read_text(path).split("\n") if path.is_file() else (), start=1):
            if not line.strip():
                continue
            data: Any = read_json(line, path, line=number)
            try:
                found[str(data["space"])] = RememberedSpace(
                    key=str(data["space"]), digest=str(data["digest"]), model=str(data["model"]), content=dict(data["content"]),
                    problems=tuple(str(p) for p in data["problems"]),
                )  # fmt: skip
            except (KeyError, TypeError, ValueError) as error:
                raise UsageError(f"{path}:{number}: damaged: {error!r}", fix=f"delete {path}; it will be recreated") from None
        return found

    def remember_spaces(self, answers: Iterable[RememberedSpace]) -> bool:
        """Write the model's content of spaces."""
        lines = (
            {"space": a.key, "digest": a.digest, "model": a.model, "content": dict(a.content), "problems": list(a.problems)}
            for a in sorted(answers, key=lambda a: a.key)
        )
        return self._write("spaces.jsonl", lines)

    def counted(self) -> dict[TableName, Counted]:
        """Return the counts by table."""
        return {
            t: Counted(table=t, digest=str(d["digest"]), columns=d["columns"])
            for t, d in self._lines("profiles.jsonl", {"digest", "columns"}, lambda d: dict(d["columns"]))
        }

    def count(self, tables: Iterable[Counted]) -> bool:
        """Write the counts."""
        lines = (
            {"table": write_name(*c.table.parts), "digest": c.digest, "columns": {k: dict(v) for k, v in c.columns.items()}}
            for c in sorted(tables, key=lambda c: c.table)
        )
        return self._write("profiles.jsonl", lines)

    def platform(self) -> tuple[Label, ...]:
        """Return the labels of the platform's classification, as of its last read."""
        path = self.folder / "platform.jsonl"
        return read_labels(read_text(path), path) if path.is_file() else ()

    def write_platform(self, labels: Iterable[Label]) -> bool:
        """Write the labels of the platform's classification."""
        return write_text(self.folder / "platform.jsonl", render_labels(labels))

    def lineage(self) -> tuple[Derivation, ...]:
        """Return the column lineage as of its last read."""
        path = self.folder / "lineage.jsonl"
        found = []
        for number, line in enumerate(read_text(path).split("\n") if path.is_file() else (), start=1):
            if not line.strip():
                continue
            data: Any = read_json(line, path, line=number)
            try:
                found.append(
                    Derivation(
                        source=ColumnName.parse(data["source"]), target=ColumnName.parse(data["target"]),
                        aggregated=bool(data["aggregated"]), origin=LineageOrigin(data["origin"]),
                    )
                )  # fmt: skip
            except (KeyError, TypeError, ValueError, UsageError) as error:
                raise UsageError(f"{path}:{number}: damaged: {error!r}", fix=f"delete {path}; it will be recreated") from None
        return tuple(found)

    def write_lineage(self, derivations: Iterable[Derivation]) -> bool:
        """Write the column lineage."""
        lines = (
            {
                "target": write_name(*d.target.table.parts, d.target.column),
                "source": write_name(*d.source.table.parts, d.source.column),
                "aggregated": d.aggregated,
                "origin": str(d.origin),
            }
            for d in sorted(set(derivations), key=lambda d: (d.target, d.source, d.origin, d.aggregated))
        )
        return self._write("lineage.jsonl", lines)

    def _write(self, name: str, lines: Iterable[Mapping[str, Any]]) -> bool:
        return write_text(self.folder / name, "".join(json.dumps(line) + "\n" for line in lines))

    def _lines(self, name: str, keys: set[str], check: Any) -> list[tuple[TableName, dict[str, Any]]]:
        path = self.folder / name
        found = []
        for number, line in enumerate(read_text(path).split("\n") if path.is_file() else (), start=1):
            if not line.strip():
                continue
            data = read_json(line, path, line=number)
            try:
                if not keys <= set(data):
                    raise KeyError(*sorted(keys - set(data)))
                check(data)
                found.append((TableName.parse(data["table"]), data))
            except (KeyError, TypeError, ValueError, UsageError) as error:
                raise UsageError(f"{path}:{number}: damaged: {error!r}", fix=f"delete {path}; it will be recreated") from None
        return found
