"""Named configurations for the laws: what stands before, a sequence of desired states, and who looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from lampkeeper.model.conditions import HasTagValue, Not, any_of
from lampkeeper.model.desired import Desired
from lampkeeper.model.genie import Benchmark, GenieSpace, Warehouse, WorkspaceAssignment
from lampkeeper.model.groups import EVERYBODY, Group
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import ColumnName, FunctionName, TableName
from lampkeeper.model.policies import Argument, Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.tags import EntityType, TagAssignment, TagPermission, TagPolicy
from lampkeeper.text.sql_quoting import quote_identifier
from support.governed_places import Place

MASKS = {
    "masked_email": ("mask_email", "STRING", "CASE WHEN v IS NULL THEN NULL ELSE concat(left(v, 1), '***') END"),
    "masked_name": ("mask_name", "STRING", "CASE WHEN v IS NULL THEN NULL ELSE 'N.' END"),
    "masked_amount": ("mask_amount", "DOUBLE", "round(v, -2)"),
    "hidden": ("mask_all", "STRING", "CAST(NULL AS STRING)"),
}
KEY = "pii_level"


def table_name(text: str) -> TableName:
    """Read a table name."""
    return TableName.parse(text)


def function(catalog: str, value: str, body: str = "") -> Function:
    """Return the mask of a tag value."""
    name, kind, text = MASKS[value]
    return Function(
        name=FunctionName(catalog, "lampkeeper", name), role=FunctionRole.MASK, parameters=(Parameter(name="v", type=kind),),
        returns=kind, body=body or text,
    )  # fmt: skip


def mask_policy(catalog: str, value: str, exempt: Sequence[str], *more: str, to: Sequence[str] = (EVERYBODY,)) -> Policy:
    """Return the policy that masks columns tagged with a value (or any of several)."""
    condition = any_of(tuple(HasTagValue(KEY, v) for v in (value, *more)))
    return Policy(
        name=f"lk_{value}", kind=PolicyKind.COLUMN_MASK, securable_type=SecurableType.CATALOG, securable=(catalog,),
        to_principals=tuple(to), except_principals=tuple(exempt), function=FunctionName(catalog, "lampkeeper", MASKS[value][0]),
        match_columns=(MatchColumn(alias="m", condition=condition),), on_column="m",
    )  # fmt: skip


def column_tag(table: str, column: str, value: str) -> TagAssignment:
    """Return the tag of a column."""
    name = ColumnName(table_name(table), column).plain
    return TagAssignment(entity_type=EntityType.COLUMNS, entity_name=name, key=KEY, value=value)


def grants(tables: Sequence[str], groups: Sequence[str]) -> tuple[Grant, ...]:
    """Return least-privilege reading for the groups."""
    found: set[Grant] = set()
    for text in tables:
        t = table_name(text)
        for g in groups:
            found |= {
                Grant(securable_type=SecurableType.CATALOG, securable=(t.catalog,), principal=g, privileges=("USE_CATALOG",)),
                Grant(
                    securable_type=SecurableType.SCHEMA, securable=(t.catalog, t.schema), principal=g, privileges=("USE_SCHEMA",)
                ),
                Grant(securable_type=SecurableType.TABLE, securable=t.parts, principal=g, privileges=("SELECT",)),
            }
    return tuple(found)


def governed(
    columns: Mapping[str, Mapping[str, str]],
    members: Mapping[str, Sequence[str]],
    *,
    cleared: Sequence[str] = ("officers",),
    external: Sequence[str] = (),
    readers: Sequence[str] | None = None,
) -> Desired:
    """Return the whole desired state for tables with columns by protection (a tag value, or empty for an open column)."""
    groups = sorted({*members, *external})
    catalogs = sorted({table_name(t).catalog for t in columns})
    used = {(table_name(t).catalog, v) for t, cols in columns.items() for v in cols.values() if v}
    values = sorted({v for _, v in used})
    return Desired(
        groups=tuple(Group(name=g, external=g in external) for g in groups),
        members={g: tuple(m) for g, m in members.items() if g not in external},
        tag_policies=(TagPolicy(key=KEY, description="who may read", values=tuple(values)),),
        schemas=tuple((c, "lampkeeper") for c in catalogs),
        functions=tuple(function(c, v) for c, v in used),
        policies=tuple(mask_policy(c, v, cleared) for c, v in used),
        tag_assignments=tuple(column_tag(t, c, v) for t, cols in columns.items() for c, v in cols.items() if v),
        grants=grants(tuple(columns), tuple(readers) if readers is not None else tuple(groups)),
        tables=tuple(table_name(t) for t in columns),
    )


@dataclass(frozen=True, kw_only=True)
class Config:
    """One configuration. `people` are made first; `before` prepares what is not ours; `tables` are watched by all people.

    `steady`: who reads rows before and after a stage reads them all the way.
    """

    name: str
    tables: Mapping[str, Mapping[str, str]]
    people: tuple[str, ...]
    stages: tuple[Desired, ...]
    before: Callable[[Place, Mapping[str, str]], None] = lambda place, ids: None
    widens: bool = False
    steady: bool = False

    def build(self, place: Place) -> None:
        """Make tables and people on a fresh place."""
        ids = {name: place.user(name) for name in self.people}
        for text, cols in self.tables.items():
            t = table_name(text)
            lines = ", ".join(f"{quote_identifier(c)} {kind}" for c, kind in cols.items())
            place.sql(
                f"CREATE CATALOG IF NOT EXISTS {quote_identifier(t.catalog)}",
                f"CREATE SCHEMA IF NOT EXISTS {quote_identifier(t.catalog)}.{quote_identifier(t.schema)}",
                f"CREATE TABLE {t.sql} ({lines})",
            )
        self.before(place, ids)

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Return the columns by table."""
        return {t: tuple(c) for t, c in self.tables.items()}


ANA, OLA, EVE = "ana@bank.example", "ola@bank.example", "eve@else.example"
PEOPLE = (ANA, OLA, EVE)
_STRINGS = {"id": "BIGINT", "email": "STRING", "full_name": "STRING", "amount": "DOUBLE"}
_TREATED = {"id": "", "email": "masked_email", "full_name": "masked_name", "amount": "masked_amount"}
_STAFF = {"analysts": (ANA,), "officers": (OLA,)}
_ONE = {"dev.s.customers": _TREATED}


def _one_table() -> Config:
    return Config(name="one_table", tables={"dev.s.customers": _STRINGS}, people=PEOPLE, stages=(governed(_ONE, _STAFF),))


def _two_catalogs() -> Config:
    tables = {"fin.s.customers": _STRINGS, "med.s.patients": {"pid": "BIGINT", "name": "STRING", "email": "STRING"}}
    treated = {"fin.s.customers": _TREATED, "med.s.patients": {"pid": "", "name": "masked_name", "email": "masked_email"}}
    permission = TagPermission(key=KEY, role="roles/tagPolicy.assigner", principals=("officers",))
    desired = replace(governed(treated, _STAFF), tag_permissions=(permission,))
    return Config(name="two_catalogs", tables=tables, people=PEOPLE, stages=(desired,))


def _row_filter() -> Config:
    base = governed(_ONE, _STAFF)
    flag = TagAssignment(entity_type=EntityType.COLUMNS, entity_name="dev.s.customers.flag", key="compliance_scope", value="aml")
    rule = Function(
        name=FunctionName("dev", "lampkeeper", "filter_aml"), role=FunctionRole.FILTER,
        parameters=(Parameter(name="f", type="BOOLEAN"),), returns="BOOLEAN", body="coalesce(f, TRUE) = FALSE",
    )  # fmt: skip
    policy = Policy(
        name="lk_aml", kind=PolicyKind.ROW_FILTER, securable_type=SecurableType.CATALOG, securable=("dev",),
        to_principals=(EVERYBODY,), except_principals=("officers",), function=rule.name,
        match_columns=(MatchColumn(alias="f", condition=HasTagValue("compliance_scope", "aml")),), using=(Argument(alias="f"),),
    )  # fmt: skip
    desired = replace(
        base,
        tag_policies=(*base.tag_policies, TagPolicy(key="compliance_scope", values=("aml",))),
        functions=(*base.functions, rule),
        policies=(*base.policies, policy),
        tag_assignments=(*base.tag_assignments, flag),
    )
    tables = {"dev.s.customers": {**_STRINGS, "flag": "BOOLEAN"}}
    return Config(name="row_filter", tables=tables, people=PEOPLE, stages=(base, desired))


def _nested_groups() -> Config:
    members = {"analysts": (ANA, "team"), "team": (EVE,), "officers": ("auditors",), "auditors": (OLA,)}
    desired = governed(_ONE, members, readers=("analysts", "officers"))
    return Config(name="nested_groups", tables={"dev.s.customers": _STRINGS}, people=PEOPLE, stages=(desired,))


def _hostile_names() -> Config:
    columns = ["e`mail", "it's", 'qu"ote', "dot.ted", "naïve Ω", "a|b", "per%cent", "sl/ash?#", "new\nline"]
    table = "dev.s.odd"
    tables = {table: dict.fromkeys(columns, "STRING")}
    treated = {table: {c: ("masked_email" if n % 2 else "masked_name") for n, c in enumerate(columns)}}
    members = {'an`al ysts\' "x"': (ANA,), "officers|two/three": (OLA,)}
    desired = governed(treated, members, cleared=("officers|two/three",))
    return Config(name="hostile_names", tables=tables, people=PEOPLE, stages=(desired,))


def _external_group() -> Config:
    """An identity provider owns the groups: their members are there from the first grant on."""

    def before(place: Place, ids: Mapping[str, str]) -> None:
        place.group("idp_officers", ids[OLA])
        place.group("idp_analysts", ids[ANA])

    desired = governed(_ONE, {}, cleared=("idp_officers",), external=("idp_officers", "idp_analysts"))
    return Config(name="external_group", tables={"dev.s.customers": _STRINGS}, people=PEOPLE, stages=(desired,), before=before)


def _update_mask() -> Config:
    """Change everything at once: a mask's body, a column's protection, who is exempt, who is in the groups."""
    first = governed(_ONE, _STAFF)
    moved = {"dev.s.customers": {**_TREATED, "full_name": "masked_email", "email": "masked_name"}}
    second = governed(moved, {"analysts": (ANA, EVE), "officers": (), "auditors": (OLA,)}, cleared=("auditors",))
    body = "CASE WHEN v IS NULL THEN NULL ELSE '***' END"
    functions = tuple(function("dev", "masked_email", body) if f.name.function == "mask_email" else f for f in second.functions)
    return Config(
        name="update_mask", tables={"dev.s.customers": _STRINGS}, people=PEOPLE,
        stages=(first, replace(second, functions=functions)), widens=True,
    )  # fmt: skip


def _shrink() -> Config:
    tables = {"dev.s.customers": _STRINGS, "dev.s.orders": {"oid": "BIGINT", "note": "STRING"}}
    treated = {"dev.s.customers": _TREATED, "dev.s.orders": {"oid": "", "note": "hidden"}}
    return Config(name="shrink", tables=tables, people=PEOPLE, stages=(governed(treated, _STAFF), governed(_ONE, _STAFF)))


def _workspace_layer() -> Config:
    base = governed(_ONE, _STAFF)
    space = GenieSpace(
        name="Customer 360", tables=(table_name("dev.s.customers"),), title="Customer 360", description="All about customers",
        instructions="Amounts are in euro.", sample_questions=("How many customers?",),
        benchmarks=(Benchmark(question="How many?", sql="SELECT count(*) FROM dev.s.customers"),),
        acl_groups=("analysts", "officers"),
    )  # fmt: skip
    first = replace(
        base,
        workspace_assignments=(
            WorkspaceAssignment(group="analysts", entitlements=("workspace-consume",)),
            WorkspaceAssignment(group="officers"),
        ),
        warehouses=(Warehouse(name="governed", users=("analysts", "officers")),),
        spaces=(space,),
    )
    second = replace(first, spaces=(replace(space, instructions="Amounts are in dollars.", acl_groups=("analysts",)),))
    return Config(name="workspace_layer", tables={"dev.s.customers": _STRINGS}, people=PEOPLE, stages=(first, second))


def _already_there() -> Config:
    """Parts of the desired state stand already and belong to somebody else: they are used, and survive a destroy."""

    def before(place: Place, ids: Mapping[str, str]) -> None:
        place.group("officers", ids[OLA])
        w = place.workspace
        w.write(
            "test", "POST", "/api/2.1/tag-policies", {"tag_key": KEY, "description": "theirs", "values": [{"name": "theirs"}]}
        )
        w.write(
            "test", "PATCH", "/api/2.1/unity-catalog/permissions/catalog/dev",
            {"changes": [{"principal": "officers", "add": ["USE_CATALOG"]}]},
        )  # fmt: skip

    return Config(
        name="already_there", tables={"dev.s.customers": _STRINGS}, people=PEOPLE, stages=(governed(_ONE, _STAFF),), before=before
    )


def unreviewed_closed(
    desired: Desired, *, exempt: Sequence[str] = (), columns: Mapping[str, Sequence[str]] | None = None
) -> Desired:
    """Return the state with what nobody has reviewed closed: tables, and with `columns` (the open ones by table) columns too."""
    key, value = "lampkeeper_review", "reviewed"
    reviewed = HasTagValue(key, value)
    catalogs = sorted({t.catalog for t in desired.tables})
    deny = {
        c: Function(
            name=FunctionName(c, "lampkeeper", "filter_unreviewed"), role=FunctionRole.FILTER, parameters=(), returns="BOOLEAN",
            body="FALSE",
        ) for c in catalogs
    }  # fmt: skip
    blank = {
        c: Function(
            name=FunctionName(c, "lampkeeper", "mask_unreviewed"), role=FunctionRole.MASK,
            parameters=(Parameter(name="value", type="VARIANT"),), returns="VARIANT", body="CAST(NULL AS VARIANT)",
        ) for c in catalogs
    }  # fmt: skip
    tags = [TagAssignment(entity_type=EntityType.TABLES, entity_name=t.plain, key=key, value=value) for t in desired.tables]
    policies = [replace(p, when=reviewed) if p.kind is PolicyKind.ROW_FILTER else p for p in desired.policies]
    policies += [
        Policy(
            name="lk_unreviewed_rows", kind=PolicyKind.ROW_FILTER, securable_type=SecurableType.CATALOG, securable=(c,),
            to_principals=(EVERYBODY,), except_principals=tuple(exempt), function=deny[c].name, when=Not(reviewed),
        ) for c in catalogs
    ]  # fmt: skip
    if columns is not None:
        used = sorted({(t.key, t.value) for t in desired.tag_assignments if t.entity_type is EntityType.COLUMNS})
        open_condition = Not(any_of((reviewed, *(HasTagValue(k, v) for k, v in used))))
        tags += [
            TagAssignment(entity_type=EntityType.COLUMNS, entity_name=ColumnName(table_name(t), c).plain, key=key, value=value)
            for t, names in columns.items() for c in names
        ]  # fmt: skip
        policies += [
            Policy(
                name="lk_unreviewed_columns", kind=PolicyKind.COLUMN_MASK, securable_type=SecurableType.CATALOG, securable=(c,),
                to_principals=(EVERYBODY,), except_principals=tuple(exempt), function=blank[c].name, when=reviewed,
                match_columns=(MatchColumn(alias="u", condition=open_condition),), on_column="u",
            ) for c in catalogs
        ]  # fmt: skip
    functions = [*desired.functions, *deny.values(), *(blank.values() if columns is not None else ())]
    return replace(
        desired,
        tag_policies=(*desired.tag_policies, TagPolicy(key=key, values=(value,))),
        functions=tuple(functions), policies=tuple(policies), tag_assignments=(*desired.tag_assignments, *tags),
    )  # fmt: skip


def _readers_by_others(place: Place, ids: Mapping[str, str]) -> None:
    """Let a group that is not ours read the whole catalog, as it did before anybody governed it."""
    place.group("old_readers", ids[EVE])
    place.workspace.write(
        "test", "PATCH", "/api/2.1/unity-catalog/permissions/catalog/dev",
        {"changes": [{"principal": "old_readers", "add": ["USE_CATALOG", "USE_SCHEMA", "SELECT"]}]},
    )  # fmt: skip


def _unreviewed_tables() -> Config:
    """Open, then closed with one table, then with two and an exempt group, then open again; a third is never reviewed."""
    tables = {"dev.s.customers": {**_STRINGS, "flag": "BOOLEAN"}, "dev.s.orders": {"oid": "BIGINT", "note": "STRING"}}
    tables["dev.s.other"] = {"secret": "STRING"}
    base = _row_filter().stages[-1]
    treated = {"dev.s.orders": {"oid": "", "note": "masked_name"}}
    more = governed(treated, _STAFF)
    two = replace(
        base, tables=(*base.tables, *more.tables), grants=tuple({*base.grants, *more.grants}),
        tag_assignments=(*base.tag_assignments, *more.tag_assignments),
    )  # fmt: skip
    stages = (base, unreviewed_closed(base), unreviewed_closed(two, exempt=("officers",)), two)
    return Config(
        name="unreviewed_tables", tables=tables, people=PEOPLE, stages=stages, before=_readers_by_others, widens=True, steady=True
    )


def _unreviewed_columns() -> Config:
    """Closed from the first apply on; then a column that was open is masked, and one that was masked is open."""
    first = unreviewed_closed(governed(_ONE, _STAFF), columns={"dev.s.customers": ("id",)})
    turned = {"dev.s.customers": {**_TREATED, "id": "", "amount": ""}}
    second = unreviewed_closed(governed(turned, _STAFF), columns={"dev.s.customers": ("id", "amount")})
    return Config(
        name="unreviewed_columns", tables={"dev.s.customers": _STRINGS, "dev.s.other": {"secret": "STRING"}}, people=PEOPLE,
        stages=(first, second), before=_readers_by_others, widens=True,
    )  # fmt: skip


CONFIGS: tuple[Config, ...] = (
    _one_table(), _two_catalogs(), _row_filter(), _nested_groups(), _hostile_names(), _external_group(), _update_mask(),
    _shrink(), _workspace_layer(), _already_there(), _unreviewed_tables(), _unreviewed_columns(),
)  # fmt: skip


class _Beside:
    """A place for a second configuration: what the first has prepared is there once, and the catalog is another one."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.workspace = self

    def group(self, name: str, *member_ids: str) -> str:
        """Return the id of the group, made if it is not there."""
        path, api_level = self._place.workspace.scim("Groups")
        listed = self._place.workspace.scim_pages("test", path, {"attributes": "id,displayName"}, api_level)
        known = {str(g["displayName"]): str(g["id"]) for g in listed}
        return known.get(name) or self._place.group(name, *member_ids)

    def write(self, kind: str, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Send a write, to the second catalog where it names the first."""
        if "tag_key" in body and self._place.workspace.find(kind, f"{path}/{body['tag_key']}") is not None:
            return
        self._place.workspace.write(kind, method, path.replace("/catalog/dev", "/catalog/dev_b"), body)


def in_own_catalogs(config: Config) -> Config:
    """Return the configuration over catalogs of its own: what it shares with the original is the account's and workspace's."""
    data = {t.catalog: f"{t.catalog}_b" for t in map(table_name, config.tables)}

    def name(found: TableName) -> TableName:
        return replace(found, catalog=data[found.catalog])

    def function_name(found: FunctionName) -> FunctionName:
        return replace(found, catalog=data[found.catalog])

    def securable(parts: tuple[str, ...]) -> tuple[str, ...]:
        return (data[parts[0]], *parts[1:])

    def entity(text: str) -> str:
        catalog = next(c for c in data if text == c or text.startswith(f"{c}."))
        return data[catalog] + text[len(catalog) :]

    def moved(desired: Desired) -> Desired:
        return replace(
            desired,
            schemas=tuple((data[c], s) for c, s in desired.schemas),
            functions=tuple(replace(f, name=function_name(f.name)) for f in desired.functions),
            policies=tuple(
                replace(p, securable=securable(p.securable), function=function_name(p.function)) for p in desired.policies
            ),
            tag_assignments=tuple(replace(t, entity_name=entity(t.entity_name)) for t in desired.tag_assignments),
            grants=tuple(replace(g, securable=securable(g.securable)) for g in desired.grants),
            tables=tuple(name(t) for t in desired.tables),
            spaces=tuple(
                replace(
                    s, tables=tuple(name(t) for t in s.tables),
                    benchmarks=tuple(replace(b, sql=b.sql.replace("dev.", "dev_b.")) for b in s.benchmarks),
                )
                for s in desired.spaces
            ),
        )  # fmt: skip

    def before(place: Place, ids: Mapping[str, str]) -> None:
        config.before(cast(Place, _Beside(place)), ids)

    tables = {name(table_name(t)).plain: columns for t, columns in config.tables.items()}
    return replace(config, tables=tables, stages=tuple(moved(s) for s in config.stages), before=before)


def account_union(own: Desired, *others: Desired) -> Desired:
    """Return a desired state whose account layer is that of all: environments of one folder share it."""
    found = own
    for other in others:
        tags = {t.key: t for t in (*other.tag_policies, *found.tag_policies)}
        values = {k: {v for t in (*found.tag_policies, *other.tag_policies) if t.key == k for v in t.values} for k in tags}
        members = {
            g: tuple(sorted({*found.members.get(g, ()), *other.members.get(g, ())})) for g in {*found.members, *other.members}
        }
        groups = {g.name: g for g in (*other.groups, *found.groups)}
        found = replace(
            found,
            groups=tuple(groups[n] for n in sorted(groups)),
            members=members,
            tag_policies=tuple(replace(tags[k], values=tuple(sorted(values[k]))) for k in sorted(tags)),
            tag_permissions=tuple({(p.key, p.role): p for p in (*other.tag_permissions, *found.tag_permissions)}.values()),
        )
    return found
