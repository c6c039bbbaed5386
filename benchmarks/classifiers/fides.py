"""Columns labelled by others at natural prevalence: datasets of the `ethyca-fides` wheel, or of a folder of Fides datasets."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

INSTALL = "uv pip install --no-deps ethyca-fides==2.78.2"

_MUST = (
    "user.account", "user.authorization", "user.biometric", "user.contact.email", "user.contact.phone", "user.contact.fax",
    "user.contact.address.street", "user.contact.address.postal_code", "user.credentials", "user.demographic.date_of_birth",
    "user.demographic.race", "user.demographic.religious", "user.demographic.sexual", "user.demographic.political",
    "user.device.ip_address", "user.device.cookie", "user.device.telemetry", "user.financial", "user.government_id",
    "user.health_and_medical", "user.location", "user.name", "user.payment", "user.privacy_preferences.identity",
)  # fmt: skip
_SOFT = ("user.",)
_OPEN = ("user.contact.address.state", "user.contact.address.country", "user.contact.organization", "user.account.settings")


def find_datasets() -> Path | None:
    """Return the folder of the installed wheel's sample datasets, or None."""
    spec = importlib.util.find_spec("fides")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "data" if places else None


def read_datasets(folder: Path) -> list[dict[str, Any]]:
    """Return a row for each field of every dataset in the folder, each (dataset, collection, field) once."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for path in sorted(folder.rglob("*.y*ml")):
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8").replace("<", "").replace(">", ""))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            continue  # Helm templates and the like lie in the same folders; they are no datasets.
        for dataset in _datasets(document):
            db = str(dataset.get("fides_key") or dataset.get("name") or path.stem)
            for collection in dataset.get("collections") or ():
                for name, categories in _fields(collection.get("fields") or ()):
                    rows.setdefault((db, str(collection["name"]), name), _row(db, str(collection["name"]), name, categories))
    return list(rows.values())


def _datasets(document: object) -> Iterable[dict[str, Any]]:
    found = document.get("dataset") if isinstance(document, dict) else None
    found = [found] if isinstance(found, dict) else found
    return [d for d in found or () if isinstance(d, dict) and d.get("collections")]


def _fields(fields: Iterable[dict[str, Any]], prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    for field in fields:
        name = f"{prefix}{field['name']}"
        if field.get("fields"):
            yield from _fields(field["fields"], f"{name}.")
        else:
            yield name, tuple(field.get("data_categories") or ())


def _row(db: str, table: str, column: str, categories: tuple[str, ...]) -> dict[str, Any]:
    return {"db": db, "table": table, "column": column, "type": "", "comment": "", "label": "", "tier": _tier(categories)}


def _tier(categories: tuple[str, ...]) -> str:
    if any(c.startswith(_MUST) and not c.startswith(_OPEN) for c in categories):
        return "must"
    return "soft" if any(c.startswith(_SOFT) and not c.startswith(_OPEN) for c in categories) else "none"
