"""Waiting for propagation: first until the writes read back, then for a settle time, because effect comes after reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lampkeeper.deploy.change import Change, changes_of
from lampkeeper.deploy.kinds import TAG
from lampkeeper.deploy.kinds.tag import tag_key
from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.catalog import read_tags
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.polling import PollPolicy, wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationWait:
    """How to wait: `seconds` after everything reads true, polled every `poll` seconds for at most `limit`.

    The platform says that tags take effect within minutes and permission changes within 30 s and more; what others use in
    practice is a fixed 30 s (field reports).
    """

    seconds: float = 30.0
    poll: float = 3.0
    limit: float = 120.0


def wait_for_propagation(workspace: Workspace, changes: Iterable[Change[Any]], how: PropagationWait) -> None:
    """Wait until the tags among these changes read as written, then for the settle time; RemoteError past the limit."""
    expected: dict[str, dict[str, str | None]] = defaultdict(dict)
    schemas: dict[str, set[str]] = defaultdict(set)
    for change in changes_of(changes, TAG):
        tag = change.spec
        if tag is None or not change.action.writes:
            continue
        parts = tag.entity_name.split(".")
        expected[parts[0]][change.key] = None if change.after is None else tag.value
        if len(parts) > 1:
            schemas[parts[0]].add(parts[1])
    left = dict(sorted(expected.items()))

    def look() -> tuple[str, list[str]]:
        """Return the first catalog with tags that do not read as written, and those; catalogs before it are done."""
        for catalog in list(left):
            missing = _unlike(workspace, catalog, sorted(schemas[catalog]), left[catalog])
            if missing:
                return catalog, missing
            del left[catalog]
        return "", []

    catalog, missing = wait_until(look, lambda seen: not seen[1], PollPolicy.every(how.poll, how.limit), workspace.clock)
    if missing:
        raise RemoteError(
            f"{len(missing)} tags in {catalog} do not read as written after {how.limit:.0f} s, first {missing[0]}",
            code="TAGS_NOT_VISIBLE", fix="run apply again; nothing was opened before they were seen",
        )  # fmt: skip
    if how.seconds:
        workspace.clock.sleep(how.seconds)


def _unlike(workspace: Workspace, catalog: str, schemas: list[str], expected: dict[str, str | None]) -> list[str]:
    found = {tag_key(t): t.value for t in read_tags(workspace, catalog, schemas)}
    return sorted(key for key, value in expected.items() if found.get(key) != value)
