"""Cells of arrays, maps, structs and variants, as JSON text that the engine parses into the type."""

from __future__ import annotations

import json
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from lampkeeper.testdata.deterministic_random import DeterministicRandom
from lampkeeper.testdata.invented import Person

_WHOLE = ("INT", "BIGINT", "SMALLINT", "TINYINT")


def complex_cell(type_text: str, rng: DeterministicRandom, who: Person) -> str | None:
    """Return the JSON text of a value of the type, or None for a type without a JSON form (with binary, interval, …)."""
    try:
        kind = exp.DataType.build(type_text, dialect="databricks")
        return json.dumps(_value(kind, rng, who, ""), ensure_ascii=False)
    except (SqlglotError, LookupError):
        return None


def _value(kind: exp.DataType, rng: DeterministicRandom, who: Person, name: str) -> Any:
    """Return the value as a JSON value; raise LookupError for a type without a JSON form."""
    inner = kind.expressions
    match kind.this.name:
        case "ARRAY" | "LIST":
            return [_value(inner[0], rng, who, name) for _ in range(rng.number(1, 3))]
        case "MAP":
            return {f"key{i}": _value(inner[1], rng, who, name) for i in range(rng.number(1, 2))}
        case "STRUCT":
            return {field.name: _value(field.args["kind"], rng, who, field.name.lower()) for field in inner}
        case "VARIANT":
            return {"name": who.full, "level": rng.number(1, 5)}
        case "BOOLEAN":
            return rng.number(0, 1) == 1
        case "DOUBLE" | "FLOAT" | "DECIMAL":
            return float(rng.amount(0, 9, 2))
        case "DATE":
            return who.born.isoformat()
        case "TIMESTAMP" | "TIMESTAMPTZ" | "TIMESTAMPLTZ" | "TIMESTAMPNTZ":
            return f"{who.born.isoformat()}T08:00:00Z"
        case "TEXT" | "VARCHAR" | "CHAR":
            known = {"street": who.street, "city": who.city, "postcode": who.postcode, "zip": who.postcode, "email": who.email}
            return known.get(name, f"{who.first} {rng.letters(4)}")
        case word if word in _WHOLE:
            return rng.number(1, 100)
    raise LookupError(kind.this.name)
