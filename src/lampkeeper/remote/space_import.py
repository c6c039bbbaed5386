"""Reads a Genie space for import. The content of a new space appears with a delay, and sometimes only after a write."""

from __future__ import annotations

from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clients import Json, Workspace
from lampkeeper.remote.clock import Clock, RealClock
from lampkeeper.remote.polling import PollPolicy, wait_until
from lampkeeper.remote.retry import Backoff
from lampkeeper.remote.spaces import list_spaces, read_space, update_space

CONTENT_WAIT = PollPolicy(backoff=Backoff(first=5.0, longest=90.0), limit=260.0)
"""When to read a space again whose content has not appeared yet."""

_REFUSALS = ("partner", "cross-geo", "cross geo")


def fetch_space(workspace: Workspace, space_id: str, *, wait: bool, clock: Clock | None = None) -> Json:
    """Return a space with its content and etag; raise RemoteError if it does not exist.

    With `wait`, read again by CONTENT_WAIT until the content appears, and raise in the end. If the platform refuses to return
    content that partner AI features created, a PATCH with the unchanged title returns it and changes nothing.
    """

    def shown(found: Json) -> bool:
        return bool(found.get("serialized_space")) or not wait

    found = wait_until(lambda: _read(workspace, space_id), shown, CONTENT_WAIT, clock or RealClock())
    if not shown(found):
        raise RemoteError(
            f"space {space_id} shows no content after {CONTENT_WAIT.limit:.0f} seconds", code="NOT_READY",
            fix="name its tables as uc_tables of the space in env.auto.tfvars, or try again later",
        )  # fmt: skip
    return found


def _read(workspace: Workspace, space_id: str) -> Json:
    try:
        found = read_space(workspace, space_id)
    except RemoteError as error:
        if not any(word in error.message.casefold() for word in _REFUSALS):
            raise
        return _shown_by_write(workspace, space_id, error)
    if found is None:
        raise RemoteError(
            f"no Genie space {space_id}, or no permission to edit it", code="RESOURCE_DOES_NOT_EXIST", status=404,
            fix="check genie_space_id; reading a space's content needs CAN EDIT",
        )  # fmt: skip
    return found


def _shown_by_write(workspace: Workspace, space_id: str, refusal: RemoteError) -> Json:
    title = next((str(s.get("title") or "") for s in list_spaces(workspace) if s.get("space_id") == space_id), "")
    if not title:
        # A write without the title would rename the space.
        raise refusal
    return update_space(workspace, space_id, {"title": title})
