"""A kind of stored document: its name, its fields, how its key and its parent are made, and what of it is answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast

from localspace.core.errors import ApiError, invalid

Document = dict[str, Any]
"""A document of any kind, for code that serves several kinds."""

D = TypeVar("D")


class Room(StrEnum):
    """Where documents lie: the account has one room, and each metastore and each workspace has a room of its own."""

    ACCOUNT = "account"
    METASTORE = "metastore"
    WORKSPACE = "workspace"


class UndeclaredFieldError(ApiError):
    """A field that a client may send, but that the local workspace does not keep: refused by name."""

    def __init__(self, kind: str, names: list[str]) -> None:
        """Name the kind and the fields."""
        super().__init__(
            501, "NOT_IMPLEMENTED", f"The local workspace does not keep {', '.join(names)} of a {kind.replace('_', ' ')}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[D]):
    """A declaration: documents of this kind hold the fields of the TypedDict `fields` and no other.

    `key` names the parts of the key; `parent` names the parts of the key of the containing document, by which documents are
    listed. Client requests are declared in `localspace.http.request_schemas`; a document adds the fields of the server.

    Documents lie in `room`, that of the caller's workspace or of its metastore. Of a kind with `place`, which answers for one
    document (key and body), some lie in the rooms `also`.

    `answer` is the one rule for answers about a document: what was not given is absent; `hidden` fields are for the server
    alone; `defaults` are values that the platform fills in where nothing was given (sources beside each kind).
    """

    name: str
    fields: type[D]
    key: tuple[str, ...]
    parent: tuple[str, ...] = ()
    room: Room = Room.WORKSPACE
    also: tuple[Room, ...] = ()
    place: Callable[[tuple[str, ...], Any], Room] | None = None
    hidden: frozenset[str] = frozenset()
    defaults: Mapping[str, str | int | bool] = field(default_factory=dict, hash=False, compare=False)

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
        """Return `body` as a document of this kind; raises a 501 that names undeclared fields, a 400 that names missing ones."""
        unknown = body.keys() - self.required - self.optional
        if unknown:
            raise UndeclaredFieldError(self.name, sorted(unknown))
        missing = self.required - body.keys()
        if missing:
            raise invalid(f"Missing required field: {', '.join(sorted(missing))}")
        return cast(D, body)

    def answer(self, document: D) -> dict[str, Any]:
        """Return a document as clients get it: given fields and the platform's defaults; null and hidden fields are absent."""
        stored = cast(Mapping[str, Any], document)
        return {**self.defaults, **{key: value for key, value in stored.items() if value is not None and key not in self.hidden}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream(Generic[D]):
    """A declaration: a record of what happened, appended in order and never changed, of the fields of the TypedDict `fields`.

    The oldest events go once all together take more than `most_bytes`.
    """

    name: str
    fields: type[D]
    most_bytes: int
