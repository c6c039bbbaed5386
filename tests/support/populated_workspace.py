"""A local workspace with one object of each kind and people with few privileges, for tables of attacks over REST."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

UC = "/api/2.1/unity-catalog"
SCIM = "/api/2.0/preview/scim/v2"
JOBS = "/api/2.2/jobs"
_RUNS = frozenset({"run", "task_run", "run_token"})
HIDDEN = "hidden7f3"
"""In the name of everything that only the administrator may see."""


@dataclass(slots=True, kw_only=True)
class Populated:
    """The workspace, a client per principal, and the ids of its objects."""

    space: LocalWorkspace
    admin: httpx.Client
    clients: dict[str, httpx.Client] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def made(self, method: str, path: str, body: Any, who: str = "") -> Any:
        """Call as somebody who may, and return the answer."""
        client = self.clients[who] if who else self.admin
        answer = client.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else {}

    def account(self, path: str) -> str:
        """Return a path of the account API."""
        return f"/api/2.0/accounts/{self.space.account_id}{path}"

    def person(self, label: str, *, permissions: str = "USER", role: str = "") -> None:
        """Make a user with a token."""
        name = f"{label}@bank.example"
        body: dict[str, Any] = {"userName": name} | ({"roles": [{"value": role}]} if role else {})
        self._let_in(label, name, self.made("POST", self.account("/scim/v2/Users"), body)["id"], permissions)

    def robot(self, label: str, *, role: str = "") -> None:
        """Make a service principal with a token."""
        body: dict[str, Any] = {"displayName": label} | ({"roles": [{"value": role}]} if role else {})
        found = self.made("POST", self.account("/scim/v2/ServicePrincipals"), body)
        self._let_in(label, found["applicationId"], found["id"], "USER")

    def documents(self) -> dict[tuple[str, str], Document]:
        """Return every document that a restore brings back: all but runs, which their scheduler writes."""
        return {(kind, key): body for kind, key, body in self.space.workspace.store.bodies() if kind not in _RUNS}

    def restore(self, everything: dict[tuple[str, str], Document]) -> None:
        """Bring the documents back as they were."""
        store, now = self.space.workspace.store, self.documents()
        with store.transaction():
            for kind, key in now.keys() - everything.keys():
                store.delete(kinds.named(kind), *key.split("\x1f"))
            for (kind, key), body in everything.items():
                parts = tuple(key.split("\x1f"))
                if (kind, key) not in now:
                    store.put(kinds.named(kind), parts, body, parts[:-1])
                elif now[(kind, key)] != body:
                    store.rewrite(kinds.named(kind), parts, body)

    def _let_in(self, label: str, name: str, number: str, permissions: str) -> None:
        path = f"/workspaces/{self.space.workspace_id}/permissionassignments/principals/{number}"
        self.made("PUT", self.account(path), {"permissions": [permissions]})
        self.names[label], self.ids[label] = name, str(number)
        self.clients[label] = self.space.http(self.space.mint(name))

    def entry(self, label: str, level: str) -> dict[str, str]:
        """Return an entry of an access list."""
        name = self.names[label]
        kind = "user_name" if "@" in name else ("service_principal_name" if name.count("-") == 4 else "group_name")
        return {kind: name, "permission_level": level}

    def give_role(self, application: str, label: str, role: str) -> None:
        """Give somebody a role on a service principal."""
        name = f"accounts/{self.space.account_id}/servicePrincipals/{application}/ruleSets/default"
        path = "/api/2.0/preview/accounts/access-control/rule-sets"
        etag = self.admin.get(path, params={"name": name, "etag": ""}).json()["etag"]
        who = self.names[label]
        rules = [
            {"role": f"roles/servicePrincipal.{role}", "principals": [f"{'users' if '@' in who else 'servicePrincipals'}/{who}"]}
        ]
        self.made("PUT", path, {"name": name, "rule_set": {"name": name, "etag": etag, "grant_rules": rules}})


@contextmanager
def populated() -> Iterator[Populated]:
    """Run the workspace."""
    with running_localspace(build_runner=fake_runner) as space, space.http() as admin:
        world = Populated(space=space, admin=admin)
        world.names["admin"] = "admin@localspace.example"
        world.clients["admin"] = admin
        world.person("alice")
        world.person("bob")
        world.person("wanda", permissions="ADMIN")
        world.person("chief", role="account_admin")
        world.robot("robot")
        world.robot("driver")
        world.robot("managed")
        world.robot("chief_robot", role="account_admin")
        world.give_role(world.names["driver"], "alice", "user")
        world.give_role(world.names["managed"], "alice", "manager")
        group = world.made("POST", world.account("/scim/v2/Groups"), {"displayName": "cleared"})
        world.names["group"], world.ids["group"] = "cleared", str(group["id"])
        _objects(world)
        try:
            yield world
        finally:
            for client in world.clients.values():
                client.close()


def _objects(world: Populated) -> None:
    made, ids = world.made, world.ids
    made("POST", f"{UC}/catalogs", {"name": HIDDEN})
    made("POST", f"{UC}/catalogs", {"name": "elsewhere"})
    made("POST", f"{UC}/schemas", {"name": HIDDEN, "catalog_name": HIDDEN})
    role = {"role_arn": "arn:aws:iam::1:role/x"}
    made("POST", f"{UC}/storage-credentials", {"name": f"{HIDDEN}_cred", "aws_iam_role": role})
    location = {"name": f"{HIDDEN}_loc", "url": "s3://hidden", "credential_name": f"{HIDDEN}_cred"}
    made("POST", f"{UC}/external-locations", location)
    inside = {"catalog_name": HIDDEN, "schema_name": HIDDEN}
    columns = [{"name": "ssn", "type_text": "string", "type_name": "STRING"}]
    table = {"name": f"{HIDDEN}_t", "table_type": "EXTERNAL", "storage_location": "s3://hidden/t", "columns": columns}
    made("POST", f"{UC}/tables", inside | table | {"data_source_format": "DELTA"})
    function = {"name": f"{HIDDEN}_f", "full_data_type": "STRING", "routine_definition": "'x'", "routine_body": "SQL"}
    function |= {"input_params": {"parameters": [{"name": "a", "type_text": "string"}]}}
    made("POST", f"{UC}/functions", {"function_info": inside | function})
    made("POST", f"{UC}/volumes", inside | {"name": f"{HIDDEN}_v", "volume_type": "MANAGED"})
    made("POST", "/api/2.1/tag-policies", {"tag_key": "pii", "values": [{"name": "ssn"}]})
    column = f"{HIDDEN}.{HIDDEN}.{HIDDEN}_t.ssn"
    tag = {"entity_type": "columns", "entity_name": column, "tag_key": "pii", "tag_value": "ssn"}
    made("POST", f"{UC}/entity-tag-assignments", tag)
    mask = {"function_name": f"{HIDDEN}.{HIDDEN}.{HIDDEN}_f", "on_column": "m"}
    policy = {"name": f"{HIDDEN}_p", "policy_type": "POLICY_TYPE_COLUMN_MASK", "for_securable_type": "TABLE", "column_mask": mask}
    policy |= {"on_securable_type": "SCHEMA", "on_securable_fullname": f"{HIDDEN}.{HIDDEN}", "to_principals": ["account users"]}
    policy |= {"match_columns": [{"alias": "m", "condition": "has_tag_value('pii', 'ssn')"}], "except_principals": ["cleared"]}
    made("POST", f"{UC}/policies", policy)
    ids["warehouse"] = made(
        "POST", "/api/2.0/sql/warehouses", {"name": f"{HIDDEN}_w", "cluster_size": "Small", "warehouse_type": "PRO"}
    )["id"]
    space = {"title": f"{HIDDEN}_s", "warehouse_id": world.space.warehouse_id, "serialized_space": json.dumps({"version": 2})}
    ids["space"] = made("POST", "/api/2.0/genie/spaces", space)["space_id"]
    board = made("POST", "/api/2.0/lakeview/dashboards", {"display_name": f"{HIDDEN}_d", "serialized_dashboard": "{}"})
    ids["dashboard"] = board["dashboard_id"]
    made("POST", "/api/2.0/serving-endpoints", {"name": f"{HIDDEN}_e", "config": {}})
    made("POST", "/api/2.0/secrets/scopes/create", {"scope": f"{HIDDEN}_k"})
    made("POST", "/api/2.0/secrets/put", {"scope": f"{HIDDEN}_k", "key": "k", "string_value": HIDDEN})
    made("POST", "/api/2.0/workspace/mkdirs", {"path": f"/Users/admin@localspace.example/{HIDDEN}"})
    task = {"task_key": "t", "condition_task": {"op": "EQUAL_TO", "left": "1", "right": "1"}}
    ids["job"] = str(made("POST", f"{JOBS}/create", {"name": f"{HIDDEN}_j", "tasks": [task]})["job_id"])
    ids["run"] = str(finished_run(world, world.admin, int(ids["job"])))
    statement = {"statement": f"SELECT 1 ROWS -- {HIDDEN}", "warehouse_id": world.space.warehouse_id}
    ids["statement"] = made("POST", "/api/2.0/sql/statements", statement)["statement_id"]
    made("POST", "/api/2.0/token/create", {"comment": HIDDEN})


def finished_run(world: Populated, http: httpx.Client, job: int) -> int:
    """Run a job as somebody and return the id of the run when it is over."""
    run = int(http.post(f"{JOBS}/run-now", json={"job_id": job}).json()["run_id"])
    for _ in range(2_000):
        shown = world.admin.get(f"{JOBS}/runs/get", params={"run_id": run}).json()
        if shown["state"]["life_cycle_state"] in ("TERMINATED", "SKIPPED", "INTERNAL_ERROR"):
            return run
        time.sleep(0.01)
    raise AssertionError("the run does not end")
