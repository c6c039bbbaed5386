"""What a kind of object is to the engine: pure readings of desired and live, and one API call for each write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from lampkeeper.deploy.change import Action, Body, Stage, key_of
from lampkeeper.deploy.kinds.description import Description, Fields, Place
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.hash_key import HashKey
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.directory import find_principal

_MARK = re.compile(r"\s*\[managed by lampkeeper: ([^\]]*)\]\s*\Z")


def marked(text: str, owner: str) -> str:
    """Return a comment with our mark at its end."""
    return f"{text} [managed by lampkeeper: {owner}]".strip()


def mark_of(text: str) -> str:
    """Return the env (or `account`) that a comment is marked with, or nothing."""
    found = _MARK.search(text)
    return found.group(1) if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveObject:
    """An object as it stands: its body in our terms, the platform's id, and the env that marked it (empty: nobody)."""

    body: Body
    remote_id: str = ""
    mark: str = ""


@dataclass(slots=True, kw_only=True)
class Session:
    """What writes need beside their body: the workspace, ids of things that may have been made a moment ago, the hash key."""

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


class Kind(Protocol):
    """One kind of object."""

    @property
    def name(self) -> str:
        """Return the word that plans, state files and requests are counted by."""
        ...

    @property
    def layer(self) -> Layer:
        """Return the layer that owns objects of this kind."""
        ...

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return the wanted bodies by key, marks included."""
        ...

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return what stands, by key; it may show more than is wanted."""
        ...

    def target(self, wanted: Body, found: Body, recorded: Body | None) -> Body:
        """Return what the object should become, given how it stands and how we last left it."""
        ...

    def claim(self, standing: Body, wanted: Body, recorded: Body | None) -> Body:
        """Return how much of an object that stands so is ours."""
        ...

    def remainder(self, found: Body, recorded: Body) -> Body | None:
        """Return what is left of the object when what is ours goes; None when nothing is."""
        ...

    def addition(self, wanted: Body, found: Body) -> Body | None:
        """Return what we may add unasked to an object of others that stands so; None when it is to be left alone."""
        ...

    def together(self, target: Body, found: Body, elements: frozenset[str]) -> Body:
        """Return the target of an object that other environments own too; `elements` are theirs."""
        ...

    def parting(self, found: Body, recorded: Body, elements: frozenset[str]) -> Body:
        """Return what is left of an object when we let go of it and other environments keep it."""
        ...

    def differences(self, found: Body, target: Body) -> tuple[str, ...]:
        """Return in words what differs; nothing means that no write is needed."""
        ...

    def describe(self, before: Body | None, after: Body | None) -> Description:
        """Return a change in words: what it is about, and every field that it writes."""
        ...

    def steps(self, action: Action, before: Body | None, after: Body | None) -> tuple[tuple[Stage, Body | None], ...]:
        """Return the stages of a change, each with the body that stands after it: one for most, two for a careful update."""
        ...

    def create(self, session: Session, body: Body) -> str:
        """Make the object by one call; return the platform's id if it has one."""
        ...

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Change the object by one call."""
        ...

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Remove the object by one call."""
        ...


class Plain:
    """The usual behaviour of a kind: fields compared one by one, one step at a fixed stage."""

    stages: ClassVar[Mapping[Action, Stage]] = {
        Action.CREATE: Stage.PREPARE,
        Action.UPDATE: Stage.PREPARE,
        Action.DELETE: Stage.CLEAN,
    }
    shown: ClassVar[tuple[str, ...]] = ()
    """Fields that are compared; all of the wanted ones when empty."""

    def target(self, wanted: Body, found: Body, recorded: Body | None) -> Body:
        """Return the wanted body as it is."""
        return wanted

    def claim(self, standing: Body, wanted: Body, recorded: Body | None) -> Body:
        """Return all of it: an object of ours is ours as a whole."""
        return standing

    def remainder(self, found: Body, recorded: Body) -> Body | None:
        """Return nothing."""
        return None

    def addition(self, wanted: Body, found: Body) -> Body | None:
        """Return nothing: what others made is left alone."""
        return None

    def together(self, target: Body, found: Body, elements: frozenset[str]) -> Body:
        """Return the target as it is."""
        return target

    def parting(self, found: Body, recorded: Body, elements: frozenset[str]) -> Body:
        """Return all of it."""
        return found

    def differences(self, found: Body, target: Body) -> tuple[str, ...]:
        """Return `field: old -> new` for every wanted field that stands otherwise."""
        fields = self.shown or tuple(sorted(target))
        return tuple(f"{f}: {_show(found.get(f))} -> {_show(target.get(f))}" for f in fields if found.get(f) != target.get(f))

    def describe(self, before: Body | None, after: Body | None) -> Description:
        """Return what the kind says in `words`; the fields that it does not name follow one by one."""
        fields = Fields(before, after)
        what, place = self.words(fields)
        own = self.attributes(fields)
        text = self.text(fields)
        return Description(what=what, place=place, attributes=(*own, *fields.rest()), text=text)

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return what a change is, and the object that it is about."""
        raise NotImplementedError

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return the fields that have words of their own, in the order in which they are read."""
        return ()

    def text(self, fields: Fields) -> tuple[str, ...]:
        """Return the difference of a body of several lines."""
        return ()

    def steps(self, action: Action, before: Body | None, after: Body | None) -> tuple[tuple[Stage, Body | None], ...]:
        """Return the one step at the action's stage."""
        return ((self.stages.get(action, Stage.PREPARE), after),)


class Shared(Plain):
    """A kind whose object holds a set that others may add to: what we added is ours, what they added stays."""

    elements: ClassVar[str] = ""
    """The field that holds the set."""

    def target(self, wanted: Body, found: Body, recorded: Body | None) -> Body:
        """Return the wanted elements, and those that are neither wanted nor ours."""
        return {**wanted, self.elements: sorted(self._set(wanted) | (self._set(found) - self._set(recorded)))}

    def claim(self, standing: Body, wanted: Body, recorded: Body | None) -> Body:
        """Return the elements that we want or wanted."""
        return {**standing, self.elements: sorted(self._set(standing) & (self._set(wanted) | self._set(recorded)))}

    def remainder(self, found: Body, recorded: Body) -> Body | None:
        """Return the elements of others, if there are any."""
        theirs = sorted(self._set(found) - self._set(recorded))
        return {**found, self.elements: theirs} if theirs else None

    def together(self, target: Body, found: Body, elements: frozenset[str]) -> Body:
        """Return the target with the elements of the other environments that are there."""
        return {**target, self.elements: sorted(self._set(target) | (self._set(found) & elements))}

    def parting(self, found: Body, recorded: Body, elements: frozenset[str]) -> Body:
        """Return all but the elements that only we own."""
        return {**found, self.elements: sorted(self._set(found) - (self._set(recorded) - elements))}

    def missing(self, wanted: Body, found: Body) -> Body:
        """Return the wanted body with only the elements that are not there."""
        return {**wanted, self.elements: sorted(self._set(wanted) - self._set(found))}

    def _set(self, body: Body | None) -> set[str]:
        return set(body.get(self.elements) or ()) if body else set()


__all__ = ["Kind", "LiveObject", "Plain", "Session", "Shared", "key_of", "mark_of", "marked"]


def _show(value: object) -> str:
    text = "nothing" if value in (None, "", [], {}) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
