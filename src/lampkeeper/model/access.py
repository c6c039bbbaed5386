"""Computes effective access: for each principal and column raw, masked, hidden or failing, with the explanation.

This is lampkeeper's implementation of the platform's rules (grants, ABAC policies, tags, memberships). The local workspace has
an independent one, and the verification compares the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from lampkeeper.model.conditions import Condition, matches
from lampkeeper.model.controls import SET_ON_TABLE, Conflict, ConflictCollector, FunctionUse, TableControl
from lampkeeper.model.desired import Desired
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.masks import Function, digests_with_calls
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.policies import Argument, Grant, Policy, PolicyKind, SecurableType
from lampkeeper.model.schema import Table
from lampkeeper.model.tags import EntityType, TagAssignment
from lampkeeper.model.unreviewed import Reach, is_fallback, within
from lampkeeper.text.digest import digest_of

__all__ = ["Access", "AccessModel", "Cell", "CellState", "FunctionUse", "Principal", "TableAccess"]


class CellState(StrEnum):
    """The access of a principal to a column."""

    RAW = "raw"
    MASKED = "masked"
    NO_ROWS = "no rows"
    HIDDEN = "hidden"
    FAILING = "failing"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Cell:
    """The access of one principal to one column: the state, and the function of a mask with its digest, else the reason.

    `blank`: the mask returns NULL for every value. `unreviewed`: the reason is that the table or column has no review tag.
    """

    state: CellState
    by: str = ""
    digest: str = ""
    blank: bool = field(default=False, compare=False)
    unreviewed: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        """Return `raw`, `masked by f`, `no rows`, `hidden` or `failing`."""
        return f"masked by {self.by}" if self.state is CellState.MASKED else str(self.state)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Principal:
    """A principal as policies see it: its name and its direct groups."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAccess:
    """The access of one principal to one table. `filters` are the row filters that apply; more than one fails every query."""

    table: TableName
    readable: bool
    missing: tuple[str, ...]
    filters: tuple[FunctionUse, ...]
    masks: Mapping[ColumnName, tuple[FunctionUse, ...]]
    cells: Mapping[ColumnName, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessModel:
    """All objects that decide access, taken from a desired state or from a live workspace.

    `members` maps every group to its direct members (principals and groups). `owners` maps (securable type, full name)
    to the owner, who holds every privilege there and is still subject to policies (documented for tables).
    `controls` are column masks and row filters that are set directly on tables; they apply to all principals.
    """

    tables: tuple[Table, ...]
    tags: tuple[TagAssignment, ...] = ()
    policies: tuple[Policy, ...] = ()
    grants: tuple[Grant, ...] = ()
    functions: tuple[Function, ...] = ()
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    owners: Mapping[tuple[str, str], str] = field(default_factory=dict)
    controls: tuple[TableControl, ...] = ()

    @classmethod
    def of_desired(cls, desired: Desired, tables: Iterable[Table]) -> AccessModel:
        """Return the model of a desired state over these tables."""
        return cls(
            tables=tuple(tables),
            tags=desired.tag_assignments,
            policies=desired.policies,
            grants=desired.grants,
            functions=desired.functions,
            members=desired.members,
        )


_TABLE_PRIVILEGES = frozenset({"SELECT", "ALL_PRIVILEGES"})


class Access:
    """Computes access from one AccessModel; keeps indexes and caches and does not change the model."""

    def __init__(self, model: AccessModel) -> None:
        """Index the model."""
        self.model = model
        self._tables = {t.name: t for t in model.tables}
        self._tags: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        for tag in model.tags:
            self._tags[(str(tag.entity_type), tag.entity_name.casefold())][tag.key] = tag.value
        self._digests = digests_with_calls(model.functions)
        self._denying = frozenset(f.name for f in model.functions if f.denies)
        self._blanking = frozenset(f.name for f in model.functions if f.blanks)
        self._fallbacks = frozenset(p.name for p in model.policies if is_fallback(p))
        self._grants: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for grant in model.grants:
            securable = (str(grant.securable_type), ".".join(grant.securable).casefold())
            self._grants[securable][grant.principal].update(p.replace(" ", "_").upper() for p in grant.privileges)
        self._owners = {(kind, name.casefold()): owner for (kind, name), owner in model.owners.items()}
        self._controls: dict[str, list[TableControl]] = defaultdict(list)
        for control in model.controls:
            self._controls[control.table.plain.casefold()].append(control)
        self._bindings: dict[tuple[str, TableName], tuple[tuple[tuple[ColumnName, ...], FunctionUse], ...]] = {}
        self._tagged: dict[TableName, tuple[tuple[ColumnName, dict[str, str]], ...]] = {}

    @cached_property
    def parents(self) -> Mapping[str, tuple[str, ...]]:
        """Return the direct groups of every principal and group."""
        found: dict[str, list[str]] = defaultdict(list)
        for group, members in self.model.members.items():
            for member in members:
                found[member].append(group)
        return {name: tuple(sorted(groups)) for name, groups in found.items()}

    def identities(self, principal: Principal) -> frozenset[str]:
        """Return every name by which TO, EXCEPT or a grant can refer to the principal: its own, and its groups', also nested."""
        seen = {principal.name, EVERYBODY}
        queue = [*principal.groups, *self.parents.get(principal.name, ())]
        while queue:
            group = queue.pop()
            if group not in seen:
                seen.add(group)
                queue.extend(self.parents.get(group, ()))
        return frozenset(seen)

    def table_tags(self, table: TableName) -> dict[str, str]:
        """Return a table's tags, including those inherited from catalog and schema; the nearest value counts."""
        tags = dict(self._tags.get((EntityType.CATALOGS, table.catalog.casefold()), {}))
        tags |= self._tags.get((EntityType.SCHEMAS, f"{table.catalog}.{table.schema}".casefold()), {})
        return tags | self._tags.get((EntityType.TABLES, table.plain.casefold()), {})

    def column_tags(self, column: ColumnName) -> dict[str, str]:
        """Return a column's tags; columns do not inherit tags."""
        return self._tags.get((EntityType.COLUMNS, column.plain.casefold()), {})

    def table(self, principal: Principal, name: TableName) -> TableAccess:
        """Return the principal's access to the table."""
        names = self.identities(principal)
        table = self._tables[name]
        missing = self._missing_privileges(names, name)
        filters: list[FunctionUse] = []
        masks: dict[ColumnName, list[FunctionUse]] = defaultdict(list)
        broken = ""
        for policy in self.model.policies:
            if not self._addresses(policy, names) or not self._covers(policy, name):
                continue
            for targets, use in self._bind(policy, table):
                if self._digests and use.function not in self._digests:
                    broken = f"UC_DEPENDENCY_DOES_NOT_EXIST: {use.function}"
                if policy.kind is PolicyKind.ROW_FILTER:
                    filters.append(use)
                for column in targets:
                    masks[column].append(use)
        for target, use in self.set_on_table(table):
            if target is None:
                filters.append(use)
            else:
                masks[target].append(use)
        if len({(f.function, f.arguments) for f in filters}) > 1:
            broken = "UC_ABAC_MULTIPLE_ROW_FILTERS"
        broken = broken or self._masked_input(filters, masks)
        denied = next((f for f in filters if f.function in self._denying), None)
        cells = {c: self._cell(masks.get(c, []), missing, broken, denied) for c in table.column_names()}
        return TableAccess(
            table=name,
            readable=not missing,
            missing=missing,
            filters=tuple(filters),
            masks={c: tuple(u) for c, u in masks.items()},
            cells=cells,
        )

    def set_on_table(self, table: Table) -> tuple[tuple[ColumnName | None, FunctionUse], ...]:
        """Return the masks (by column) and the filter (by None) set directly on the table; removed columns are left out."""
        columns = {c.column.casefold(): c for c in table.column_names()}
        found: list[tuple[ColumnName | None, FunctionUse]] = []
        for control in self._controls.get(table.name.plain.casefold(), ()):
            others: tuple[ColumnName | str, ...] = tuple(columns.get(a.casefold(), a) for a in control.arguments)
            target = columns.get(control.column.casefold())
            if control.column and target is None:
                continue
            arguments = others if target is None else (target, *others)
            found.append((target, FunctionUse(policy=SET_ON_TABLE, function=control.function, arguments=arguments)))
        return tuple(found)

    def conflicts(self, principals: Iterable[Principal]) -> tuple[Conflict, ...]:
        """Return the conflicts for any of these principals: two masks or two filters meet, or one reads what another masks.

        Privileges are ignored: a conflict would affect any principal that is granted the table later.
        """
        found = ConflictCollector()
        for principal in sorted(set(principals)):
            for table in self.model.tables:
                seen = self.table(principal, table.name)
                found.add(principal.name, table.name, seen.filters, ((c, u) for c, uses in seen.masks.items() for u in uses))
        return found.conflicts()

    @staticmethod
    def _masked_input(filters: list[FunctionUse], masks: Mapping[ColumnName, list[FunctionUse]]) -> str:
        """Return the error if a policy reads a masked column (source: platform docs, ABAC requirements)."""
        inputs = {a for use in filters for a in use.arguments if isinstance(a, ColumnName)}
        inputs |= {a for uses in masks.values() for use in uses for a in use.arguments[1:] if isinstance(a, ColumnName)}
        met = sorted(inputs & set(masks))
        return f"masked column {met[0]} is an argument of a policy" if met else ""

    def closes_unreviewed(self, principal: Principal, reach: Reach) -> bool:
        """Return whether the principal gets no rows from a table of the catalog or schema that has no direct tags."""
        names = self.identities(principal)
        tags = dict(self._tags.get((EntityType.CATALOGS, reach[0].casefold()), {}))
        if len(reach) > 1:
            tags |= self._tags.get((EntityType.SCHEMAS, ".".join(reach[:2]).casefold()), {})
        return any(
            policy.function in self._denying
            and not policy.match_columns
            and self._addresses(policy, names)
            and within(policy.securable, reach)
            and len(policy.securable) <= len(reach)
            and (policy.when is None or matches(policy.when, tags))
            for policy in self.model.policies
            if policy.securable_type in (SecurableType.METASTORE, SecurableType.CATALOG, SecurableType.SCHEMA)
        )

    def _cell(self, uses: list[FunctionUse], missing: tuple[str, ...], broken: str, denied: FunctionUse | None = None) -> Cell:
        if missing:
            return Cell(state=CellState.HIDDEN, by=", ".join(missing))
        if broken:
            return Cell(state=CellState.FAILING, by=broken)
        if denied is not None:
            return Cell(state=CellState.NO_ROWS, by=denied.policy, unreviewed=denied.policy in self._fallbacks)
        distinct = {(u.function, u.arguments) for u in uses}
        if len(distinct) > 1:
            return Cell(state=CellState.FAILING, by="MULTIPLE_MASKS")
        if not uses:
            return Cell(state=CellState.RAW)
        blank = uses[0].function in self._blanking
        unreviewed = blank and uses[0].policy in self._fallbacks
        digest = self.digest(uses[0], uses[0].arguments[1:])
        return Cell(state=CellState.MASKED, by=uses[0].function.plain, digest=digest, blank=blank, unreviewed=unreviewed)

    def digest(self, use: FunctionUse, arguments: Iterable[ColumnName | str]) -> str:
        """Return a digest of a function's effect with these arguments; empty if the function is unknown."""
        known = self._digests.get(use.function, "")
        given = [f"column {a.column}" if isinstance(a, ColumnName) else f"constant {a}" for a in arguments]
        if not given or not known:
            return known
        return digest_of("\0".join([known, *given]), digits=16)

    def _missing_privileges(self, names: frozenset[str], table: TableName) -> tuple[str, ...]:
        levels = (
            (str(SecurableType.CATALOG), table.catalog),
            (str(SecurableType.SCHEMA), f"{table.catalog}.{table.schema}"),
            (str(SecurableType.TABLE), table.plain),
        )
        held: set[str] = set()
        missing = []
        for (kind, full_name), wanted in zip(levels, ("USE_CATALOG", "USE_SCHEMA", "SELECT"), strict=True):
            securable = (kind, full_name.casefold())
            for principal, privileges in self._grants.get(securable, {}).items():
                if principal in names:
                    held |= privileges
            owner = self._owners.get(securable)
            owned = owner is not None and owner in names
            if wanted not in held and "ALL_PRIVILEGES" not in held and not owned:
                missing.append(f"{wanted} on {full_name}")
        return tuple(missing)

    def missing(self, principal: Principal, table: TableName) -> tuple[str, ...]:
        """Return the privileges that the principal lacks for SELECT on the table, as `USE_CATALOG on main`."""
        return self._missing_privileges(self.identities(principal), table)

    @staticmethod
    def _addresses(policy: Policy, names: frozenset[str]) -> bool:
        return bool(names.intersection(policy.to_principals)) and not names.intersection(policy.except_principals)

    @staticmethod
    def _covers(policy: Policy, table: TableName) -> bool:
        if policy.securable_type is SecurableType.METASTORE:
            return True
        prefix = tuple(p.casefold() for p in policy.securable)
        return tuple(p.casefold() for p in table.parts)[: len(prefix)] == prefix

    def _bind(self, policy: Policy, table: Table) -> tuple[tuple[tuple[ColumnName, ...], FunctionUse], ...]:
        """Return the columns that a policy masks (none for a filter), each with its bound function; cached per table."""
        cache_key = ("|".join(policy.key), table.name)
        if cache_key not in self._bindings:
            self._bindings[cache_key] = tuple(self._bindings_of(policy, table))
        return self._bindings[cache_key]

    def _bindings_of(self, policy: Policy, table: Table) -> Iterable[tuple[tuple[ColumnName, ...], FunctionUse]]:
        if policy.when is not None and not matches(policy.when, self.table_tags(table.name)):
            return
        by_alias = {m.alias: self._matching(m.condition, table) for m in policy.match_columns}
        if not all(by_alias.values()) or not all(a.alias is None or a.alias in by_alias for a in policy.using):
            return  # the platform rejects a policy with an undefined alias, so it protects nothing
        others = tuple(self._argument(a, by_alias) for a in policy.using)
        if policy.kind is PolicyKind.ROW_FILTER:
            yield (), FunctionUse(policy=policy.name, function=policy.function, arguments=others)
            return
        for column in by_alias.get(policy.on_column or "", ()):
            yield (column,), FunctionUse(policy=policy.name, function=policy.function, arguments=(column, *others))

    def _matching(self, condition: Condition, table: Table) -> tuple[ColumnName, ...]:
        if table.name not in self._tagged:
            self._tagged[table.name] = tuple((c, self.column_tags(c)) for c in table.column_names())
        return tuple(c for c, tags in self._tagged[table.name] if matches(condition, tags))

    @staticmethod
    def _argument(argument: Argument, by_alias: Mapping[str, tuple[ColumnName, ...]]) -> ColumnName | str:
        if argument.alias is not None:
            return by_alias[argument.alias][0]
        return argument.constant or ""
