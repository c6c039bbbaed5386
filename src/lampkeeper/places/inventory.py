"""Compares the objects of a local workspace before and after a run: what the run has left behind."""

from __future__ import annotations

from collections.abc import Mapping

from lampkeeper.remote.clients import Workspace


def take_inventory(workspace: Workspace) -> Mapping[str, str]:
    """Return every object of a local workspace as `kind/key`, with a digest of its content."""
    found = workspace.get("inventory", "/_localspace/inventory")["inventory"]
    return {str(name): str(digest) for name, digest in found.items()}


def left_behind(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return the objects that were added (+), removed (-) and changed (~)."""
    return (
        *(f"+ {name}" for name in sorted(set(after) - set(before))),
        *(f"- {name}" for name in sorted(set(before) - set(after))),
        *(f"~ {name}" for name in sorted(set(before) & set(after)) if before[name] != after[name]),
    )
