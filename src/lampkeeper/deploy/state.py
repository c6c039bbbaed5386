"""The state, one file per layer: lineage, serial, and for each owned object its key, spec, digest and remote id. No secrets.

An apply appends to a journal next to the file: one line before each write (`intent`) and one after it (`done`). An interrupted
apply leaves its journal, and loading merges it. So an object whose write was sent but not recorded still counts as owned. The
file itself is replaced atomically (temporary file, fsync, rename).
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from filelock import BaseFileLock, FileLock, Timeout

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import kind_named
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.stages import Action
from lampkeeper.files.text import SECRET_MODE, write_text
from lampkeeper.model.errors import UnsafePlanError, UsageError
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.names import TableName
from lampkeeper.text.digest import digest_of

T = TypeVar("T")

_FORMAT = 2
_FORMATS_BEFORE = {1: "0.1"}
"""Formats that are no longer read, each with the version that wrote it: kinds and objects were named differently."""


def digest(document: Mapping[str, Any]) -> str:
    """Return 16 hex digits of a spec in its JSON form."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return digest_of(text, digits=16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned(Generic[T]):
    """One owned object: the managed fields as last written, and the object before its adoption, if it was adopted."""

    spec: T
    remote_id: str = ""
    original: T | None = None

    def as_dict(self, kind: Kind[T]) -> dict[str, Any]:
        """Return the JSON form."""
        out: dict[str, Any] = {"spec": kind.codec.encode(self.spec)}
        if self.remote_id:
            out["id"] = self.remote_id
        if self.original is not None:
            out["original"] = kind.codec.encode(self.original)
        return out

    @classmethod
    def from_dict(cls, kind: Kind[T], data: Mapping[str, Any]) -> Owned[T]:
        """Read the JSON form; raise KeyError, TypeError or ValueError if it is malformed."""
        original = data.get("original")
        return cls(
            spec=kind.codec.read(data["spec"]),
            remote_id=str(data.get("id", "")),
            original=None if original is None else kind.codec.read(original),
        )


@dataclass(slots=True)
class LayerState:
    """The state of one layer, and its file.

    `intents` are writes that an interrupted apply began and did not record. `governed` are the tables whose protection an apply
    has completed: from then on, more access to them is widening. `unsettled`: the last write of an apply may not be in effect
    yet, so the next apply waits before it gives access. `mirror` gets the journal before each write, if the folder is a copy of
    shared storage. `absorbed` are objects that another state records, and no file of this one yet.
    shared storage. Several threads may record their writes: intents that wait for the mirror together get there by one call.
    """

    layer: Layer
    path: Path
    lineage: str = ""
    serial: int = 0
    objects: dict[tuple[str, str], Owned[Any]] = field(default_factory=dict)
    intents: dict[tuple[str, str], Action] = field(default_factory=dict)
    governed: frozenset[tuple[str, str, str]] = frozenset()
    unsettled: bool = False
    mirror: Callable[[Path], None] | None = None
    absorbed: set[tuple[str, str]] = field(default_factory=set)
    _dirty: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _mirroring: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _lines: int = 0
    _mirrored: int = 0

    @property
    def blank(self) -> bool:
        """Return whether this state has had no apply: the first one is ahead, or the state was lost."""
        return not (self.lineage or self.objects or self.intents)

    @property
    def journal(self) -> Path:
        """Return the path of the journal."""
        return self.path.with_name(self.path.name + ".journal")

    @classmethod
    def load(cls, layer: Layer, path: Path) -> LayerState:
        """Read a layer's state, an empty one without a file; merge the journal of an interrupted apply."""
        state = cls(layer, path)
        try:
            if path.exists():
                state._read(json.loads(path.read_text(encoding="utf-8")))
            if state.journal.exists():
                state._replay(state.journal.read_bytes())
                state._dirty = True
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise UsageError(f"{path}: not a valid state file: {error}", fix="restore it from a backup") from None
        return state

    def _read(self, data: Mapping[str, Any]) -> None:
        _require_format(self.path, data["format"])
        if data["layer"] != str(self.layer):
            raise ValueError(f"it is of layer {data['layer']}")
        self.lineage, self.serial = str(data["lineage"]), int(data["serial"])
        for name, entries in data["objects"].items():
            kind = kind_named(name)
            for key, entry in entries.items():
                if entry["digest"] != digest(entry["spec"]):
                    raise ValueError(f"the record of {name} {key} was changed by hand")
                self.objects[(name, key)] = Owned.from_dict(kind, entry)
        self.governed = frozenset((c, s, t) for c, s, t in data.get("governed", ()))
        self.unsettled = bool(data.get("unsettled"))
        self.intents = {(i["kind"], i["key"]): Action(i["action"]) for i in data.get("intents", ())}

    def _replay(self, raw: bytes) -> None:
        for line in raw.split(b"\n"):
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # The last line may be incomplete: then its write was not sent, or its intent is an earlier line.
            if entry["event"] == "begin":
                _require_format(self.journal, entry.get("format", 1))
                self.lineage = self.lineage or entry["lineage"]
                continue
            if entry["event"] == "settled":
                self.unsettled = False
                continue
            kind = kind_named(entry["kind"])
            object_key = (kind.name, entry["key"])
            if entry["event"] == "intent":
                self.intents[object_key] = Action(entry["action"])
                self.unsettled = self.unsettled or kind.propagating
                continue
            self.intents.pop(object_key, None)
            if entry["event"] == "withdrawn":
                continue
            if entry["spec"] is None:
                self.objects.pop(object_key, None)
            else:
                self.objects[object_key] = Owned.from_dict(kind, entry)

    def require_current(self) -> None:
        """Raise UnsafePlanError if another run has written the state or its journal since this one was read."""
        now = LayerState.load(self.layer, self.path)
        mine = {key: owned for key, owned in self.objects.items() if key not in self.absorbed}
        if (now.lineage, now.serial, now.objects, now.intents) != (self.lineage, self.serial, mine, self.intents):
            raise UnsafePlanError(
                f"{self.path}: another run has changed the state since it was read: serial {self.serial} then, {now.serial} now",
                fix="run the command again: it plans from the new state",
            )

    def absorb(self, object_key: tuple[str, str], owned: Owned[Any]) -> None:
        """Count an object as recorded that another state records, unless this one does; the next apply saves it."""
        if object_key not in self.objects:
            self.objects[object_key] = owned
            self.absorbed.add(object_key)

    def begin(self) -> None:
        """Start an apply, which writes the journal."""
        new = not self.lineage
        self.lineage = self.lineage or uuid.uuid4().hex
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._append({"event": "begin", "format": _FORMAT, "lineage": self.lineage})
        if new and self.mirror is not None:
            # The owner files contain the lineage, so it must be on disk before they are written.
            self.mirror(self.journal)

    def intend(self, change: Change[Any]) -> None:
        """Record that a write is about to be sent."""
        with self._lock:
            self.intents[change.object_key] = change.action
            self.unsettled = self.unsettled or change.kind.propagating
            self._append({"event": "intent", "kind": change.kind.name, "key": change.key, "action": str(change.action)})
            line = self._lines
        self._show(line)

    def _show(self, line: int) -> None:
        """Give the mirror the journal, unless another thread has given it this line meanwhile."""
        if self.mirror is None:
            return
        with self._mirroring:
            if self._mirrored < line:
                last = self._lines
                self.mirror(self.journal)
                self._mirrored = last

    def record(self, change: Change[T], owned: Owned[T] | None) -> None:
        """Record the object after a change, or None if it is deleted or no longer owned."""
        object_key = change.object_key
        with self._lock:
            self.intents.pop(object_key, None)
            if owned is None:
                self.objects.pop(object_key, None)
            else:
                self.objects[object_key] = owned
            said = {"spec": None} if owned is None else owned.as_dict(change.kind)
            self._append({"event": "done", "kind": change.kind.name, "key": change.key, **said})

    def settle(self) -> None:
        """Record that the writes so far are in effect."""
        if self.unsettled:
            self.unsettled = False
            self._append({"event": "settled"})

    def withdraw(self, change: Change[Any]) -> None:
        """Record that the platform refused a write, so it had no effect."""
        with self._lock:
            self.intents.pop(change.object_key, None)
            self._append({"event": "withdrawn", "kind": change.kind.name, "key": change.key})

    def govern(self, tables: Iterable[TableName]) -> None:
        """Record the governed tables."""
        now = frozenset(t.parts for t in tables)
        if now != self.governed:
            self.governed = now
            self._dirty = True

    def _append(self, entry: Mapping[str, Any]) -> None:
        self._dirty = True
        line = (json.dumps(entry, ensure_ascii=False) + "\n").encode()
        descriptor = os.open(self.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        # Only now: a line that the file does not hold yet must not count as mirrored.
        self._lines += 1

    def save(self) -> None:
        """Write the state file if it has changed since it was read, with the next serial, and remove the journal."""
        if not self._dirty:
            return
        self.lineage = self.lineage or uuid.uuid4().hex
        self.serial += 1
        objects: dict[str, dict[str, Any]] = {}
        for (name, key), owned in sorted(self.objects.items(), key=lambda o: o[0]):
            entry = owned.as_dict(kind_named(name))
            objects.setdefault(name, {})[key] = entry | {"digest": digest(entry["spec"])}
        data: dict[str, Any] = {
            "format": _FORMAT,
            "layer": str(self.layer),
            "lineage": self.lineage,
            "serial": self.serial,
            "objects": objects,
        }
        if self.governed:
            data["governed"] = sorted(self.governed)
        if self.unsettled:
            data["unsettled"] = True
        if self.intents:
            data["intents"] = [{"kind": k, "key": n, "action": str(a)} for (k, n), a in sorted(self.intents.items())]
        write_text(self.path, json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n", mode=SECRET_MODE)
        self.journal.unlink(missing_ok=True)
        self._dirty = False

    def of_kind(self, kind: Kind[T]) -> dict[str, Owned[T]]:
        """Return the objects of one kind by key."""
        return {key: owned for (name, key), owned in self.objects.items() if name == kind.name}


def _require_format(path: Path, found: int) -> None:
    if found in _FORMATS_BEFORE:
        version = _FORMATS_BEFORE[found]
        raise UsageError(
            f"{path}: written by lampkeeper {version}, which named objects differently",
            fix=f"destroy the environment with lampkeeper {version}, then apply it with this version",
        )
    if found != _FORMAT:
        raise ValueError(f"format {found}")


@dataclass(slots=True)
class States:
    """The states of the three layers of one environment; all environments share the account's file."""

    env: str
    layers: dict[Layer, LayerState]

    @classmethod
    def load(cls, env: str, paths: Mapping[Layer, Path]) -> States:
        """Read the state files of an environment."""
        return cls(env, {layer: LayerState.load(layer, paths[layer]) for layer in LAYERS})

    @classmethod
    def in_folder(cls, root: Path, env: str) -> States:
        """Read the states at their paths under `envs/`."""
        return cls.load(env, state_paths(root, env))

    def __getitem__(self, layer: Layer) -> LayerState:
        """Return one layer's state."""
        return self.layers[layer]

    def owned(self, kind: Kind[T]) -> dict[str, Owned[T]]:
        """Return the objects of one kind by key."""
        return self.layers[kind.layer].of_kind(kind)

    @property
    def governed(self) -> set[TableName]:
        """Return the governed tables."""
        return {TableName(*parts) for parts in self.layers[Layer.DATA_ACCESS].governed}

    def mirror(self, put: Callable[[Path], None]) -> None:
        """Call `put` with a journal that has a new entry, before the write that the entry announces."""
        for state in self.layers.values():
            state.mirror = put

    def save(self, layers: Iterable[Layer] = LAYERS) -> None:
        """Write the files of these layers where anything happened."""
        for layer in layers:
            self.layers[layer].save()


def state_paths(root: Path, env: str) -> dict[Layer, Path]:
    """Return the paths of the state files of an environment; `root` is the folder that contains `envs`."""
    envs = root / "envs"
    return {
        Layer.ACCOUNT: envs / "account" / "state.json",
        Layer.DATA_ACCESS: envs / env / "data_access" / "state.json",
        Layer.WORKSPACE: envs / env / "state.json",
    }


class StateLock:
    """Allows one apply per environment at a time, by a lock of the operating system, which the end of a process releases.

    The states must still be those of the files: a run that planned while another one applied would overwrite its records.
    """

    def __init__(self, states: States) -> None:
        """Prepare a lock next to the state files."""
        self._states = states
        self._paths = sorted({state.path.with_name(".lock") for state in states.layers.values()})
        self._held: list[BaseFileLock] = []

    def __enter__(self) -> StateLock:
        """Lock, or raise UnsafePlanError if another run has the lock or has written the states since they were read."""
        for path in self._paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path, mode=0o600, thread_local=False)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                self.__exit__()
                raise UnsafePlanError(f"another run is applying here ({path})", fix="wait until it has ended") from None
            self._held.append(lock)
        try:
            for state in self._states.layers.values():
                state.require_current()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Unlock."""
        while self._held:
            self._held.pop().release()
