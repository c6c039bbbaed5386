"""What a local workspace holds, before and after: what a run has left behind."""

from __future__ import annotations

from collections.abc import Mapping

from lampkeeper.remote.clients import Workspace


def take_inventory(workspace: Workspace) -> Mapping[str, str]:
    """Return every object of a local workspace as `kind/key`, with a digest of its content."""
    found = workspace.get("inventory", "/_localspace/inventory")["inventory"]
    return {str(name): str(digest) for name, digest in found.items()}


def left_behind(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return what is there now and was not, what is gone, and what is not the same any more."""
    return (
        *(f"+ {name}" for name in sorted(set(after) - set(before))),
        *(f"- {name}" for name in sorted(set(before) - set(after))),
        *(f"~ {name}" for name in sorted(set(before) & set(after)) if before[name] != after[name]),
    )
