"""A kind of stored document: its name, its fields, and how its key and its parent are made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast

Document = dict[str, Any]
"""A document of any kind, for code that serves several kinds."""

D = TypeVar("D")


class Room(StrEnum):
    """Where documents lie: the account has one room, and each metastore and each workspace has a room of its own."""

    ACCOUNT = "account"
    METASTORE = "metastore"
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[D]):
    """A declaration: documents of this kind hold the fields of the TypedDict `fields` and no other.

    `key` names the parts of the key; `parent` names the parts of the key of the containing document, by which documents are
    listed. Client requests are declared in `localspace.http.request_schemas`; a document adds the fields of the server.

    Documents lie in `room`, that of the caller's workspace or of its metastore. Of a kind with `place`, which answers for one
    document (key and body), some lie in the rooms `also`.
    """

    name: str
    fields: type[D]
    key: tuple[str, ...]
    parent: tuple[str, ...] = ()
    room: Room = Room.WORKSPACE
    also: tuple[Room, ...] = ()
    place: Callable[[tuple[str, ...], Any], Room] | None = None

    @property
    def rooms(self) -> tuple[Room, ...]:
        """Return all rooms in which documents of this kind lie."""
        return (self.room, *self.also)

    def room_of(self, key: tuple[str, ...], body: D) -> Room:
        """Return the room of one document."""
        return self.room if self.place is None else self.place(key, body)

    @property
    def required(self) -> frozenset[str]:
        """Return the fields that every document of this kind has."""
        found: frozenset[str] = vars(self.fields)["__required_keys__"]
        return found

    @property
    def optional(self) -> frozenset[str]:
        """Return the fields that a document of this kind may lack."""
        found: frozenset[str] = vars(self.fields)["__optional_keys__"]
        return found

    def document(self, body: Mapping[str, Any]) -> D:
        """Return `body` as a document of this kind; raises TypeError for an unknown or a missing field."""
        unknown = body.keys() - self.required - self.optional
        missing = self.required - body.keys()
        if unknown or missing:
            raise TypeError(f"{self.name}: unknown fields {sorted(unknown)}, missing fields {sorted(missing)}")
        return cast(D, body)
