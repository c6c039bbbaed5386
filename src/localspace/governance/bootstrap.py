"""Bootstrap: what a new account, a new workspace and a new metastore hold."""

from __future__ import annotations

import uuid

from localspace.core.clock import Clock
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredGrant, StoredMetastore
from localspace.core.stored_documents.directory import (
    StoredAccountHost,
    StoredEntitlements,
    StoredGroup,
    StoredMetastoreAssignment,
    StoredUser,
    StoredWorkspaceAssignment,
)
from localspace.core.stored_documents.kind import Document
from localspace.core.stored_documents.workspace import StoredIds, StoredServingEndpoint, StoredWarehouse
from localspace.core.timestamps import iso
from localspace.governance import samples
from localspace.governance.legacy import HIVE
from localspace.governance.repositories import WorkspaceIds

ADMIN_NAME = "admin@localspace.example"
SYSTEM_USER = "System user"
REGION = "us-east-1"


def ensure(store: Store, clock: Clock) -> WorkspaceIds:
    """Return the ids of the account's first workspace, made at the first start and kept for ever."""
    with store.transaction():
        found = store.get(kinds.IDS, kinds.WHOLE)
        if found is None:
            found = StoredIds(
                account_id=str(uuid.uuid4()),
                workspace_id=_workspace_id(),
                metastore_id=str(uuid.uuid4()),
                warehouse_id=uuid.uuid4().hex[:16],
                admin_id=new_principal_id(store),
            )
            store.put(kinds.IDS, (kinds.WHOLE,), found)
        if not store.count(kinds.USER):
            _fill(store, clock, found)
    return ids_of(store, found["workspace_id"])


def ids_of(store: Store, workspace_id: str) -> WorkspaceIds:
    """Return the ids of a workspace with the metastore that it has now; raises KeyError for an unknown one."""
    first = store.get(kinds.IDS, kinds.WHOLE)
    found = first if first is not None and first["workspace_id"] == workspace_id else store.get(kinds.IDS, workspace_id)
    if found is None:
        raise KeyError(workspace_id)
    assigned = store.get(kinds.METASTORE_ASSIGNMENT, workspace_id)
    return WorkspaceIds(
        account_id=found["account_id"],
        workspace_id=workspace_id,
        metastore_id="" if assigned is None else assigned["metastore_id"],
        warehouse_id=found["warehouse_id"],
        admin_id=found["admin_id"],
    )


def add_workspace(store: Store, clock: Clock, fields: Document, admin_id: str) -> WorkspaceIds:
    """Make a workspace without a metastore; `fields` are those of the request, and `admin_id` becomes its admin."""
    with store.transaction():
        first = store.get(kinds.IDS, kinds.WHOLE)
        if first is None:
            raise KeyError("the account has no ids yet")
        found = StoredIds(
            account_id=first["account_id"],
            workspace_id=_workspace_id(),
            metastore_id="",
            warehouse_id=uuid.uuid4().hex[:16],
            admin_id=first["admin_id"],
        )
        store.put(kinds.IDS, (found["workspace_id"],), found)
        _fill_workspace(store, clock, found, fields)
        assign(store, found["workspace_id"], admin_id, ["ADMIN"])
    return ids_of(store, found["workspace_id"])


def restore_workspace(store: Store, clock: Clock, kept: StoredIds) -> None:
    """Make a launched workspace again after the account was emptied, with its ids and its metastore."""
    name = kept.get("launched_as", "")
    store.put(kinds.IDS, (kept["workspace_id"],), kept)
    _fill_workspace(store, clock, kept, {"workspace_name": name, "deployment_name": name})
    assign(store, kept["workspace_id"], kept["admin_id"], ["ADMIN"])
    if store.get(kinds.METASTORE, kept["metastore_id"]) is None:
        fields = {"metastore_id": kept["metastore_id"], "name": kept.get("metastore_name", name)}
        add_metastore(store, clock, fields, ADMIN_NAME)
    assign_metastore(store, kept["workspace_id"], kept["metastore_id"])


def add_metastore(store: Store, clock: Clock, fields: Document, owner: str) -> StoredMetastore:
    """Make a metastore with the catalogs that the platform makes; `fields` are those of the request."""
    now = clock.now_ms()
    metastore_id = str(fields.get("metastore_id") or uuid.uuid4())
    body: Document = {
        "owner": owner,
        "cloud": "aws",
        "region": REGION,
        "privilege_model_version": "1.0",
        "delta_sharing_scope": "INTERNAL",
        "storage_root": "",
        "created_at": now,
        "created_by": owner,
        "updated_at": now,
        "updated_by": owner,
    }
    body |= fields
    region = body["region"]
    body |= {"metastore_id": metastore_id, "global_metastore_id": f"aws:{region}:{metastore_id}"}
    new = kinds.METASTORE.document(body)
    with store.transaction():
        store.put(kinds.METASTORE, (metastore_id,), new)
        _catalogs(store.within("", metastore_id), now, metastore_id)
    return new


def assign_metastore(store: Store, workspace_id: str, metastore_id: str, default_catalog: str = "main") -> None:
    """Give a workspace its metastore."""
    assignment: StoredMetastoreAssignment = {
        "workspace_id": int(workspace_id),
        "metastore_id": metastore_id,
        "default_catalog_name": default_catalog,
    }
    store.put(kinds.METASTORE_ASSIGNMENT, (workspace_id,), assignment)


def assign(store: Store, workspace_id: str, principal_id: str, permissions: list[str]) -> None:
    """Let a principal into a workspace."""
    body = StoredWorkspaceAssignment(principal_id=principal_id, permissions=permissions)
    store.put(kinds.WORKSPACE_ASSIGNMENT, (workspace_id, principal_id), body, (workspace_id,))


def new_principal_id(store: Store) -> str:
    """Return a new numeric id, as accounts give them."""
    return str(store.next_number("principal", start=7_000_000_000_001))


def _workspace_id() -> str:
    return str(1_000_000_000_000_000 + uuid.uuid4().int % 8_000_000_000_000_000)


def _fill(store: Store, clock: Clock, ids: StoredIds) -> None:
    admin = StoredUser(
        id=ids["admin_id"],
        userName=ADMIN_NAME,
        displayName="Local admin",
        name={"givenName": "Local", "familyName": "admin"},
        emails=[{"value": ADMIN_NAME, "type": "work", "primary": True}],
        active=True,
        roles=["account_admin"],
    )
    store.put(kinds.USER, (ids["admin_id"],), admin)
    if store.get(kinds.ACCOUNT_HOST, kinds.WHOLE) is None:
        store.put(kinds.ACCOUNT_HOST, (kinds.WHOLE,), StoredAccountHost(separate=False, port=0))
    workspace = {"workspace_name": "localspace", "deployment_name": "localspace"}
    _fill_workspace(store, clock, ids, workspace)
    assign(store, ids["workspace_id"], ids["admin_id"], ["ADMIN"])
    given = StoredEntitlements(principal_id=ids["admin_id"], entitlements=["allow-cluster-create"])
    store.within(ids["workspace_id"], None).put(kinds.ENTITLEMENTS, (ids["admin_id"],), given)
    add_metastore(store, clock, {"metastore_id": ids["metastore_id"], "name": "localspace"}, ADMIN_NAME)
    assign_metastore(store, ids["workspace_id"], ids["metastore_id"])


def _fill_workspace(store: Store, clock: Clock, ids: StoredIds, fields: Document) -> None:
    """Write what a new workspace has: its record, groups, legacy catalog, warehouse and endpoint."""
    now = clock.now_ms()
    record: Document = {
        "aws_region": REGION,
        "compute_mode": "SERVERLESS",
        "pricing_tier": "ENTERPRISE",
        **fields,
        "workspace_id": int(ids["workspace_id"]),
        "account_id": ids["account_id"],
        "creation_time": now,
    }
    record.setdefault("workspace_status", "RUNNING")
    record.setdefault("workspace_status_message", "Workspace is running.")
    store.put(kinds.ACCOUNT_WORKSPACE, (ids["workspace_id"],), kinds.ACCOUNT_WORKSPACE.document(record))
    room = store.within(ids["workspace_id"], None)
    _groups(room)
    _catalog(room, now, "", _LEGACY)
    room.put(kinds.WAREHOUSE, (ids["warehouse_id"],), _warehouse(ids["warehouse_id"]))
    room.put(
        kinds.SERVING_ENDPOINT,
        ("databricks-claude-sonnet-4",),
        StoredServingEndpoint(
            name="databricks-claude-sonnet-4",
            id=uuid.uuid4().hex,
            creator=SYSTEM_USER,
            creation_timestamp=now,
            last_updated_timestamp=now,
            task="llm/v1/chat",
            endpoint_type="FOUNDATION_MODEL_API",
            state={"ready": "READY", "config_update": "NOT_UPDATING"},
        ),
    )


def _groups(room: Store) -> None:
    # A new workspace lets every user in with these two (source: platform docs, entitlements).
    entitlements = {
        "users": ["workspace-access", "databricks-sql-access"],
        "admins": ["workspace-access", "databricks-sql-access", "allow-cluster-create", "allow-instance-pool-create"],
    }
    for name, given in entitlements.items():
        group_id = new_principal_id(room)
        group = StoredGroup(
            id=group_id, displayName=name, scope="workspace", system=True, members=[], entitlements=given, roles=[]
        )
        room.put(kinds.GROUP, (group_id,), group)


_CATALOGS = (
    ("main", ADMIN_NAME, "MANAGED_CATALOG", "Main catalog (auto-created)", ("default",)),
    (samples.SAMPLES, SYSTEM_USER, "SYSTEM_CATALOG", "Samples that the platform provides", ("default",)),
    ("system", SYSTEM_USER, "SYSTEM_CATALOG", "System catalog (auto-created)", ("access", "query")),
)
_LEGACY = (HIVE, SYSTEM_USER, "INTERNAL_CATALOG", "The legacy catalog", ("default",))


def _catalogs(room: Store, now: int, metastore_id: str) -> None:
    for one in _CATALOGS:
        _catalog(room, now, metastore_id, one)
    samples.fill(room, metastore_id, SYSTEM_USER, now)
    for name in (samples.SAMPLES, "system"):
        # Rows of the system tables that are served are filtered by privilege, so that reading them is open to all.
        privileges = ["EXECUTE", "SELECT", "USE_CATALOG", "USE_SCHEMA"]
        grant = StoredGrant(securable_type="CATALOG", full_name=name, principal="account users", privileges=privileges)
        room.put(kinds.GRANT, ("CATALOG", name, "account users"), grant, ("CATALOG", name))


def _catalog(room: Store, now: int, metastore_id: str, described: tuple[str, str, str, str, tuple[str, ...]]) -> None:
    name, owner, kind, comment, schemas = described
    stamp: Document = {"metastore_id": metastore_id, "created_at": now, "updated_at": now}
    stamp |= {"created_by": owner, "updated_by": owner, "owner": owner}
    body = stamp | {"name": name, "full_name": name, "comment": comment, "catalog_type": kind}
    body |= {"id": str(uuid.uuid4()), "isolation_mode": "OPEN", "securable_type": "CATALOG"}
    body["securable_kind"] = f"CATALOG_{'SYSTEM' if 'SYS' in kind else 'STANDARD'}"
    room.put(kinds.CATALOG, (name,), kinds.CATALOG.document(body))
    for schema in schemas:
        one = stamp | {"name": schema, "catalog_name": name, "full_name": f"{name}.{schema}"}
        comment = "Default schema (auto-created)" if schema == "default" else "System schema (auto-created)"
        one |= {"catalog_type": kind, "schema_id": str(uuid.uuid4()), "comment": comment}
        room.put(kinds.SCHEMA, (name, schema), kinds.SCHEMA.document(one), (name,))


def _warehouse(warehouse_id: str) -> StoredWarehouse:
    return {
        "id": warehouse_id,
        "name": "Serverless Starter Warehouse",
        "cluster_size": "Small",
        "min_num_clusters": 1,
        "max_num_clusters": 1,
        "auto_stop_mins": 10,
        "enable_serverless_compute": True,
        "enable_photon": True,
        "warehouse_type": "PRO",
        "spot_instance_policy": "COST_OPTIMIZED",
        "creator_name": ADMIN_NAME,
        "channel": {"name": "CHANNEL_NAME_CURRENT"},
        "state": "RUNNING",
        "created": iso(0),
    }
