"""A change: one object of one kind, before and after, why, and when in an apply it is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lampkeeper.model.layers import Layer

Body = Mapping[str, Any]
"""What we say of an object: JSON values only, so that a plan is JSON both ways."""


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

PROPAGATING = frozenset({"tag", "member", "policy", "tag_policy", "function", "table_control"})
"""Kinds whose effect may come some time after the write (tags and memberships: minutes on the platform)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step. `before` is the object as it stood when the plan was made (None: not there), `after` as it will stand.

    `claim` is what the state file notes as ours afterwards, where that is less than `after` (values that others added to a
    tag are not ours). `remote_id` is the platform's id where the object has one. `original` is set on adoption: what the
    object was before we took it over, and what a destroy brings back. `temporary`: access closed for the time of the apply.
    """

    kind: str
    key: str
    action: Action
    layer: Layer
    stage: Stage
    before: Body | None = None
    after: Body | None = None
    reasons: tuple[str, ...] = ()
    remote_id: str = ""
    claim: Body | None = None
    original: Body | None = None
    temporary: bool = False

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.action} {self.kind} {self.key}{self.why}"

    @property
    def why(self) -> str:
        """Return the reasons in parentheses, and `keyed` for what is written with the environment's key; or nothing."""
        keyed = ("keyed",) if self.after is not None and "key_id" in self.after and self.action.writes else ()
        return f"  ({'; '.join((*keyed, *self.reasons))})" if keyed or self.reasons else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "kind": self.kind,
            "key": self.key,
            "action": str(self.action),
            "layer": str(self.layer),
            "stage": str(self.stage),
            "before": None if self.before is None else dict(self.before),
            "after": None if self.after is None else dict(self.after),
            "reasons": list(self.reasons),
            "remote_id": self.remote_id,
            "claim": None if self.claim is None else dict(self.claim),
            "original": None if self.original is None else dict(self.original),
            "temporary": self.temporary,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Change:
        """Read the JSON form; raises KeyError or ValueError when it is none."""
        return cls(
            kind=data["kind"],
            key=data["key"],
            action=Action(data["action"]),
            layer=Layer(data["layer"]),
            stage=Stage(data["stage"]),
            before=data["before"],
            after=data["after"],
            reasons=tuple(data["reasons"]),
            remote_id=data["remote_id"],
            claim=data["claim"],
            original=data["original"],
            temporary=bool(data["temporary"]),
        )
