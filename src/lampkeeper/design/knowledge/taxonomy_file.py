"""Reads taxonomy.yaml, the mapping from labels and column types to an organisation's existing governed tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lampkeeper.design.knowledge.near_words import near_word
from lampkeeper.design.knowledge.taxonomy import OPEN, SHORT, MappedTag, Taxonomy, Unmapped
from lampkeeper.design.knowledge.vocabulary import Vocabulary
from lampkeeper.design.knowledge.yaml_reader import Path, YamlReader
from lampkeeper.model.findings import Finding, has_errors, sort_findings
from lampkeeper.model.labels import LabelClass
from lampkeeper.model.schema import TypeFamily
from lampkeeper.model.tags import PLATFORM_PREFIXES

FAMILIES = (*(str(f) for f in TypeFamily if f is not TypeFamily.COMPLEX), SHORT)
"""Types that a tag can be mapped from; SHORT is text of less than 24 characters."""

_KEYS = ("unmapped", "tags")
_TAG_KEYS = ("label", "types", "key", "value", "mask")
# Source: platform docs, governed tags page; only the platform's own keys contain dots (`class.us_ssn`).
_FORBIDDEN = re.compile(r"[*/<>%&?\\=\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxonomyRead:
    """The readable part of a taxonomy, and its errors."""

    taxonomy: Taxonomy
    findings: tuple[Finding, ...]


def read_taxonomy(text: str, location: str, vocabulary: Vocabulary) -> TaxonomyRead:
    """Read a taxonomy; `vocabulary` has the labels, including those of the overlays."""
    reader = _Reader(location=location, code="TAXONOMY", rows=frozenset(r for r, _ in (*vocabulary.masks, *vocabulary.filters)))
    taxonomy = reader.read(text)
    findings = sort_findings(reader.findings)
    return TaxonomyRead(taxonomy=Taxonomy() if has_errors(findings) else taxonomy, findings=findings)


@dataclass(slots=True, kw_only=True)
class _Reader(YamlReader):
    rows: frozenset[str]

    def read(self, text: str) -> Taxonomy:
        if not text.strip():
            return Taxonomy()
        data = self.document(text, "expected a mapping with tags", "tags: [{label: email, key: data_class, value: email}]")
        if data is None:
            return Taxonomy()
        self._known((), data, _KEYS)
        said = data.get("unmapped", str(Unmapped.OWN))
        unmapped = self._one_of(("unmapped",), said, Unmapped) or Unmapped.OWN
        found = [self._tag(path, item) for path, item in self._items(("tags",), data.get("tags"), needed=True)]
        return Taxonomy(tags=tuple(t for t in found if t is not None), unmapped=unmapped)

    def _tag(self, path: Path, item: Mapping[str, Any]) -> MappedTag | None:
        self._known(path, item, _TAG_KEYS)
        row = self._text((*path, "label"), item.get("label"))
        if row and row != OPEN and row not in self.rows:
            near = near_word(row, self.rows)
            known = [near] if near else sorted(r for r in self.rows if r.startswith(row.partition("/")[0])) or list(LabelClass)
            self._fail((*path, "label"), f"unknown label {row!r}", f"one of {', '.join(known)}")
        key = self._name((*path, "key"), self._text((*path, "key"), item.get("key")))
        given = item.get("value", "")
        value = "" if given == "" else self._name((*path, "value"), self._text((*path, "value"), given))
        mask = "" if "mask" not in item else self._text((*path, "mask"), item.get("mask"))
        if row == OPEN and (mask or "types" in item):
            self._fail(path, "a tag for label none has neither types nor mask", "write only label, key and value")
        families = self._texts((*path, "types"), item.get("types", ["STRING"]))
        for index, family in enumerate(families):
            if family not in FAMILIES:
                self._fail((*path, "types", index), f"unknown type {family!r}", f"one of {', '.join(FAMILIES)}")
        if not families or not row or not key:
            return None
        return MappedTag(key=key, value=value, row=row, families=families, mask=mask, location=self._at(path))

    def _name(self, path: Path, text: str) -> str:
        dotted = "." in text and not (path[-1] == "key" and text.startswith(PLATFORM_PREFIXES))
        if text and (_FORBIDDEN.search(text) or dotted or len(text) > 256):
            self._fail(path, f"{text[:60]!r} cannot be a governed tag's {path[-1]}", "write it as the catalog shows it")
        return text
