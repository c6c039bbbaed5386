"""The repositories of one workspace, opened together over one store."""

from __future__ import annotations

from dataclasses import dataclass

from localspace.core.clock import Clock
from localspace.core.history import History
from localspace.core.lag import Lag
from localspace.core.store import Store
from localspace.governance.bindings import Bindings
from localspace.governance.catalog_repository import CatalogRepository
from localspace.governance.external_locations import ExternalLocations
from localspace.governance.grant_policies import GrantPolicies
from localspace.governance.grant_repository import GrantRepository
from localspace.governance.object_repository import ObjectRepository
from localspace.governance.policy_repository import PolicyRepository
from localspace.governance.privileges import Privileges
from localspace.governance.tagging import Tagging
from localspace.identity.memberships import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceIds:
    """The ids of one workspace; `metastore_id` is that of its metastore of the moment, empty while it has none."""

    account_id: str
    workspace_id: str
    metastore_id: str
    warehouse_id: str
    admin_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repositories:
    """Everything that REST handlers and SQL statements read and write; share one instance between both."""

    store: Store
    clock: Clock
    lag: Lag
    ids: WorkspaceIds
    identity: Identity
    privileges: Privileges
    catalog: CatalogRepository
    objects: ObjectRepository
    tags: Tagging
    policies: PolicyRepository
    grants: GrantRepository
    locations: ExternalLocations
    bindings: Bindings
    history: History


def open_repositories(store: Store, clock: Clock, ids: WorkspaceIds) -> Repositories:
    """Open the repositories of a workspace that `localspace.governance.bootstrap` has set up, over its own view of the store."""
    store = store.within(ids.workspace_id, ids.metastore_id or None)
    lag = Lag(store, clock)
    identity = Identity(store, lag, ids.workspace_id)
    bindings = Bindings(store, ids.workspace_id)
    privileges = Privileges(store, identity, bindings)
    tags = Tagging(store, clock, lag, identity, privileges, ids.account_id)
    privileges.attach(GrantPolicies(store, identity, tags, ids.metastore_id).granted)
    grants = GrantRepository(store, identity, privileges)
    locations = ExternalLocations(store, identity, privileges)
    catalog = CatalogRepository(store, clock, identity, privileges, tags, grants, locations, bindings, ids.metastore_id)
    objects = ObjectRepository(store, privileges, tags, catalog, locations)
    policies = PolicyRepository(store, clock, lag, identity, privileges, tags, ids.metastore_id)
    return Repositories(
        store=store,
        clock=clock,
        lag=lag,
        ids=ids,
        identity=identity,
        privileges=privileges,
        catalog=catalog,
        objects=objects,
        tags=tags,
        policies=policies,
        grants=grants,
        locations=locations,
        bindings=bindings,
        history=History(store),
    )
