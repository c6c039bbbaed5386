"""The scan of Databricks Data Classification: samples of text columns are compared with the forms of known classes.

A value has a class when its form and its check digits fit (source: platform docs, data classification, supported classes;
ISO 7064 for IBAN, ISO/IEC 7812 for cards). Names and addresses have no form, so that the scan does not find them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from localspace.core.stored_documents.catalog import StoredTable
from localspace.governance.repositories import Repositories

ROWS = 1_000
"""Rows of a table that a scan reads."""

_SAMPLES = 5
_LEAST, _HIGH = 0.3, 0.8
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_SSN = re.compile(r"(?!000|666)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")
_PHONE = re.compile(r"(\+\d{1,3}[ .-]?)?(\(\d{2,4}\)[ .-]?|\d{2,4}[ .-])\d{3,4}[ .-]?\d{3,4}|\+\d{8,15}")
_CARD = re.compile(r"\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -]?)\d{6}\2\d{5}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")


def _is_card(text: str) -> bool:
    if not _CARD.fullmatch(text):
        return False
    digits = [int(one) for one in text if one.isdigit()]
    doubled = [sum(divmod(2 * one, 10)) for one in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    compact = text.replace(" ", "")
    if not _IBAN.fullmatch(compact):
        return False
    return int("".join(str(int(one, 36)) for one in compact[4:] + compact[:4])) % 97 == 1


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


CLASSES: dict[str, Callable[[str], Any]] = {
    "class.email_address": _EMAIL.fullmatch,
    "class.us_ssn": _SSN.fullmatch,
    "class.credit_card": _is_card,
    "class.iban_code": _is_iban,
    "class.ip_address": _is_address,
    "class.phone_number": _PHONE.fullmatch,
}
"""Tag of a class to the test of one value, in the order in which they are tried: the first that fits counts."""


def scan(repositories: Repositories, files: Path, table: StoredTable) -> Iterator[dict[str, Any]]:
    """Yield the rows of `system.data_classification.results` for a table; `files` is the folder with the rows of all tables."""
    columns = [one for one in table["columns"] if one["type_text"].casefold() == "string"]
    storage = table.get("storage")
    if not storage or not columns:
        return
    values = _read(files / storage["path"], [one["physical"] for one in columns])
    for column in columns:
        found = _classified([one for one in values.get(column["physical"], ()) if one])
        if found is not None:
            yield {
                "catalog_name": table["catalog_name"],
                "schema_name": table["schema_name"],
                "table_name": table["name"],
                "column_name": column["name"],
                "data_type": "string",
                **found,
            }


def _read(folder: Path, columns: list[str]) -> Mapping[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in columns}
    for file in sorted(folder.rglob("*.parquet")):
        left = ROWS - len(found[columns[0]])
        if left <= 0:
            break
        part = pq.read_table(file, columns=columns).slice(0, left)
        for name in columns:
            found[name] += part.column(name).to_pylist()
    return found


def _classified(values: list[str]) -> dict[str, Any] | None:
    for tag, fits in CLASSES.items():
        hits = [one for one in values if fits(one.strip())]
        if values and len(hits) / len(values) >= _LEAST:
            frequency = len(hits) / len(values)
            return {
                "class_tag": tag,
                "samples": list(dict.fromkeys(hits))[:_SAMPLES],
                "confidence": "HIGH" if frequency >= _HIGH else "LOW",
                "frequency": frequency,
            }
    return None
