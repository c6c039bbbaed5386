"""An engine for the mask checks: a local workspace of its own, gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lampkeeper.design.library import LibraryFunction
from lampkeeper.launch.local import LocalPlace
from lampkeeper.launch.mask_checks import Ask, EngineRefusedError
from lampkeeper.launch.place import running
from lampkeeper.model.errors import RemoteError
from lampkeeper.remote.clients import Workspace, connect
from lampkeeper.remote.warehouse import run_sql, warm_up

_CATALOG, _SCHEMA = "main", "mask_checks"


@contextmanager
def local_engine() -> Iterator[Ask]:
    """Yield an engine on a local workspace in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="lampkeeper-masks-") as folder:
        place = LocalPlace(folder=Path(folder))
        with running(place) as address:
            workspace = connect(address.signed(), warehouse_id=address.warehouse_id)
            warm_up(workspace)
            run_sql(workspace, f"CREATE SCHEMA IF NOT EXISTS {_CATALOG}.{_SCHEMA}", kind="mask check")
            yield engine_of(workspace)


def engine_of(workspace: Workspace) -> Ask:
    """Return an engine that makes each function where it is missing and asks for all values in one query."""
    made: set[str] = set()

    def ask(function: LibraryFunction, literals: Sequence[str]) -> list[str | None]:
        create = function.at(_CATALOG, _SCHEMA).create_sql()
        kind = function.function.parameters[0].type
        call = f"{_CATALOG}.{_SCHEMA}.{function.name}(CAST(v AS {kind}))"
        rows = ", ".join(f"({number}, {literal})" for number, literal in enumerate(literals))
        query = f"SELECT i, CAST({call} AS STRING) FROM VALUES {rows} AS t(i, v)"  # noqa: S608 (literals are quoted)
        try:
            if create not in made:
                run_sql(workspace, create, kind="mask check")
                made.add(create)
            found = run_sql(workspace, query, kind="mask check").rows if literals else ()
        except RemoteError as error:
            if error.status >= 500 or not error.code:
                raise
            raise EngineRefusedError(error.code) from None
        answers = {int(number or 0): value for number, value in found}
        return [answers[number] for number in range(len(literals))]

    return ask
