"""Probes of what lacks a tag: conditions with NOT, functions that need no column, tags of tables that are replaced."""

from __future__ import annotations

from localspace.probes.place import TAG, ProbeError, Stage

_RAW = [("1", "raw-1"), ("2", "raw-2"), ("3", "raw-3")]


def untagged_tables(stage: Stage) -> None:
    """A filter without arguments WHEN NOT has_tag_value hides every row of tables without the tag, now and later."""
    seen, unseen, later = stage.table("seen"), stage.table("unseen"), f"{stage.schema}.made_later"
    stage.admin(f"DROP TABLE IF EXISTS {later}")
    stage.admin(f"SET TAG ON TABLE {seen} `{TAG}` = `a`")
    stage.admin(f"SET TAG ON TABLE {unseen} `{TAG}` = `b`")
    stage.admin(f"CREATE OR REPLACE FUNCTION {stage.schema}.no_row() RETURNS BOOLEAN RETURN FALSE")
    clause = (
        f"ROW FILTER {stage.schema}.no_row TO `account users` EXCEPT `{stage.groups['exempts']}` FOR TABLES"
        f" WHEN NOT has_tag_value('{TAG}', 'a')"
    )
    with stage.policy("untagged_tables", f"SCHEMA {stage.schema}", clause):
        stage.expect(f"SELECT id, secret FROM {seen}", stage.reader, _RAW)
        stage.expect(f"SELECT id, secret FROM {unseen}", stage.reader, [])
        stage.expect(f"SELECT count(*) FROM {unseen}", None, [("0",)])
        stage.expect(f"SELECT id, secret FROM {unseen}", stage.exempt, _RAW)
        stage.admin(f"CREATE TABLE {later} AS SELECT id, secret FROM {seen}")
        stage.expect(f"SELECT id, secret FROM {later}", stage.reader, [])
        stage.expect(f"SELECT id, secret FROM {later}", stage.exempt, _RAW)


def untagged_columns(stage: Stage) -> None:
    """A VARIANT mask on MATCH COLUMNS NOT has_tag gives NULL for untagged columns of any type, also of those added later."""
    table = f"{stage.schema}.untagged"
    stage.admin(
        f"CREATE OR REPLACE TABLE {table} (id INT, n DECIMAL(10,2), day DATE, at TIMESTAMP, ok BOOLEAN, raw BINARY,"
        " many ARRAY<STRING>, part STRUCT<a: INT, b: STRING>)"
    )
    stage.admin(
        f"INSERT INTO {table} VALUES (1, 2.50, DATE'2020-01-02', TIMESTAMP'2020-01-02 03:04:05', true, X'00FF', array('x'),"
        " named_struct('a', 1, 'b', 'y'))"
    )
    stage.tag(f"{table}.id")
    stage.admin(f"CREATE OR REPLACE FUNCTION {stage.schema}.nothing(v VARIANT) RETURNS VARIANT RETURN CAST(NULL AS VARIANT)")
    clause = (
        f"COLUMN MASK {stage.schema}.nothing TO `account users` EXCEPT `{stage.groups['exempts']}` FOR TABLES"
        f" MATCH COLUMNS NOT has_tag('{TAG}') AS u ON COLUMN u"
    )
    with stage.policy("untagged_columns", f"TABLE {table}", clause):
        stage.expect(f"SELECT * FROM {table}", stage.reader, [("1", *[None] * 7)])
        stage.admin(f"ALTER TABLE {table} ADD COLUMN more STRING")
        stage.expect(f"SELECT id, more FROM {table}", stage.reader, [("1", None)])
        stage.expect(f"SELECT id, n, ok FROM {table}", stage.exempt, [("1", "2.50", "true")])


def tags_of_replaced_tables(stage: Stage) -> None:
    """A replaced table keeps its tags and those of columns that remain; one that is dropped and made again has none."""
    table = stage.table("replaced")
    stage.admin(f"SET TAG ON TABLE {table} `{TAG}` = `a`")
    stage.tag(f"{table}.secret", "b")
    query = (
        f"SELECT tag_value FROM {stage.schema.split('.')[0]}.information_schema.{{view}} WHERE table_name = 'replaced'"
        f" AND schema_name = '{stage.schema.split('.')[1].strip('`')}' AND tag_name = '{TAG}'"
    )

    def tags() -> list[str | None]:
        return [row[0] for view in ("table_tags", "column_tags") for row in stage.admin(query.format(view=view))]

    stage.admin(f"CREATE OR REPLACE TABLE {table} AS SELECT 1 AS id, 'raw-1' AS secret, 'raw-2' AS added")
    if tags() != ["a", "b"]:
        raise ProbeError(f"after CREATE OR REPLACE TABLE expected the tags a and b, got {tags()}")
    stage.admin(f"DROP TABLE {table}")
    stage.admin(f"CREATE TABLE {table} AS SELECT 1 AS id, 'raw-1' AS secret")
    if tags():
        raise ProbeError(f"after DROP and CREATE expected no tags, got {tags()}")


def tags_of_replaced_views(stage: Stage) -> None:
    """A replaced view keeps its grants, and loses the tags of the view and of its columns."""
    table = stage.table("behind_view")
    view = f"{stage.schema}.replaced_view"
    stage.admin(f"DROP VIEW IF EXISTS {view}")
    stage.admin(f"CREATE VIEW {view} AS SELECT id, secret FROM {table}")
    stage.admin(f"SET TAG ON VIEW {view} `{TAG}` = `a`")
    query = (
        f"SELECT count(*) FROM {stage.schema.split('.')[0]}.information_schema.table_tags WHERE table_name = 'replaced_view'"
        f" AND schema_name = '{stage.schema.split('.')[1].strip('`')}' AND tag_name = '{TAG}'"
    )
    stage.expect(query, None, [("1",)])
    stage.admin(f"CREATE OR REPLACE VIEW {view} AS SELECT id, secret FROM {table}")
    stage.expect(query, None, [("0",)])


def tags_without_values(stage: Stage) -> None:
    """A tag that was assigned without a value is answered with the value "", in the API and in information_schema."""
    table, key = stage.table("valueless"), f"{TAG}_free"
    body = {"entity_type": "tables", "entity_name": table.replace("`", ""), "tag_key": key}
    base = "/api/2.1/unity-catalog/entity-tag-assignments"
    status, answer = stage.place.ask("POST", base, body, None)
    if status != 200 or answer.get("tag_value") != "":
        raise ProbeError(f"a tag without a value: expected tag_value '', got {status} {answer}")
    query = f"SELECT tag_value FROM {stage.schema.split('.')[0]}.information_schema.table_tags WHERE tag_name = '{key}'"
    stage.expect(query, None, [("",)])
