"""Waits for propagation: until the writes read as written, in every read of a whole window."""

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
from lampkeeper.remote.retry import Backoff


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationWait:
    """How to wait: until every read of a window of `seconds` showed all tags as written.

    A read that does not begins the window again, because replicas of the catalog differ for a while. Pauses between reads grow
    from `poll` to four times as much; `limit` bounds the time until the window begins, in seconds. According to the platform
    docs, tags take effect within minutes and permission changes after 30 s or more; in practice 30 s are used (field reports).

    With 0 seconds the workspace has no propagation delay, and an apply does not wait for its last writes to be readable either.
    """

    seconds: float = 30.0
    poll: float = 3.0
    limit: float = 120.0


@dataclass(slots=True)
class _Window:
    """Reads the tags of the changes again and again; `since` is when the current window of good reads began."""

    workspace: Workspace
    expected: dict[str, dict[str, str | None]]
    schemas: dict[str, set[str]]
    since: float | None = None

    def look(self) -> tuple[str, list[str]]:
        """Return the first catalog with tags that do not read as written, and these tags; empty if there is none."""
        for catalog, tags in self.expected.items():
            missing = _unlike(self.workspace, catalog, sorted(self.schemas[catalog]), tags)
            if missing:
                self.since = None
                return catalog, missing
        if self.since is None:
            self.since = self.workspace.clock.now()
        return "", []

    def lasted(self, seconds: float) -> bool:
        """Return whether the window is as long as this."""
        return self.since is not None and self.workspace.clock.now() - self.since >= seconds


def wait_for_propagation(workspace: Workspace, changes: Iterable[Change[Any]], how: PropagationWait) -> None:
    """Wait until the tags of these changes read as written for a whole window; raise RemoteError after the limit."""
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
    window = _Window(workspace, dict(sorted(expected.items())), schemas)
    pauses = Backoff(first=min(how.poll, how.seconds or how.poll), longest=4 * how.poll)
    policy = PollPolicy(backoff=pauses, limit=how.limit + how.seconds)
    catalog, missing = wait_until(window.look, lambda _: window.lasted(how.seconds), policy, workspace.clock)
    if not window.lasted(how.seconds):
        what = (
            f"{len(missing)} tags in {catalog} do not read as written, first {missing[0]}"
            if missing
            else (f"the tags did not read as written in every read of {how.seconds:.0f} s")
        )
        raise RemoteError(
            f"after {policy.limit:.0f} s {what}", code="TAGS_NOT_VISIBLE",
            fix="run apply again; no access was given before they were visible",
        )  # fmt: skip


def _unlike(workspace: Workspace, catalog: str, schemas: list[str], expected: dict[str, str | None]) -> list[str]:
    found = {tag_key(t): t.value for t in read_tags(workspace, catalog, schemas)}
    return sorted(key for key, value in expected.items() if found.get(key) != value)
