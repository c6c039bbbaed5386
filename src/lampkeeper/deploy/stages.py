"""What an apply does with an object, when in its course, and the keys that objects are known by."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


def key_of(*parts: str) -> str:
    """Return a key of several parts; different parts never give the same key."""
    return "|".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)


class Action(StrEnum):
    """What is done. The first three are one write each; the last two only write down what is so."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ADOPT = "adopt"
    FORGET = "forget"

    @property
    def writes(self) -> bool:
        """Return whether the workspace is written to."""
        return self in (Action.CREATE, Action.UPDATE, Action.DELETE)


class Stage(StrEnum):
    """When a change is due, in this order.

    Access is taken away first, protection goes in before what it replaces goes out, and access is given last. The engine
    waits for propagation before `switch` and before `open` (see `order`).
    """

    CLOSE = "close"
    PREPARE = "prepare"
    PROTECT = "protect"
    SWITCH = "switch"
    CLEAN = "clean"
    OPEN = "open"


STAGES: tuple[Stage, ...] = tuple(Stage)

GIVES_ACCESS: Mapping[Action, Stage] = {Action.CREATE: Stage.OPEN, Action.UPDATE: Stage.OPEN, Action.DELETE: Stage.CLOSE}
"""The stages of an object that only gives access: it comes last and goes first."""
