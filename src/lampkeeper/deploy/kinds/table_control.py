"""Column masks and row filters set on tables themselves: never created, only adopted on request and restored."""

from __future__ import annotations

from lampkeeper.deploy.kinds.base import Kind, LiveObject, Session, Steps
from lampkeeper.deploy.kinds.description import Fields, Subject
from lampkeeper.deploy.live_state import LiveState
from lampkeeper.deploy.required_privileges import Need, need_on, to_reach
from lampkeeper.deploy.simulated_access import SimulatedAccess, control_key
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.model import codecs
from lampkeeper.model.controls import ControlSlot
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import InternalError
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.text.sql_quoting import quote_identifier


class TableControlKind(Kind[ControlSlot]):
    """The column mask of one column, or the row filter of one table, set or not.

    An adopted control is recorded as an empty slot with the original, which a destroy restores.
    """

    name = "table_control"
    layer = Layer.DATA_ACCESS
    codec = codecs.CONTROL_SLOT
    propagating = True
    shared = False
    runs_sql = True

    def desired(self, desired: Desired, env: str) -> dict[str, ControlSlot]:
        """Return nothing: which controls must be dropped depends on the live state (see `existing_controls`)."""
        return {}

    def live(self, view: LiveState) -> dict[str, LiveObject[ControlSlot]]:
        """Return the controls of the tables in scope, and the empty slots of adopted ones."""
        columns = {c.plain.casefold() for t in view.governed.tables for c in t.column_names()}
        tables = {t.name.plain.casefold() for t in view.governed.tables}
        found: dict[str, LiveObject[ControlSlot]] = {}
        for slot in view.taken_controls:
            table = slot.table
            name, there = (ColumnName(table, slot.column).plain, columns) if slot.column else (table.plain, tables)
            if name.casefold() in there:
                found[slot_key(slot)] = LiveObject(spec=slot.empty)
        for control in view.governed.controls:
            slot = ControlSlot.of(control)
            found[slot_key(slot)] = LiveObject(spec=slot)
        return found

    def differences(self, found: ControlSlot, target: ControlSlot) -> tuple[str, ...]:
        """Compare function and arguments."""
        old, new = found.control, target.control
        if old == new:
            return ()
        return (f"{'nothing' if old is None else old} -> {'nothing' if new is None else new}",)

    def shows(self, reason: str, spec: ControlSlot | None) -> bool:
        """Return whether function and arguments show the reason already."""
        return " -> " in reason

    def words(self, fields: Fields) -> tuple[str, Subject]:
        """Return the control, and its column or table."""
        of_column = bool(fields.value("column"))
        name = fields.name("catalog", "schema", "table", *(["column"] if of_column else []))
        what = "column mask set on the table itself," if of_column else "row filter set on the table itself,"
        return what, Subject(preposition="on", noun="column" if of_column else "table", name=name)

    def attributes(self, fields: Fields) -> tuple[str, ...]:
        """Return function and arguments, before and after."""
        return (f"function {fields('function')}", f"arguments {fields('arguments')}")

    def steps(self, action: Action, before: ControlSlot | None, after: ControlSlot | None) -> Steps[ControlSlot]:
        """Set early and drop late: its replacement is in effect before the drop, and it is restored before that is removed."""
        return ((Stage.PROTECT if after is not None and after.function is not None else Stage.CLEAN, after),)

    def simulate(self, access: SimulatedAccess, before: ControlSlot | None, after: ControlSlot | None) -> None:
        """Set the control, or empty the slot."""
        if after is not None and after.control is not None:
            access.controls[slot_key(after)] = after.control
        elif (spec := after or before) is not None:
            access.controls.pop(slot_key(spec), None)

    def touched(self, access: SimulatedAccess, spec: ControlSlot) -> set[TableName]:
        """Return the table."""
        return access.inside(spec.table.plain)

    def needs(self, spec: ControlSlot) -> set[Need]:
        """Return MANAGE on the table, and USE privileges above it."""
        table = spec.table
        need = need_on("table", table.plain, "set and drop its column masks and row filter", "MANAGE")
        return {*to_reach(f"{table.catalog}.{table.schema}"), need}

    def lane(self, spec: ControlSlot) -> str:
        """Return the table."""
        return spec.table.plain.casefold()

    def create(self, session: Session, spec: ControlSlot) -> str:
        """Refuse: new protection is a policy."""
        raise InternalError(f"a plan sets a control on table {spec.table} that was never adopted")

    def update(self, session: Session, before: ControlSlot, after: ControlSlot, remote_id: str) -> None:
        """Set or drop it by SQL."""
        run_sql(session.workspace, statement(after), kind="table_control", writes=True)

    def delete(self, session: Session, spec: ControlSlot, remote_id: str) -> None:
        """Drop it."""
        run_sql(session.workspace, statement(spec.empty), kind="table_control", writes=True)


def slot_key(slot: ControlSlot) -> str:
    """Return the key of a slot."""
    return control_key(slot.table, slot.column)


def statement(slot: ControlSlot) -> str:
    """Return the statement that sets or drops the control of the slot."""
    head = f"ALTER TABLE {slot.table.sql}"
    if slot.column:
        head += f" ALTER COLUMN {quote_identifier(slot.column)}"
    if slot.function is None:
        return f"{head} {'DROP MASK' if slot.column else 'DROP ROW FILTER'}"
    arguments = ", ".join(quote_identifier(a) for a in slot.arguments)
    if not slot.column:
        return f"{head} SET ROW FILTER {slot.function.sql} ON ({arguments})"
    return f"{head} SET MASK {slot.function.sql}" + (f" USING COLUMNS ({arguments})" if arguments else "")
