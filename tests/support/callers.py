"""A user and a service principal who may administer the local workspace, and a user who may do nothing yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localspace.server.workspace import BuildRunner
from support.localspace_server import LocalWorkspace, running_localspace

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

CALLERS = ("user", "service_principal")
"""Labels of the two administrators, for tests that drive a client as each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """The workspace, and the name of each caller: a user name or an application id."""

    space: LocalWorkspace
    names: dict[str, str]
    tokens: dict[str, str]

    def client(self, label: str) -> WorkspaceClient:
        """Return an unmodified client of a caller: `user`, `service_principal` or `stranger`."""
        return self.space.client(self.tokens[label])

    def entry(self, label: str) -> dict[str, str]:
        """Return how an access list names a caller."""
        field = "service_principal_name" if label == "service_principal" else "user_name"
        return {field: self.names[label]}


@contextmanager
def running_callers(build_runner: BuildRunner | None = None, *, bodies: bool = False) -> Iterator[Callers]:
    """Run a local workspace with the callers; both administrators belong to the group that owns the metastore.

    With `bodies` the log keeps what is sent and answered, from the making of the callers on.
    """
    with running_localspace(build_runner=build_runner) as space, space.http() as http:
        if bodies:
            space.control("DELETE", "requests", bodies="true")
        account = f"/api/2.0/accounts/{space.account_id}"

        def made(method: str, path: str, body: Any) -> Any:
            answer = http.request(method, path, json=body)
            assert answer.is_success, answer.text
            return answer.json()

        names, ids = {}, {}
        admin = {"roles": [{"value": "account_admin"}]}
        for label, plural, field, body in (
            ("user", "Users", "userName", {"userName": "ada@bank.example", **admin}),
            ("service_principal", "ServicePrincipals", "applicationId", {"displayName": "ci", **admin}),
            ("stranger", "Users", "userName", {"userName": "eve@bank.example"}),
        ):
            found = made("POST", f"{account}/scim/v2/{plural}", body)
            names[label], ids[label] = found[field], found["id"]
            permission = "USER" if label == "stranger" else "ADMIN"
            path = f"{account}/workspaces/{space.workspace_id}/permissionassignments/principals/{found['id']}"
            made("PUT", path, {"permissions": [permission]})
        owners = {"displayName": "owners", "members": [{"value": ids[label]} for label in CALLERS]}
        made("POST", f"{account}/scim/v2/Groups", owners)
        made("PATCH", f"/api/2.1/unity-catalog/metastores/{space.metastore_id}", {"owner": "owners"})
        yield Callers(space=space, names=names, tokens={label: space.mint(name) for label, name in names.items()})
