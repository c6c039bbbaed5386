"""Everything that a local workspace holds, read from its data folder: equal worlds are equal states."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from support.governed_places import _plain

_NO_STATE = frozenset({"token", "statement", "secret", "oauth_token", "history", "query"})
"""Kinds of documents that come and go with every use."""
_GIVEN = frozenset({"/", "/Shared", "/Users", "/Repos"})
"""Folders that every workspace has; the store notes them with their first use."""


def world_in(data: Path) -> dict[str, list[str]]:
    """Return all documents by kind, without ids and times; the server may run or have died."""
    connection = sqlite3.connect(f"file:{data / 'store.db'}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT kind, body FROM document").fetchall()
    finally:
        connection.close()
    documents = [(kind, json.loads(body)) for kind, body in rows]
    names = {
        str(d["id"]): str(d.get("displayName") or d.get("userName") or d.get("applicationId"))
        for kind, d in documents
        if kind in ("group", "user", "service_principal")
    }
    spaces = {str(d["space_id"]): str(d["title"]) for kind, d in documents if kind == "genie_space"}
    world: dict[str, list[str]] = {}
    for kind, document in documents:
        if kind == "permissions":
            # An owner's right is implied until somebody puts the list: written or not, it is the same right.
            entries = [e for e in document["access_control_list"] if e["level"] != "IS_OWNER"]
            document = document | {"access_control_list": entries}
        if kind in ("workspace_object", "workspace_object_id"):
            if document["path"] in _GIVEN:
                continue
            document = _with_content(document, data, spaces)
        if kind not in _NO_STATE and not document.get("trashed"):
            world.setdefault(kind, []).append(json.dumps(_plain(document, names), sort_keys=True))
    return {kind: sorted(found) for kind, found in sorted(world.items())}


def _with_content(document: dict[str, Any], data: Path, spaces: dict[str, str]) -> dict[str, Any]:
    """Return a file or folder without the time of its last write; its content, with spaces by title, replaces the blob's name."""
    plain = {name: value for name, value in document.items() if name not in ("blob", "modified_at")}
    if "blob" in document:
        content = (data / "tree" / document["blob"]).read_text(encoding="utf-8", errors="backslashreplace")
        for space_id, title in spaces.items():
            content = content.replace(space_id, title)
        plain["content"] = content
    return plain


def difference(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    """Return what is in one world and not in the other, `-` gone and `+` new."""
    found = []
    for kind in sorted({*before, *after}):
        old, new = set(before.get(kind, [])), set(after.get(kind, []))
        found += [f"- {kind} {x}" for x in sorted(old - new)] + [f"+ {kind} {x}" for x in sorted(new - old)]
    return found


def require_same(before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    """Fail with everything that differs."""
    found = difference(before, after)
    assert not found, "\n".join(found)
