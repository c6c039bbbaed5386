"""The interface of a kind of object: pure readings of desired and live, one API call for each write, and its traits."""

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
    """Return a comment with our mark at its end."""
    return f"{text} [managed by lampkeeper: {owner}]".strip()


def mark_of(text: str) -> str:
    """Return the env (or `account`) that a comment is marked with, or nothing."""
    found = _MARK.search(text)
    return found.group(1) if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveObject(Generic[T]):
    """An object as it stands: its spec, the platform's id, and the env that marked it (empty: nobody)."""

    spec: T
    remote_id: str = ""
    mark: str = ""


@dataclass(slots=True, kw_only=True)
class Session:
    """What writes need beside their spec: the workspace, ids of things that may have been made a moment ago, the hash key."""

    workspace: Workspace
    env: str
    hash_key: HashKey | None = None
    principals: dict[str, str] = field(default_factory=dict)
    warehouses: dict[str, str] = field(default_factory=dict)
    spaces: dict[str, str] = field(default_factory=dict)
    tag_policies: dict[str, str] = field(default_factory=dict)

    def principal(self, name: str) -> str:
        """Return the id of a user, service principal or account group; raise RemoteError when there is none."""
        if name not in self.principals:
            found = find_principal(self.workspace, name)
            if found is None:
                raise RemoteError(
                    f"no user, service principal or group is called {name!r}", code="PRINCIPAL_DOES_NOT_EXIST", status=404,
                    fix="check the groups' members in env.auto.tfvars; service principals are named by application id",
                )  # fmt: skip
            self.principals[name] = found
        return self.principals[name]


Steps = tuple[tuple[Stage, T | None], ...]
"""The stages of a change, each with the spec that stands after it."""


class Kind(Generic[T]):
    """One kind of object, whose specs are nouns of type `T`.

    The methods that are not abstract here hold for most kinds: an object is managed as a whole, fields are compared one by one,
    and a change is one step at a fixed stage.
    """

    name: ClassVar[str]
    """The word that plans, state files and requests are counted by."""
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
    """Fields of the JSON form that are compared; all of the wanted ones when empty."""
    propagating: ClassVar[bool] = False
    """Whether the effect may come some time after the write (tags and memberships: minutes on the platform)."""
    marked: ClassVar[bool] = False
    """Whether objects carry the mark of the environment that made them, in a comment or a tag."""
    shared: ClassVar[bool] = True
    """Whether several environments may own one object."""
    known_by_warehouse: ClassVar[bool] = False
    """Whether owners may know an object by the name of a warehouse or by its id."""
    planned: ClassVar[bool] = False
    """Whether a verification takes it from a plan that nothing differs, because it does not look at such objects itself."""
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
        """Return the wanted specs by key, marks included."""
        raise NotImplementedError

    def live(self, view: LiveState) -> dict[str, LiveObject[T]]:
        """Return what stands, by key; it may show more than is wanted."""
        raise NotImplementedError

    def target(self, wanted: T, found: T, recorded: T | None) -> T:
        """Return what the object should become, given how it stands and how we last left it."""
        return wanted

    def managed(self, standing: T, wanted: T | None, recorded: T | None) -> T:
        """Return the managed fields of an object that stands so."""
        return standing

    def unmanaged(self, found: T, recorded: T) -> T | None:
        """Return the unmanaged remainder: the object without its managed fields; None when nothing is left."""
        return None

    def addition(self, wanted: T, found: T) -> T | None:
        """Return what we may add unasked to an object of others that stands so; None when it is to be left alone."""
        return None

    def beside_others(self, wanted: T) -> T:
        """Return the wanted spec for an object that other environments own too."""
        return wanted

    def together(self, target: T, found: T, elements: frozenset[str]) -> T:
        """Return the target of an object that other environments own too, with the elements that they own."""
        return target

    def imposed(self, agreed: T, target: T) -> tuple[str, ...]:
        """Return in words what an environment would change for the others, who own the object too, and may not."""
        return ()

    def parting(self, found: T, recorded: T, elements: frozenset[str]) -> T:
        """Return what is left of an object when we let go of it and other environments keep it."""
        return found

    def elements_of(self, spec: T | None) -> frozenset[str]:
        """Return the elements that are owned one by one; nothing where an object is owned as a whole."""
        return frozenset()

    def uninvited(self, spec: T, desired: Desired, groups: Collection[str]) -> bool:
        """Return whether an unwanted object stands inside a managed one; `groups` are those that we made."""
        return False

    def differences(self, found: T, target: T) -> tuple[str, ...]:
        """Return in words what differs (`field: old -> new`); nothing means that no write is needed."""
        old, new = self.fields(found), self.fields(target)
        names = self.compared or tuple(sorted(new))
        return tuple(f"{f}: {_show(old.get(f))} -> {_show(new.get(f))}" for f in names if old.get(f) != new.get(f))

    def fields(self, spec: T) -> Mapping[str, Any]:
        """Return the spec's fields as they are compared and printed."""
        return self.codec.encode(spec)

    def describe(self, before: T | None, after: T | None) -> Description:
        """Return a change in words: what it is about, and every field that it writes.

        The fields that the kind does not name in `words` and `attributes` follow one by one.
        """
        fields = Fields(*(None if spec is None else self.fields(spec) for spec in (before, after)))
        what, subject = self.words(fields)
        own = self.attributes(fields)
        text = self.text(fields)
        return Description(what=what, subject=subject, attributes=(*own, *fields.rest()), text=text)

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return what a change is, and the object that it is about."""
        raise NotImplementedError

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return the fields that have words of their own, in the order in which they are read."""
        return ()

    def text(self, fields: Fields) -> tuple[str, ...]:
        """Return the difference of a body of several lines."""
        return ()

    def notes(self, spec: T) -> tuple[str, ...]:
        """Return what is to be said of a write beside its fields."""
        return ()

    def shows(self, reason: str, spec: T | None) -> bool:
        """Return whether the fields before and after tell the reason of an update already."""
        known = self.fields(spec) if spec is not None else ()
        return reason.partition(":")[0] in known or reason.endswith(" differs")

    def steps(self, action: Action, before: T | None, after: T | None) -> Steps[T]:
        """Return the stages of a change: one for most, two for a careful update."""
        return ((self.stages.get(action, Stage.PREPARE), after),)

    def simulate(self, access: SimulatedAccess, before: T | None, after: T | None) -> None:
        """Lay a change over a simulated access; the kind of an object that governs nothing leaves it as it is."""

    def touched(self, access: SimulatedAccess, spec: T) -> set[TableName]:
        """Return the tables whose cells a change of this object may alter."""
        return set()

    def needs(self, spec: T) -> set[Need]:
        """Return the privileges on securables that a write of this object needs."""
        return set()

    def claim_key(self, key: str, spec: T, spaces: Mapping[str, str]) -> str | None:
        """Return the key by which every clone knows an object of a shared kind, None where there is none (yet).

        `spaces`: ids of spaces that have no id in the spec, by key.
        """
        return key

    def keys_at(self, key: str, found: LiveObject[T], view: LiveState) -> tuple[str, ...]:
        """Return the keys by which an object's owners and users may know it."""
        object_key = self.claim_key(key, found.spec, {}) if self.shared else None
        return () if object_key is None else (object_key,)

    def remember(self, session: Session, key: str, remote_id: str) -> None:
        """Let later writes know the platform's id of an object."""

    def create(self, session: Session, spec: T) -> str:
        """Make the object by one call; return the platform's id if it has one."""
        raise NotImplementedError

    def update(self, session: Session, before: T, after: T, remote_id: str) -> None:
        """Change the object by one call."""
        raise NotImplementedError

    def delete(self, session: Session, spec: T, remote_id: str) -> None:
        """Remove the object by one call."""
        raise NotImplementedError


class SetKind(Kind[T]):
    """A kind whose object holds a set that others may add to: only the elements that we added are managed."""

    elements: ClassVar[str]
    """The field of the noun that holds the set."""

    def target(self, wanted: T, found: T, recorded: T | None) -> T:
        """Return the wanted elements, and those that are neither wanted nor ours."""
        return self._with(wanted, self.elements_of(wanted) | (self.elements_of(found) - self.elements_of(recorded)))

    def managed(self, standing: T, wanted: T | None, recorded: T | None) -> T:
        """Return the elements that we want or wanted."""
        ours = self.elements_of(wanted) | self.elements_of(recorded)
        return self._with(standing, self.elements_of(standing) & ours)

    def unmanaged(self, found: T, recorded: T) -> T | None:
        """Return the elements of others, if there are any."""
        theirs = self.elements_of(found) - self.elements_of(recorded)
        return self._with(found, theirs) if theirs else None

    def together(self, target: T, found: T, elements: frozenset[str]) -> T:
        """Return the target with the elements of the other environments that are there."""
        return self._with(target, self.elements_of(target) | (self.elements_of(found) & elements))

    def parting(self, found: T, recorded: T, elements: frozenset[str]) -> T:
        """Return all but the elements that only we own."""
        return self._with(found, self.elements_of(found) - (self.elements_of(recorded) - elements))

    def missing(self, wanted: T, found: T) -> T:
        """Return the wanted object with only the elements that are not there."""
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
