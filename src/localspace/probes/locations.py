"""Probes of hive_metastore and of tables at locations.

A place without hive_metastore, or without an external location that shows to the administrator, has nothing that these
rules could be broken on: such a probe passes there. The local workspace has both in the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from localspace.probes.place import ProbeError, Stage

_DENIED = ("INSUFFICIENT_PERMISSIONS", "PERMISSION_DENIED")


def hive_needs_grants(stage: Stage) -> None:
    """A table of hive_metastore needs SELECT and USAGE."""
    with _hive_table(stage, "hive_grants") as table:
        if not table:
            return
        schema = table.rsplit(".", 1)[0]
        stage.refused(f"SELECT * FROM {table}", stage.reader)
        stage.admin(f"GRANT SELECT ON TABLE {table} TO `{stage.reader}`")
        stage.admin(f"GRANT USAGE ON SCHEMA {schema} TO `{stage.reader}`")
        stage.expect(f"SELECT id FROM {table}", stage.reader, [("1",)])
        stage.refused(f"INSERT INTO {table} VALUES (2)", stage.reader)
        stage.refused(f"SELECT * FROM {table}", stage.stranger)


def hive_takes_no_policies(stage: Stage) -> None:
    """Neither tags nor policies nor masks can be put on hive_metastore."""
    with _hive_table(stage, "hive_governed") as table:
        if not table:
            return
        stage.refused(f"CREATE POLICY p ON TABLE {table} {stage.mask(table)}", None)
        stage.refused(f"SET TAG ON TABLE {table} lampkeeper_probe = `a`", None)
        stage.refused(f"ALTER TABLE {table} ALTER COLUMN id SET MASK {stage.schema}.mask_x", None)


def locations_need_a_right(stage: Stage) -> None:
    """A location that nothing covers is refused to all, a covered one to who lacks CREATE EXTERNAL TABLE."""
    table = f"{stage.schema}.located"
    stage.refused(f"CREATE TABLE {table} (id INT) LOCATION 's3://lampkeeper-probe-of-nobody/t'", None)
    for url in _locations(stage):
        catalog = stage.schema.split(".")[0]
        stage.admin(f"GRANT USE CATALOG ON CATALOG {catalog} TO `{stage.stranger}`")
        stage.admin(f"GRANT USE SCHEMA, CREATE TABLE ON SCHEMA {stage.schema} TO `{stage.stranger}`")
        try:
            stage.refused(f"CREATE TABLE {table} (id INT) LOCATION '{url}'", stage.stranger, *_DENIED)
        finally:
            stage.admin(f"REVOKE USE SCHEMA, CREATE TABLE ON SCHEMA {stage.schema} FROM `{stage.stranger}`")
            stage.admin(f"REVOKE USE CATALOG ON CATALOG {catalog} FROM `{stage.stranger}`")


def locations_do_not_overlap(stage: Stage) -> None:
    """A second table at, above or below a location is refused."""
    for url in _locations(stage):
        stage.admin(f"CREATE TABLE {stage.schema}.first_there (id INT) LOCATION '{url}/a/b'")
        for taken in (f"{url}/a/b", f"{url}/a", f"{url}/a/b/c", f"{url}//a/b/"):
            stage.refused(f"CREATE TABLE {stage.schema}.second_there (id INT) LOCATION '{taken}'", None)
        stage.admin(f"DROP TABLE {stage.schema}.first_there")


def external_rows_outlive_tables(stage: Stage) -> None:
    """Rows of a dropped external table show in a new one, without the mask of the former."""
    for url in _locations(stage):
        table = f"{stage.schema}.outliving"
        stage.admin(f"CREATE TABLE {table} (id INT, secret STRING) LOCATION '{url}/rows'")
        stage.admin(f"INSERT INTO {table} VALUES (1, 'raw-1')")
        stage.admin(f"ALTER TABLE {table} ALTER COLUMN secret SET MASK {stage.schema}.mask_x")
        stage.expect(f"SELECT secret FROM {table}", None, [("XXX",)])
        stage.admin(f"DROP TABLE {table}")
        stage.admin(f"CREATE TABLE {table} LOCATION '{url}/rows'")
        try:
            stage.expect(f"SELECT * FROM {table}", None, [("1", "raw-1")])
        finally:
            stage.admin(f"DELETE FROM {table}")
            stage.admin(f"DROP TABLE {table}")


@contextmanager
def _hive_table(stage: Stage, name: str) -> Iterator[str]:
    answer = stage.place.run("SHOW SCHEMAS IN hive_metastore")
    if answer.error_class is not None:
        yield ""
        return
    schema = f"hive_metastore.{stage.schema.split('.')[-1].strip('`')}_{name}"
    stage.admin(f"CREATE SCHEMA {schema}")
    try:
        stage.admin(f"CREATE TABLE {schema}.{name} (id INT)")
        stage.admin(f"INSERT INTO {schema}.{name} VALUES (1)")
        yield f"{schema}.{name}"
    finally:
        stage.admin(f"DROP SCHEMA {schema} CASCADE")


def _locations(stage: Stage) -> list[str]:
    """Return a folder of our own under the first external location that the administrator may write to, or nothing."""
    answer = stage.place.run("SHOW EXTERNAL LOCATIONS")
    for row in answer.rows:
        url = f"{str(row[1]).rstrip('/')}/{stage.schema.split('.')[-1].strip('`')}"
        if "'" in url or "\\" in url:
            raise ProbeError(f"the external location {row[0]} has a URL that cannot be quoted")
        tried = stage.place.run(f"CREATE TABLE {stage.schema}.tried (id INT) LOCATION '{url}/tried'")
        if tried.error_class is None:
            stage.admin(f"DROP TABLE {stage.schema}.tried")
            return [url]
    return []
