"""Protections: the governed tag and the mask of a label on a column's type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from lampkeeper.design.knowledge.data_files import parse_data
from lampkeeper.design.knowledge.library import HOME, Library, LibraryFunction, load_library, replace_function
from lampkeeper.model.conditions import Condition, HasTag, HasTagValue
from lampkeeper.model.labels import Label, LabelClass
from lampkeeper.model.masks import Function, FunctionExample, FunctionRole, Parameter, significant
from lampkeeper.model.schema import Column, TypeFamily
from lampkeeper.text.digest import digest_of
from lampkeeper.text.sql_lexer import SqlToken, TokenKind, scan_sql

FAMILIES: tuple[str, ...] = ("compliance_scope", "financial_sensitivity", "pci_level", "phi_level", "pii_level", "review_status")
"""Keys of the governed tags, sorted; a group's clearance names these."""

_SHORT_TEXT = 24
_LENGTH = re.compile(r"\s*(?:var)?char\s*\(\s*(\d+)\s*\)", re.IGNORECASE)
_DECIMAL = re.compile(r"\s*(?:decimal|dec|numeric)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?", re.IGNORECASE)
_SMALL = re.compile(r"\s*(tinyint|smallint|byte|short)\b", re.IGNORECASE)
_BIG = re.compile(r"\s*(bigint|long)\b", re.IGNORECASE)
_HASH_LENGTH = {"mask_hash": 32, "mask_name_hash": 32}
_INTEGER_DIGITS = {"mask_amount_decimal": 32, "mask_geo_decimal": 26}
_BRACKETS = {"(": ")", "<": ">"}
_MAX_TYPE_TEXT = 4000


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Protection:
    """The protection of a column: the tag, and the function that a policy applies to it.

    `mapped_from` is set for an existing tag: the generated family that it replaces, which clearances name.
    """

    key: str
    value: str
    function: str
    role: FunctionRole = FunctionRole.MASK
    mapped_from: str = ""

    @property
    def family(self) -> str:
        """Return the family in clearances."""
        return self.mapped_from or self.key

    @property
    def condition(self) -> Condition:
        """Return the condition that the tag satisfies: the key alone if the tag has no values."""
        return HasTagValue(self.key, self.value) if self.value else HasTag(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """All protections by class[/sub] and type family (`SHORT`: text too short for a constant)."""

    descriptions: Mapping[str, str]
    masks: Mapping[tuple[str, str], Protection]
    filters: Mapping[tuple[str, str], Protection]

    def protections(self) -> tuple[Protection, ...]:
        """Return every protection of the written vocabulary, sorted."""
        return tuple(sorted({*self.masks.values(), *self.filters.values()}))


@cache
def load_vocabulary() -> Vocabulary:
    """Return the vocabulary of data/vocabulary.yaml; parsed once."""
    data: dict[str, Any] = parse_data("vocabulary.yaml")
    masks: dict[tuple[str, str], Protection] = {}
    for name, row in data["classes"].items():
        for family, (suffix, mask) in data["defaults"].items():
            value, function = row.get(family, (_default_value(row, family, suffix), mask))
            masks[(name, family)] = Protection(key=row["key"], value=value, function=function)
    filters = {
        (name, row["type"]): Protection(key=row["key"], value=row["value"], function=row["filter"], role=FunctionRole.FILTER)
        for name, row in data["filters"].items()
    }
    return Vocabulary(descriptions=data["families"], masks=masks, filters=filters)


def _default_value(row: Mapping[str, Any], family: str, suffix: str) -> str:
    if row["word"] == "pending":
        return f"pending_{suffix}"
    return f"redacted_{row['word']}" if family == "STRING" else f"nullified_{row['word']}_{suffix}"


def mask_protection(label: Label, column: Column, vocabulary: Vocabulary | None = None) -> Protection | None:
    """Return the mask protection of a protected column, or None if its type's text is not valid in a function's signature.

    `vocabulary` is an overlay's; a subtype without a row gets the protection of its class.
    """
    words = vocabulary or load_vocabulary()
    if column.family is TypeFamily.COMPLEX:
        mask = complex_mask(column.type)
        if mask is None:
            return None
        row = _rows(label)[-1]
        key = words.masks[(row, "STRING")].family
        return Protection(key=key, value=f"nullified_{row.replace('/', '_')}_{mask.name.rpartition('_')[2]}", function=mask.name)
    family = family_of(column)
    rows = _rows(label)
    chosen = next(t for r in rows if (t := words.masks.get((r, family))) is not None)
    if not fits(chosen.function, column):
        default = words.masks[("undecided", family)].function
        return Protection(key=chosen.family, value=f"nullified_{rows[0].replace('/', '_')}_{family.lower()}", function=default)
    return chosen


def filter_protection(label: Label, column: Column, vocabulary: Vocabulary | None = None) -> Protection | None:
    """Return the row-filter protection of a column, or None if the label has none for this type."""
    return (vocabulary or load_vocabulary()).filters.get((f"{label.label}/{label.subtype}", str(column.family)))


def _rows(label: Label) -> tuple[str, ...]:
    """Return the vocabulary rows of a label, most specific first; a label without a class of its own counts as undecided."""
    label_class = LabelClass.UNDECIDED if label.label is LabelClass.NONE else label.label
    return (f"{label_class}/{label.subtype}", str(label_class)) if label.subtype else (str(label_class),)


def family_of(column: Column) -> str:
    """Return the vocabulary's name of a column's type: its family, or SHORT for text too short for a constant."""
    if column.family is TypeFamily.STRING:
        length = _LENGTH.match(column.type)
        return "SHORT" if length and int(length.group(1)) < _SHORT_TEXT else "STRING"
    return str(column.family)


def fits(function: str, column: Column) -> bool:
    """Return whether the column's type holds every result of the mask, and the mask's parameter every value of the column."""
    if function == "mask_amount_bigint":
        return _SMALL.match(column.type) is None
    if function == "mask_hash_bigint":
        return _BIG.match(column.type) is not None
    if function in _HASH_LENGTH:
        length = _LENGTH.match(column.type)
        return length is None or int(length.group(1)) >= _HASH_LENGTH[function]
    # The middle of a hundred has two digits before the point.
    least = 2 if function == "mask_amount_decimal" else 0
    digits = _INTEGER_DIGITS.get(function)
    if digits is None:
        return True
    match = _DECIMAL.match(column.type)
    precision = int(match.group(1) or 10) if match else 10
    scale = int(match.group(2) or 0) if match else 0
    return least <= precision - scale <= digits


@cache
def complex_mask(type_text: str) -> LibraryFunction | None:
    """Return a function that returns NULL of exactly this ARRAY, MAP, STRUCT, VARIANT or other type; None for invalid text."""
    if not type_text.strip() or len(type_text) > _MAX_TYPE_TEXT:
        return None
    scan = scan_sql(type_text)
    if scan.error is not None or not _is_type(scan.tokens):
        return None
    clean = significant(type_text)
    name = f"mask_null_{digest_of(clean.lower(), digits=8)}"
    function = Function(
        name=replace_function(HOME, name),
        role=FunctionRole.MASK,
        parameters=(Parameter(name="value", type=clean),),
        returns=clean,
        body=f"CAST(NULL AS {clean})",
        examples=(FunctionExample(arguments=("NULL",), returns="NULL"),),
    )
    return LibraryFunction(function=function, label="any", reveals="nothing")


def _is_type(tokens: Iterable[SqlToken]) -> bool:
    """Return whether these are names, numbers and whole brackets: the text of a type comes from a catalog."""
    closing: list[str] = []
    for token in tokens:
        if token.text in _BRACKETS:
            closing.append(_BRACKETS[token.text])
        elif token.text in _BRACKETS.values():
            if not closing or closing.pop() != token.text:
                return False
        elif token.kind not in (TokenKind.NAME, TokenKind.WORD, TokenKind.NUMBER) and token.text not in (",", ":"):
            return False
    return not closing


def find_function(protection: Protection, column: Column, library: Library | None = None) -> LibraryFunction:
    """Return the library function of a protection chosen for this column."""
    library = library or load_library()
    if protection.function in library.functions:
        return library[protection.function]
    made = complex_mask(column.type)
    if made is None or made.name != protection.function:
        raise KeyError(protection.function)
    return made
