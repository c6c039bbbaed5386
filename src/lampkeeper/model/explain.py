"""Explains the access of a principal to a column: each step with its reason.

The result comes from `access`; the steps are derived separately, and a law of the tests checks that the two agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from lampkeeper.model.access import Access, Cell, FunctionUse, Principal
from lampkeeper.model.conditions import matches
from lampkeeper.model.errors import UsageError
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.policies import Policy, PolicyKind, SecurableType
from lampkeeper.model.schema import Table
from lampkeeper.model.tags import EntityType


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class GroupPath:
    """The path from a principal through nested groups to a group."""

    steps: tuple[str, ...]

    def __str__(self) -> str:
        """Return `ana > team_fraud > data_analysts`."""
        return " > ".join(self.steps)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class PrivilegeLink:
    """One privilege that reading needs: its securable, and the grants or ownership that give it (empty: it is missing)."""

    privilege: str
    securable_type: str
    securable: str
    sources: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Return whether the principal has it."""
        return bool(self.sources)

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.privilege} on {self.securable}: {'; '.join(self.sources) if self.sources else 'MISSING'}"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class TagLink:
    """A tag that conditions can test: its securable, and whether a nearer tag with the same key overrides it."""

    entity: str
    key: str
    value: str
    overridden: bool = False

    def __str__(self) -> str:
        """Return one line for people."""
        text = f"{self.key} = {self.value}" if self.value else self.key
        return f"{text} (on {self.entity}{', overridden' if self.overridden else ''})"


class PolicyOutcome(StrEnum):
    """The outcome of a policy for one principal and one column."""

    MASKS = "masks this column"
    FILTERS = "filters the rows"
    NOT_IN_TO = "not in TO"
    EXEMPT = "in EXCEPT"
    ELSEWHERE = "attached elsewhere"
    WHEN_FALSE = "WHEN is false"
    NO_MATCH = "no column matches"
    OTHER_COLUMNS = "masks other columns"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLink:
    """One policy, its outcome and the reason; `use` is its function, if it applies."""

    policy: Policy
    outcome: PolicyOutcome
    reason: str
    use: FunctionUse | None = None

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.policy.name}: {self.outcome} ({self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The steps that decide a principal's access to a column, and the resulting access."""

    principal: str
    column: ColumnName
    groups: tuple[GroupPath, ...]
    privileges: tuple[PrivilegeLink, ...]
    column_tags: tuple[TagLink, ...]
    table_tags: tuple[TagLink, ...]
    policies: tuple[PolicyLink, ...]
    cell: Cell
    on_table: tuple[tuple[ColumnName | None, FunctionUse], ...] = ()
    """The controls set directly on the table: the mask of this column, and the row filter (by None)."""

    @property
    def filters(self) -> tuple[FunctionUse, ...]:
        """Return the row filters that apply."""
        brought = (p.use for p in self.policies if p.outcome is PolicyOutcome.FILTERS and p.use is not None)
        return (*brought, *(use for column, use in self.on_table if column is None))

    @property
    def masks(self) -> tuple[FunctionUse, ...]:
        """Return the masks that apply to the column."""
        brought = (p.use for p in self.policies if p.outcome is PolicyOutcome.MASKS and p.use is not None)
        return (*brought, *(use for column, use in self.on_table if column is not None))

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            "principal": self.principal,
            "column": str(self.column),
            "groups": [list(g.steps) for g in self.groups],
            "privileges": [
                {"privilege": p.privilege, "on": p.securable, "held": p.held, "from": list(p.sources)} for p in self.privileges
            ],
            "column_tags": [str(t) for t in self.column_tags],
            "table_tags": [str(t) for t in self.table_tags],
            "policies": [{"name": p.policy.name, "outcome": str(p.outcome), "reason": p.reason} for p in self.policies],
            "set_on_table": [show_control(c, u) for c, u in self.on_table],
            "masks": [show_use(u) for u in self.masks],
            "filters": [show_use(u) for u in self.filters],
            "state": str(self.cell.state),
            "verdict": str(self.cell),
            "by": self.cell.by,
        }


def show_use(use: FunctionUse) -> str:
    """Return `c.s.f(column, constant)`."""
    return f"{use.function}({', '.join(a.column if isinstance(a, ColumnName) else repr(a) for a in use.arguments)})"


def show_control(column: ColumnName | None, use: FunctionUse) -> str:
    """Return one line for a control that is set directly on the table."""
    return f"{'row filter' if column is None else 'column mask'} {show_use(use)}: applies to all principals"


def explain(access: Access, principal: Principal, column: ColumnName) -> Explanation:
    """Return the explanation of the principal's access; raise UsageError for a missing table or column."""
    table = _table_of(access, column)
    paths = dict(_paths(access, principal))
    privileges = tuple(_privileges(access, paths, column.table))
    policies = tuple(_policy_link(access, policy, paths, table, column) for policy in access.model.policies)
    return Explanation(
        principal=principal.name,
        column=column,
        groups=tuple(sorted(GroupPath(steps=p) for name, p in paths.items() if name not in (principal.name, EVERYBODY))),
        privileges=privileges,
        column_tags=tuple(TagLink(entity=str(column), key=k, value=v) for k, v in sorted(access.column_tags(column).items())),
        table_tags=_table_tags(access, column.table),
        policies=policies,
        on_table=tuple((c, u) for c, u in access.set_on_table(table) if c is None or c == column),
        cell=access.table(principal, column.table).cells[column],
    )


def _table_of(access: Access, column: ColumnName) -> Table:
    for table in access.model.tables:
        if table.name == column.table:
            if column in table.column_names():
                return table
            raise UsageError(f"table {column.table} has no column {column.column!r}", fix="list the names with `matrix`")
    raise UsageError(f"table {column.table} is not in scope", fix="write catalog.schema.table.column as the snapshot has it")


def _paths(access: Access, principal: Principal) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every name by which TO, EXCEPT or a grant can refer to the principal, each with its shortest path."""
    yield principal.name, (principal.name,)
    yield EVERYBODY, (principal.name, EVERYBODY)
    seen = {principal.name, EVERYBODY}
    queue: list[tuple[str, ...]] = [
        (principal.name, g) for g in sorted({*principal.groups, *access.parents.get(principal.name, ())})
    ]
    while queue:
        path = queue.pop(0)
        if path[-1] in seen:
            continue
        seen.add(path[-1])
        yield path[-1], path
        queue += [(*path, parent) for parent in access.parents.get(path[-1], ())]


_NEEDED = ((SecurableType.CATALOG, "USE_CATALOG"), (SecurableType.SCHEMA, "USE_SCHEMA"), (SecurableType.TABLE, "SELECT"))


def _privileges(access: Access, paths: dict[str, tuple[str, ...]], table: TableName) -> Iterator[PrivilegeLink]:
    inherited: list[tuple[str, str]] = []
    for depth, (kind, needed) in enumerate(_NEEDED, start=1):
        full_name = ".".join(table.parts[:depth])
        for grant in access.model.grants:
            if grant.securable_type is kind and ".".join(grant.securable).casefold() == full_name.casefold():
                via = f"granted to {GroupPath(steps=paths[grant.principal])} on {full_name}" if grant.principal in paths else ""
                inherited += [(p.replace(" ", "_").upper(), via) for p in grant.privileges if via]
        sources = [f"{p} {via}" for p, via in inherited if p in (needed, "ALL_PRIVILEGES")]
        for (owned_kind, owned_name), owner in access.model.owners.items():
            if owned_kind == str(kind) and owned_name.casefold() == full_name.casefold() and owner in paths:
                sources.append(f"owned by {GroupPath(steps=paths[owner])}")
        yield PrivilegeLink(privilege=needed, securable_type=str(kind), securable=full_name, sources=tuple(sorted(set(sources))))


def _table_tags(access: Access, table: TableName) -> tuple[TagLink, ...]:
    """Return the table's tags, the nearest first; a nearer tag with the same key overrides an inherited one."""
    levels = (
        (EntityType.TABLES, table.plain),
        (EntityType.SCHEMAS, f"{table.catalog}.{table.schema}"),
        (EntityType.CATALOGS, table.catalog),
    )
    links: list[TagLink] = []
    for kind, name in levels:
        nearer = {link.key for link in links}
        links += [
            TagLink(entity=name, key=tag.key, value=tag.value, overridden=tag.key in nearer)
            for tag in sorted(access.model.tags)
            if tag.entity_type is kind and tag.entity_name.casefold() == name.casefold()
        ]
    return tuple(links)


def _policy_link(
    access: Access, policy: Policy, paths: dict[str, tuple[str, ...]], table: Table, column: ColumnName
) -> PolicyLink:
    def link(outcome: PolicyOutcome, reason: str, use: FunctionUse | None = None) -> PolicyLink:
        return PolicyLink(policy=policy, outcome=outcome, reason=reason, use=use)

    securable = ".".join(policy.securable) or "the metastore"
    if policy.securable_type is not SecurableType.METASTORE and not _is_under(policy.securable, table.name):
        return link(PolicyOutcome.ELSEWHERE, f"on {policy.securable_type.lower()} {securable}")
    exempt = sorted(set(policy.except_principals) & set(paths))
    if exempt:
        return link(PolicyOutcome.EXEMPT, f"exempt as {GroupPath(steps=paths[exempt[0]])}")
    addressed = sorted(set(policy.to_principals) & set(paths))
    if not addressed:
        return link(PolicyOutcome.NOT_IN_TO, f"TO {', '.join(policy.to_principals)}")
    if policy.when is not None and not matches(policy.when, access.table_tags(table.name)):
        return link(PolicyOutcome.WHEN_FALSE, f"the table's tags do not satisfy {policy.when}")
    matched = {
        m.alias: [c for c in table.column_names() if matches(m.condition, access.column_tags(c))] for m in policy.match_columns
    }
    for entry in policy.match_columns:
        if not matched[entry.alias]:
            return link(PolicyOutcome.NO_MATCH, f"no column of the table satisfies {entry.condition}")
    others = tuple(matched[a.alias][0] if a.alias is not None else a.constant or "" for a in policy.using)
    to = f"TO {GroupPath(steps=paths[addressed[0]])} on {securable}"
    if policy.kind is PolicyKind.ROW_FILTER:
        use = FunctionUse(policy=policy.name, function=policy.function, arguments=others)
        return link(PolicyOutcome.FILTERS, f"{to}, by {show_use(use)}", use)
    condition = next((m.condition for m in policy.match_columns if m.alias == policy.on_column), None)
    if column not in matched.get(policy.on_column or "", []):
        return link(PolicyOutcome.OTHER_COLUMNS, f"the column's tags do not satisfy {condition}")
    use = FunctionUse(policy=policy.name, function=policy.function, arguments=(column, *others))
    return link(PolicyOutcome.MASKS, f"{to}, matched {condition}, by {show_use(use)}", use)


def _is_under(securable: tuple[str, ...], table: TableName) -> bool:
    return [p.casefold() for p in securable] == [p.casefold() for p in table.parts[: len(securable)]]
