"""One SQL engine for all local workspaces of a test process, since a JVM takes seconds to start.

Workspaces cannot disturb each other in it: each gives its relations and functions unguessable names, and the engine gets
finished SQL. A test of the engine's own life starts an engine of its own, by `localspace.sql.run.build_runner`.
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from localspace.governance.repositories import Repositories
from localspace.sql.engine import Engine
from localspace.sql.engine_archive import existing_archive
from localspace.sql.run import SqlRunner
from localspace.sql.runners import Runners


class SharedEngine(Engine):
    """An engine that outlives the workspaces that use it; it ends with the test process."""

    def close(self) -> None:
        """Leave the engine to the next workspace."""

    def end(self) -> None:
        """End the engine."""
        super().close()


@cache
def shared_engine() -> SharedEngine:
    """Return the engine of this process."""
    folder = tempfile.TemporaryDirectory(prefix="engine-")
    engine = SharedEngine(Path(folder.name), archive=existing_archive())

    def end() -> None:
        engine.end()
        folder.cleanup()

    atexit.register(end)
    return engine


def shared_runner(repositories: Repositories, files: Path) -> SqlRunner:
    """Return a workspace's statement runner on the shared engine; pass this as `build_runner`."""
    files.mkdir(parents=True, exist_ok=True)
    return SqlRunner(repositories, files, shared_engine())


def account_runner() -> Callable[[Repositories, Path], SqlRunner]:
    """Return a `build_runner` for an account with several workspaces: they share rows and writers as in the product."""
    made: dict[Path, Runners] = {}

    def build(repositories: Repositories, files: Path) -> SqlRunner:
        if files not in made:
            made[files] = Runners(repositories.store, files, engine=shared_engine())
        return made[files].runner(repositories)

    return build
