"""The live state that plan, verification and matrix need, read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lampkeeper.model.access import Access, AccessModel
from lampkeeper.model.controls import TableControl
from lampkeeper.model.errors import RemoteError
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.masks import Function
from lampkeeper.model.names import TableName
from lampkeeper.model.policies import Grant, SecurableType
from lampkeeper.model.schema import Table
from lampkeeper.model.tags import TagAssignment
from lampkeeper.remote.catalog import NO_CATALOG, Pattern, read_tables, read_tags, require_all
from lampkeeper.remote.clients import Workspace, encode
from lampkeeper.remote.controls import read_controls
from lampkeeper.remote.directory import Directory, read_directory
from lampkeeper.remote.securables import LivePolicy, Securable, carriers, read_functions, read_grants, read_owners, read_policies
from lampkeeper.remote.side_by_side import side_by_side
from lampkeeper.remote.table_grants import manages, read_table_grants

_MANY = 4
"""With at least this many tables in a catalog, their grants are read by one query."""


@dataclass(frozen=True, kw_only=True)
class Governed:
    """The governance of a workspace: the tables in scope, and all objects that decide access to them.

    `tags` are all tags in the schemas in scope and on their catalogs; `unread` are policies that could not be parsed.
    `controls` are set directly on tables; the runner cannot see the controls of the tables in `controls_not_shown`.
    """

    tables: tuple[Table, ...] = ()
    tags: tuple[TagAssignment, ...] = ()
    policies: tuple[LivePolicy, ...] = ()
    grants: tuple[Grant, ...] = ()
    functions: tuple[Function, ...] = ()
    owners: Mapping[tuple[str, str], str] = field(default_factory=dict)
    directory: Directory = field(default_factory=Directory)
    controls: tuple[TableControl, ...] = ()
    controls_not_shown: tuple[TableName, ...] = ()

    @property
    def unread(self) -> tuple[LivePolicy, ...]:
        """Return the policies whose effect is unknown."""
        return tuple(p for p in self.policies if p.policy is None and p.problem)

    @cached_property
    def access(self) -> Access:
        """Return the access that the workspace gives; its indexes are built once."""
        model = AccessModel(
            tables=self.tables,
            tags=self.tags,
            policies=tuple(p.policy for p in self.policies if p.policy is not None),
            grants=self.grants,
            functions=self.functions,
            members=self.directory.members,
            owners=self.owners,
            controls=self.controls,
        )
        return Access(model)


def read_governed(
    workspace: Workspace,
    tables: Iterable[TableName],
    *,
    former_tables: Iterable[TableName] = (),
    groups: Iterable[str] = (),
    function_schemas: Iterable[tuple[str, str]] = (),
    more_schemas: Iterable[tuple[str, str]] = (),
    more_policy_securables: Iterable[Securable] = (),
    more_grant_securables: Iterable[Securable] = (),
) -> Governed:
    """Read the governance of these tables; the `more_*` arguments name securables outside them to read too.

    A missing table is a RemoteError; a former one is left out, and so is all that was in a dropped catalog.
    Calls per catalog: 4 statements, 1 list of policies, 1 read of the catalog; per schema: 2 or 3; for the grants on tables: 1
    statement if the runner manages the catalog.
    """
    wanted_tables, former = set(tables), set(former_tables)
    also_policies, also_grants = list(more_policy_securables), list(more_grant_securables)
    also = {t.catalog for t in former} | {c for c, _ in (*more_schemas, *function_schemas)}
    also |= {s[1][0] for s in (*also_policies, *also_grants) if s[0] is not SecurableType.METASTORE}
    dropped = _dropped(workspace, also - {t.catalog for t in wanted_tables})
    snapshot = _read_tables(workspace, wanted_tables, {t for t in former if t.catalog not in dropped})
    names = [t.name for t in snapshot]
    schemas = {(t.catalog, t.schema) for t in names} | {s for s in more_schemas if s[0] not in dropped}
    catalogs = sorted({c for c, _ in schemas})
    found = side_by_side(lambda c: read_tags(workspace, c, sorted(s for other, s in schemas if other == c)), catalogs)
    tags = [tag for each in found for tag in each]
    policy_securables: list[Securable] = [s for s in also_policies if s[1][:1] not in {(c,) for c in dropped}]
    policy_securables += [s for each in side_by_side(lambda c: carriers(workspace, c), catalogs) for s in each]
    policies = read_policies(workspace, [(SecurableType.CATALOG, (c,)) for c in catalogs], inherited=True)
    policies += read_policies(workspace, policy_securables)
    on_tables = read_controls(workspace, names)
    homes = {s for s in function_schemas if s[0] not in dropped} | {
        (c.function.catalog, c.function.schema) for c in on_tables.controls
    }
    homes |= {(f.function.catalog, f.function.schema) for f in (p.policy for p in policies) if f is not None}
    functions = [f for each in side_by_side(lambda home: read_functions(workspace, *home), sorted(homes)) for f, _ in each]
    securables: list[Securable] = [(SecurableType.CATALOG, (c,)) for c in catalogs]
    securables += [(SecurableType.SCHEMA, s) for s in sorted(schemas)]
    in_scope = {t.parts for t in names}
    standing = [s for s in also_grants if s[1][:1] not in {(c,) for c in dropped}]
    securables += [s for s in standing if s[0] is not SecurableType.TABLE or s[1] not in in_scope]
    grants = [*read_grants(workspace, securables), *_table_grants(workspace, names)]
    owners = read_owners(workspace, schemas)
    owners |= {(str(SecurableType.TABLE), t.name.plain): t.owner for t in snapshot if t.owner}
    named = {p for f in policies if f.policy for p in (*f.policy.to_principals, *f.policy.except_principals)}
    wanted = (set(groups) | named | {g.principal for g in grants} | set(owners.values())) - {EVERYBODY}
    return Governed(
        tables=tuple(snapshot),
        tags=tuple(sorted(set(tags))),
        policies=tuple(sorted({p.key: p for p in policies}.values(), key=lambda p: p.key)),
        grants=tuple(sorted(set(grants))),
        functions=tuple(functions),
        owners=owners,
        directory=read_directory(workspace, wanted),
        controls=on_tables.controls,
        controls_not_shown=on_tables.not_shown,
    )


def _table_grants(workspace: Workspace, names: list[TableName]) -> list[Grant]:
    """Return the direct grants on these tables: one query for a catalog that the runner manages, else one call per table."""
    grants: list[Grant] = []
    for catalog in sorted({t.catalog for t in names}):
        inside = [t for t in names if t.catalog == catalog]
        if len(inside) >= _MANY and manages(workspace, catalog):
            grants += read_table_grants(workspace, catalog, inside)
        else:
            grants += read_grants(workspace, [(SecurableType.TABLE, t.parts) for t in inside])
    return grants


def _dropped(workspace: Workspace, catalogs: Iterable[str]) -> set[str]:
    """Return the catalogs that do not exist; one that the runner may not see is a RemoteError with status 403."""
    return {c for c in sorted(catalogs) if workspace.find("catalog", f"/api/2.1/unity-catalog/catalogs/{encode(c)}") is None}


def _read_tables(workspace: Workspace, wanted: set[TableName], former: set[TableName]) -> list[Table]:
    def read(catalog: str) -> list[Table]:
        required = [Pattern(catalog=t.catalog, schema=t.schema, table=t.table) for t in sorted(wanted) if t.catalog == catalog]
        others = [Pattern(catalog=t.catalog, schema=t.schema, table=t.table) for t in sorted(former) if t.catalog == catalog]
        try:
            there = read_tables(workspace, catalog, [*required, *others])
        except RemoteError as error:
            if error.code.split(".")[0] not in NO_CATALOG or catalog not in _dropped(workspace, [catalog]):
                raise
            raise RemoteError(
                f"the catalog {catalog} does not exist, and the environment governs {len(required)} tables in it",
                code="CATALOG_NOT_FOUND", status=404,
                fix="remove its tables from env.auto.tfvars and generate again; `lampkeeper destroy` works without the catalog",
            ) from None  # fmt: skip
        require_all(there, required)
        return there

    found = side_by_side(read, sorted({t.catalog for t in wanted | former}))
    return sorted((t for there in found for t in there), key=lambda t: t.name)
