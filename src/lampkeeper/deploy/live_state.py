"""All that a plan looks at, read once: the governance side, and the account's and the workspace's objects in scope."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lampkeeper.deploy.change import Body, Change
from lampkeeper.deploy.owners import Owners
from lampkeeper.deploy.state import States
from lampkeeper.files.space_json import read_space as parse_space
from lampkeeper.model.conditions import tag_references
from lampkeeper.model.desired import Desired
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.names import TableName
from lampkeeper.model.policies import Policy, SecurableType
from lampkeeper.model.tags import TagAssignment
from lampkeeper.remote.catalog import read_tags
from lampkeeper.remote.clients import Json, Workspace, encode
from lampkeeper.remote.directory import read_entitlements, read_workspace_assignments
from lampkeeper.remote.live import Governed, read_governed
from lampkeeper.remote.securables import Securable
from lampkeeper.remote.spaces import list_spaces, read_space
from lampkeeper.remote.warehouse import list_warehouses

RULE_SETS = "/api/2.0/preview/accounts/access-control/rule-sets"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """What stands. Maps are by name (tag key, schema full name, warehouse name, space key) with the raw documents."""

    governed: Governed = field(default_factory=Governed)
    tag_policies: Mapping[str, Json] = field(default_factory=dict)
    rule_sets: Mapping[str, Json] = field(default_factory=dict)
    schemas: Mapping[tuple[str, str], Json] = field(default_factory=dict)
    workspace_assignments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    entitlements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warehouses: Mapping[str, Json] = field(default_factory=dict)
    warehouse_acls: Mapping[str, Json] = field(default_factory=dict)
    spaces: Mapping[str, Json] = field(default_factory=dict)
    space_acls: Mapping[str, Json] = field(default_factory=dict)
    owners: Owners = field(default_factory=Owners)
    catalog_tags: tuple[TagAssignment, ...] = ()
    """All tags of the catalogs where policies match tags of others: they stand on more than our tables."""
    taken_controls: tuple[Body, ...] = ()
    """Column masks and row filters of tables that were taken over, by the state files: as bodies of kind `table_control`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where to look: what the desired state names, and what the state files say that we made."""

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
    own_tables: frozenset[str] = frozenset()
    """The environment's tables, wanted, governed before or granted by it, in small letters."""
    shared_tag_catalogs: frozenset[str] = frozenset()


def scope_of(desired: Desired, states: States, changes: Iterable[Change] = ()) -> Scope:
    """Return where to look for a plan, or (`changes`) for what a plan made earlier touches."""
    bodies: dict[str, list[Body]] = defaultdict(list)
    for state in states.layers.values():
        for (kind, _), owned in state.objects.items():
            bodies[kind].append(owned.body)
    for change in changes:
        bodies[change.kind] += [b for b in (change.before, change.after) if b is not None]
    homes = {(f.name.catalog, f.name.schema) for f in desired.functions} | set(desired.schemas)
    homes |= {(str(b["catalog"]), str(b["schema"])) for kind in ("function", "schema") for b in bodies[kind]}
    entities = [str(b["entity_name"]) for b in bodies["tag"]] + [t.entity_name for t in desired.tag_assignments]
    places: set[Securable] = {(p.securable_type, p.securable) for p in desired.policies}
    places |= {_securable(p["on_securable_type"], p["on_securable_fullname"].split(".")) for p in bodies["policy"]}
    granted: set[Securable] = {(g.securable_type, g.securable) for g in desired.grants}
    granted |= {_securable(g["securable_type"], g["securable"]) for g in bodies["grant"]}
    spaces = {key: owned.remote_id for key, owned in states.owned("genie_space").items()}
    spaces |= {c.key: c.remote_id for c in changes if c.kind == "genie_space" and c.remote_id}
    # What we added to the access list of a space that is not ours, or is called otherwise by now, is known by the space's id.
    known = {*spaces.values(), *(s.space_id for s in desired.spaces)}
    spaces |= {i: i for b in bodies["genie_acl"] if (i := str(b["space_id"])) and i not in known}
    groups = {g.name for g in desired.groups} | set(desired.members) | {s.group for s in desired.workspace_assignments}
    groups |= {str(b["name"]) for b in bodies["group"]} | {str(b["group"]) for b in bodies["member"]}
    taken = {TableName(str(b["catalog"]), str(b["schema"]), str(b["table"])) for b in bodies["table_control"]}
    warehouses = {w.id or w.name for w in desired.warehouses} | {str(b["name"]) for b in bodies["warehouse"]}
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
        policy_securables=frozenset(places),
        grant_securables=frozenset(granted),
        shared_tag_catalogs=frozenset(
            p.securable[0]
            for p in desired.policies
            if p.securable_type is not SecurableType.METASTORE and external_references(desired, p)
        ),
        permission_keys=frozenset(
            {t.key for t in desired.tag_permissions} | {str(b["tag_key"]) for b in bodies["tag_permission"]}
        ),
        warehouses=frozenset(warehouses | {str(b["warehouse"]) for b in bodies["warehouse_acl"]}),
        spaces={s.key: s.space_id or spaces.get(s.key, "") for s in desired.spaces} | {k: v for k, v in spaces.items() if v},
    )


def external_references(desired: Desired, policy: Policy) -> frozenset[tuple[str, str | None]]:
    """Return the tags of others that a policy's columns are matched by: key, and value if one is named."""
    theirs = {t.key for t in desired.tag_policies if t.external}
    return frozenset(r for m in policy.match_columns for r in tag_references(m.condition) if r[0] in theirs)


def _securable(kind: str, parts: Iterable[str]) -> Securable:
    return SecurableType(kind), tuple(parts)


def read_live_state(workspace: Workspace, scope: Scope, states: States, layers: tuple[Layer, ...] = LAYERS) -> LiveState:
    """Read all that the plan of these layers needs; the account and governance layers are judged together."""
    govern = Layer.ACCOUNT in layers or Layer.DATA_ACCESS in layers
    governed = read_governed(
        workspace,
        scope.tables if govern else (),
        former_tables=scope.former_tables if govern else (),
        groups=scope.groups,
        function_schemas=scope.function_schemas if govern else (),
        more_schemas=scope.schemas if govern else (),
        more_policy_securables=scope.policy_securables if govern else (),
        more_grant_securables=scope.grant_securables if govern else (),
    )
    parts: dict[str, Mapping[str, Json]] = {}
    if govern:
        listed = workspace.pages("tag_policy", "/api/2.1/tag-policies", "tag_policies", {"page_size": 1000})
        parts["tag_policies"] = {str(t["tag_key"]): t for t in listed}
        parts["rule_sets"] = _rule_sets(workspace, parts["tag_policies"], scope.permission_keys)
    work = Layer.WORKSPACE in layers
    warehouses = {str(w["name"]): w for w in list_warehouses(workspace)} if work else {}
    spaces = _spaces(workspace, scope, states) if work else {}
    return LiveState(
        governed=governed,
        owners=Owners.read(workspace),
        catalog_tags=tuple(t for c in sorted(scope.shared_tag_catalogs) for t in read_tags(workspace, c)) if govern else (),
        taken_controls=tuple(o.body for o in states.owned("table_control").values()),
        schemas=_schemas(workspace, scope.function_schemas) if govern else {},
        workspace_assignments=read_workspace_assignments(workspace) if work and workspace.has_account else {},
        entitlements=read_entitlements(workspace) if work else {},
        warehouses=warehouses,
        warehouse_acls=_acls(workspace, "warehouse", _in_scope(warehouses, scope.warehouses)),
        spaces=spaces,
        space_acls=_acls(workspace, "genie", {k: str(s["space_id"]) for k, s in spaces.items()}),
        **parts,
    )


def _in_scope(warehouses: Mapping[str, Json], wanted: frozenset[str]) -> dict[str, str]:
    return {n: str(w["id"]) for n, w in warehouses.items() if n in wanted or str(w["id"]) in wanted}


def rule_set_name(workspace: Workspace, tag_policy_id: str) -> str:
    """Return the name of a tag policy's rule set (source: Terraform provider 1.128, access_control_rule_set)."""
    return f"accounts/{workspace.account_id}/tagPolicies/{tag_policy_id}/ruleSets/default"


def _rule_sets(workspace: Workspace, policies: Mapping[str, Json], keys: Iterable[str]) -> dict[str, Json]:
    found = {}
    for key in sorted(keys):
        if key in policies:
            query = {"name": rule_set_name(workspace, str(policies[key]["id"])), "etag": ""}
            found[key] = workspace.get("tag_permission", RULE_SETS, query)
    return found


def _schemas(workspace: Workspace, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Json]:
    found = {}
    for catalog, schema in sorted(wanted):
        document = workspace.find("schema", f"/api/2.1/unity-catalog/schemas/{encode(f'{catalog}.{schema}')}")
        if document is not None:
            found[(catalog, schema)] = document
    return found


_ACL_PATHS = {"warehouse": "/api/2.0/permissions/warehouses", "genie": "/api/2.0/permissions/genie"}


def acl_path(object_type: str, object_id: str) -> str:
    """Return the permissions path of a warehouse or a Genie space (`genie`, source: the Databricks CLI's tests)."""
    return f"{_ACL_PATHS[object_type]}/{encode(object_id)}"


def _acls(workspace: Workspace, object_type: str, ids: Mapping[str, str]) -> dict[str, Json]:
    kind = "warehouse_acl" if object_type == "warehouse" else "genie_acl"
    return {name: workspace.get(kind, acl_path(object_type, each)) for name, each in sorted(ids.items())}


def _spaces(workspace: Workspace, scope: Scope, states: States) -> dict[str, Json]:
    """Read the spaces by their ids; where the id was never noted, or the state with it was lost, a space is found by its mark.

    The environment of another clone may be called as ours is: a space with its mark shows other tables than ours.
    """
    found: dict[str, Json] = {}
    state = states[Layer.WORKSPACE]
    begun = {key for (kind, key) in state.intents if kind == "genie_space"}
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
    """Return whether a space shows a table of these, or none at all."""
    text = str(space.get("serialized_space") or "")
    shown = {t.plain.casefold() for t in parse_space(text, name="").tables} if text else set()
    return not shown or not tables.isdisjoint(shown)
