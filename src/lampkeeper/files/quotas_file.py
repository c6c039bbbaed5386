"""`quotas.json`: the quotas that the platform reported when the tables were last read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lampkeeper.files.snapshots import read_json
from lampkeeper.model.errors import UsageError
from lampkeeper.model.quotas import PolicyQuotas, Quota

FILE = "quotas.json"


def render_quotas(quotas: PolicyQuotas) -> str:
    """Return the JSON text, keys sorted."""
    document = {
        "metastore": _document(quotas.metastore),
        "catalogs": {name: _document(q) for name, q in sorted(quotas.catalogs.items())},
    }
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_quotas(text: str, path: Path) -> PolicyQuotas:
    """Read the JSON text; raise UsageError if it is damaged."""
    data: Any = read_json(text, path)
    try:
        catalogs = {str(name): _quota(q) for name, q in data["catalogs"].items()}
        return PolicyQuotas(
            metastore=_quota(data["metastore"]) if data["metastore"] else None,
            catalogs={name: q for name, q in catalogs.items() if q is not None},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: damaged: {error!r}", fix=f"delete {path}; it will be recreated") from None


def _document(quota: Quota | None) -> dict[str, int] | None:
    return None if quota is None else {"count": quota.count, "limit": quota.limit}


def _quota(data: Any) -> Quota | None:
    return None if data is None else Quota(count=int(data["count"]), limit=int(data["limit"]))
