"""What must hold after a step, read from its output and from the files of the environments."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lampkeeper.files.hcl_tree import read_variables
from lampkeeper.model.errors import UsageError
from lampkeeper.model.genie import space_key
from lampkeeper.scenarios.world import STATE_FILES, World

_ID_FILE = ".genie_space_id_"


class Check(Protocol):
    """What must hold."""

    def failures(self, world: World) -> list[str]:
        """Return why it does not hold; nothing if it does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Prints:
    """The step printed each of these texts, and none of `never`."""

    prints: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    def failures(self, world: World) -> list[str]:
        """Compare with the step's output."""
        return _texts(world.last.output, self.prints, self.never, world, "the output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists:
    """These files and folders exist; `empty` is not enough for a file."""

    exists: tuple[str, ...]

    def failures(self, world: World) -> list[str]:
        """Look at the disk."""
        found = [(name, world.path(name)) for name in self.exists]
        return [f"{name} does not exist" for name, path in found if not path.exists()] + [
            f"{name} is empty" for name, path in found if path.is_file() and not path.stat().st_size
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """These files do not exist, while `beside`, a file of the same name or kind, does: the names are right."""

    absent: tuple[str, ...]
    beside: str

    def failures(self, world: World) -> list[str]:
        """Look at the disk."""
        wrong = (
            [] if world.path(self.beside).exists() else [f"{self.beside} does not exist, so its absence elsewhere says nothing"]
        )
        return wrong + [f"{name} exists" for name in self.absent if world.path(name).exists()]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTexts:
    """A file holds each of these texts, and none of `lacks`."""

    file: str
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    def failures(self, world: World) -> list[str]:
        """Read the file."""
        path = world.path(self.file)
        if not path.is_file():
            return [f"{self.file} does not exist"]
        return _texts(path.read_text(), self.contains, self.lacks, world, self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderLacks:
    """No file below these folders holds one of the texts; states and logs are read too."""

    folders: tuple[str, ...]
    lack: tuple[str, ...]

    def failures(self, world: World) -> list[str]:
        """Read every file."""
        found = []
        for name in self.folders:
            top = world.path(name)
            if not top.exists():
                found.append(f"{name} does not exist")
            for path in [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file()):
                text = path.read_text(errors="replace")
                found += [f"{path.relative_to(world.folder)} contains {t!r}" for t in self.lack if world.fill(t) in text]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Declares:
    """A draft or layer file declares these variables of HCL with a value, and `undeclared` not, or with an empty one."""

    declares: str
    variables: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()

    def failures(self, world: World) -> list[str]:
        """Parse the file."""
        path = world.path(self.declares)
        if not path.is_file():
            return [f"{self.declares} does not exist"]
        found = {name for name, value in read_variables(path.read_text(), str(path)).values.items() if value}
        return [f"{self.declares} does not declare {n}" for n in self.variables if n not in found] + [
            f"{self.declares} declares {n}" for n in self.undeclared if n in found
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """A remembered file, a layer's state files, or a space's title and content are byte for byte as they were."""

    same: str
    of_file: str = ""
    of_state: str = ""
    of_space: str = ""

    def failures(self, world: World) -> list[str]:
        """Compare the bytes; a file that went or came is a difference too."""
        kept = world.kept.get(self.same)
        if kept is None:
            return [f"nothing was remembered as {self.same}"]
        now = world.bytes_of(file=self.of_file, state=self.of_state, space=self.of_space)
        return [f"{name} changed" for name in sorted(kept.keys() | now.keys()) if kept.get(name) != now.get(name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """The layers' folders below `envs` that hold a state of either engine with objects, and those in `none` without a file.

    That the first ones hold one proves that the names of the files are right for the others.
    """

    states: tuple[str, ...]
    none: tuple[str, ...] = ()

    def failures(self, world: World) -> list[str]:
        """Look at the disk, for both engines' files."""
        names = " and ".join(STATE_FILES)
        found = []
        for folder in self.states:
            files = world.state_files(folder)
            if not any(_objects(content) for content in files.values()):
                found.append(f"envs/{folder} has no state with objects ({names}: {', '.join(files) or 'neither exists'})")
        found += [f"envs/{f} has {name}" for f in self.none for name in world.state_files(f)]
        return found if self.states else [*found, "no layer is named whose state exists"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlyKinds:
    """The states of an environment's workspace layer hold objects of exactly these kinds."""

    only_kinds: str
    kinds: tuple[str, ...]

    def failures(self, world: World) -> list[str]:
        """Read the states of both engines."""
        documents = [json.loads(content) for content in world.state_files(self.only_kinds).values()]
        found = {kind for one in documents for kind, objects in one.get("objects", {}).items() if objects}
        found |= {str(one["type"]) for document in documents for one in document.get("resources", ())}
        return [] if found == set(self.kinds) else [f"envs/{self.only_kinds} has {sorted(found)}, not {sorted(self.kinds)}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differ:
    """The state files of two layers' folders exist and differ."""

    differ: tuple[str, ...]

    def failures(self, world: World) -> list[str]:
        """Compare the bytes."""
        if len(self.differ) != 2:
            raise UsageError("differ compares two folders")
        one, other = (world.state_files(folder) for folder in self.differ)
        missing = [f"envs/{f} has no state file" for f, files in zip(self.differ, (one, other), strict=True) if not files]
        return missing or ([f"the states of {' and '.join(self.differ)} are the same"] if one == other else [])


@dataclass(frozen=True, slots=True, kw_only=True)
class IdFiles:
    """An environment has a `.genie_space_id_*` file for exactly these spaces: they alone were created by lampkeeper."""

    id_files: str
    spaces: tuple[str, ...] = ()

    def failures(self, world: World) -> list[str]:
        """List the files."""
        folder = world.path(f"envs/{self.id_files}")
        found = {p.name for p in folder.glob(".genie_space_id*")}
        wanted = {_ID_FILE + space_key(title) for title in self.spaces}
        missing = [f"envs/{self.id_files}/{n} does not exist" for n in sorted(wanted - found)]
        empty = [f"envs/{self.id_files}/{n} is empty" for n in sorted(wanted & found) if not _first_line(folder / n)]
        return missing + empty + [f"envs/{self.id_files}/{n} exists" for n in sorted(found - wanted)]


def id_of(world: World, env: str, title: str) -> str:
    """Return the id that an environment's file gives for a space; empty without a file."""
    return _first_line(world.path(f"envs/{env}/{_ID_FILE}{space_key(title)}"))


def _first_line(path: Path) -> str:
    return path.read_text().strip() if path.is_file() else ""


def _objects(content: bytes) -> bool:
    """Return whether a state file of either engine holds an object."""
    try:
        document = json.loads(content)
    except ValueError:
        return False
    return isinstance(document, dict) and bool(document.get("objects") or document.get("resources"))


def _texts(text: str, wanted: tuple[str, ...], unwanted: tuple[str, ...], world: World, where: str) -> list[str]:
    missing = [f"{where} does not contain {t!r}" for t in map(world.fill, wanted) if t not in text]
    return missing + [f"{where} contains {t!r}" for t in map(world.fill, unwanted) if t in text]
