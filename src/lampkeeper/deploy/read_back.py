"""Waits at the end of an apply until the workspace's reads show what was written.

A plan made from older reads would take a new object for one that is gone: it would create it again, or forget it.
"""

from __future__ import annotations

from typing import Any

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import kind_named
from lampkeeper.deploy.live_reading import read_live_state, scope_of
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.state import States
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.polling import PollPolicy, wait_until


def wait_until_read_back(plan: Plan, workspace: Workspace, states: States, how: PropagationWait) -> None:
    """Wait until created objects show and deleted ones do not; raise RemoteError after the limit. Everything is recorded then."""
    last: dict[tuple[str, str], Change[Any]] = {c.object_key: c for c in plan.changes if c.action.writes}
    if not last:
        return

    def look() -> list[str]:
        scope = scope_of(Desired(tables=plan.tables), states, plan.changes)
        view = read_live_state(workspace, scope, states, plan.layers)
        seen = {name: kind_named(name).live(view).keys() for name in {kind for kind, _ in last}}
        return [f"{kind} {key}" for (kind, key), c in sorted(last.items()) if (key in seen[kind]) != (c.after is not None)]

    unlike = wait_until(look, lambda found: not found, PollPolicy.every(how.poll, how.limit), workspace.clock)
    if unlike:
        raise RemoteError(
            f"all writes are done, but {len(unlike)} do not show in reads after {how.limit:.0f} s, first {unlike[0]}",
            code="WRITES_NOT_VISIBLE", fix="wait some minutes before the next `plan`: it would be made from outdated reads",
        )  # fmt: skip
