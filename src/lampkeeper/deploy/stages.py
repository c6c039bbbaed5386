"""The actions and stages of an apply, and the keys that identify objects."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


def key_of(*parts: str) -> str:
    """Return a key of several parts; different parts never have the same key."""
    return "|".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)


class Action(StrEnum):
    """The action of a change. The first three are one write each; the last two only change the state."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ADOPT = "adopt"
    FORGET = "forget"

    @property
    def writes(self) -> bool:
        """Return whether the action writes to the workspace."""
        return self in (Action.CREATE, Action.UPDATE, Action.DELETE)


class Stage(StrEnum):
    """The stages of an apply, in this order.

    Access is revoked first, protection is created before the one that it replaces is removed, and access is given last. An apply
    waits for propagation before `switch`, `clean` and `open` (see `order.barriers`).
    """

    CLOSE = "close"
    PREPARE = "prepare"
    PROTECT = "protect"
    SWITCH = "switch"
    CLEAN = "clean"
    OPEN = "open"


STAGES: tuple[Stage, ...] = tuple(Stage)

GIVES_ACCESS: Mapping[Action, Stage] = {Action.CREATE: Stage.OPEN, Action.UPDATE: Stage.OPEN, Action.DELETE: Stage.CLOSE}
"""The stages of an object that only gives access: it is created last and deleted first."""
