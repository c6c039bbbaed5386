"""Probes of privileges: who may read, write and see that something is there."""

from __future__ import annotations

from localspace.probes.place import TAG, ProbeError, Stage

_DENIED = ("INSUFFICIENT_PERMISSIONS", "PERMISSION_DENIED")


def select_needs_grant(stage: Stage) -> None:
    """SELECT needs SELECT, USE SCHEMA and USE CATALOG, direct or inherited."""
    table = stage.table("access_select")
    stage.refused(f"SELECT * FROM {table}", stage.stranger, *_DENIED)
    if len(stage.rows(f"SELECT * FROM {table}", stage.reader)) != 3:
        raise ProbeError("a reader with inherited SELECT does not see the three rows")


def select_without_use(stage: Stage) -> None:
    """SELECT on the table alone is not enough."""
    table = stage.table("access_use")
    stage.admin(f"GRANT SELECT ON TABLE {table} TO `{stage.stranger}`")
    stage.refused(f"SELECT * FROM {table}", stage.stranger, *_DENIED)


def missing_table(stage: Stage) -> None:
    """A table that does not exist has another error than one without SELECT."""
    stage.refused(f"SELECT * FROM {stage.schema}.nothing_here", stage.reader, "TABLE_OR_VIEW_NOT_FOUND")


def manage_is_not_select(stage: Stage) -> None:
    """MANAGE on a table lets nobody read it."""
    table = stage.table("access_manage")
    catalog = stage.schema.split(".")[0]
    stage.admin(f"GRANT USE CATALOG ON CATALOG {catalog} TO `{stage.stranger}`")
    stage.admin(f"GRANT USE SCHEMA ON SCHEMA {stage.schema} TO `{stage.stranger}`")
    stage.admin(f"GRANT MANAGE ON TABLE {table} TO `{stage.stranger}`")
    try:
        stage.refused(f"SELECT * FROM {table}", stage.stranger, *_DENIED)
    finally:
        stage.admin(f"REVOKE USE SCHEMA ON SCHEMA {stage.schema} FROM `{stage.stranger}`")
        stage.admin(f"REVOKE USE CATALOG ON CATALOG {catalog} FROM `{stage.stranger}`")


def write_needs_modify(stage: Stage) -> None:
    """INSERT, UPDATE and DELETE need MODIFY."""
    table = stage.table("access_modify")
    for statement in (
        f"INSERT INTO {table} VALUES (9, 'a', 'x')",
        f"UPDATE {table} SET secret = 'x'",
        f"DELETE FROM {table}",
    ):
        stage.refused(statement, stage.reader, *_DENIED)


def append_only_keeps_rows(stage: Stage) -> None:
    """Rows of an append-only table stay, for every principal."""
    table = stage.table("access_append_only")
    stage.admin(f"ALTER TABLE {table} SET TBLPROPERTIES ('delta.appendOnly' = 'true')")
    stage.admin(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1")
    for statement in (f"UPDATE {table} SET secret = 'x'", f"DELETE FROM {table}", f"TRUNCATE TABLE {table}"):
        stage.refused(statement, None, "DELTA_CANNOT_MODIFY_APPEND_ONLY")


def describe_needs_visibility(stage: Stage) -> None:
    """DESCRIBE shows a table only to who has a privilege on it."""
    table = stage.table("access_describe")
    stage.refused(f"DESCRIBE TABLE {table}", stage.stranger)
    if len(stage.rows(f"DESCRIBE TABLE {table}", stage.reader)) < 3:
        raise ProbeError("DESCRIBE does not list the columns to a reader")


def views_change_hands_by_admins(stage: Stage) -> None:
    """The owner of a view cannot give it to somebody with more privileges."""
    view = f"{stage.schema}.handed_over"
    stage.admin(f"GRANT CREATE TABLE ON SCHEMA {stage.schema} TO `{stage.reader}`")
    stage.rows(f"CREATE VIEW {view} AS SELECT 1 AS one", stage.reader)
    stage.refused(f"ALTER VIEW {view} SET OWNER TO `{stage.exempt}`", stage.reader, *_DENIED)
    stage.admin(f"REVOKE CREATE TABLE ON SCHEMA {stage.schema} FROM `{stage.reader}`")


def replacing_is_owning(stage: Stage) -> None:
    """A principal that replaces another's view reads through it with its own privileges."""
    catalog = stage.schema.split(".")[0]
    hidden = f"{catalog}.{stage.schema.split('.')[1].strip('`')}_lent"
    view = f"{stage.schema}.replaced_view"
    stage.admin(f"CREATE SCHEMA IF NOT EXISTS {hidden}")
    try:
        stage.admin(f"CREATE OR REPLACE TABLE {hidden}.lent (secret STRING)")
        stage.admin(f"CREATE OR REPLACE VIEW {view} AS SELECT 'x' AS secret")
        stage.admin(f"GRANT MANAGE ON TABLE {view} TO `{stage.reader}`")
        stage.admin(f"GRANT USE SCHEMA, SELECT ON SCHEMA {hidden} TO `{stage.reader}`")
        stage.rows(f"CREATE OR REPLACE VIEW {view} AS SELECT secret FROM {hidden}.lent", stage.reader)
        stage.admin(f"REVOKE USE SCHEMA, SELECT ON SCHEMA {hidden} FROM `{stage.reader}`")
        stage.refused(f"SELECT * FROM {view}", stage.reader, *_DENIED)
    finally:
        stage.admin(f"DROP SCHEMA IF EXISTS {hidden} CASCADE")


def execute_needed(stage: Stage) -> None:
    """Calling a function needs EXECUTE; a mask or filter that uses it does not."""
    stage.refused(f"SELECT {stage.schema}.mask_x('s')", stage.reader, *_DENIED)
    stage.admin(f"GRANT EXECUTE ON FUNCTION {stage.schema}.mask_x TO `{stage.reader}`")
    stage.expect(f"SELECT {stage.schema}.mask_x('s')", stage.reader, [("XXX",)])
    stage.admin(f"REVOKE EXECUTE ON FUNCTION {stage.schema}.mask_x FROM `{stage.reader}`")


def bodies_show_to_executors(stage: Stage) -> None:
    """The body of a function shows only to principals that may execute or manage it, in every place that lists it."""
    catalog, schema = (p.strip("`") for p in stage.schema.split("."))
    stage.admin(f"CREATE OR REPLACE FUNCTION {stage.schema}.keyed(s STRING) RETURNS STRING RETURN sha2(concat('s3cr3t', s), 256)")
    asked = f"SELECT routine_definition FROM {catalog}.information_schema.routines WHERE routine_name = 'keyed'"
    described = f"DESCRIBE FUNCTION EXTENDED {stage.schema}.keyed"
    attempts = (asked, described, f"SHOW CREATE FUNCTION {stage.schema}.keyed", f"SHOW FUNCTIONS IN {stage.schema}")
    for statement in attempts:
        if "s3cr3t" in str(stage.place.run(statement, stage.reader)):
            raise ProbeError(f"{statement}: shows the body to who may not execute it")
    stage.admin(f"GRANT EXECUTE ON FUNCTION {stage.schema}.keyed TO `{stage.reader}`")
    if "s3cr3t" not in str(stage.rows(described, stage.reader)):
        raise ProbeError(f"{schema}: who may execute a function does not see its body: the rule is stricter here")


def binding_needs_execute(stage: Stage) -> None:
    """Who may not execute a function cannot bind it to a table of its own and read guesses through it."""
    stage.admin(f"CREATE OR REPLACE FUNCTION {stage.schema}.unlent(s STRING) RETURNS STRING RETURN 'x'")
    stage.admin(f"GRANT CREATE TABLE ON SCHEMA {stage.schema} TO `{stage.reader}`")
    try:
        stage.rows(f"CREATE TABLE {stage.schema}.guesses (s STRING)", stage.reader)
        stage.refused(f"ALTER TABLE {stage.schema}.guesses ALTER COLUMN s SET MASK {stage.schema}.unlent", stage.reader, *_DENIED)
        clause = f"COLUMN MASK {stage.schema}.unlent TO `account users` FOR TABLES MATCH COLUMNS true AS c ON COLUMN c"
        stage.refused(f"CREATE POLICY own ON TABLE {stage.schema}.guesses {clause}", stage.reader, *_DENIED)
    finally:
        stage.admin(f"REVOKE CREATE TABLE ON SCHEMA {stage.schema} FROM `{stage.reader}`")


def statements_of_others_stay_hidden(stage: Stage) -> None:
    """The statements of others, and what made a function, are in no table that a reader may query."""
    for table in ("system.query.history", "system.access.audit"):
        stage.refused(f"SELECT * FROM {table}", stage.reader)


def identity_functions(stage: Stage) -> None:
    """Identity functions answer for who runs the statement, nested groups included."""
    outer = stage.groups["outer"]
    query = f"SELECT current_user(), is_account_group_member('{outer}')"
    stage.expect(query, stage.nested, [(stage.nested, "true")])
    stage.expect(query, stage.reader, [(stage.reader, "false")])


def information_schema_is_the_platforms(stage: Stage) -> None:
    """The information_schema of a catalog shows among its schemas, and the owner of the catalog cannot drop it."""
    catalog = stage.schema.split(".")[0].strip("`")
    base = "/api/2.1/unity-catalog/schemas"
    status, answer = stage.place.ask("GET", f"{base}/{catalog}.information_schema", None, None)
    if status != 200 or answer.get("name") != "information_schema":
        raise ProbeError(f"information_schema: expected a schema, got {status} {answer}")
    status, answer = stage.place.ask("GET", f"{base}/{catalog}.information_schema", None, stage.stranger)
    if status == 200:
        raise ProbeError(f"information_schema of a catalog shows to a stranger: {answer}")
    status, answer = stage.place.ask("DELETE", f"{base}/{catalog}.information_schema", None, None)
    if status < 400:
        raise ProbeError(f"information_schema could be dropped: {status} {answer}")


def information_schema_filtered(stage: Stage) -> None:
    """information_schema shows only what the caller may see."""
    table = stage.table("access_info")
    catalog, schema = stage.schema.split(".")
    query = (
        f"SELECT table_name FROM {catalog}.information_schema.tables WHERE table_schema = '{schema.strip('`')}'"
        f" AND table_name = '{table.split('.')[-1]}'"
    )
    stage.expect(query, stage.reader, [("access_info",)])
    answer = stage.place.run(query, stage.stranger)
    if answer.rows:
        raise ProbeError("information_schema shows a table to a stranger")


def classification_hidden(stage: Stage) -> None:
    """The results of data classification show to account admins only."""
    answer = stage.place.run("SELECT column_name FROM system.data_classification.results LIMIT 1", stage.reader)
    if answer.rows or not answer.error:
        raise ProbeError("a reader may read the results of data classification")


def system_history_needs_grants(stage: Stage) -> None:
    """Lineage and query history show to nobody by the grants that everybody has on the catalog of system tables."""
    for table in ("access.table_lineage", "access.column_lineage", "query.history"):
        stage.refused(f"SELECT * FROM system.{table} LIMIT 1", stage.reader, *_DENIED)


def lineage_names_what_shows(stage: Stage) -> None:
    """Who was granted the lineage tables reads there of the tables that it may see, and of no other."""
    source, stranger = stage.table("access_lineage"), stage.stranger
    stage.rows(f"SELECT id FROM {source}", stage.reader)
    query = "SELECT source_table_full_name FROM system.access.table_lineage WHERE source_table_name = 'access_lineage'"
    stage.admin(f"GRANT USE SCHEMA, SELECT ON SCHEMA system.access TO `{stage.reader}`")
    stage.admin(f"GRANT USE SCHEMA, SELECT ON SCHEMA system.access TO `{stranger}`")
    try:
        # On the platform a row may arrive later: none yet is right as well.
        if set(stage.rows(query, stage.reader)) - {(source.replace("`", ""),)} or stage.rows(query, stranger):
            raise ProbeError("lineage names a table that does not show")
    finally:
        stage.admin(f"REVOKE USE SCHEMA, SELECT ON SCHEMA system.access FROM `{stage.reader}`")
        stage.admin(f"REVOKE USE SCHEMA, SELECT ON SCHEMA system.access FROM `{stranger}`")


def policies_hidden(stage: Stage) -> None:
    """Policy definitions do not show to who manages nothing."""
    table = stage.table("access_policies")
    stage.tag(f"{table}.secret")
    catalog = stage.schema.split(".")[0]
    with stage.policy("access_hidden", f"TABLE {table}", stage.mask(table)):
        query = f"SELECT policy_name FROM {catalog}.information_schema.abac_policy_definitions"
        names = [row[0] for row in stage.rows(query, stage.reader)]
        if "access_hidden" in names:
            raise ProbeError("a reader sees a policy's definition")


def grant_policies_give_by_tags(stage: Stage) -> None:
    """A GRANT policy opens the tables with the tag to who may use the schema, as long as it is there."""
    catalog = stage.schema.split(".")[0]
    tagged, plain = stage.table("granted_tagged"), stage.table("granted_plain")
    stage.admin(f"SET TAG ON TABLE {tagged} `{TAG}` = `a`")
    clause = f"TO `{stage.stranger}` GRANT SELECT FOR TABLES WHEN has_tag_value('{TAG}', 'a')"
    try:
        with stage.policy("granted", f"SCHEMA {stage.schema}", clause):
            stage.refused(f"SELECT id FROM {tagged}", stage.stranger, *_DENIED)
            stage.admin(f"GRANT USE CATALOG ON CATALOG {catalog} TO `{stage.stranger}`")
            stage.admin(f"GRANT USE SCHEMA ON SCHEMA {stage.schema} TO `{stage.stranger}`")
            if len(stage.rows(f"SELECT id FROM {tagged}", stage.stranger)) != 3:
                raise ProbeError("a GRANT policy does not open a table with the tag")
            stage.refused(f"SELECT id FROM {plain}", stage.stranger, *_DENIED)
        stage.refused(f"SELECT id FROM {tagged}", stage.stranger, *_DENIED)
    finally:
        stage.admin(f"REVOKE USE SCHEMA ON SCHEMA {stage.schema} FROM `{stage.stranger}`")
        stage.admin(f"REVOKE USE CATALOG ON CATALOG {catalog} FROM `{stage.stranger}`")
