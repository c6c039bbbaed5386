"""A kind of stored document: its name, its fields, and how its key and its parent are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

Document = dict[str, Any]
"""A document of any kind, for code that serves several kinds."""

D = TypeVar("D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[D]):
    """A declaration: documents of this kind hold the fields of the TypedDict `fields` and no other.

    `key` names the parts of the key; `parent` names the parts of the key of the containing document, by which documents are
    listed. Client requests are declared in `localspace.http.request_schemas`; a document adds the fields of the server.
    """

    name: str
    fields: type[D]
    key: tuple[str, ...]
    parent: tuple[str, ...] = ()

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
