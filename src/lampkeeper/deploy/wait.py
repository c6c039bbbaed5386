"""Waits for propagation: until the writes can be read back, then a fixed time, because they take effect later than that."""

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
    """How to wait: `seconds` after all tags read as written, polled every `poll` seconds for at most `limit`.

    According to the platform docs, tags take effect within minutes and permission changes after 30 s or more; in practice a
    fixed 30 s is used (field reports).
    """

    seconds: float = 30.0
    poll: float = 3.0
    limit: float = 120.0


def wait_for_propagation(workspace: Workspace, changes: Iterable[Change[Any]], how: PropagationWait) -> None:
    """Wait until the tags of these changes read as written, then the fixed time; raise RemoteError after the limit."""
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
        """Return the first catalog with tags that do not read as written, and these tags; earlier catalogs are complete."""
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
            code="TAGS_NOT_VISIBLE", fix="run apply again; no access was given before they were visible",
        )  # fmt: skip
    if how.seconds:
        workspace.clock.sleep(how.seconds)


def _unlike(workspace: Workspace, catalog: str, schemas: list[str], expected: dict[str, str | None]) -> list[str]:
    found = {tag_key(t): t.value for t in read_tags(workspace, catalog, schemas)}
    return sorted(key for key, value in expected.items() if found.get(key) != value)
