"""The account's cloud configuration: credentials, networks, storage, private access, endpoints, keys, network policies.

They are stored, validated and referred to by workspaces; nothing of a cloud is reached (source: SDK 0.156, service.provisioning
and service.settings).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localspace.api.account_plane import account_route, require_account_admin, workspace_of
from localspace.core.errors import ApiError, already_exists, invalid, not_found
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.cloud import StoredNetworkPolicy, StoredWorkspaceNetworkOption
from localspace.core.stored_documents.kind import Kind
from localspace.http.request import Request, Route
from localspace.http.serialisation import Json, page

DEFAULT_POLICY = "default-policy"
"""The network policy of a workspace that has no other (source: SDK 0.156, WorkspaceNetworkOption)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One type of configuration: its path, its fields, which fields of a workspace refer to it.

    `prefix` makes ids; `timed` says whether it has a creation time; `filled` are the values of fields that were left out.
    """

    path: str
    noun: str
    kind: Kind[Any]
    id_field: str
    name_field: str | None
    needed: tuple[str, ...]
    sdk: str
    references: tuple[str, ...] = ()
    timed: bool = True
    filled: Mapping[str, Any] | None = None

    def listed(self, request: Request) -> list[Json]:
        """List all of the account."""
        require_account_admin(request)
        return [self._info(request, one) for one in request.repositories.store.list(self.kind)]

    def get(self, request: Request) -> Json:
        """Return one."""
        require_account_admin(request)
        return self._info(request, self._found(request))

    def create(self, request: Request) -> Json:
        """Make one; its name is unique in the account."""
        require_account_admin(request)
        store, body = request.repositories.store, request.body
        for field in self.needed:
            if body.get(field) in (None, "", [], {}):
                raise ApiError(400, "MALFORMED_REQUEST", f"Missing required field: {field}")
        with store.transaction():
            self._require_free_name(store, body, None)
            new: Json = {**(self.filled or {}), **body, self.id_field: str(uuid.uuid4())}
            new["account_id"] = request.repositories.ids.account_id
            if self.timed:
                new["creation_time"] = request.repositories.clock.now_ms()
            store.put(self.kind, (new[self.id_field],), self.kind.document(new))
        return self._info(request, new)

    def replace(self, request: Request) -> Json:
        """Replace the fields of one."""
        require_account_admin(request)
        old = self._found(request)
        self._require_free_name(request.repositories.store, request.body, old[self.id_field])
        kept = {key: old[key] for key in (self.id_field, "account_id")}
        new = self.kind.document({**(self.filled or {}), **{key: old[key] for key in self.needed}, **request.body, **kept})
        request.repositories.store.put(self.kind, (old[self.id_field],), new)
        return self._info(request, new)

    def delete(self, request: Request) -> Json:
        """Delete one that no workspace uses."""
        require_account_admin(request)
        found = self._found(request)
        users = self.users(request.repositories.store, found[self.id_field])
        if users:
            said = f"{self.noun} {found[self.id_field]} is used by workspace {users[0]}."
            raise ApiError(400, "INVALID_STATE", said)
        answer = self._info(request, found)
        request.repositories.store.delete(self.kind, found[self.id_field])
        return answer

    def users(self, store: Store, configuration_id: str) -> list[int]:
        """Return the ids of the workspaces that refer to a configuration."""
        records = store.list(kinds.ACCOUNT_WORKSPACE)
        return [one["workspace_id"] for one in records if any(one.get(field) == configuration_id for field in self.references)]

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of the type."""
        one = f"{self.path}/{{{self.id_field}}}"
        found = (
            account_route("GET", self.path, self.listed, f"{self.sdk}.list"),
            account_route("POST", self.path, self.create, f"{self.sdk}.create"),
            account_route("GET", one, self.get, f"{self.sdk}.get"),
            account_route("DELETE", one, self.delete, f"{self.sdk}.delete"),
        )
        replaceable = self.kind is kinds.PRIVATE_ACCESS_SETTINGS
        return (*found, account_route("PUT", one, self.replace, f"{self.sdk}.replace")) if replaceable else found

    def _found(self, request: Request) -> Json:
        wanted = request.params[self.id_field]
        found: Json | None = request.repositories.store.get(self.kind, wanted)
        if found is None:
            raise not_found(f"{self.noun} {wanted} does not exist.")
        return found

    def _require_free_name(self, store: Store, body: Json, own: str | None) -> None:
        if self.name_field is None:
            return
        name = body.get(self.name_field)
        for one in store.list(self.kind):
            if one[self.name_field] == name and one[self.id_field] != own:
                raise already_exists(f"{self.noun} with name {name} already exists.")

    def _info(self, request: Request, body: Json) -> Json:
        if self.kind is not kinds.NETWORK:
            return body
        users = self.users(request.repositories.store, body["network_id"])
        # Nothing checks a network here: one that a workspace uses counts as valid.
        return body | ({"vpc_status": "VALID", "workspace_id": users[0]} if users else {"vpc_status": "UNATTACHED"})


_CREDENTIALS = Configuration(
    path="/credentials",
    noun="Credentials",
    kind=kinds.CLOUD_CREDENTIAL,
    id_field="credentials_id",
    name_field="credentials_name",
    needed=("credentials_name", "aws_credentials"),
    sdk="Credentials",
    references=("credentials_id",),
)
_NETWORKS = Configuration(
    path="/networks",
    noun="Network",
    kind=kinds.NETWORK,
    id_field="network_id",
    name_field="network_name",
    needed=("network_name",),
    sdk="Networks",
    references=("network_id",),
)
_STORAGE = Configuration(
    path="/storage-configurations",
    noun="Storage configuration",
    kind=kinds.STORAGE_CONFIGURATION,
    id_field="storage_configuration_id",
    name_field="storage_configuration_name",
    needed=("storage_configuration_name", "root_bucket_info"),
    sdk="Storage",
    references=("storage_configuration_id",),
)
_PRIVATE_ACCESS = Configuration(
    path="/private-access-settings",
    noun="Private access settings",
    kind=kinds.PRIVATE_ACCESS_SETTINGS,
    id_field="private_access_settings_id",
    name_field="private_access_settings_name",
    needed=("private_access_settings_name", "region"),
    sdk="PrivateAccess",
    references=("private_access_settings_id",),
    timed=False,
    filled={"public_access_enabled": False, "private_access_level": "ACCOUNT"},
)
_ENDPOINTS = Configuration(
    path="/vpc-endpoints",
    noun="VPC endpoint",
    kind=kinds.VPC_ENDPOINT,
    id_field="vpc_endpoint_id",
    name_field="vpc_endpoint_name",
    needed=("vpc_endpoint_name",),
    sdk="VpcEndpoints",
    timed=False,
    filled={"state": "available", "use_case": "WORKSPACE_ACCESS"},
)
_KEYS = Configuration(
    path="/customer-managed-keys",
    noun="Customer-managed key",
    kind=kinds.CUSTOMER_MANAGED_KEY,
    id_field="customer_managed_key_id",
    name_field=None,
    needed=("use_cases",),
    sdk="EncryptionKeys",
    references=("managed_services_customer_managed_key_id", "storage_customer_managed_key_id"),
)
CONFIGURATIONS = (_CREDENTIALS, _NETWORKS, _STORAGE, _PRIVATE_ACCESS, _ENDPOINTS, _KEYS)


def require_configurations(store: Store, workspace: Mapping[str, Any]) -> None:
    """Demand that the configurations which a workspace refers to exist; raises 400."""
    for one in CONFIGURATIONS:
        for field in one.references:
            wanted = workspace.get(field)
            if wanted and store.get(one.kind, wanted) is None:
                raise invalid(f"{one.noun} {wanted} does not exist.")


# Network policies: their ids are the client's


def policies(request: Request) -> Json:
    """List the network policies."""
    require_account_admin(request)
    found = [_default_policy(request), *request.repositories.store.list(kinds.NETWORK_POLICY)]
    return page(found, request.query, "items")


def policy(request: Request) -> StoredNetworkPolicy:
    """Return one network policy."""
    require_account_admin(request)
    return _policy(request, request.params["network_policy_id"])


def create_policy(request: Request) -> StoredNetworkPolicy:
    """Make a network policy."""
    require_account_admin(request)
    body = request.body
    policy_id = body.get("network_policy_id") or ""
    if not policy_id:
        raise invalid("Missing required field: network_policy_id")
    if policy_id == DEFAULT_POLICY or request.repositories.store.get(kinds.NETWORK_POLICY, policy_id) is not None:
        raise already_exists(f"Network policy {policy_id} already exists.")
    new = kinds.NETWORK_POLICY.document({**body, "account_id": request.repositories.ids.account_id})
    request.repositories.store.put(kinds.NETWORK_POLICY, (policy_id,), new)
    return new


def update_policy(request: Request) -> StoredNetworkPolicy:
    """Replace the rules of a network policy."""
    require_account_admin(request)
    policy_id = request.params["network_policy_id"]
    old = _policy(request, policy_id)
    fixed = {"network_policy_id": policy_id, "account_id": old["account_id"]}
    new = kinds.NETWORK_POLICY.document({**request.body, **fixed})
    request.repositories.store.put(kinds.NETWORK_POLICY, (policy_id,), new)
    return new


def delete_policy(request: Request) -> Json:
    """Delete a network policy that no workspace has."""
    require_account_admin(request)
    policy_id = request.params["network_policy_id"]
    _policy(request, policy_id)
    store = request.repositories.store
    if policy_id == DEFAULT_POLICY:
        raise invalid("The default network policy cannot be deleted.")
    users = [one["workspace_id"] for one in store.list(kinds.WORKSPACE_NETWORK_OPTION) if one["network_policy_id"] == policy_id]
    if users:
        raise ApiError(400, "INVALID_STATE", f"Network policy {policy_id} is used by workspace {users[0]}.")
    store.delete(kinds.NETWORK_POLICY, policy_id)
    return {}


def network_option(request: Request) -> StoredWorkspaceNetworkOption:
    """Return the network policy of a workspace."""
    require_account_admin(request)
    workspace_id = workspace_of(request)["workspace_id"]
    found = request.repositories.store.get(kinds.WORKSPACE_NETWORK_OPTION, str(workspace_id))
    return found or {"workspace_id": workspace_id, "network_policy_id": DEFAULT_POLICY}


def set_network_option(request: Request) -> StoredWorkspaceNetworkOption:
    """Give a workspace a network policy."""
    require_account_admin(request)
    workspace_id = workspace_of(request)["workspace_id"]
    policy_id = request.body.get("network_policy_id") or DEFAULT_POLICY
    _policy(request, policy_id)
    new = StoredWorkspaceNetworkOption(workspace_id=workspace_id, network_policy_id=policy_id)
    request.repositories.store.put(kinds.WORKSPACE_NETWORK_OPTION, (str(workspace_id),), new)
    return new


def _default_policy(request: Request) -> StoredNetworkPolicy:
    stored = request.repositories.store.get(kinds.NETWORK_POLICY, DEFAULT_POLICY)
    full = {"network_access": {"restriction_mode": "FULL_ACCESS"}}
    return stored or {
        "network_policy_id": DEFAULT_POLICY,
        "account_id": request.repositories.ids.account_id,
        "egress": full,
    }


def _policy(request: Request, policy_id: str) -> StoredNetworkPolicy:
    if policy_id == DEFAULT_POLICY:
        return _default_policy(request)
    found = request.repositories.store.get(kinds.NETWORK_POLICY, policy_id)
    if found is None:
        raise not_found(f"Network policy {policy_id} does not exist.")
    return found


def _policy_routes() -> tuple[Route, ...]:
    many, one = "/network-policies", "/network-policies/{network_policy_id}"
    operations: tuple[tuple[str, str, Callable[[Request], Any], str], ...] = (
        ("GET", many, policies, "list_network_policies_rpc"),
        ("POST", many, create_policy, "create_network_policy_rpc"),
        ("GET", one, policy, "get_network_policy_rpc"),
        ("PUT", one, update_policy, "update_network_policy_rpc"),
        ("DELETE", one, delete_policy, "delete_network_policy_rpc"),
    )
    return tuple(account_route(method, path, handler, f"NetworkPolicies.{name}") for method, path, handler, name in operations)


_OPTION = "/workspaces/{workspace_id}/network"
ROUTES = (
    *(route for one in CONFIGURATIONS for route in one.routes()),
    *_policy_routes(),
    account_route("GET", _OPTION, network_option, "WorkspaceNetworkConfiguration.get_workspace_network_option_rpc"),
    account_route("PUT", _OPTION, set_network_option, "WorkspaceNetworkConfiguration.update_workspace_network_option_rpc"),
)
