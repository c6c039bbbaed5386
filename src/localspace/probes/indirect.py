"""Probes of what a statement puts together: names, whole statements, literals as arguments of masks and filters."""

from __future__ import annotations

from localspace.probes.place import Stage

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
