"""Sign-in at the account by token federation, through the SDK's unified authentication: no secret is configured anywhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from databricks.sdk.service import iam
from databricks.sdk.service.oauth2 import FederationPolicy, OidcFederationPolicy

from lampkeeper.model.auth import Auth
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.remote.clients import ApiLevel, Workspace, connect
from lampkeeper.remote.failures import Timeouts
from support.id_tokens import ISSUER, SUBJECT, id_token, jwks
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server


@dataclass(frozen=True, slots=True, kw_only=True)
class Federated:
    """A workspace with an account admin that signs in by federation alone."""

    space: LocalWorkspace
    client_id: str

    def connect(self, client_id: str = "") -> Workspace:
        auth = Auth(
            workspace_host=self.space.host, account_host=self.space.host, account_id=self.space.account_id, client_id=client_id
        )
        return connect(auth, timeouts=Timeouts(http=5, deadline=2))


@pytest.fixture(scope="module")
def federated() -> Iterator[Federated]:
    with running_localspace() as space:
        robot = space.client().service_principals_v2.create(display_name="ci")
        admin = [iam.Patch(op=iam.PatchOp.ADD, path="roles", value=[{"value": "account_admin"}])]
        space.account().service_principals_v2.patch(robot.id, operations=admin)
        rules = OidcFederationPolicy(issuer=ISSUER, subject=SUBJECT, jwks_json=jwks())
        space.account().service_principal_federation_policy.create(int(robot.id), FederationPolicy(oidc_policy=rules))
        yield Federated(space=space, client_id=str(robot.application_id))


@pytest.fixture(autouse=True)
def no_sign_in_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOST", "TOKEN", "CLIENT_ID", "CLIENT_SECRET", "CONFIG_PROFILE", "ACCOUNT_ID"):
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))


def writes_and_reads_a_group(workspace: Workspace, name: str) -> None:
    """Make an account group through the engine's wire and find it again."""
    path, api_level = workspace.scim("Groups")
    assert api_level is ApiLevel.ACCOUNT
    workspace.write("group", "POST", path, {"displayName": name}, api_level=api_level)
    found = workspace.scim_pages("group", path, {"filter": f'displayName eq "{name}"'}, api_level)
    assert [one["displayName"] for one in found] == [name]


def test_env_oidc_reaches_the_account(federated: Federated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "env-oidc")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", federated.client_id)
    monkeypatch.setenv("DATABRICKS_OIDC_TOKEN_ENV", "CI_JOB_TOKEN")
    monkeypatch.setenv("CI_JOB_TOKEN", id_token(federated.space.account_id, alg="ES256"))
    writes_and_reads_a_group(federated.connect(), "by-env")


def test_file_oidc_reaches_the_account_with_the_client_id_of_the_environments_file(
    federated: Federated, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(id_token(federated.space.account_id))
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "file-oidc")
    monkeypatch.setenv("DATABRICKS_OIDC_TOKEN_FILEPATH", str(tmp_path / "token"))
    workspace = federated.connect(federated.client_id)
    writes_and_reads_a_group(workspace, "by-file")
    assert workspace.get("principal", "/api/2.0/preview/scim/v2/Me")["userName"] == federated.client_id


def test_a_token_that_no_policy_takes_is_refused_and_reported_nowhere(
    federated: Federated, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    token = id_token(federated.space.account_id, sub="repo:bank/other")
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "env-oidc")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", federated.client_id)
    monkeypatch.setenv("DATABRICKS_OIDC_TOKEN", token)
    federated.space.control("DELETE", "requests", bodies="true")
    workspace = federated.connect()
    path, api_level = workspace.scim("Groups")
    with caplog.at_level(logging.DEBUG), pytest.raises(RemoteError, match="another subject") as refusal:
        workspace.get("group", path, api_level=api_level)
    log = json.dumps(federated.space.control("GET", "requests"))
    assert token.split(".")[2] not in f"{refusal.value}{caplog.text}{log}"


def test_a_host_that_does_not_answer_is_our_error_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    connect(Auth(workspace_host="http://127.0.0.1:9", token="dapi-none"), timeouts=Timeouts(http=1, deadline=1))
    assert capsys.readouterr().err == ""


def test_federation_without_a_token_is_wrong_use(federated: Federated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "env-oidc")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", federated.client_id)
    monkeypatch.delenv("DATABRICKS_OIDC_TOKEN", raising=False)
    with pytest.raises(UsageError) as refusal:
        federated.connect()
    assert "DATABRICKS_AUTH_TYPE" in refusal.value.fix
