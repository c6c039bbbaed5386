"""The engine for the mask checks: a temporary local workspace."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lampkeeper.design.knowledge.library import LibraryFunction
from lampkeeper.maskcheck.checks import EngineRefusedError
from lampkeeper.model.errors import RemoteError
from lampkeeper.places.local import LocalPlace
from lampkeeper.places.place import running
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.warehouse import run_sql, warm_up

_CATALOG, _SCHEMA = "main", "mask_checks"


class Engine:
    """Creates each function when it is first used, and computes all values in one query; also runs plain statements."""

    def __init__(self, workspace: Workspace) -> None:
        """Take a workspace in which the checks may create and drop objects freely."""
        self._workspace = workspace
        self._made: dict[str, str] = {}

    def __call__(self, function: LibraryFunction, literals: Sequence[str]) -> list[str | None]:
        """Return the function's result, as text, for each literal; raise EngineRefusedError if the engine fails."""
        create = function.at(_CATALOG, _SCHEMA).create_sql()
        kind = function.function.parameters[0].type
        call = f"{_CATALOG}.{_SCHEMA}.{function.name}(CAST(v AS {kind}))"
        rows = ", ".join(f"({number}, {literal})" for number, literal in enumerate(literals))
        query = f"SELECT i, CAST({call} AS STRING) FROM VALUES {rows} AS t(i, v)"  # noqa: S608 (literals are quoted)
        if self._made.get(function.name) != create:
            self.sql(create)
            self._made[function.name] = create
        answers = {int(number or 0): value for number, value in (self.sql(query) if literals else ())}
        return [answers[number] for number in range(len(literals))]

    def sql(self, statement: str) -> Sequence[Sequence[str | None]]:
        """Return the rows of a statement; raise EngineRefusedError with the error's class if it fails."""
        try:
            return run_sql(self._workspace, statement, kind="mask check").rows
        except RemoteError as error:
            if error.status >= 500 or not error.code:
                raise
            raise EngineRefusedError(error.code) from None


@contextmanager
def local_engine() -> Iterator[Engine]:
    """Yield an engine on a local workspace in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="lampkeeper-masks-") as folder:
        place = LocalPlace(folder=Path(folder))
        with running(place) as address:
            workspace = connect(address.signed(), warehouse_id=address.warehouse_id)
            warm_up(workspace)
            run_sql(workspace, f"CREATE SCHEMA IF NOT EXISTS {_CATALOG}.{_SCHEMA}", kind="mask check")
            yield Engine(workspace)
