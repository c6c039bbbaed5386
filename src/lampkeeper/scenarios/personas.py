"""People of a scenario besides those of the test data: created as an account admin creates users, and removed at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lampkeeper.remote.clients import ApiLevel, Workspace, encode
from lampkeeper.remote.directory import find_principal
from lampkeeper.scenarios.world import Ran, World


@dataclass(frozen=True, slots=True, kw_only=True)
class MakePeople:
    """Users with access to the workspace and to its warehouse; the groups of the settings make them members."""

    people: tuple[str, ...]

    def perform(self, world: World) -> Ran:
        """Create them."""
        create_people(world.workspace, self.people)
        return Ran(output=", ".join(self.people))


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePeople:
    """Removes users that an earlier step made, and their right to use the warehouse."""

    remove_people: tuple[str, ...]

    def perform(self, world: World) -> Ran:
        """Delete those that exist."""
        delete_people(world.workspace, self.remove_people)
        return Ran()


def create_people(workspace: Workspace, names: Iterable[str]) -> None:
    """Create users in the account, assign them to the workspace, and let them use the warehouse."""
    account = f"/api/2.0/accounts/{encode(workspace.account_id)}"
    assigned = f"{account}/workspaces/{encode(workspace.workspace_id)}/permissionassignments/principals"
    rows = []
    for name in names:
        body = {"userName": name, "displayName": name}
        made = workspace.write("scenario", "POST", f"{account}/scim/v2/Users", body, api_level=ApiLevel.ACCOUNT)
        path = f"{assigned}/{encode(str(made['id']))}"
        workspace.write("scenario", "PUT", path, {"permissions": ["USER"]}, api_level=ApiLevel.ACCOUNT)
        rows.append({"user_name": name, "permission_level": "CAN_USE"})
    workspace.write("scenario", "PATCH", _warehouse(workspace), {"access_control_list": rows})


def delete_people(workspace: Workspace, names: Iterable[str]) -> None:
    """Delete the users that exist, and take them off the warehouse's access list, which outlives them."""
    gone = set(names)
    listed = workspace.get("scenario", _warehouse(workspace))["access_control_list"]
    kept = [
        {key: row[key] for key in ("user_name", "group_name", "service_principal_name") if key in row}
        | {"permission_level": level["permission_level"]}
        for row in listed
        for level in row["all_permissions"]
        if not level.get("inherited") and row.get("user_name") not in gone
    ]
    workspace.write("scenario", "PUT", _warehouse(workspace), {"access_control_list": kept})
    for name in sorted(gone):
        found = find_principal(workspace, name)
        if found is not None:
            path = f"/api/2.0/accounts/{encode(workspace.account_id)}/scim/v2/Users/{encode(found)}"
            workspace.write("scenario", "DELETE", path, api_level=ApiLevel.ACCOUNT)


def _warehouse(workspace: Workspace) -> str:
    return f"/api/2.0/permissions/warehouses/{encode(workspace.warehouse_id)}"
