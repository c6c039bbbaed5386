"""A change: one object of one kind before and after, the reasons, and its stage in an apply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from lampkeeper.deploy.kinds import kind_named
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Generic[T]):
    """One change. `before` is the object when the plan was created (None: it did not exist), `after` the result.

    `managed` is what the state records afterwards, if that is less than `after` (a governed tag may have values of other owners).
    `remote_id` is the platform's id, if the object has one. `original` is set on adoption: the object before it, which a destroy
    restores. `temporary`: a grant that is revoked for the duration of the apply. `address`: the resource of Terraform that the
    change is part of, empty for a change that the direct engine writes.
    """

    kind: Kind[T]
    key: str
    action: Action
    stage: Stage
    before: T | None = None
    after: T | None = None
    reasons: tuple[str, ...] = ()
    remote_id: str = ""
    managed: T | None = None
    original: T | None = None
    temporary: bool = False
    address: str = ""

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.action} {self.kind} {self.key}{self.why}"

    @property
    def layer(self) -> Layer:
        """Return the layer that owns the object."""
        return self.kind.layer

    @property
    def object_key(self) -> tuple[str, str]:
        """Return the name of the kind and the key, which identify the object in a state."""
        return (self.kind.name, self.key)

    @property
    def spec(self) -> T | None:
        """Return the object after the change, or before it if the change deletes the object."""
        return self.after if self.after is not None else self.before

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the kind's remarks on a write besides its fields (`keyed`)."""
        return self.kind.notes(self.after) if self.after is not None and self.action.writes else ()

    @property
    def why(self) -> str:
        """Return notes and reasons in parentheses, or nothing."""
        words = (*self.notes, *self.reasons)
        return f"  ({'; '.join(words)})" if words else ""

    def simulate(self, access: SimulatedAccess) -> None:
        """Apply the change to a simulated access."""
        if self.action.writes:
            self.kind.simulate(access, self.before, self.after)

    def touched(self, access: SimulatedAccess) -> set[TableName]:
        """Return the tables of the cells that the change may alter."""
        return self.kind.touched(access, self.spec) if self.action.writes and self.spec is not None else set()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        document = {
            "kind": self.kind.name,
            "key": self.key,
            "action": str(self.action),
            "stage": str(self.stage),
            "before": self._json(self.before),
            "after": self._json(self.after),
            "reasons": list(self.reasons),
            "remote_id": self.remote_id,
            "managed": self._json(self.managed),
            "original": self._json(self.original),
            "temporary": self.temporary,
        }
        return document | ({"address": self.address} if self.address else {})

    def _json(self, spec: T | None) -> dict[str, Any] | None:
        return None if spec is None else self.kind.codec.encode(spec)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Change[Any]:
        """Read the JSON form; raise KeyError, TypeError or ValueError if it is malformed, UsageError for an unknown kind."""
        kind = kind_named(data["kind"])
        specs = {
            name: None if data[name] is None else kind.codec.read(data[name])
            for name in ("before", "after", "managed", "original")
        }
        return Change(
            kind=kind,
            key=data["key"],
            action=Action(data["action"]),
            stage=Stage(data["stage"]),
            reasons=tuple(data["reasons"]),
            remote_id=data["remote_id"],
            temporary=bool(data["temporary"]),
            address=str(data.get("address", "")),
            **specs,
        )


def changes_of(changes: Iterable[Change[Any]], kind: Kind[T]) -> list[Change[T]]:
    """Return the changes of one kind, in order."""
    return [cast("Change[T]", c) for c in changes if c.kind is kind]


def written(changes: Iterable[Change[Any]], kind: Kind[T]) -> list[T]:
    """Return the objects of one kind that the writes create or update."""
    return [c.after for c in changes_of(changes, kind) if c.action.writes and c.after is not None]
