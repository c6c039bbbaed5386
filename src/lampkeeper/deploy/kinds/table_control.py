"""Column masks and row filters set on tables themselves: never made by us, only taken over on request and put back."""

from __future__ import annotations

from lampkeeper.deploy.change import Action, Body, Stage
from lampkeeper.deploy.kinds.base import LiveObject, Plain, Session, key_of
from lampkeeper.deploy.kinds.description import Fields, Place
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.model.controls import TableControl
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import InternalError
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import ColumnName, FunctionName, TableName
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.text.sql_quoting import quote_identifier


class TableControlKind(Plain):
    """The column mask of one column, or the row filter of one table, whether there is one (`function` is empty) or not.

    What was taken over stays recorded with nothing in its place, and with the original that a destroy brings back.
    """

    name = "table_control"
    layer = Layer.DATA_ACCESS

    def desired(self, desired: Desired, env: str) -> dict[str, Body]:
        """Return nothing: whether one has to give way depends on what stands (see `existing_controls`)."""
        return {}

    def live(self, view: LiveState) -> dict[str, LiveObject]:
        """Return what is set on the tables in scope, and that nothing is where something was taken over."""
        columns = {c.plain.casefold() for t in view.governed.tables for c in t.column_names()}
        tables = {t.name.plain.casefold() for t in view.governed.tables}
        found: dict[str, LiveObject] = {}
        for body in view.taken_controls:
            table = table_of(body)
            name, there = (ColumnName(table, body["column"]).plain, columns) if body["column"] else (table.plain, tables)
            if name.casefold() in there:
                found[control_key(table, body["column"])] = LiveObject(body=without_control(body))
        for control in view.governed.controls:
            found[control_key(control.table, control.column)] = LiveObject(body=control_body(control))
        return found

    def differences(self, found: Body, target: Body) -> tuple[str, ...]:
        """Compare function and arguments."""
        old, new = control_of(found), control_of(target)
        if old == new:
            return ()
        return (f"{'nothing' if old is None else old} -> {'nothing' if new is None else new}",)

    def words(self, fields: Fields) -> tuple[str, Place]:
        """Return the control, and the column or table that it is set on."""
        of_column = bool(fields.value("column"))
        name = fields.name("catalog", "schema", "table", *(["column"] if of_column else []))
        what = "column mask set on the table itself," if of_column else "row filter set on the table itself,"
        return what, Place(preposition="on", noun="column" if of_column else "table", name=name)

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return function and arguments, before and after."""
        return (f"function {fields('function')}", f"arguments {fields('arguments')}")

    def steps(self, action: Action, before: Body | None, after: Body | None) -> tuple[tuple[Stage, Body | None], ...]:
        """Set early and drop late: what protects instead is in effect before one goes, and one is back before that goes."""
        return ((Stage.PROTECT if after is not None and after["function"] else Stage.CLEAN, after),)

    def create(self, session: Session, body: Body) -> str:
        """Refuse: new protection is a policy."""
        raise InternalError(f"a plan sets a control on table {table_of(body)} that was never taken over")

    def update(self, session: Session, before: Body, after: Body, remote_id: str) -> None:
        """Set or drop it by SQL."""
        run_sql(session.workspace, statement(after), kind="table_control", writes=True)

    def delete(self, session: Session, body: Body, remote_id: str) -> None:
        """Drop it."""
        run_sql(session.workspace, statement(without_control(body)), kind="table_control", writes=True)


def control_key(table: TableName, column: str) -> str:
    """Return the key of a column's mask, or (without a column) of a table's row filter."""
    return key_of("mask" if column else "filter", table.plain.casefold(), *([column.casefold()] if column else ()))


def control_body(control: TableControl) -> Body:
    """Return a control as JSON."""
    table = control.table
    return {
        "catalog": table.catalog,
        "schema": table.schema,
        "table": table.table,
        "column": control.column,
        "function": list(control.function.parts),
        "arguments": list(control.arguments),
    }


def without_control(body: Body) -> Body:
    """Return the body that says that nothing is set in this place."""
    return {**body, "function": [], "arguments": []}


def control_of(body: Body) -> TableControl | None:
    """Read what `control_body` made; None when nothing is set."""
    if not body["function"]:
        return None
    return TableControl(
        table=table_of(body), column=body["column"], function=FunctionName(*body["function"]), arguments=tuple(body["arguments"])
    )


def table_of(body: Body) -> TableName:
    """Return the table that a body speaks of."""
    return TableName(str(body["catalog"]), str(body["schema"]), str(body["table"]))


def statement(body: Body) -> str:
    """Return the statement that brings the table to what the body says."""
    control, head = control_of(body), f"ALTER TABLE {table_of(body).sql}"
    if body["column"]:
        head += f" ALTER COLUMN {quote_identifier(body['column'])}"
    if control is None:
        return f"{head} {'DROP MASK' if body['column'] else 'DROP ROW FILTER'}"
    arguments = ", ".join(quote_identifier(a) for a in control.arguments)
    if not body["column"]:
        return f"{head} SET ROW FILTER {control.function.sql} ON ({arguments})"
    return f"{head} SET MASK {control.function.sql}" + (f" USING COLUMNS ({arguments})" if arguments else "")
