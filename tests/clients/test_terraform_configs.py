"""Configurations of governance by the unmodified Terraform provider, as a user and as a service principal.

A second plan is empty, a destroy leaves nothing: what was not given must not be answered, and defaults must be.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localspace.core.stored_documents import kinds
from support.admin_callers import administrators
from support.localspace_server import LocalWorkspace, running_localspace
from support.missing_tools import report_missing, terraform_and_mirror
from support.recorded import save, take
from support.terraform import Terraform, prepared

pytestmark = [pytest.mark.server, pytest.mark.clients]
HERE = Path(__file__).parent
TERRAFORM = terraform_and_mirror()
if TERRAFORM is None:
    report_missing("Terraform provider", "terraform on PATH, its provider mirror in LAMPKEEPER_TF_MIRROR")
needs_terraform = pytest.mark.skipif(TERRAFORM is None, reason="terraform or its provider mirror was not found")
KEPT = (kinds.POLICY, kinds.TAG_POLICY, kinds.TAG, kinds.OBJECT_TAG, kinds.VOLUME, kinds.EXTERNAL_LOCATION, kinds.SECRET_SCOPE)
"""Kinds of which a destroy leaves no document."""


@pytest.fixture(params=["user", "service principal"])
def caller(request: pytest.FixtureRequest) -> Iterator[tuple[LocalWorkspace, str, str]]:
    with running_localspace() as space:
        space.control("DELETE", "requests", bodies="true")
        yield space, administrators(space)[request.param], request.param.replace(" ", "_")


def seeded(space: LocalWorkspace, token: str) -> dict[str, str]:
    """Make what the configurations refer to, and return their variables."""
    filters = {"input_params": {"parameters": [{"name": "c", "type_text": "STRING"}, {"name": "k", "type_text": "STRING"}]}}
    masks = {"input_params": {"parameters": [{"name": "c", "type_text": "STRING"}]}}
    place = {"catalog_name": "main", "schema_name": "default"}
    with space.http() as admin, space.http(token) as http:
        account = f"/api/2.0/accounts/{space.account_id}"
        group = admin.post(f"{account}/scim/v2/Groups", json={"displayName": "data_eng"}).json()
        people = f"{account}/workspaces/{space.workspace_id}/permissionassignments/principals"
        admin.put(f"{people}/{group['id']}", json={"permissions": ["USER"]}).raise_for_status()
        for name, kind, body, fields in (
            ("tfx_rf", "BOOLEAN", "c = k", filters),
            ("tfx_cm", "STRING", "'***'", masks),
        ):
            function = {"name": name, **place, "full_data_type": kind, "routine_definition": body, **fields}
            http.post("/api/2.1/unity-catalog/functions", json={"function_info": function}).raise_for_status()
        genie = {"warehouse_id": space.warehouse_id, "serialized_space": '{"version": 2}'}
        made = http.post("/api/2.0/genie/spaces", json=genie)
        made.raise_for_status()
    return {
        "host": space.host, "token": token, "account_id": space.account_id, "workspace_id": space.workspace_id,
        "wh": space.warehouse_id, "space": made.json()["space_id"],
    }  # fmt: skip


def opened(space: LocalWorkspace, token: str, folder: Path, config: str) -> Terraform:
    assert TERRAFORM is not None
    return prepared(TERRAFORM[0], TERRAFORM[1], folder, HERE / config, seeded(space, token))


def left_behind(space: LocalWorkspace) -> dict[str, int]:
    store = space.workspace.store
    return {kind.name: store.count(kind) for kind in KEPT if store.count(kind)}


def record(space: LocalWorkspace, name: str, source: str) -> None:
    if os.environ.get("LAMPKEEPER_RECORD"):
        save(HERE / "recorded" / f"{name}.json", take(space), source)


@needs_terraform
def test_governance_is_applied_in_two_steps_and_destroyed(caller: tuple[LocalWorkspace, str, str], tmp_path: Path) -> None:
    space, token, who = caller
    terraform = opened(space, token, tmp_path, "service_principal.tf")
    assert "Resources: 18 added, 0 changed, 0 destroyed" in terraform.apply()
    assert not (changes := terraform.planned()), changes
    assert "0 destroyed" in terraform.apply(step="2")
    assert not (changes := terraform.planned(step="2")), changes
    assert "Resources: 18 destroyed" in terraform.destroy()
    assert left_behind(space) == {}
    record(space, f"terraform_governance_{who}", f"terraform provider 1.128.0 as a {who}: service_principal.tf in two steps")


@needs_terraform
def test_required_fields_alone_give_an_empty_second_plan(caller: tuple[LocalWorkspace, str, str], tmp_path: Path) -> None:
    space, token, who = caller
    terraform = opened(space, token, tmp_path, "required_fields.tf")
    terraform.apply()
    assert not (changes := terraform.planned()), changes
    terraform.destroy()
    assert left_behind(space) == {}
    record(space, f"terraform_required_{who}", f"terraform provider 1.128.0 as a {who}: required_fields.tf")
