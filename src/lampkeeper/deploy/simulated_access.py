"""The simulated access: the live access model, to which the changes of a plan are applied one by one."""

from __future__ import annotations

from collections.abc import Iterable

from lampkeeper.deploy.stages import key_of
from lampkeeper.model.access import AccessModel
from lampkeeper.model.controls import TableControl
from lampkeeper.model.masks import Function
from lampkeeper.model.names import TableName
from lampkeeper.model.policies import Grant, Policy
from lampkeeper.model.schema import Table
from lampkeeper.model.tags import EntityType, TagAssignment


class SimulatedAccess:
    """The parts of an AccessModel by key. Tags are kept by entity, so that the model of a few tables is cheap to create."""

    def __init__(self, model: AccessModel) -> None:
        """Create it from a model."""
        self.tables: dict[TableName, Table] = {t.name: t for t in model.tables}
        self.owners = dict(model.owners)
        self.tags: dict[tuple[str, str], dict[str, TagAssignment]] = {}
        for tag in model.tags:
            self.put_tag(tag)
        self.policies: dict[tuple[str, str, str], Policy] = {p.key: p for p in model.policies}
        self.grants: dict[tuple[str, str, str], Grant] = {_grant_key(g): g for g in model.grants}
        self.functions: dict[str, Function] = {f.name.plain.casefold(): f for f in model.functions}
        self.members: dict[str, set[str]] = {g: set(m) for g, m in model.members.items()}
        self.controls: dict[str, TableControl] = {control_key(c.table, c.column): c for c in model.controls}

    def copy(self) -> SimulatedAccess:
        """Return an independent copy."""
        other = SimulatedAccess(AccessModel(tables=()))
        other.tables, other.owners = dict(self.tables), dict(self.owners)
        other.tags = {k: dict(v) for k, v in self.tags.items()}
        other.policies, other.grants, other.functions = dict(self.policies), dict(self.grants), dict(self.functions)
        other.members = {g: set(m) for g, m in self.members.items()}
        other.controls = dict(self.controls)
        return other

    def model(self, tables: Iterable[TableName] | None = None) -> AccessModel:
        """Return the model of these tables (default: all)."""
        chosen = list(self.tables.values()) if tables is None else [self.tables[t] for t in sorted(set(tables))]
        tags = [tag for entity in self._entities(chosen) for tag in self.tags.get(entity, {}).values()]
        return AccessModel(
            tables=tuple(sorted(chosen, key=lambda t: t.name)),
            tags=tuple(tags),
            policies=tuple(self.policies.values()),
            grants=tuple(self.grants.values()),
            functions=tuple(self.functions.values()),
            members={g: tuple(sorted(m)) for g, m in self.members.items()},
            owners=self.owners,
            controls=tuple(self.controls.values()),
        )

    @staticmethod
    def _entities(tables: Iterable[Table]) -> list[tuple[str, str]]:
        entities: dict[tuple[str, str], None] = {}
        for table in tables:
            name = table.name
            entities[(str(EntityType.CATALOGS), name.catalog.casefold())] = None
            entities[(str(EntityType.SCHEMAS), f"{name.catalog}.{name.schema}".casefold())] = None
            entities[(str(EntityType.TABLES), name.plain.casefold())] = None
            for column in table.column_names():
                entities[(str(EntityType.COLUMNS), column.plain.casefold())] = None
        return list(entities)

    def put_tag(self, tag: TagAssignment) -> None:
        """Assign a tag; it replaces one with the same key."""
        self.tags.setdefault((str(tag.entity_type), tag.entity_name.casefold()), {})[tag.key] = tag

    def drop_tag(self, tag: TagAssignment) -> None:
        """Remove a tag."""
        self.tags.get((str(tag.entity_type), tag.entity_name.casefold()), {}).pop(tag.key, None)

    def put_grant(self, grant: Grant) -> None:
        """Set the privileges of the principal on the securable to exactly these."""
        if grant.privileges:
            self.grants[_grant_key(grant)] = grant
        else:
            self.drop_grant(grant)

    def drop_grant(self, grant: Grant) -> None:
        """Revoke all privileges of the principal on the securable."""
        self.grants.pop(_grant_key(grant), None)

    def inside(self, full_name: str) -> set[TableName]:
        """Return the tables of a catalog or schema, or the table of that name."""
        prefix = full_name.casefold()
        return {t for t in self.tables if f"{t.plain.casefold()}.".startswith(f"{prefix}.")}


def control_key(table: TableName, column: str) -> str:
    """Return the key of a column's mask, or (without a column) of a table's row filter."""
    return key_of("mask" if column else "filter", table.plain.casefold(), *([column.casefold()] if column else ()))


def _grant_key(grant: Grant) -> tuple[str, str, str]:
    return (str(grant.securable_type), ".".join(grant.securable).casefold(), grant.principal)
