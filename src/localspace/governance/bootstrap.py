"""Bootstrap: the contents of a new workspace."""

from __future__ import annotations

import uuid

from localspace.core.clock import Clock
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredGrant, StoredMetastore
from localspace.core.stored_documents.directory import (
    StoredAccountWorkspace,
    StoredGroup,
    StoredMetastoreAssignment,
    StoredUser,
    StoredWorkspaceAssignment,
)
from localspace.core.stored_documents.kind import Document
from localspace.core.stored_documents.workspace import StoredIds, StoredServingEndpoint, StoredWarehouse
from localspace.core.timestamps import iso
from localspace.governance.legacy import HIVE
from localspace.governance.repositories import WorkspaceIds

ADMIN_NAME = "admin@localspace.example"
SYSTEM_USER = "System user"


def ensure(store: Store, clock: Clock) -> WorkspaceIds:
    """Return the ids of the workspace in `store`, made at the first start and kept for ever."""
    with store.transaction():
        found = store.get(kinds.IDS, kinds.WHOLE)
        if found is None:
            found = StoredIds(
                account_id=str(uuid.uuid4()),
                workspace_id=str(1_000_000_000_000_000 + uuid.uuid4().int % 8_000_000_000_000_000),
                metastore_id=str(uuid.uuid4()),
                warehouse_id=uuid.uuid4().hex[:16],
                admin_id=new_principal_id(store),
            )
            store.put(kinds.IDS, (kinds.WHOLE,), found)
        ids = WorkspaceIds(**found)
        if store.get(kinds.METASTORE, ids.metastore_id) is None:
            _fill(store, clock, ids)
    return ids


def new_principal_id(store: Store) -> str:
    """Return a new numeric id, as accounts give them."""
    return str(store.next_number("principal", start=7_000_000_000_001))


def _fill(store: Store, clock: Clock, ids: WorkspaceIds) -> None:
    now = clock.now_ms()
    _people(store, ids)
    store.put(
        kinds.ACCOUNT_WORKSPACE,
        (ids.workspace_id,),
        StoredAccountWorkspace(
            workspace_id=int(ids.workspace_id),
            workspace_name="localspace",
            account_id=ids.account_id,
            workspace_status="RUNNING",
            workspace_status_message="Workspace is running.",
            deployment_name="localspace",
            aws_region="us-east-1",
            compute_mode="SERVERLESS",
            pricing_tier="ENTERPRISE",
            creation_time=now,
        ),
    )
    store.put(
        kinds.METASTORE,
        (ids.metastore_id,),
        StoredMetastore(
            metastore_id=ids.metastore_id,
            name="localspace",
            owner=ADMIN_NAME,
            cloud="aws",
            region="us-east-1",
            global_metastore_id=f"aws:us-east-1:{ids.metastore_id}",
            privilege_model_version="1.0",
            delta_sharing_scope="INTERNAL",
            storage_root="",
            created_at=now,
            created_by=ADMIN_NAME,
            updated_at=now,
            updated_by=ADMIN_NAME,
        ),
    )
    assignment: StoredMetastoreAssignment = {
        "workspace_id": int(ids.workspace_id),
        "metastore_id": ids.metastore_id,
        "default_catalog_name": "main",
    }
    store.put(kinds.METASTORE_ASSIGNMENT, (ids.workspace_id,), assignment)
    _catalogs(store, now, ids)
    store.put(kinds.WAREHOUSE, (ids.warehouse_id,), _warehouse(ids))
    store.put(
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


def _people(store: Store, ids: WorkspaceIds) -> None:
    store.put(
        kinds.USER,
        (ids.admin_id,),
        StoredUser(
            id=ids.admin_id,
            userName=ADMIN_NAME,
            displayName="Local admin",
            name={"givenName": "Local", "familyName": "admin"},
            emails=[{"value": ADMIN_NAME, "type": "work", "primary": True}],
            active=True,
            entitlements=["allow-cluster-create"],
            roles=["account_admin"],
        ),
    )
    store.put(
        kinds.WORKSPACE_ASSIGNMENT,
        (ids.workspace_id, ids.admin_id),
        StoredWorkspaceAssignment(principal_id=ids.admin_id, permissions=["ADMIN"]),
        (ids.workspace_id,),
    )
    # A new workspace lets every user in with these two (source: platform docs, entitlements).
    entitlements = {
        "users": ["workspace-access", "databricks-sql-access"],
        "admins": ["workspace-access", "databricks-sql-access", "allow-cluster-create", "allow-instance-pool-create"],
    }
    for name, given in entitlements.items():
        group_id = new_principal_id(store)
        group = StoredGroup(
            id=group_id, displayName=name, scope="workspace", system=True, members=[], entitlements=given, roles=[]
        )
        store.put(kinds.GROUP, (group_id,), group)


def _catalogs(store: Store, now: int, ids: WorkspaceIds) -> None:
    common: Document = {"metastore_id": ids.metastore_id, "created_at": now, "updated_at": now}
    catalogs = (
        ("main", ADMIN_NAME, "MANAGED_CATALOG", "Main catalog (auto-created)", ("default",)),
        ("samples", SYSTEM_USER, "SYSTEM_CATALOG", "Samples that the platform provides", ("default",)),
        ("system", SYSTEM_USER, "SYSTEM_CATALOG", "System catalog (auto-created)", ()),
        (HIVE, SYSTEM_USER, "INTERNAL_CATALOG", "The legacy catalog", ("default",)),
    )
    for name, owner, kind, comment, schemas in catalogs:
        stamp = common | {"created_by": owner, "updated_by": owner, "owner": owner}
        body = stamp | {"name": name, "full_name": name, "comment": comment, "catalog_type": kind}
        body |= {"id": str(uuid.uuid4()), "isolation_mode": "OPEN", "securable_type": "CATALOG"}
        body["securable_kind"] = f"CATALOG_{'SYSTEM' if 'SYS' in kind else 'STANDARD'}"
        store.put(kinds.CATALOG, (name,), kinds.CATALOG.document(body))
        for schema in schemas:
            one = stamp | {"name": schema, "catalog_name": name, "full_name": f"{name}.{schema}"}
            one |= {"catalog_type": kind, "schema_id": str(uuid.uuid4()), "comment": "Default schema (auto-created)"}
            store.put(kinds.SCHEMA, (name, schema), kinds.SCHEMA.document(one), (name,))
    for name in ("samples", "system"):
        # Rows of the system tables that are served are filtered by privilege, so that reading them is open to all.
        privileges = ["EXECUTE", "SELECT", "USE_CATALOG", "USE_SCHEMA"]
        grant = StoredGrant(securable_type="CATALOG", full_name=name, principal="account users", privileges=privileges)
        store.put(kinds.GRANT, ("CATALOG", name, "account users"), grant, ("CATALOG", name))


def _warehouse(ids: WorkspaceIds) -> StoredWarehouse:
    return {
        "id": ids.warehouse_id,
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
