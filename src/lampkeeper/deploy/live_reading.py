"""Reads the live state for a plan: the scope, from the desired state and the state files, and the objects in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from lampkeeper.deploy.change import Change, changes_of
from lampkeeper.deploy.kinds import (
    ENTITLEMENT,
    FUNCTION,
    GENIE_ACL,
    GENIE_SPACE,
    GRANT,
    GROUP,
    MEMBER,
    POLICY,
    SCHEMA,
    TABLE_CONTROL,
    TAG,
    TAG_PERMISSION,
    WAREHOUSE,
    WAREHOUSE_ACL,
    WORKSPACE_ASSIGNMENT,
)
from lampkeeper.deploy.kinds.acl import AclKind
from lampkeeper.deploy.kinds.base import Kind
from lampkeeper.deploy.live_state import RULE_SETS, TAG_POLICIES, LiveState, acl_path, rule_set_name
from lampkeeper.deploy.state import States
from lampkeeper.files.space_json import read_space as parse_space
from lampkeeper.model.conditions import tag_references
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.names import TableName
from lampkeeper.model.policies import Policy, SecurableType
from lampkeeper.remote.catalog import read_tags
from lampkeeper.remote.clients import Json, Workspace, encode
from lampkeeper.remote.directory import read_entitlements, read_workspace_assignments
from lampkeeper.remote.live import Governed, read_governed
from lampkeeper.remote.securables import Securable
from lampkeeper.remote.side_by_side import side_by_side
from lampkeeper.remote.spaces import list_spaces, read_space
from lampkeeper.remote.warehouse import list_warehouses

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The objects to read: those that the desired state names, and those in the state files."""

    tables: tuple[TableName, ...]
    former_tables: tuple[TableName, ...]
    groups: frozenset[str]
    function_schemas: frozenset[tuple[str, str]]
    schemas: frozenset[tuple[str, str]]
    policy_securables: frozenset[Securable]
    grant_securables: frozenset[Securable]
    permission_keys: frozenset[str]
    warehouses: frozenset[str]
    spaces: Mapping[str, str]
    opened_spaces: frozenset[str] = frozenset()
    """The keys and ids of spaces with entries in their access lists."""
    assigns: bool = False
    """Whether groups are assigned to the workspace, or have entitlements there."""
    names_groups: bool = False
    """Whether the desired state names groups, which the workspace layer alone then looks up too."""
    own_tables: frozenset[str] = frozenset()
    """The environment's tables, desired, governed before or with its grants, in lower case."""
    shared_tag_catalogs: frozenset[str] = frozenset()


def scope_of(desired: Desired, states: States, changes: Iterable[Change[Any]] = ()) -> Scope:
    """Return the scope of a plan, or (`changes`) of an existing plan."""
    steps = tuple(changes)

    def known(kind: Kind[T]) -> list[T]:
        specs = [spec for c in changes_of(steps, kind) for spec in (c.before, c.after) if spec is not None]
        return [owned.spec for owned in states.owned(kind).values()] + specs

    homes = {(f.name.catalog, f.name.schema) for f in (*desired.functions, *known(FUNCTION))}
    homes |= {*desired.schemas, *((s.catalog, s.name) for s in known(SCHEMA))}
    entities = [t.entity_name for t in (*known(TAG), *desired.tag_assignments)]
    securables: set[Securable] = {(p.securable_type, p.securable) for p in desired.policies}
    securables |= {(SecurableType(kind), tuple(name.split("."))) for kind, name, _ in (p.key for p in known(POLICY))}
    granted: set[Securable] = {(g.securable_type, g.securable) for g in (*desired.grants, *known(GRANT))}
    spaces = {key: owned.remote_id for key, owned in states.owned(GENIE_SPACE).items()}
    spaces |= {c.key: c.remote_id for c in changes_of(steps, GENIE_SPACE) if c.remote_id}
    # Recorded entries in the access list of a foreign or renamed space are identified by the space's id only.
    with_ids = {*spaces.values(), *(s.space_id for s in desired.spaces)}
    spaces |= {p.space_id: p.space_id for p in known(GENIE_ACL) if p.space_id and p.space_id not in with_ids}
    groups = {g.name for g in desired.groups} | set(desired.members) | {s.group for s in desired.workspace_assignments}
    groups |= {g.name for g in known(GROUP)} | {m.group for m in known(MEMBER)}
    taken = {slot.table for slot in known(TABLE_CONTROL)}
    warehouses = {w.id or w.name for w in desired.warehouses} | {w.name for w in known(WAREHOUSE)}
    return Scope(
        tables=desired.tables,
        former_tables=tuple(sorted((states.governed | taken) - set(desired.tables))),
        groups=frozenset(groups),
        function_schemas=frozenset(homes),
        own_tables=frozenset(
            {t.plain.casefold() for t in {*desired.tables, *(t for s in desired.spaces for t in s.tables), *states.governed}}
            | {".".join(parts).casefold() for kind, parts in granted if kind is SecurableType.TABLE}
        ),
        schemas=frozenset((p[0], p[1]) for p in (e.split(".") for e in entities) if len(p) > 1),
        policy_securables=frozenset(securables),
        grant_securables=frozenset(granted),
        shared_tag_catalogs=frozenset(
            p.securable[0]
            for p in desired.policies
            if p.securable_type is not SecurableType.METASTORE and external_references(desired, p)
        ),
        permission_keys=frozenset({p.key for p in (*desired.tag_permissions, *known(TAG_PERMISSION))}),
        warehouses=frozenset(warehouses | {p.warehouse for p in known(WAREHOUSE_ACL)}),
        opened_spaces=frozenset(
            {s.key for s in desired.spaces if s.acl_groups} | {n for p in known(GENIE_ACL) for n in (p.space, p.space_id) if n}
        ),
        names_groups=bool(desired.groups or desired.workspace_assignments),
        assigns=bool(desired.workspace_assignments or known(WORKSPACE_ASSIGNMENT) or known(ENTITLEMENT)),
        spaces={s.key: s.space_id or spaces.get(s.key, "") for s in desired.spaces} | {k: v for k, v in spaces.items() if v},
    )


def external_references(desired: Desired, policy: Policy) -> frozenset[tuple[str, str | None]]:
    """Return the external tags in a policy's MATCH conditions: key, and value if one is named."""
    theirs = {t.key for t in desired.tag_policies if t.external}
    return frozenset(r for m in policy.match_columns for r in tag_references(m.condition) if r[0] in theirs)


def read_live_state(workspace: Workspace, scope: Scope, states: States, layers: tuple[Layer, ...] = LAYERS) -> LiveState:
    """Read all that the plan of these layers needs; account and data access layer are always read together.

    Who manages spaces alone may read neither the directory nor policies, so nothing is read that no object in scope needs.
    """
    govern = Layer.ACCOUNT in layers or Layer.DATA_ACCESS in layers
    governed = (
        Governed()
        if not govern and not scope.names_groups
        else read_governed(
            workspace,
            scope.tables if govern else (),
            former_tables=scope.former_tables if govern else (),
            groups=scope.groups,
            function_schemas=scope.function_schemas if govern else (),
            more_schemas=scope.schemas if govern else (),
            more_policy_securables=scope.policy_securables if govern else (),
            more_grant_securables=scope.grant_securables if govern else (),
        )
    )
    parts: dict[str, Mapping[str, Json]] = {}
    if govern:
        listed = workspace.pages("tag_policy", TAG_POLICIES, "tag_policies", {"page_size": 1000})
        parts["tag_policies"] = {str(t["tag_key"]): t for t in listed}
        parts["rule_sets"] = _rule_sets(workspace, parts["tag_policies"], scope.permission_keys)
    work = Layer.WORKSPACE in layers
    assigns = work and scope.assigns
    warehouses = {str(w["name"]): w for w in list_warehouses(workspace)} if work else {}
    spaces = _spaces(workspace, scope, states) if work else {}
    return LiveState(
        governed=governed,
        catalog_tags=tuple(t for c in sorted(scope.shared_tag_catalogs) for t in read_tags(workspace, c)) if govern else (),
        taken_controls=tuple(o.spec for o in states.owned(TABLE_CONTROL).values()),
        schemas=_schemas(workspace, scope.function_schemas) if govern else {},
        workspace_assignments=read_workspace_assignments(workspace) if assigns and workspace.has_account else {},
        entitlements=read_entitlements(workspace) if assigns else {},
        warehouses=warehouses,
        warehouse_acls=_acls(workspace, WAREHOUSE_ACL, _in_scope(warehouses, scope.warehouses)),
        spaces=spaces,
        space_acls=_acls(workspace, GENIE_ACL, {k: str(s["space_id"]) for k, s in spaces.items() if k in scope.opened_spaces}),
        **parts,
    )


def _in_scope(warehouses: Mapping[str, Json], wanted: frozenset[str]) -> dict[str, str]:
    return {n: str(w["id"]) for n, w in warehouses.items() if n in wanted or str(w["id"]) in wanted}


def _rule_sets(workspace: Workspace, policies: Mapping[str, Json], keys: Iterable[str]) -> dict[str, Json]:
    def one(key: str) -> Json:
        query = {"name": rule_set_name(workspace, str(policies[key]["id"])), "etag": ""}
        return workspace.get("tag_permission", RULE_SETS, query)

    there = sorted(key for key in keys if key in policies)
    return dict(zip(there, side_by_side(one, there), strict=True))


def _schemas(workspace: Workspace, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Json]:
    def one(schema: tuple[str, str]) -> Json | None:
        return workspace.find("schema", f"/api/2.1/unity-catalog/schemas/{encode('.'.join(schema))}")

    homes = sorted(wanted)
    return {home: found for home, found in zip(homes, side_by_side(one, homes), strict=True) if found is not None}


def _acls(workspace: Workspace, kind: AclKind[Any], ids: Mapping[str, str]) -> dict[str, Json]:
    names = sorted(ids)
    return dict(
        zip(names, side_by_side(lambda n: workspace.get(kind.name, acl_path(kind.object_type, ids[n])), names), strict=True)
    )


def _spaces(workspace: Workspace, scope: Scope, states: States) -> dict[str, Json]:
    """Read the spaces by their ids; without a recorded id, because the state is lost for example, find the space by its mark.

    An environment of another clone may have the same name: a space of it has the same mark, but shows other tables.
    """
    found: dict[str, Json] = {}
    state = states[Layer.WORKSPACE]
    begun = {key for (kind, key) in state.intents if kind == GENIE_SPACE.name}
    lost = {key for key in (begun | set(scope.spaces) if state.blank else begun) if not scope.spaces.get(key)}
    for key, space_id in sorted(scope.spaces.items()):
        document = read_space(workspace, space_id) if space_id else None
        if document is not None:
            found[key] = document
    if lost:
        marks = {f"[managed by lampkeeper: {states.env}/{key}]": key for key in lost}
        for listed in list_spaces(workspace):
            if "description" in listed and not str(listed["description"] or "").endswith(tuple(marks)):
                continue
            document = read_space(workspace, str(listed["space_id"])) or {}
            for mark, key in marks.items():
                if str(document.get("description") or "").endswith(mark) and _shows_ours(document, scope.own_tables):
                    found[key] = document
    return found


def _shows_ours(space: Json, tables: frozenset[str]) -> bool:
    """Return whether a space shows one of these tables, or none at all."""
    text = str(space.get("serialized_space") or "")
    shown = {t.plain.casefold() for t in parse_space(text, name="").tables} if text else set()
    return not shown or not tables.isdisjoint(shown)
