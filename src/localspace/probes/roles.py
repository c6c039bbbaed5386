"""Probes of who may act as whom, and who sees what beside the rows: REST calls as the administrator or a persona."""

from __future__ import annotations

import json
import secrets
import time

from localspace.probes.place import ProbeError, Stage

_UC = "/api/2.1/unity-catalog"
_SPACES = "/api/2.0/genie/spaces"
_SCIM = "/api/2.0/preview/scim/v2"


def policies_bind_the_next_statement(stage: Stage) -> None:
    """A policy binds the next statement, however often the table was read before; without it the rows are raw again."""
    table = stage.table("next_statement", "(1,'a','raw-1')")
    stage.tag(f"{table}.secret")
    query = f"SELECT secret FROM {table}"
    for _ in range(2):
        stage.expect(query, stage.reader, [("raw-1",)])
        with stage.policy("next_statement", f"TABLE {table}", stage.mask(table)):
            stage.expect(query, stage.reader, [("XXX",)])


def owners_of_jobs_are_identities(stage: Stage) -> None:
    """Nobody makes somebody else the owner of a job, and a job does not lose its owner."""
    entry = {"service_principal_name": stage.exempt, "permission_level": "IS_OWNER"}
    status, body = stage.place.ask("POST", "/api/2.2/jobs/create", {"access_control_list": [entry]}, stage.reader)
    if status < 400:
        stage.place.ask("POST", "/api/2.2/jobs/delete", {"job_id": body.get("job_id")}, None)
        raise ProbeError("a persona made a job that belongs to another one")
    status, body = stage.place.ask("POST", "/api/2.2/jobs/create", {"name": "lampkeeper-probe"}, stage.reader)
    if status >= 400:
        raise ProbeError(f"a persona cannot make a job of its own: {body}")
    path = f"/api/2.0/permissions/jobs/{body['job_id']}"
    own = {"service_principal_name": stage.reader, "permission_level": "CAN_MANAGE"}
    try:
        for method, entries in (("PUT", [entry]), ("PATCH", [entry]), ("PUT", [own])):
            status, _ = stage.place.ask(method, path, {"access_control_list": entries}, stage.reader)
            if status < 400:
                raise ProbeError(f"{method} {path} took a job away from its owner")
    finally:
        stage.place.ask("POST", "/api/2.2/jobs/delete", {"job_id": body["job_id"]}, None)


def local_groups_carry_no_names(stage: Stage) -> None:
    """A workspace-local group that is called like an account group takes no grants and no policies with it."""
    table = stage.table("local_groups", "(1,'a','raw-1')")
    stage.tag(f"{table}.secret")
    exempts = stage.groups["exempts"]
    status, made = stage.place.ask("POST", f"{_SCIM}/Groups", {"displayName": exempts}, None)
    if status >= 400:
        # A place that does not let the two be called the same has no such door.
        return
    path = f"{_SCIM}/Groups/{made['id']}"
    try:
        with stage.policy("local_groups", f"TABLE {table}", stage.mask(table, but=f"`{exempts}`")):
            renamed = {"op": "replace", "path": "displayName", "value": f"{exempts}-renamed"}
            schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
            stage.place.ask("PATCH", path, {"schemas": schemas, "Operations": [renamed]}, None)
            stage.place.settle()
            stage.expect(f"SELECT secret FROM {table}", stage.exempt, [("raw-1",)])
    finally:
        stage.place.ask("DELETE", path, None, None)


def names_left_behind_open_nothing(stage: Stage) -> None:
    """A new holder of a deleted group's name is not exempt from the policies that named it."""
    table = stage.table("left_names", "(1,'a','raw-1')")
    stage.tag(f"{table}.secret")
    name = stage.temporary_group("left", [stage.exempt])
    with stage.policy("left_names", f"TABLE {table}", stage.mask(table, but=f"`{name}`")):
        stage.place.remove([name])
        stage.place.make_group(name, [stage.reader])
        stage.place.settle()
        stage.expect(f"SELECT secret FROM {table}", stage.reader, [("XXX",)])


def warehouse_levels(stage: Stage) -> None:
    """CAN USE runs statements on a warehouse and does not stop it."""
    path = f"/api/2.0/sql/warehouses/{stage.place.warehouse}"
    status, _ = stage.place.ask("POST", f"{path}/stop", {}, stage.reader)
    if status < 400:
        stage.place.ask("POST", f"{path}/start", {}, None)
        raise ProbeError("CAN USE stops a warehouse")


def folders_are_told_to_tasks(stage: Stage) -> None:
    """Only runs of tasks get the folder of a volume, people do not."""
    status, body = stage.place.ask("GET", "/api/2.0/localspace/volume?path=/Volumes/main/default/v", None, None)
    if status < 400:
        raise ProbeError(f"the response contains the folder of a volume: {body}")


def quotas_hide_what_hides(stage: Stage) -> None:
    """The quota of a schema is refused to principals without a privilege on it."""
    stage.table("quotas")
    path = f"{_UC}/resource-quotas/SCHEMA/{stage.schema}/abac-policy-quota"
    status, body = stage.place.ask("GET", path, None, stage.stranger)
    if status < 400:
        raise ProbeError(f"a stranger reads a quota: {body}")


def tokens_belong_to_their_owner(stage: Stage) -> None:
    """Nobody sees or revokes the token of somebody else."""
    status, made = stage.place.ask("POST", "/api/2.0/token/create", {"comment": "lampkeeper-probe"}, stage.exempt)
    if status >= 400:
        # A place that lets a persona have no token has no such door.
        return
    wanted = {"token_id": made["token_info"]["token_id"]}
    try:
        _, listed = stage.place.ask("GET", "/api/2.0/token/list", None, stage.reader)
        if wanted["token_id"] in [one["token_id"] for one in listed.get("token_infos", ())]:
            raise ProbeError("a persona sees the token of another one")
        status, _ = stage.place.ask("POST", "/api/2.0/token/delete", wanted, stage.reader)
        if status < 400:
            raise ProbeError("a persona revokes the token of another one")
    finally:
        stage.place.ask("POST", "/api/2.0/token/delete", wanted, stage.exempt)


def metastores_show_to_their_admins(stage: Stage) -> None:
    """Who owns no metastore reads and changes none by its id."""
    status, current = stage.place.ask("GET", f"{_UC}/current-metastore-assignment", None, None)
    if status >= 400:
        raise ProbeError(f"the metastore of the workspace cannot be read: {current}")
    path = f"{_UC}/metastores/{current['metastore_id']}"
    for method, body in (("GET", None), ("PATCH", {"delta_sharing_scope": "INTERNAL"})):
        status, _ = stage.place.ask(method, path, body, stage.reader)
        if status < 400:
            raise ProbeError(f"{method} {path} is answered to who owns no metastore")


def other_metastores_are_not_found(stage: Stage) -> None:
    """A name of four parts, or the id of a metastore before a catalog, reaches no table."""
    table = stage.table("metastores")
    _, current = stage.place.ask("GET", f"{_UC}/current-metastore-assignment", None, None)
    for prefix in ("elsewhere", str(current.get("metastore_id"))):
        if not stage.place.run(f"SELECT * FROM `{prefix}`.{table}").error_class:
            raise ProbeError(f"a table is read with a metastore's name before it: {prefix}")


def personas_do_not_deactivate(stage: Stage) -> None:
    """Nobody but an administrator deactivates a principal."""
    _, found = stage.place.ask("GET", f"{_SCIM}/Me", None, stage.exempt)
    path = f"{_SCIM}/ServicePrincipals/{found.get('id')}"
    body = {"Operations": [{"op": "replace", "path": "active", "value": False}]}
    status, _ = stage.place.ask("PATCH", path, body, stage.reader)
    if status < 400:
        raise ProbeError("a persona deactivates another one")


def genie_answers_as_who_asks(stage: Stage) -> None:
    """The rows of a Genie answer are those of who asks, and nobody else reads them."""
    table = stage.table("genie", "(1,'a','raw-1')")
    stage.tag(f"{table}.secret")
    text = json.dumps({"version": 2, "data_sources": {"tables": [{"identifier": table}]}})
    body = {"title": "lampkeeper-probe", "warehouse_id": stage.place.warehouse, "serialized_space": text}
    status, made = stage.place.ask("POST", _SPACES, body, None)
    if status >= 400:
        raise ProbeError(f"no space can be made: {made}")
    space = f"{_SPACES}/{made['space_id']}"
    entries = [{"service_principal_name": name, "permission_level": "CAN_RUN"} for name in (stage.reader, stage.exempt)]
    try:
        stage.place.ask("PATCH", f"/api/2.0/permissions/genie/{made['space_id']}", {"access_control_list": entries}, None)
        with stage.policy("genie", f"TABLE {table}", stage.mask(table, but=f"`{stage.groups['exempts']}`")):
            for persona, other, wanted in ((stage.reader, stage.exempt, "XXX"), (stage.exempt, stage.reader, "raw-1")):
                path = _asked(stage, space, persona)
                status, rows = stage.place.ask("GET", f"{path}/query-result", None, persona)
                if status >= 400 or wanted not in json.dumps(rows):
                    raise ProbeError(f"expected {wanted} in the answer, got {rows}")
                for reader in (other, None):
                    if stage.place.ask("GET", f"{path}/query-result", None, reader)[0] < 400:
                        raise ProbeError("somebody else reads the rows of an answer")
    finally:
        stage.place.ask("DELETE", space, None, None)


def _asked(stage: Stage, space: str, persona: str) -> str:
    """Ask for the table as a persona; return the path of the message once it has its rows."""
    status, made = stage.place.ask("POST", f"{space}/start-conversation", {"content": "Show all rows of the table"}, persona)
    if status >= 400:
        raise ProbeError(f"a persona cannot ask: {made}")
    path = f"{space}/conversations/{made['conversation_id']}/messages/{made['message_id']}"
    for _ in range(600):
        message = stage.place.ask("GET", path, None, persona)[1]
        if message.get("status") in ("COMPLETED", "FAILED", "CANCELLED"):
            break
        time.sleep(0.1)
    if message.get("status") != "COMPLETED":
        raise ProbeError(f"a question has no answer: {message}")
    return path


def apps_show_to_their_users(stage: Stage) -> None:
    """An app shows to a persona with CAN USE, and to no other."""
    name = "probe-" + secrets.token_hex(4)
    status, body = stage.place.ask("POST", "/api/2.0/apps?no_compute=true", {"name": name}, None)
    if status >= 400:
        raise ProbeError(f"no app can be made: {body}")
    path = f"/api/2.0/apps/{name}"
    try:
        entry = {"service_principal_name": stage.reader, "permission_level": "CAN_USE"}
        stage.place.ask("PATCH", f"/api/2.0/permissions/apps/{name}", {"access_control_list": [entry]}, None)
        seen = [stage.place.ask("GET", path, None, persona)[0] < 400 for persona in (stage.reader, stage.stranger)]
        if seen != [True, False]:
            raise ProbeError(f"an app shows to (its user, a stranger): {seen}")
    finally:
        stage.place.ask("DELETE", path, None, None)
