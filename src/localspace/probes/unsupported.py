"""Probes of what cannot be enforced and is therefore refused."""

from __future__ import annotations

from localspace.probes.place import TAG, ProbeError, Stage


def _bound(stage: Stage, name: str) -> tuple[str, str]:
    table = stage.table(name)
    stage.tag(f"{table}.secret")
    return table, stage.mask(table)


def time_travel(stage: Stage) -> None:
    """Time travel is refused under a policy."""
    table, clause = _bound(stage, "travel")
    with stage.policy("travel", f"TABLE {table}", clause):
        stage.refused(f"SELECT * FROM {table} VERSION AS OF 0", stage.reader)
        stage.refused(f"SELECT * FROM {table} TIMESTAMP AS OF current_timestamp()", stage.reader)
        stage.refused(f"SELECT * FROM {table}@v0", stage.reader)


def clones(stage: Stage) -> None:
    """Deep and shallow clones are refused under a policy."""
    table, clause = _bound(stage, "cloned")
    with stage.policy("cloned", f"TABLE {table}", clause):
        for depth in ("DEEP", "SHALLOW"):
            stage.refused(f"CREATE TABLE {stage.schema}.a_clone {depth} CLONE {table}", None)


def paths_and_files(stage: Stage) -> None:
    """Files cannot be used to bypass policies: tables by path, file functions, hidden file columns."""
    table = stage.table("paths")
    for query in (
        "SELECT * FROM parquet.`/tmp/x`",
        "SELECT * FROM delta.`/tmp/x`",
        "SELECT * FROM read_files('/tmp/x')",
        f"SELECT _metadata FROM {table}",
        f"SELECT input_file_name() FROM {table}",
        "SELECT java_method('java.lang.System', 'getProperty', 'user.home')",
        "SELECT reflect('java.lang.System', 'getProperty', 'user.home')",
    ):
        stage.refused(query, stage.reader)


def changes_under_policy(stage: Stage) -> None:
    """UPDATE, DELETE and MERGE are refused for who is bound by a mask or filter on the target."""
    table, clause = _bound(stage, "changed")
    with stage.policy("changed", f"TABLE {table}", clause):
        for statement in (
            f"UPDATE {table} SET kind = 'z' WHERE secret = 'raw-1'",
            f"DELETE FROM {table} WHERE secret = 'raw-1'",
            f"MERGE INTO {table} t USING {table} s ON t.id = s.id WHEN MATCHED THEN DELETE",
        ):
            stage.refused(statement, None)
    stage.expect(f"SELECT count(*) FROM {table}", stage.reader, [("3",)])


def overwrites_under_filter(stage: Stage) -> None:
    """Rows that a filter hides cannot be removed unseen."""
    table = stage.table("overwritten")
    stage.tag(f"{table}.kind", "b")
    with stage.policy("overwritten", f"TABLE {table}", stage.row_filter()):
        stage.refused(f"TRUNCATE TABLE {table}", None)
        stage.refused(f"INSERT OVERWRITE {table} VALUES (1, 'a', 'x')", None)
    stage.expect(f"SELECT count(*) FROM {table}", stage.reader, [("3",)])


def explain_shows_no_mask(stage: Stage) -> None:
    """EXPLAIN shows neither raw values nor what a mask does."""
    table, clause = _bound(stage, "explained")
    with stage.policy("explained", f"TABLE {table}", clause):
        text = str(stage.rows(f"EXPLAIN SELECT * FROM {table} WHERE secret = 'q'", stage.reader))
        if "raw-" in text or "XXX" in text:
            raise ProbeError("EXPLAIN shows the mask or a value")


def errors_show_no_value(stage: Stage) -> None:
    """An error raised by a mask does not carry the raw value."""
    table, _ = _bound(stage, "failing")
    stage.admin(
        f"CREATE OR REPLACE FUNCTION {stage.schema}.failing_mask(s STRING) RETURNS STRING RETURN CAST(CAST(s AS INT) AS STRING)"
    )
    with stage.policy("failing", f"TABLE {table}", stage.mask(table, function="failing_mask")):
        answer = stage.refused(f"SELECT secret FROM {table}", stage.reader)
        if "raw-" in answer.error:
            raise ProbeError("the error text carries a raw value")


def defaults_read_nothing(stage: Stage) -> None:
    """A default that reads a table or calls a function of the workspace is refused."""
    table = stage.table("read_by_default")
    for default in (f"(SELECT max(secret) FROM {table})", f"{stage.schema}.mask_x('s')"):
        stage.refused(f"CREATE TABLE {stage.schema}.with_default (id INT, copied STRING DEFAULT {default})", None)


def opaque_statements(stage: Stage) -> None:
    """A statement that could carry another one is not run."""
    table, clause = _bound(stage, "opaque")
    with stage.policy("opaque", f"TABLE {table}", clause):
        for statement in (
            f"EXECUTE IMMEDIATE 'SELECT secret FROM {table}'",
            f"CACHE TABLE x AS SELECT secret FROM {table}",
            f"DECLARE VARIABLE v STRING DEFAULT (SELECT max(secret) FROM {table})",
            f"CREATE TEMPORARY VIEW v AS SELECT * FROM {table}",
            f"SELECT TRANSFORM (secret) USING 'cat' FROM {table}",
        ):
            answer = stage.place.run(statement, stage.reader)
            if "raw-" in str(answer.rows) or "raw-" in answer.error:
                raise ProbeError(f"{statement.split()[0]} shows raw values")


def governed_columns_stay(stage: Stage) -> None:
    """A column with a governed tag is neither dropped nor renamed nor lost by CREATE OR REPLACE; DROP TABLE works."""
    table, _ = _bound(stage, "staying")
    stage.refused(f"ALTER TABLE {table} DROP COLUMN secret", None)
    stage.refused(f"ALTER TABLE {table} RENAME COLUMN secret TO open", None)
    stage.refused(f"CREATE OR REPLACE TABLE {table} (id INT)", None)
    stage.admin(f"UNSET TAG ON COLUMN {table}.secret `{TAG}`")
    stage.admin(f"ALTER TABLE {table} DROP COLUMN secret")
    stage.tag(f"{table}.kind")
    stage.admin(f"DROP TABLE {table}")


def replaced_table_keeps_masks(stage: Stage) -> None:
    """CREATE OR REPLACE TABLE does not shed a manual mask."""
    table = stage.table("replaced")
    stage.admin(f"ALTER TABLE {table} ALTER COLUMN secret SET MASK {stage.schema}.mask_x")
    stage.admin(f"CREATE OR REPLACE TABLE {table} (id INT, secret STRING)")
    stage.admin(f"INSERT INTO {table} VALUES (1, 'raw-1')")
    stage.expect(f"SELECT secret FROM {table}", stage.reader, [("XXX",)])
