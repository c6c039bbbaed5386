"""Probes of policies: who is bound, what matches, what a masked or filtered query answers, conflicts."""

from __future__ import annotations

from localspace.probes.place import GONE_TAG, TAG, ProbeError, Stage

_RAW = [("1", "raw-1"), ("2", "raw-2"), ("3", "raw-3")]
_MASKED = [("1", "XXX"), ("2", "XXX"), ("3", "XXX")]


def spark_connect_reads_as_the_token(stage: Stage) -> None:
    """Spark Connect shows what the token's principal may see, even if the messages name another user."""
    table = stage.table("connect_reads")
    stage.tag(f"{table}.secret")
    query = f"SELECT id, secret FROM {table}"
    but = f"`{stage.groups['exempts']}`"
    with stage.policy("connected", f"TABLE {table}", stage.mask(table, but=but)):
        for persona, claimed, rows in ((stage.reader, stage.exempt, _MASKED), (stage.exempt, stage.reader, _RAW)):
            answer = stage.place.run_spark(query, persona, claimed)
            if sorted(answer.rows, key=repr) != sorted(map(tuple, rows), key=repr):
                raise ProbeError(f"{query} through Spark Connect: expected {rows}, got {answer.rows or answer.error}")
        refused = stage.place.run_spark(query, stage.stranger, stage.exempt)
        if refused.error_class is None:
            raise ProbeError(f"{query} through Spark Connect: expected a refusal, got {len(refused.rows)} row(s)")


def mask_in_every_clause(stage: Stage) -> None:
    """The mask's value is what every part of a query sees."""
    table = stage.table("mask_clauses")
    stage.tag(f"{table}.secret")
    with stage.policy("clauses", f"TABLE {table}", stage.mask(table)):
        for query in (
            f"SELECT id, secret FROM {table}",
            f"SELECT t.id, t.secret FROM {table} AS t",
            f"WITH c AS (SELECT * FROM {table}) SELECT id, secret FROM c",
            f"SELECT id, max(secret) FROM {table} GROUP BY id",
            f"SELECT a.id, b.secret FROM {table} a JOIN {table} b ON a.id = b.id",
            f"SELECT id, (SELECT max(secret) FROM {table} i WHERE i.id = o.id) FROM {table} o",
        ):
            stage.expect(query, stage.reader, _MASKED)
        stage.expect(f"SELECT id FROM {table} WHERE secret = 'raw-1'", stage.reader, [])
        stage.expect(f"SELECT count(DISTINCT secret) FROM {table}", stage.reader, [("1",)])


def mask_cast(stage: Stage) -> None:
    """A mask's value comes in the column's type."""
    table = f"{stage.schema}.mask_cast"
    stage.admin(f"CREATE OR REPLACE TABLE {table} (id INT, n INT)")
    stage.admin(f"INSERT INTO {table} VALUES (1, 42)")
    stage.admin(f"CREATE OR REPLACE FUNCTION {stage.schema}.zero(n STRING) RETURNS STRING RETURN '0'")
    stage.tag(f"{table}.n")
    with stage.policy("casts", f"TABLE {table}", stage.mask(table, function="zero")):
        stage.expect(f"SELECT n + 1 FROM {table}", stage.reader, [("1",)])


def filter_hides_rows(stage: Stage) -> None:
    """A row that the filter drops is in no answer, count or error."""
    table = stage.table("filter_rows")
    stage.tag(f"{table}.kind", "b")
    with stage.policy("hides", f"TABLE {table}", stage.row_filter()):
        stage.expect(f"SELECT id FROM {table}", stage.reader, [("1",)])
        stage.expect(f"SELECT count(*) FROM {table}", stage.reader, [("1",)])
        query = f"SELECT id FROM {table} WHERE CAST(CASE WHEN id = 2 THEN secret ELSE '1' END AS INT) = 1"
        answer = stage.place.run(query, stage.reader)
        if "raw-2" in answer.error or answer.rows != (("1",),):
            raise ProbeError(f"a predicate reached a hidden row: {answer.error_class}")


def to_and_except(stage: Stage) -> None:
    """A policy binds who is in TO and not in EXCEPT."""
    table = stage.table("to_except")
    stage.tag(f"{table}.secret")
    clause = stage.mask(table, but=f"`{stage.groups['exempts']}`")
    with stage.policy("to_except", f"TABLE {table}", clause):
        stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _MASKED)
        stage.expect(f"SELECT id, secret FROM {table}", stage.exempt, _RAW)
    with stage.policy("to_except", f"TABLE {table}", stage.mask(table, to=f"`{stage.groups['exempts']}`")):
        stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _RAW)


def nested_groups(stage: Stage) -> None:
    """A member of a group inside the named group counts, in TO and in EXCEPT."""
    table = stage.table("nested")
    stage.tag(f"{table}.secret")
    outer = f"`{stage.groups['outer']}`"
    with stage.policy("nested", f"TABLE {table}", stage.mask(table, to=outer)):
        stage.expect(f"SELECT id, secret FROM {table}", stage.nested, _MASKED)
    with stage.policy("nested", f"TABLE {table}", stage.mask(table, but=outer)):
        stage.expect(f"SELECT id, secret FROM {table}", stage.nested, _RAW)


def service_principal_by_application_id(stage: Stage) -> None:
    """A service principal is named by its application id; `account users` is everybody."""
    table = stage.table("application")
    stage.tag(f"{table}.secret")
    with stage.policy("application", f"TABLE {table}", stage.mask(table, but=f"`{stage.reader}`")):
        stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _RAW)
        stage.expect(f"SELECT id, secret FROM {table}", stage.exempt, _MASKED)


def no_bypass(stage: Stage) -> None:
    """The administrator, who owns the table, is bound like everybody."""
    table = stage.table("no_bypass")
    stage.tag(f"{table}.secret")
    with stage.policy("no_bypass", f"TABLE {table}", stage.mask(table)):
        stage.expect(f"SELECT id, secret FROM {table}", None, _MASKED)


def schema_scope(stage: Stage) -> None:
    """A policy on a schema binds the tables in it."""
    table = stage.table("scope")
    stage.tag(f"{table}.secret", "c")
    with stage.policy("scope", f"SCHEMA {stage.schema}", stage.mask(table, value="c")):
        stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _MASKED)


def when_inherits(stage: Stage) -> None:
    """WHEN looks at the table's tags, those of its schema included; the nearer value wins."""
    table = stage.table("when_tags")
    stage.tag(f"{table}.secret")
    clause = stage.mask(table, extra=f"WHEN has_tag_value('{TAG}', 'c')")
    with stage.policy("when_tags", f"TABLE {table}", clause):
        stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _RAW)
        stage.admin(f"SET TAG ON SCHEMA {stage.schema} `{TAG}` = `c`")
        try:
            stage.place.settle()
            stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _MASKED)
            stage.admin(f"SET TAG ON TABLE {table} `{TAG}` = `b`")
            stage.place.settle()
            stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _RAW)
        finally:
            stage.admin(f"UNSET TAG ON SCHEMA {stage.schema} `{TAG}`")


def columns_do_not_inherit(stage: Stage) -> None:
    """A tag on the table is not one of its columns."""
    table = stage.table("column_tags")
    stage.admin(f"SET TAG ON TABLE {table} `{TAG}` = `a`")
    with stage.policy("column_tags", f"TABLE {table}", stage.mask(table)):
        stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _RAW)


def values_are_case_sensitive(stage: Stage) -> None:
    """A policy that matches no column does not apply, and a value matches exactly."""
    table = stage.table("no_match")
    stage.tag(f"{table}.secret", "b")
    with stage.policy("no_match", f"TABLE {table}", stage.mask(table)):
        stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _RAW)


def alias_on_many_columns(stage: Stage) -> None:
    """ON COLUMN with an alias of several columns masks each of them."""
    table = stage.table("many")
    stage.tag(f"{table}.secret")
    stage.tag(f"{table}.kind")
    with stage.policy("many", f"TABLE {table}", stage.mask(table)):
        stage.expect(f"SELECT DISTINCT kind, secret FROM {table}", stage.reader, [("XXX", "XXX")])


def ambiguous_using(stage: Stage) -> None:
    """A USING alias of several columns fails the query."""
    table = stage.table("ambiguous")
    stage.tag(f"{table}.secret", "b")
    stage.tag(f"{table}.kind", "b")
    with stage.policy("ambiguous", f"TABLE {table}", stage.row_filter()):
        stage.refused(f"SELECT id FROM {table}", stage.reader, "UC_ABAC_AMBIGUOUS_COLUMN_MATCH")


def using_constants(stage: Stage) -> None:
    """USING takes constants beside columns."""
    table = stage.table("constants")
    stage.tag(f"{table}.secret")
    clause = stage.mask(table, function="mask_with") + " USING COLUMNS ('shown')"
    with stage.policy("constants", f"TABLE {table}", clause):
        stage.expect(f"SELECT DISTINCT secret FROM {table}", stage.reader, [("shown",)])


def two_row_filters(stage: Stage) -> None:
    """Two different row filters fail every query; the same one twice does not."""
    table = stage.table("two_filters")
    stage.tag(f"{table}.kind", "b")
    with stage.policy("filter_one", f"TABLE {table}", stage.row_filter()):
        with stage.policy("filter_two", f"TABLE {table}", stage.row_filter(function="not_c")):
            stage.refused(f"SELECT id FROM {table}", stage.reader, "UC_ABAC_MULTIPLE_ROW_FILTERS")
        with stage.policy("filter_two", f"TABLE {table}", stage.row_filter()):
            stage.expect(f"SELECT id FROM {table}", stage.reader, [("1",)])


def two_masks(stage: Stage) -> None:
    """Two different masks on a column fail the query; the same one twice does not."""
    table = stage.table("two_masks")
    stage.tag(f"{table}.secret")
    with stage.policy("mask_one", f"TABLE {table}", stage.mask(table)):
        with stage.policy("mask_two", f"TABLE {table}", stage.mask(table, function="mask_y")):
            stage.refused(f"SELECT secret FROM {table}", stage.reader, "MULTIPLE_MASKS")
        with stage.policy("mask_two", f"TABLE {table}", stage.mask(table)):
            stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _MASKED)


def masked_input(stage: Stage) -> None:
    """A masked column as the input of a row filter fails the query."""
    table = stage.table("masked_input")
    stage.tag(f"{table}.kind", "a")
    clause = stage.row_filter(value="a")
    with (
        stage.policy("masked_in", f"TABLE {table}", stage.mask(table)),
        stage.policy("filter_in", f"TABLE {table}", clause),
    ):
        stage.refused(f"SELECT id FROM {table}", stage.reader)


def unknown_tag(stage: Stage) -> None:
    """A policy whose governed tag is gone fails every query in its scope, of untagged tables too."""
    table = stage.table("unknown_tag")
    clause = (
        f"COLUMN MASK {stage.schema}.mask_x TO `account users` FOR TABLES MATCH COLUMNS has_tag('{GONE_TAG}') AS m ON COLUMN m"
    )
    with stage.policy("unknown_tag", f"TABLE {table}", clause):
        stage.expect(f"SELECT count(*) FROM {table}", stage.reader, [("3",)])
        stage.admin(f"DROP GOVERNED TAG {GONE_TAG}")
        stage.place.settle()
        stage.refused(f"SELECT id FROM {table}", stage.reader, "UC_ABAC_UNKNOWN_TAG_POLICY")


def function_gone(stage: Stage) -> None:
    """A policy whose function is gone fails the query."""
    table = stage.table("function_gone")
    stage.tag(f"{table}.secret")
    stage.admin(f"CREATE OR REPLACE FUNCTION {stage.schema}.passing(s STRING) RETURNS STRING RETURN s")
    with stage.policy("function_gone", f"TABLE {table}", stage.mask(table, function="passing")):
        stage.admin(f"DROP FUNCTION {stage.schema}.passing")
        stage.refused(f"SELECT secret FROM {table}", stage.reader, "UC_DEPENDENCY_DOES_NOT_EXIST")


def manual_controls(stage: Stage) -> None:
    """A mask and a row filter set on the table bind everybody, the owner too."""
    table = stage.table("manual")
    stage.admin(f"ALTER TABLE {table} ALTER COLUMN secret SET MASK {stage.schema}.mask_x")
    stage.admin(f"ALTER TABLE {table} SET ROW FILTER {stage.schema}.not_c ON (kind)")
    for persona in (stage.reader, stage.exempt, None):
        stage.expect(f"SELECT id, secret FROM {table}", persona, [("1", "XXX"), ("2", "XXX")])


def view_owner_and_session_user(stage: Stage) -> None:
    """A view is read with its owner's privileges; policies below it are the session user's."""
    catalog = stage.schema.split(".")[0]
    hidden = f"{catalog}.{stage.schema.split('.')[1].strip('`')}_base"
    stage.admin(f"CREATE SCHEMA IF NOT EXISTS {hidden}")
    try:
        stage.admin(f"CREATE OR REPLACE TABLE {hidden}.base (id INT, kind STRING, secret STRING)")
        stage.admin(f"INSERT INTO {hidden}.base VALUES (1,'a','raw-1'),(2,'b','raw-2'),(3,'c','raw-3')")
        stage.tag(f"{hidden}.base.secret")
        stage.admin(f"CREATE OR REPLACE VIEW {stage.schema}.over_base AS SELECT id, secret FROM {hidden}.base")
        stage.refused(f"SELECT * FROM {hidden}.base", stage.reader)
        stage.expect(f"SELECT * FROM {stage.schema}.over_base", stage.reader, _RAW)
        clause = stage.mask("", but=f"`{stage.groups['exempts']}`")
        with stage.policy("over_base", f"TABLE {hidden}.base", clause):
            stage.expect(f"SELECT * FROM {stage.schema}.over_base", stage.reader, _MASKED)
            stage.expect(f"SELECT * FROM {stage.schema}.over_base", stage.exempt, _RAW)
    finally:
        stage.admin(f"DROP SCHEMA IF EXISTS {hidden} CASCADE")


def view_hides_rows_from_errors(stage: Stage) -> None:
    """A predicate on a view cannot fail on a row that the view leaves out."""
    table, allowed = stage.table("sealed", "(1,'a','1'),(2,'b','raw-2')"), stage.table("sealed_by", "(1,'a','x')")
    view = f"{stage.schema}.sealed_view"
    stage.admin(f"CREATE OR REPLACE VIEW {view} AS SELECT id, secret FROM {table} WHERE id IN (SELECT id FROM {allowed})")
    answer = stage.place.run(f"SELECT id FROM {view} WHERE CAST(secret AS INT) = 1", stage.reader)
    if "raw-2" in answer.error or answer.rows != (("1",),):
        raise ProbeError(f"a predicate met a row that the view leaves out: {answer.error_class or answer.rows}")


def views_have_no_policies(stage: Stage) -> None:
    """A tag on a view's column masks nothing; the base table's policy holds through the view."""
    table = stage.table("under_view")
    view = f"{stage.schema}.tagged_view"
    stage.admin(f"CREATE OR REPLACE VIEW {view} AS SELECT id, kind, secret FROM {table}")
    stage.tag(f"{view}.kind", "c")
    stage.tag(f"{table}.secret", "c")
    with stage.policy("under_view", f"SCHEMA {stage.schema}", stage.mask(table, value="c")):
        rows = [("a", "XXX"), ("b", "XXX"), ("c", "XXX")]
        stage.expect(f"SELECT kind, secret FROM {view}", stage.reader, rows)


def function_reads_as_owner(stage: Stage) -> None:
    """A filter that looks a table up works for who may not read that table."""
    catalog = stage.schema.split(".")[0]
    hidden = f"{catalog}.{stage.schema.split('.')[1].strip('`')}_map"
    stage.admin(f"CREATE SCHEMA IF NOT EXISTS {hidden}")
    try:
        stage.admin(f"CREATE OR REPLACE TABLE {hidden}.allowed (who STRING, kind STRING)")
        stage.admin(f"INSERT INTO {hidden}.allowed VALUES ('{stage.reader}', 'b'), ('nobody', 'c')")
        stage.admin(
            f"CREATE OR REPLACE FUNCTION {stage.schema}.looked_up(k STRING) RETURNS BOOLEAN RETURN EXISTS"
            f" (SELECT 1 FROM {hidden}.allowed a WHERE a.who = current_user() AND a.kind = k)"
        )
        table = stage.table("looked")
        stage.tag(f"{table}.kind", "b")
        with stage.policy("looked", f"TABLE {table}", stage.row_filter(function="looked_up")):
            stage.expect(f"SELECT id FROM {table}", stage.reader, [("2",)])
            stage.expect(f"SELECT id FROM {table}", stage.exempt, [])
    finally:
        stage.admin(f"DROP SCHEMA IF EXISTS {hidden} CASCADE")


def arguments_keep_their_meaning(stage: Stage) -> None:
    """A function that looks a hidden table up answers about its argument, not about a hidden column of that name."""
    hidden = f"{stage.schema.split('.')[0]}.{stage.schema.split('.')[1].strip('`')}_held"
    stage.admin(f"CREATE SCHEMA IF NOT EXISTS {hidden}")
    try:
        stage.admin(f"CREATE OR REPLACE TABLE {hidden}.held (secret STRING, kind STRING)")
        stage.admin(f"INSERT INTO {hidden}.held VALUES ('one', 'a'), ('two', 'b')")
        stage.admin(
            f"CREATE OR REPLACE FUNCTION {stage.schema}.how_many(x STRING) RETURNS BIGINT RETURN"
            f" (SELECT count(*) FROM {hidden}.held h WHERE h.kind = x)"
        )
        stage.admin(
            f"CREATE OR REPLACE FUNCTION {stage.schema}.rows_if_mine(x STRING) RETURNS BIGINT RETURN"
            f" (SELECT count(*) FROM {hidden}.held WHERE x = 'mine')"
        )
        for function in ("how_many", "rows_if_mine"):
            stage.admin(f"GRANT EXECUTE ON FUNCTION {stage.schema}.{function} TO `{stage.exempt}`")
        query = (
            f"SELECT {stage.schema}.how_many(kind), {stage.schema}.rows_if_mine(secret)"
            " FROM VALUES ('b', 'mine'), ('c', 'one') AS t(kind, secret)"
        )
        stage.expect(query, stage.exempt, [("1", "2"), ("0", "0")])
    finally:
        stage.admin(f"DROP SCHEMA IF EXISTS {hidden} CASCADE")


def copies_hold_what_was_seen(stage: Stage) -> None:
    """CTAS stores the masked values for a bound principal; tags do not follow to the copy."""
    table = stage.table("copied")
    stage.tag(f"{table}.secret")
    copy = f"{stage.schema}.the_copy"
    stage.admin(f"DROP TABLE IF EXISTS {copy}")
    with stage.policy("copied", f"TABLE {table}", stage.mask(table)):
        stage.admin(f"CREATE TABLE {copy} AS SELECT id, secret FROM {table}")
    stage.expect(f"SELECT id, secret FROM {copy}", stage.reader, _MASKED)


def tags_take_effect(stage: Stage) -> None:
    """A tag that is set or removed changes what is seen, at the latest after the place has settled."""
    table = stage.table("effect")
    with stage.policy("effect", f"TABLE {table}", stage.mask(table)):
        stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _RAW)
        stage.tag(f"{table}.secret")
        stage.place.settle()
        stage.expect(f"SELECT id, secret FROM {table}", stage.reader, _MASKED)
