"""What a local workspace needs before jobs can govern it: demo data, and secrets in a scope (account, hash key)."""

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
    """Make a service principal that administers the account, and a hash key; keep both in a secret scope, if it is missing."""
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
    """Make the home folder that everybody has on the platform, and a fresh local workspace does not hold yet."""
    workspace.write("folder", "POST", "/api/2.0/workspace/mkdirs", {"path": f"/Users/{whoami(workspace)}"})


def job_envs(workspace: Workspace, job_id: int) -> tuple[str, str]:
    """Return where a job keeps its environments, and which one it is for, as its parameters say."""
    settings = workspace.get("job", "/api/2.2/jobs/get", {"job_id": job_id})["settings"]
    return envs_of(settings, {})


def put_settings(workspace: Workspace, envs: str, env: str, subject: Subject, address: Address) -> None:
    """Write the demo's env.auto.tfvars where the jobs look for it, unless somebody has written one."""
    settings = render_settings(demo_settings(subject, address))
    VolumeFolder(workspace, envs).create(f"{env}/env.auto.tfvars", settings.encode())
