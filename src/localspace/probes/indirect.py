"""Probes of what is read and written by another way than a written name: statements in text, temporary views, data frames."""

from __future__ import annotations

from localspace.probes.place import TAG, ProbeError, Stage

_MASKED = [("1", "XXX"), ("2", "XXX"), ("3", "XXX")]


def names_put_together(stage: Stage) -> None:
    """A name in IDENTIFIER() is read as a written name is: with privileges and masks."""
    table = stage.table("put_together")
    catalog, rest = table.split(".", 1)
    query = f"SELECT id, secret FROM IDENTIFIER('{catalog}' || '.{rest}')"
    stage.tag(f"{table}.secret")
    with stage.policy("put_together", f"TABLE {table}", stage.mask(table)):
        stage.expect(query, stage.reader, _MASKED)
        stage.refused(query, stage.stranger, "INSUFFICIENT_PERMISSIONS")


def inner_statements(stage: Stage) -> None:
    """A statement in EXECUTE IMMEDIATE is the caller's: privileges, masks and refusals are those of that statement."""
    table = stage.table("inner_statements")
    stage.tag(f"{table}.secret")
    query = f"EXECUTE IMMEDIATE 'SELECT id, secret FROM {table} WHERE id > ?' USING 0"
    with stage.policy("inner_statements", f"TABLE {table}", stage.mask(table)):
        stage.expect(query, stage.reader, _MASKED)
        stage.expect(f"EXECUTE IMMEDIATE 'SELECT id FROM {table} WHERE secret = ?' USING 'raw-1'", stage.reader, [])
        stage.refused(query, stage.stranger, "INSUFFICIENT_PERMISSIONS")
        stage.refused(f"EXECUTE IMMEDIATE 'DELETE FROM {table}'", stage.reader)


def literals_as_arguments(stage: Stage) -> None:
    """Masks and filters of a table take literals; a function with another number of parameters is refused at once."""
    table = stage.table("literals")
    stage.admin(f"ALTER TABLE {table} ALTER COLUMN secret SET MASK {stage.schema}.mask_with USING COLUMNS ('word')")
    stage.expect(f"SELECT id, secret FROM {table}", stage.reader, [("1", "word"), ("2", "word"), ("3", "word")])
    stage.refused(f"ALTER TABLE {table} ALTER COLUMN secret SET MASK {stage.schema}.mask_x USING COLUMNS ('word')", None)
    stage.refused(f"CREATE TABLE {table}_bad (id INT, secret STRING MASK {stage.schema}.mask_with)", None)
    stage.admin(f"ALTER TABLE {table} SET ROW FILTER {stage.schema}.only_a ON ('b')")
    stage.expect(f"SELECT count(*) FROM {table}", stage.reader, [("0",)])


def temporary_views_read_anew(stage: Stage) -> None:
    """A temporary view is made with the rights of its session's user, and another session does not know it."""
    table = stage.table("under_view")
    made = f"CREATE OR REPLACE TEMPORARY VIEW lampkeeper_probe AS SELECT id, secret FROM {table}"
    for statement, persona, allowed in ((made, stage.reader, True), (made, stage.stranger, False)):
        answer = stage.place.run_spark(statement, persona, persona)
        if (answer.error_class is None) != allowed:
            raise ProbeError(f"{statement} as {persona}: got {answer.error_class or 'a view'}")
    answer = stage.place.run_spark("SELECT * FROM lampkeeper_probe", stage.reader, stage.reader)
    if answer.error_class != "TABLE_OR_VIEW_NOT_FOUND":
        raise ProbeError(f"another session reads a temporary view: {answer.error_class or answer.rows}")


def spark_connect_joins_and_writes(stage: Stage) -> None:
    """Through Spark Connect a join reads masked values on both sides, and a writer needs its privilege."""
    table = stage.table("joined_frames")
    stage.tag(f"{table}.secret")
    with stage.policy("joined_frames", f"TABLE {table}", stage.mask(table)):
        for query, rows in (
            (f"SELECT a.id, b.secret FROM {table} a JOIN {table} b ON a.id = b.id", _MASKED),
            (f"SELECT a.id, b.secret FROM {table} a JOIN {table} b ON a.secret = 'raw-1'", []),
        ):
            answer = stage.place.run_spark(query, stage.reader, stage.reader)
            if answer.error_class is not None or sorted(answer.rows, key=repr) != rows:
                raise ProbeError(f"{query}: expected {rows}, got {answer.rows or answer.error}")
        for statement in (f"CREATE TABLE {table}_copy AS SELECT * FROM {table}", f"INSERT INTO {table} SELECT * FROM {table}"):
            answer = stage.place.run_spark(statement, stage.reader, stage.reader)
            if answer.error_class != "INSUFFICIENT_PERMISSIONS":
                raise ProbeError(f"{statement}: expected a refusal, got {answer.error_class or 'rows'}")


def samples_are_read_only(stage: Stage) -> None:
    """Everybody reads samples; an administrator neither changes nor grants nor governs it."""
    for persona in (stage.stranger, None):
        stage.expect("SELECT count(*) > 0 FROM samples.nyctaxi.trips", persona, [("true",)])
    for statement in (
        "INSERT INTO samples.tpch.region VALUES (9, 'x', 'y')",
        "DROP TABLE samples.tpch.region",
        "CREATE SCHEMA samples.lampkeeper_probe",
        f"GRANT MODIFY ON TABLE samples.tpch.region TO `{stage.groups['readers']}`",
        f"SET TAG ON TABLE samples.tpch.region `{TAG}` = `a`",
        "ALTER CATALOG samples SET OWNER TO `account users`",
    ):
        stage.refused(statement, None)
