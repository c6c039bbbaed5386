"""What tests of runs look at: the CLI by another principal's hand, and what was written to what governs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from lampkeeper.demo.people import OFFICER
from lampkeeper.remote.clients import Workspace
from support.bundle_jobs import BundleJobs

LAMPKEEPER = (sys.executable, "-c", "from lampkeeper.cli.main import run; run()")
_GOVERNS = (
    "/tag-policies",
    "/entity-tag-assignments",
    "/policies",
    "/scim/",
    "/permissions/",
    "/genie/",
    "/permissionassignments",
)


def lampkeeper(jobs: BundleJobs, token: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the CLI as whom the token is of."""
    environment = os.environ | {"DATABRICKS_HOST": jobs.host, "DATABRICKS_TOKEN": token, "DATABRICKS_CONFIG_FILE": os.devnull}
    return subprocess.run([*LAMPKEEPER, *words], env=environment, capture_output=True, text=True, timeout=60, check=False)


def token_of(workspace: Workspace, principal: str) -> str:
    """Return a token of a principal, by name."""
    return str(workspace.write("token", "POST", "/_localspace/tokens", {"principal": principal})["token"])


def governance_writes(workspace: Workspace) -> list[str]:
    """Return the writes to what governs since the log was cleared: not files, runs, tables of the history."""
    logged = workspace.get("log", "/_localspace/requests", {"mutating": "true"})["requests"]
    return [f"{one['method']} {one['path']}" for one in logged if any(part in one["path"] for part in _GOVERNS)]


def let_approve(jobs: BundleJobs, approvals: str, principal: str = OFFICER) -> None:
    """Give a principal what an approver needs of the shared storage; `approvals` is the volume of approvals."""
    catalog, schema, volume = approvals.split("/")[2:5]
    needed: Sequence[tuple[str, str, str]] = (
        ("catalog", catalog, "USE_CATALOG"), ("schema", f"{catalog}.{schema}", "USE_SCHEMA"),
        ("volume", f"{catalog}.{schema}.lampkeeper", "READ_VOLUME"), ("volume", f"{catalog}.{schema}.{volume}", "READ_VOLUME"),
        ("volume", f"{catalog}.{schema}.{volume}", "WRITE_VOLUME"),
    )  # fmt: skip
    for kind, name, privilege in needed:
        path = f"/api/2.1/unity-catalog/permissions/{kind}/{name}"
        jobs.call("PATCH", path, {"changes": [{"principal": principal, "add": [privilege]}]})
