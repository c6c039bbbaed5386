"""The class-data archive of the engine's JVM: made once per environment, it about halves the engine's start.

`python -m localspace.sql.engine_archive` makes it (144 MB, some 20 seconds). Without it the engine starts all the same;
an archive that does not fit the Java at hand is ignored by the JVM.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from localspace.core.statement_runner import CancelToken
from localspace.sql.engine import Engine
from localspace.sql.engine_worker import find_java
from localspace.sql.storage import ViewSpec

_WARM_UP = (
    "SELECT sum(id), max(concat('a', id)) FROM range(10) WHERE id LIKE '1%' GROUP BY id % 2 ORDER BY 1",
    "SELECT a.id, row_number() OVER (ORDER BY a.id) FROM range(9) a JOIN range(5) b ON a.id = b.id",
    "SELECT id, sha2(name, 256), regexp_replace(name, '[a-z]', 'x'), CASE WHEN amount > 1 THEN amount END, "
    "date_trunc('MONTH', day), coalesce(noted, current_timestamp()), map_keys(more), things[0], whole.part FROM warm_up "
    "WHERE name LIKE 'a%' AND EXISTS (SELECT 1 FROM range(3) r WHERE r.id = warm_up.id) UNION ALL "
    "SELECT count(*), min(name), max(name), avg(amount), max(day), max(noted), null, null, null FROM warm_up GROUP BY id",
)
_ROW = (
    "SELECT 1L AS id, 'ana' AS name, CAST(2.5 AS DECIMAL(10,2)) AS amount, DATE'2026-01-02' AS day, "
    "TIMESTAMP'2026-01-02 03:04:05' AS noted, map('a', 'b') AS more, array('a') AS things, named_struct('part', 1) AS whole"
)
_DDL = (
    "id BIGINT, name STRING, amount DECIMAL(10,2), day DATE, noted TIMESTAMP, more MAP<STRING, STRING>, things ARRAY<STRING>, "
    "whole STRUCT<part: INT>"
)


def archive_path() -> Path:
    """Return where this environment's archive lies, or would lie."""
    java = hashlib.sha256(str(Path(find_java()).resolve()).encode()).hexdigest()[:8]
    return Path(sys.prefix) / "share" / "localspace" / f"engine-{version('pyspark')}-{java}.jsa"


def existing_archive() -> Path | None:
    """Return the archive if it was made."""
    try:
        found = archive_path()
    except RuntimeError:
        return None  # no Java: the engine reports it when it is started
    return found if found.exists() else None


def make_archive() -> Path:
    """Run the engine once and write its loaded classes into the archive; return its path."""
    target = archive_path()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        draft = target.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        engine = Engine(Path(folder), archive=draft)
        try:
            rows = Path(folder) / "rows"
            engine.write(_ROW, rows, (), "nobody", CancelToken())
            views = (ViewSpec("warm_up", str(rows), _DDL),)
            for statement in _WARM_UP:
                engine.query(statement, views, "nobody", CancelToken())
        finally:
            engine.close()
        draft.replace(target)
    return target


if __name__ == "__main__":
    sys.stdout.write(f"{make_archive()}\n")
