"""State that is kept in a table: fetched before a command, and written back after it, under a lease.

The files beside the environment are copies then. An apply writes its journal to the table before each write, so a run that dies
on another machine is resumed from the table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lampkeeper.deploy.lease import Lease
from lampkeeper.deploy.state import States
from lampkeeper.files.text import SECRET_MODE, write_text
from lampkeeper.model.errors import UsageError
from lampkeeper.remote.table_files import TableFiles


@dataclass(slots=True, kw_only=True)
class StateTable:
    """The state files of an environment in a table, and their copies below `envs`."""

    table: TableFiles
    envs: Path
    paths: tuple[Path, ...]
    lease: Lease | None = None
    _known: dict[Path, bytes] = field(default_factory=dict)
    _parts: dict[Path, int] = field(default_factory=dict)

    def fetch(self) -> None:
        """Write the table's files beside the environment. Local files that the table does not have yet are kept, to be written.

        Raise UsageError if a local file belongs to another state than the table's.
        """
        for path in self.paths:
            content = self.table.read(self._name(path))
            ahead = False
            if content is not None:
                self._known[path] = content
                self._require_same(path, content)
                ahead = self._is_newer(path, content)
                if not ahead:
                    write_text(path, content.decode("utf-8"), mode=SECRET_MODE)
            journal = _journal(path)
            lines, self._parts[journal] = self.table.read_log(self._name(journal))
            if lines:
                self._known[journal] = lines
                write_text(journal, lines.decode("utf-8"), mode=SECRET_MODE)
            elif content is not None and not ahead:
                # The run that wrote this journal has ended on another machine.
                journal.unlink(missing_ok=True)

    def bring_back(self) -> None:
        """Write changed files to the table, states before the journals that they replace are removed."""
        if self.lease is not None:
            self.lease.require()
        for path in self.paths:
            if path.is_file() and (content := path.read_bytes()) != self._known.get(path):
                self.table.write(self._name(path), content)
                self._known[path] = content
            journal = _journal(path)
            if journal.is_file():
                self._put(journal)
            elif journal in self._known:
                self._forget(journal)

    def mirror(self, states: States) -> None:
        """Write each journal to the table before the write that it announces, and only while this run has the lease."""
        states.mirror(self._put)

    def _put(self, journal: Path) -> None:
        """Append to the table the lines that a journal has gained."""
        if self.lease is not None:
            self.lease.require()
        content, known = journal.read_bytes(), self._known.get(journal, b"")
        if not content.startswith(known):
            self._forget(journal)
            known = b""
        if content != known:
            self.table.append(self._name(journal), self._parts.get(journal, 0), content[len(known) :])
            self._parts[journal] = self._parts.get(journal, 0) + 1
            self._known[journal] = content

    def _forget(self, journal: Path) -> None:
        self.table.delete_log(self._name(journal))
        self._known.pop(journal, None)
        self._parts[journal] = 0

    def _name(self, path: Path) -> str:
        return path.relative_to(self.envs).as_posix()

    def _require_same(self, path: Path, content: bytes) -> None:
        mine, theirs = _facts(path.read_bytes() if path.is_file() else None), _facts(content)
        if mine is not None and theirs is not None and mine[0] != theirs[0]:
            raise UsageError(
                f"{path} and {self.table.path} hold different states of {self._name(path)}",
                fix="keep one: remove the file to use the table, or name another state_table",
            )

    @staticmethod
    def _is_newer(path: Path, content: bytes) -> bool:
        """Return whether the local file is later than the table's: a run ended between saving and writing it back."""
        mine, theirs = _facts(path.read_bytes() if path.is_file() else None), _facts(content)
        return mine is not None and theirs is not None and mine[1] > theirs[1]


def _journal(path: Path) -> Path:
    return path.with_name(path.name + ".journal")


def _facts(content: bytes | None) -> tuple[str, int] | None:
    """Return lineage and serial of a state file; None without a file or if it is damaged, which loading it reports."""
    if content is None:
        return None
    try:
        data: dict[str, Any] = json.loads(content)
        return str(data["lineage"]), int(data["serial"])
    except (ValueError, KeyError, TypeError):
        return None


@contextmanager
def state_table(
    table: TableFiles, envs: Path, paths: Iterable[Path], *, holder: str, writes: bool, wait: float, report: Callable[[str], None]
) -> Iterator[StateTable]:
    """Fetch the state files before a block. With `writes`, hold the lease, and write them back after it, also if it fails."""
    table.make()
    kept = StateTable(table=table, envs=envs, paths=tuple(paths))
    if not writes:
        kept.fetch()
        yield kept
        return
    with Lease(folder=table, holder=holder, wait=wait, report=report) as lease:
        kept.lease = lease
        kept.fetch()
        try:
            yield kept
        finally:
            kept.bring_back()
