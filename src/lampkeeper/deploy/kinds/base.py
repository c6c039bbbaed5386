"""The interface of a kind of object: its desired and live specs, one API call per write, and its traits."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, TypeVar

from lampkeeper.deploy.kinds.description import Description, Fields, Subject
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.required_privileges import Need
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.deploy.stages import Action, Stage, key_of
from lampkeeper.model.codecs import Codec
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.hash_key import HashKey
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.directory import find_principal

T = TypeVar("T")

_MARK = re.compile(r"\s*\[managed by lampkeeper: ([^\]]*)\]\s*\Z")


def marked(text: str, owner: str) -> str:
    """Return a comment with the mark at its end."""
    return f"{text} [managed by lampkeeper: {owner}]".strip()


def mark_of(text: str) -> str:
    """Return the environment (or `account`) in the mark of a comment, or nothing."""
    found = _MARK.search(text)
    return found.group(1) if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveObject(Generic[T]):
    """A live object: its spec, the platform's id, and the environment of its mark (empty: no mark)."""

    spec: T
    remote_id: str = ""
    mark: str = ""


@dataclass(slots=True, kw_only=True)
class Session:
    """The context of writes: the workspace, ids of objects that this apply may have created, the hash key.

    `released`: the groups that this apply has taken from an access list, by its path. A read that is a moment old may show them.
    """

    workspace: Workspace
    env: str
    hash_key: HashKey | None = None
    principals: dict[str, str] = field(default_factory=dict)
    warehouses: dict[str, str] = field(default_factory=dict)
    spaces: dict[str, str] = field(default_factory=dict)
    tag_policies: dict[str, str] = field(default_factory=dict)
    released: dict[str, set[str]] = field(default_factory=dict)

    def principal(self, name: str) -> str:
        """Return the id of a user, service principal or account group; raise RemoteError if it does not exist."""
        if name not in self.principals:
            found = find_principal(self.workspace, name)
            if found is None:
                raise RemoteError(
                    f"no user, service principal or group has the name {name!r}", code="PRINCIPAL_DOES_NOT_EXIST", status=404,
                    fix="check the groups' members in env.auto.tfvars; service principals are named by application id",
                )  # fmt: skip
            self.principals[name] = found
        return self.principals[name]


Steps = tuple[tuple[Stage, T | None], ...]
"""The stages of a change, each with the spec after it."""


class Kind(Generic[T]):
    """One kind of object, whose specs are nouns of type `T`.

    The methods that are not abstract here suit most kinds: an object is managed as a whole, fields are compared one by one,
    and a change is one step at a fixed stage.
    """

    name: ClassVar[str]
    """The name of the kind in plans, state files and counts of requests."""
    layer: ClassVar[Layer]
    """The layer that owns objects of this kind."""
    codec: Codec[T]
    """The JSON form of a spec."""
    stages: ClassVar[Mapping[Action, Stage]] = {
        Action.CREATE: Stage.PREPARE,
        Action.UPDATE: Stage.PREPARE,
        Action.DELETE: Stage.CLEAN,
    }
    compared: ClassVar[tuple[str, ...]] = ()
    """Fields of the JSON form that are compared; if empty, all fields of the desired spec."""
    propagating: ClassVar[bool] = False
    """Whether writes have a propagation delay (tags and memberships: minutes on the platform)."""
    marked: ClassVar[bool] = False
    """Whether objects have the mark of the environment that created them, in a comment or a tag."""
    shared: ClassVar[bool] = True
    """Whether several environments may own one object."""
    known_by_warehouse: ClassVar[bool] = False
    """Whether owner files may identify an object by the name of a warehouse or by its id."""
    planned: ClassVar[bool] = False
    """Whether a verification relies on an empty plan for such objects, because it does not read them itself."""
    runs_sql: ClassVar[bool] = False
    """Whether writes need a SQL warehouse."""
    of_account: ClassVar[bool] = False
    """Whether writes need an account client."""
    needs_admin: ClassVar[bool] = False
    """Whether writes need an administrator of the workspace."""

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def desired(self, desired: Desired, env: str) -> dict[str, T]:
        """Return the desired specs by key, marks included."""
        raise NotImplementedError

    def live(self, view: LiveState) -> dict[str, LiveObject[T]]:
        """Return the live objects by key; they may include more than the desired ones."""
        raise NotImplementedError

    def target(self, wanted: T, found: T, recorded: T | None) -> T:
        """Return the target of the object, given the live object and the spec last written."""
        return wanted

    def managed(self, standing: T, wanted: T | None, recorded: T | None) -> T:
        """Return the managed fields of a live object."""
        return standing

    def unmanaged(self, found: T, recorded: T) -> T | None:
        """Return the unmanaged remainder: the object without its managed fields; None if nothing is left."""
        return None

    def addition(self, wanted: T, found: T) -> T | None:
        """Return what lampkeeper may add to a live object of others without adopting it; None if nothing."""
        return None

    def beside_others(self, wanted: T) -> T:
        """Return the desired spec for an object that other environments own too."""
        return wanted

    def together(self, target: T, found: T, elements: frozenset[str]) -> T:
        """Return the target of an object that other environments own too, including their elements."""
        return target

    def imposed(self, agreed: T, target: T) -> tuple[str, ...]:
        """Return in words the changes that would affect the other owners of the object, which are therefore refused."""
        return ()

    def parting(self, found: T, recorded: T, elements: frozenset[str]) -> T:
        """Return the rest of an object that this environment releases and other environments keep."""
        return found

    def elements_of(self, spec: T | None) -> frozenset[str]:
        """Return the elements that are owned one by one; nothing if an object is owned as a whole."""
        return frozenset()

    def of_others(self, spec: T) -> bool:
        """Return whether an object belongs to others although it is managed: it is neither created nor removed."""
        return False

    def uninvited(self, spec: T, desired: Desired, groups: Collection[str]) -> bool:
        """Return whether an object that is not desired is part of a managed one; `groups` are those that lampkeeper created."""
        return False

    def differences(self, found: T, target: T) -> tuple[str, ...]:
        """Return the differences in words (`field: old -> new`); nothing means that no write is needed."""
        old, new = self.fields(found), self.fields(target)
        names = self.compared or tuple(sorted(new))
        return tuple(f"{f}: {_show(old.get(f))} -> {_show(new.get(f))}" for f in names if old.get(f) != new.get(f))

    def fields(self, spec: T) -> Mapping[str, Any]:
        """Return the spec's fields as they are compared and printed."""
        return self.codec.encode(spec)

    def describe(self, before: T | None, after: T | None) -> Description:
        """Return a change in words: its object, and every field that it writes.

        Fields that the kind does not include in `words` and `attributes` follow one by one.
        """
        fields = Fields(*(None if spec is None else self.fields(spec) for spec in (before, after)))
        what, subject = self.words(fields)
        own = self.attributes(fields)
        text = self.text(fields)
        return Description(what=what, subject=subject, attributes=(*own, *fields.rest()), text=text)

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the change and its object in words."""
        raise NotImplementedError

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return the fields with a form of their own, in reading order."""
        return ()

    def text(self, fields: Fields) -> tuple[str, ...]:
        """Return the difference of a body of several lines."""
        return ()

    def notes(self, spec: T) -> tuple[str, ...]:
        """Return the remarks on a write besides its fields."""
        return ()

    def shows(self, reason: str, spec: T | None) -> bool:
        """Return whether the fields before and after show the reason of an update already."""
        known = self.fields(spec) if spec is not None else ()
        return reason.partition(":")[0] in known or reason.endswith(" differs")

    def steps(self, action: Action, before: T | None, after: T | None) -> Steps[T]:
        """Return the stages of a change: one for most, two for a careful update."""
        return ((self.stages.get(action, Stage.PREPARE), after),)

    def simulate(self, access: SimulatedAccess, before: T | None, after: T | None) -> None:
        """Apply a change to a simulated access; kinds without effect on access do nothing."""

    def touched(self, access: SimulatedAccess, spec: T) -> set[TableName]:
        """Return the tables of the cells that a change of this object may alter."""
        return set()

    def needs(self, spec: T) -> set[Need]:
        """Return the privileges on securables that a write of this object needs."""
        return set()

    def claim_key(self, key: str, spec: T, spaces: Mapping[str, str]) -> str | None:
        """Return the key of an object of a shared kind that is the same in every clone; None if there is none (yet).

        `spaces`: ids of spaces that have no id in the spec, by key.
        """
        return key

    def keys_at(self, key: str, found: LiveObject[T], view: LiveState) -> tuple[str, ...]:
        """Return the keys that may identify the object in owner files."""
        object_key = self.claim_key(key, found.spec, {}) if self.shared else None
        return () if object_key is None else (object_key,)

    def remember(self, session: Session, key: str, remote_id: str) -> None:
        """Store the platform's id of an object for later writes."""

    def lane(self, spec: T) -> str:
        """Return the table whose cells alone a write of this object may alter; nothing if it may alter others, or needs others.

        Writes of one kind in different lanes go side by side, those of one lane one after another.
        """
        return ""

    def create(self, session: Session, spec: T) -> str:
        """Create the object by one call; return the platform's id if it has one."""
        raise NotImplementedError

    def arrived(self, session: Session, spec: T) -> str | None:
        """Return the id (or nothing) of an object that was created by a call whose response was lost, None if it is not there.

        Called only if a repeated create was refused because the object exists.
        """
        return None

    def update(self, session: Session, before: T, after: T, remote_id: str) -> None:
        """Update the object by one call."""
        raise NotImplementedError

    def delete(self, session: Session, spec: T, remote_id: str) -> None:
        """Remove the object by one call."""
        raise NotImplementedError


class SetKind(Kind[T]):
    """A kind whose object holds a set to which others may add: only the elements that lampkeeper added are managed."""

    elements: ClassVar[str]
    """The field of the noun with the set."""

    def target(self, wanted: T, found: T, recorded: T | None) -> T:
        """Return the desired elements, and live ones that lampkeeper did not add."""
        return self._with(wanted, self.elements_of(wanted) | (self.elements_of(found) - self.elements_of(recorded)))

    def managed(self, standing: T, wanted: T | None, recorded: T | None) -> T:
        """Return the elements that are or were desired."""
        ours = self.elements_of(wanted) | self.elements_of(recorded)
        return self._with(standing, self.elements_of(standing) & ours)

    def unmanaged(self, found: T, recorded: T) -> T | None:
        """Return the elements of others, if any."""
        theirs = self.elements_of(found) - self.elements_of(recorded)
        return self._with(found, theirs) if theirs else None

    def together(self, target: T, found: T, elements: frozenset[str]) -> T:
        """Return the target with the live elements of the other environments."""
        return self._with(target, self.elements_of(target) | (self.elements_of(found) & elements))

    def parting(self, found: T, recorded: T, elements: frozenset[str]) -> T:
        """Return all elements except those that only this environment owns."""
        return self._with(found, self.elements_of(found) - (self.elements_of(recorded) - elements))

    def missing(self, wanted: T, found: T) -> T:
        """Return the desired object with only the elements that are missing."""
        return self._with(wanted, self.elements_of(wanted) - self.elements_of(found))

    def elements_of(self, spec: T | None) -> frozenset[str]:
        """Return the set."""
        return frozenset(getattr(spec, self.elements)) if spec is not None else frozenset()

    def _with(self, spec: Any, elements: frozenset[str]) -> T:
        changed: T = replace(spec, **{self.elements: tuple(sorted(elements))})
        return changed


__all__ = ["Kind", "LiveObject", "Session", "SetKind", "Steps", "key_of", "mark_of", "marked"]


def _show(value: object) -> str:
    text = "nothing" if value in (None, "", [], {}) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
