"""An environment's folder on shared storage: downloaded before a command and uploaded after it, under a lease.

A command works on a copy on a local disk, because a volume's mounted path supports neither appends nor locks. Changed files
are uploaded one by one; state files before the journals that they replace are removed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lampkeeper.deploy.lease import Lease
from lampkeeper.deploy.state import States
from lampkeeper.model.errors import InternalError
from lampkeeper.remote.volumes import VolumeFolder
from lampkeeper.text.digest import digest_of

NEVER = ("auth.auto.tfvars", ".lock")
"""Files that are not copied: credentials, and locks of one machine."""


@dataclass(slots=True, kw_only=True)
class SharedEnvs:
    """The folder of environments in a volume, its copy under `root`/envs, and the lease if the command may write.

    Copied are the environment, those in `also`, and the account layer.
    """

    volume: VolumeFolder
    root: Path
    env: str
    lease: Lease | None = None
    also: tuple[str, ...] = ()
    _known: dict[str, str] = field(default_factory=dict)

    def fetch(self) -> None:
        """Copy the files of the environments and the account layer."""
        for folder in self._folders:
            for name in self.volume.names(folder):
                content = self.volume.read(name)
                if content is None or not _travels(name):
                    continue
                target = self.root / "envs" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                self._known[name] = digest_of(content)

    def bring_back(self) -> tuple[str, ...]:
        """Upload changed files, remove deleted ones; return their names."""
        if self.lease is not None:
            self.lease.require()
        there = self._there()
        changed = []
        for name in sorted(there, key=lambda n: (n.endswith("state.json"), n)):
            content = there[name].read_bytes()
            if self._known.get(name) != digest_of(content):
                self.volume.write(name, content)
                self._known[name] = digest_of(content)
                changed.append(name)
        for name in sorted(set(self._known) - set(there)):
            self.volume.delete(name)
            del self._known[name]
            changed.append(name)
        return tuple(changed)

    def changed(self) -> tuple[str, ...]:
        """Return the names of files that differ from the downloaded ones."""
        there = self._there()
        new = {name for name, path in there.items() if self._known.get(name) != digest_of(path.read_bytes())}
        return tuple(sorted(new | (set(self._known) - set(there))))

    @property
    def _folders(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(("account", self.env, *self.also)))

    def _there(self) -> dict[str, Path]:
        base = self.root / "envs"
        return {
            str(path.relative_to(base)): path
            for folder in self._folders
            for path in sorted((base / folder).rglob("*"))
            if path.is_file() and _travels(path.name)
        }

    def named(self, text: str) -> str:
        """Return a text in which paths of the copy are replaced by the paths in the volume."""
        return text.replace(str(self.root / "envs"), self.volume.path)

    def mirror(self, states: States) -> None:
        """Upload each journal entry of these states before the write that it announces, and only while this run has the lease."""
        states.mirror(self._put)

    def _put(self, path: Path) -> None:
        if self.lease is not None:
            self.lease.require()
        name, content = str(path.relative_to(self.root / "envs")), path.read_bytes()
        self.volume.write(name, content)
        self._known[name] = digest_of(content)


@contextmanager
def shared_envs(
    volume: VolumeFolder,
    env: str,
    *,
    holder: str,
    writes: bool,
    wait: float,
    report: Callable[[str], None],
    also: tuple[str, ...] = (),
) -> Iterator[SharedEnvs]:
    """Download an environment for a block and upload it after it, also if the block fails.

    Without `writes`, nothing is locked or uploaded.
    """
    with tempfile.TemporaryDirectory(prefix="lampkeeper-") as folder:
        shared = SharedEnvs(volume=volume, root=Path(folder), env=env, also=also)
        if not writes:
            shared.fetch()
            yield shared
            if changed := shared.changed():
                raise InternalError(f"this command changed {', '.join(changed[:3])} without a lease: nothing was uploaded")
            return
        with Lease(folder=volume, holder=holder, wait=wait, report=report) as lease:
            shared.lease = lease
            shared.fetch()
            try:
                yield shared
            finally:
                shared.bring_back()


def _travels(name: str) -> bool:
    bare = name.rsplit("/", 1)[-1]
    return bare not in NEVER and not bare.endswith(".tmp")
