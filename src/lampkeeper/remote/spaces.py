"""Genie spaces over REST. Payloads are kept as they are, so that unknown fields survive a round trip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lampkeeper.remote.clients import Json, Workspace, encode

_SPACES = "/api/2.0/genie/spaces"


def read_space(workspace: Workspace, space_id: str) -> Json | None:
    """Return a space with its serialized content and etag, or None if it does not exist."""
    return workspace.find("genie_space", f"{_SPACES}/{encode(space_id)}", {"include_serialized_space": True})


def list_spaces(workspace: Workspace) -> list[Json]:
    """Return ID and title of every visible space, from all pages."""
    return list(workspace.pages("genie_space", _SPACES, "spaces"))


def create_space(workspace: Workspace, body: Mapping[str, Any]) -> str:
    """Create a space and return its ID; its tables must exist."""
    return str(workspace.write("genie_space", "POST", _SPACES, body, piles_up=True)["space_id"])


def update_space(workspace: Workspace, space_id: str, body: Mapping[str, Any]) -> Json:
    """Change a space; `serialized_space` replaces the whole content, `etag` guards against concurrent edits."""
    return workspace.write("genie_space", "PATCH", f"{_SPACES}/{encode(space_id)}", body)


def trash_space(workspace: Workspace, space_id: str) -> None:
    """Move a space to the trash."""
    workspace.write("genie_space", "DELETE", f"{_SPACES}/{encode(space_id)}")
