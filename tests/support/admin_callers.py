"""A user and a service principal that administer account, workspace and metastore of a local workspace."""

from __future__ import annotations

import httpx

from support.localspace_server import LocalWorkspace

SCIM = "/scim/v2/"


def administrators(space: LocalWorkspace) -> dict[str, str]:
    """Return a token for each: `user` (the admin of the workspace) and `service principal` (a new one with the same rights)."""
    with space.http() as admin:
        account = f"/api/2.0/accounts/{space.account_id}"
        robot = _made(admin, f"{account}{SCIM}ServicePrincipals", {"displayName": "ci", "roles": [{"value": "account_admin"}]})
        me = admin.get("/api/2.0/preview/scim/v2/Me").json()["id"]
        place = f"{account}/workspaces/{space.workspace_id}/permissionassignments/principals/{robot['id']}"
        admin.put(place, json={"permissions": ["ADMIN"]}).raise_for_status()
        members = [{"value": robot["id"]}, {"value": me}]
        _made(admin, f"{account}{SCIM}Groups", {"displayName": "metastore_admins", "members": members})
        metastore = f"/api/2.1/unity-catalog/metastores/{space.metastore_id}"
        admin.patch(metastore, json={"owner": "metastore_admins"}).raise_for_status()
        grant = {"changes": [{"principal": "metastore_admins", "add": ["ALL_PRIVILEGES"]}]}
        admin.patch("/api/2.1/unity-catalog/permissions/catalog/main", json=grant).raise_for_status()
    return {"user": space.token, "service principal": space.mint(robot["applicationId"])}


def _made(http: httpx.Client, path: str, body: dict[str, object]) -> dict[str, str]:
    answer = http.post(path, json=body)
    answer.raise_for_status()
    found: dict[str, str] = answer.json()
    return found
