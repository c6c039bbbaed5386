"""The owners of objects that several environments share: one owner file per environment, layer and state.

An owner file claims the objects that its environment created or adopted, and lists objects that it only uses. If one owner
releases an object with other owners, they keep it; the last owner removes it. An object that another environment uses but
does not own stays with its owner.
"""

from __future__ import annotations

import gzip
import json
import urllib.parse
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from lampkeeper.deploy.kinds import GENIE_SPACE, kind_named
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.state import Owned, States
from lampkeeper.model.errors import UsageError
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.owner_files import read_owner_files

T = TypeVar("T")

_FORMAT = 2

_PLAIN_BYTES = 1_000_000
"""A longer owner file is compressed: an import takes 10 MB (source: platform docs, workspace limits)."""
_MOST_BYTES = 300_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim on one object: the owned elements, and the object before lampkeeper adopted it.

    `original` is a spec of the object's kind.
    """

    elements: tuple[str, ...] = ()
    original: Any = None

    def joined(self, other: Claim) -> Claim:
        """Return a claim on the elements of both claims."""
        return Claim(elements=tuple(sorted({*self.elements, *other.elements})), original=self.original or other.original)


Claims = Mapping[tuple[str, str], Claim]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The owner file of one state of an environment. `active` is false for an account layer that was left.

    `tables` are those that the environment governs: they distinguish it from one with the same name in another clone.
    """

    env: str
    layer: Layer
    lineage: str
    active: bool = True
    claims: Claims = field(default_factory=dict)
    uses: frozenset[tuple[str, str]] = frozenset()
    tables: frozenset[str] = frozenset()

    @property
    def file(self) -> str:
        """Return the name of the file."""
        return f"{urllib.parse.quote(self.env, safe='')}.{self.layer}.{self.lineage[:12]}.json"

    @property
    def empty(self) -> bool:
        """Return whether it claims and uses nothing."""
        return not self.claims and not self.uses

    def joined(self, claims: Claims, uses: Iterable[tuple[str, str]]) -> Entry:
        """Return the owner file with more claims and uses."""
        both = dict(self.claims)
        for object_key, claim in claims.items():
            both[object_key] = both[object_key].joined(claim) if object_key in both else claim
        return replace(self, claims=both, uses=self.uses | frozenset(uses))

    def to_bytes(self) -> bytes:
        """Return the file's content; equal owner files have equal bytes."""
        claims: dict[str, dict[str, Any]] = {}
        for (kind, key), claim in sorted(self.claims.items(), key=lambda c: c[0]):
            said: dict[str, Any] = {"elements": list(claim.elements)} if claim.elements else {}
            if claim.original is not None:
                said["original"] = kind_named(kind).codec.encode(claim.original)
            claims.setdefault(kind, {})[key] = said
        uses: dict[str, list[str]] = {}
        for kind, key in sorted(self.uses):
            uses.setdefault(kind, []).append(key)
        data = {
            "format": _FORMAT, "env": self.env, "layer": str(self.layer), "lineage": self.lineage, "active": self.active,
            "claims": claims, "uses": uses, "tables": sorted(self.tables),
        }  # fmt: skip
        plain = (json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
        return plain if len(plain) <= _PLAIN_BYTES else gzip.compress(plain, mtime=0)

    @classmethod
    def from_bytes(cls, content: bytes) -> Entry:
        """Read a file; raise ValueError if it is not an owner file."""
        try:
            data = json.loads(_plain(content))
            if data["format"] != _FORMAT:
                raise ValueError(f"format {data['format']!r}")
            claims = {
                (str(kind), str(key)): Claim(
                    elements=tuple(map(str, said.get("elements", ()))),
                    original=None if (original := said.get("original")) is None else kind_named(kind).codec.read(original),
                )
                for kind, keys in data["claims"].items()
                for key, said in keys.items()
            }
            uses = frozenset((str(kind), str(key)) for kind, keys in data["uses"].items() for key in keys)
            return cls(
                env=str(data["env"]), layer=Layer(data["layer"]), lineage=str(data["lineage"]), active=bool(data["active"]),
                claims=claims, uses=uses, tables=frozenset(map(str, data["tables"])),
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError, RecursionError, UsageError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None


def _plain(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(content, _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not unpacking.eof:
        raise ValueError("the compressed owner file is truncated")
    return plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """All owner files of a workspace, and the names of files that cannot be read."""

    entries: tuple[Entry, ...] = ()
    unreadable: tuple[str, ...] = ()

    @classmethod
    def read(cls, workspace: Workspace) -> Owners:
        """Read the owner files; raise RemoteError if the workspace refuses."""
        entries: list[Entry] = []
        unreadable: list[str] = []
        for name, content in sorted(read_owner_files(workspace).items()):
            try:
                entry = Entry.from_bytes(content if content is not None else b"")
            except ValueError:
                unreadable.append(name)
                continue
            if entry.file == name:
                entries.append(entry)
            else:  # The environment would never update a copy under another name, so its claims would stay for ever.
                unreadable.append(name)
        return cls(entries=tuple(entries), unreadable=tuple(unreadable))

    def mine(self, states: States, layer: Layer) -> Entry | None:
        """Return the owner file that this environment's state of a layer has written."""
        lineage = states[layer].lineage
        return next((e for e in self.entries if (e.env, e.layer, e.lineage) == (states.env, layer, lineage)), None)

    def others(self, states: States) -> tuple[Entry, ...]:
        """Return the owner files of other environments."""
        mine = [self.mine(states, layer) for layer in states.layers]
        return tuple(e for e in self.entries if not any(e is m for m in mine))


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """The other environments of one object: owners and users, their elements, and the object before the first adoption."""

    owners: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    elements: frozenset[str] = frozenset()
    original: Any = None

    def __str__(self) -> str:
        """Return their names."""
        return ", ".join(self.owners or self.users)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """One environment's view of all owner files. `superseded`: its own files of lost states, which count as others too."""

    states: States
    owners: Owners
    others: tuple[Entry, ...] = ()
    superseded: tuple[Entry, ...] = ()

    def at(self, kind: Kind[Any], keys: Collection[str], *, leaving: bool = False) -> Others:
        """Return the other environments of the object with these keys.

        `leaving`: lost states of this environment do not count, because this state owns their objects now.
        """
        if not kind.shared:
            return self._users(kind, keys)
        found: list[tuple[Entry, Claim]] = []
        for entry in self._counted(leaving):
            found += [(entry, entry.claims[object_key]) for key in keys if (object_key := (kind.name, key)) in entry.claims]
        users = self._users(kind, keys).users
        return Others(
            owners=tuple(dict.fromkeys(self.name(e) for e, _ in found)),
            users=users,
            elements=frozenset(x for _, claim in found for x in claim.elements),
            original=next((c.original for _, c in found if c.original is not None), None),
        )

    def _users(self, kind: Kind[Any], keys: Collection[str]) -> Others:
        users = (self.name(e) for e in self._counted(leaving=True) if any((kind.name, key) in e.uses for key in keys))
        return Others(users=tuple(dict.fromkeys(users)))

    def _counted(self, leaving: bool) -> list[Entry]:
        """Return the owner files of others; an account state that environments of one clone share is an owner of its own."""
        account = self.states[Layer.ACCOUNT].lineage
        gone = self.superseded if leaving else ()
        return [
            e
            for e in self.others
            if not any(e is g for g in gone) and not (e.layer is Layer.ACCOUNT and account and e.lineage == account)
        ]

    @property
    def beside(self) -> tuple[Entry, ...]:
        """Return the owner files of other environments with the same account state."""
        lineage = self.states[Layer.ACCOUNT].lineage
        return tuple(e for e in self.others if lineage and e.layer is Layer.ACCOUNT and e.lineage == lineage)

    def name(self, entry: Entry) -> str:
        """Return the name of an environment; one with the same name as this one is shown with its lineage."""
        return entry.env if entry.env != self.states.env else f"{entry.env} (another state, {entry.lineage[:12]})"


def entry_of(
    states: States, layer: Layer, uses: Iterable[tuple[str, str]], tables: Iterable[str], *, active: bool = True
) -> Entry:
    """Return the owner file that a layer's state requires."""
    return Entry(
        env=states.env, layer=layer, lineage=states[layer].lineage, active=active, claims=claims_of(states, layer),
        uses=frozenset(uses), tables=frozenset(tables),
    )  # fmt: skip


def claims_of(states: States, layer: Layer) -> dict[tuple[str, str], Claim]:
    """Return the claims of a layer's state on objects of shared kinds."""
    spaces = {key: owned.remote_id for key, owned in states.owned(GENIE_SPACE).items()}
    found = {}
    for (name, key), owned in states[layer].objects.items():
        kind = kind_named(name)
        object_key = kind.claim_key(key, owned.spec, spaces) if kind.shared else None
        if object_key is not None:
            found[(name, object_key)] = claim_for(kind, owned)
    return found


def claim_for(kind: Kind[T], owned: Owned[T]) -> Claim:
    """Return the claim of one record of the state."""
    return Claim(elements=tuple(sorted(kind.elements_of(owned.spec))), original=owned.original)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerPlan:
    """The owner files after an apply. `uses`: the used objects by layer. `stale`: the current files differ.

    `tables`: the governed tables; empty in a destroy, where the owner files keep their tables.

    `retired`: files to remove, of lost states or of a removed account layer. `leaves`: the account layer continues without this
    environment.
    """

    uses: Mapping[Layer, frozenset[tuple[str, str]]] = field(default_factory=dict)
    stale: bool = False
    retired: tuple[str, ...] = ()
    leaves: bool = False
    tables: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "uses": {str(layer): [list(u) for u in sorted(found)] for layer, found in sorted(self.uses.items())},
            "stale": self.stale, "retired": list(self.retired), "leaves": self.leaves,
            "tables": list(self.tables),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> OwnerPlan:
        """Read the JSON form; raise KeyError, TypeError or ValueError if it is malformed."""
        return cls(
            uses={Layer(layer): frozenset((str(k), str(n)) for k, n in found) for layer, found in data["uses"].items()},
            stale=bool(data["stale"]),
            retired=tuple(map(str, data["retired"])),
            leaves=bool(data["leaves"]),
            tables=tuple(map(str, data["tables"])),
        )
