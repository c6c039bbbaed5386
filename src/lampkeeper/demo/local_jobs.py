"""Prepares a local workspace for the jobs: demo data, and a secret scope with account credentials and a hash key."""

from __future__ import annotations

import secrets

from lampkeeper.app.hash_keys import put_key
from lampkeeper.demo.run import Subject, demo_settings
from lampkeeper.files.settings import render_settings
from lampkeeper.places.job_run import envs_of
from lampkeeper.places.place import Address
from lampkeeper.remote.clients import ApiLevel, Workspace, encode
from lampkeeper.remote.task import whoami
from lampkeeper.remote.volumes import VolumeFolder

SCOPE = "lampkeeper"
ACCOUNT_PRINCIPAL = "lampkeeper account"


def seed_account_scope(workspace: Workspace, scope: str = SCOPE) -> None:
    """Create an account admin service principal and a hash key, and keep both in a secret scope; nothing if the scope exists."""
    scopes = workspace.get("secret", "/api/2.0/secrets/scopes/list").get("scopes") or ()
    if scope in {s["name"] for s in scopes}:
        return
    account = f"/api/2.0/accounts/{encode(workspace.account_id)}"
    made = workspace.write(
        "person", "POST", f"{account}/scim/v2/ServicePrincipals",
        {"displayName": ACCOUNT_PRINCIPAL, "active": True, "roles": [{"value": "account_admin"}]}, api_level=ApiLevel.ACCOUNT,
    )  # fmt: skip
    secret = workspace.write(
        "secret",
        "POST",
        f"{account}/servicePrincipals/{encode(str(made['id']))}/credentials/secrets",
        {},
        api_level=ApiLevel.ACCOUNT,
    )
    workspace.write("secret", "POST", "/api/2.0/secrets/scopes/create", {"scope": scope})
    for key, value in (
        ("account_id", workspace.account_id), ("account_host", workspace.host), ("client_id", str(made["applicationId"])),
        ("client_secret", str(secret["secret"])),
    ):  # fmt: skip
        workspace.write("secret", "POST", "/api/2.0/secrets/put", {"scope": scope, "key": key, "string_value": value})
    put_key(workspace, scope, secrets.token_hex(32))


def make_home(workspace: Workspace) -> None:
    """Create the user's home folder, which the platform provides and a new local workspace lacks."""
    workspace.write("folder", "POST", "/api/2.0/workspace/mkdirs", {"path": f"/Users/{whoami(workspace)}"})


def job_envs(workspace: Workspace, job_id: int) -> tuple[str, str]:
    """Return the folder of a job's environments and the environment it works on, from its parameters."""
    settings = workspace.get("job", "/api/2.2/jobs/get", {"job_id": job_id})["settings"]
    return envs_of(settings, {})


def put_settings(workspace: Workspace, envs: str, env: str, subject: Subject, address: Address) -> None:
    """Write the demo's env.auto.tfvars to the folder that the jobs read, unless the file exists."""
    settings = render_settings(demo_settings(subject, address))
    VolumeFolder(workspace, envs).create(f"{env}/env.auto.tfvars", settings.encode())
