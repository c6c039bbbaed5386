"""Token federation at the local workspace: which foreign tokens are taken, for whom, and that none is kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound, PermissionDenied
from databricks.sdk.service.oauth2 import FederationPolicy, OidcFederationPolicy

from localspace.core.stored_documents import kinds
from support.id_tokens import ISSUER, SUBJECT, id_token, jwks
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"


@pytest.fixture(scope="module")
def space() -> Iterator[LocalWorkspace]:
    with running_localspace() as running:
        yield running


@pytest.fixture(scope="module")
def robot(space: LocalWorkspace) -> Any:
    made = space.client().service_principals_v2.create(display_name="ci")
    rules = OidcFederationPolicy(issuer=ISSUER, subject=SUBJECT, audiences=["lampkeeper"], jwks_json=jwks())
    space.account().service_principal_federation_policy.create(int(made.id), FederationPolicy(oidc_policy=rules), policy_id="ci")
    return made


def exchange(space: LocalWorkspace, token: str, client_id: str = "", path: str = "/oidc/v1/token", **more: str) -> httpx.Response:
    form = {"grant_type": GRANT, "subject_token_type": JWT, "subject_token": token, "client_id": client_id} | more
    return httpx.post(space.host + path, data={key: value for key, value in form.items() if value})


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
@pytest.mark.parametrize("path", ["/oidc/v1/token", "/oidc/accounts/{account}/v1/token"])
def test_a_token_that_the_policy_takes_signs_its_service_principal_in(
    space: LocalWorkspace, robot: Any, path: str, alg: str
) -> None:
    answer = exchange(space, id_token("lampkeeper", alg=alg), robot.application_id, path.format(account=space.account_id))
    assert answer.status_code == 200, answer.text
    assert space.client(answer.json()["access_token"]).current_user.me().id == robot.id


def unsigned() -> str:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    return f"{head}.{id_token('lampkeeper').split('.')[1]}.AAAA"


def keyed_with_the_public_key() -> str:
    """HS256 under the public key set: the classic confusion of algorithms."""
    head, body = (
        base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "r1"}).encode()).rstrip(b"=").decode(),
        id_token("lampkeeper").split(".")[1],
    )
    mac = hmac.new(jwks().encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def with_claims_of_another(good: str) -> str:
    head, _, signature = good.split(".")
    return f"{head}.{id_token('lampkeeper', sub=SUBJECT, exp=4_000_000_000).split('.')[1]}.{signature}"


WRONG: dict[str, tuple[str, Callable[[], str]]] = {
    "another issuer": ("another issuer", lambda: id_token("lampkeeper", iss="https://evil.example")),
    "another audience": ("another audience", lambda: id_token("somebody-else")),
    "no audience": ("another audience", lambda: id_token("lampkeeper", aud=None)),
    "another subject": ("another subject", lambda: id_token("lampkeeper", sub="repo:bank/governance:environment:dev")),
    "no subject": ("names no subject", lambda: id_token("lampkeeper", sub=None)),
    "expired": ("has expired", lambda: id_token("lampkeeper", exp=1_000_000_000)),
    "without expiry": ("has no expiry", lambda: id_token("lampkeeper", exp=None)),
    "expiry of another type": ("has no expiry", lambda: id_token("lampkeeper", exp="4000000000")),
    "not valid yet": ("not valid yet", lambda: id_token("lampkeeper", nbf=4_000_000_000)),
    "signed by another key": ("no key of it signed", lambda: id_token("lampkeeper", key="two")),
    "of another kid": ("no key of it signed", lambda: id_token("lampkeeper", header={"kid": "e1"})),
    "with a critical extension": ("crit", lambda: id_token("lampkeeper", header={"crit": ["b64"]})),
    "unsigned": ("no key of it signed", unsigned),
    "keyed with the public key": ("no key of it signed", keyed_with_the_public_key),
    "claims put in later": ("no key of it signed", lambda: with_claims_of_another(id_token("lampkeeper"))),
    "no token": ("not a signed JWT", lambda: "nonsense"),
    "no JSON": ("not a signed JWT", lambda: "AAAA.AAAA.AAAA"),
}


@pytest.mark.parametrize(("reason", "token"), WRONG.values(), ids=WRONG.keys())
def test_any_other_token_is_refused_with_an_oauth_error_that_does_not_echo_it(
    space: LocalWorkspace, robot: Any, reason: str, token: Callable[[], str]
) -> None:
    given = token()
    answer = exchange(space, given, robot.application_id)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert set(answer.json()) == {"error", "error_description"}
    assert reason in answer.json()["error_description"]
    assert given not in answer.text
    assert SUBJECT not in answer.text


def test_an_unknown_client_another_principal_and_another_type_of_token_are_refused(space: LocalWorkspace, robot: Any) -> None:
    good = id_token("lampkeeper")
    other = space.client().service_principals_v2.create(display_name="other")
    assert exchange(space, good, "no-such-client").json()["error"] == "invalid_client"
    assert "it has none" in exchange(space, good, other.application_id).json()["error_description"]
    assert "account" in exchange(space, good).json()["error_description"]
    answer = exchange(space, good, robot.application_id, subject_token_type="urn:ietf:params:oauth:token-type:saml2")
    assert answer.status_code == 400


def test_a_policy_without_keys_says_that_none_are_fetched(space: LocalWorkspace) -> None:
    made = space.client().service_principals_v2.create(display_name="keyless")
    rules = OidcFederationPolicy(issuer=ISSUER, subject=SUBJECT)
    space.account().service_principal_federation_policy.create(int(made.id), FederationPolicy(oidc_policy=rules))
    answer = exchange(space, id_token(space.account_id), made.application_id)
    assert "no jwks_json" in answer.json()["error_description"]


def test_a_policy_of_the_account_takes_its_users_by_name_and_the_account_id_as_audience(space: LocalWorkspace) -> None:
    ana = space.client().users_v2.create(user_name="ana@bank.example")
    rules = OidcFederationPolicy(issuer=ISSUER, subject_claim="email", jwks_json=jwks())
    space.account().federation_policy.create(FederationPolicy(oidc_policy=rules), policy_id="people")
    try:
        answer = exchange(space, id_token(space.account_id, email="ana@bank.example"))
        assert space.client(answer.json()["access_token"]).current_user.me().id == ana.id
        for claims in ({"email": "nobody@bank.example"}, {"email": "account users"}, {}):
            assert exchange(space, id_token(space.account_id, **claims)).status_code == 400
        assert exchange(space, id_token("lampkeeper", email="ana@bank.example")).status_code == 400
    finally:
        space.account().federation_policy.delete("people")


def test_policies_are_an_account_admins_and_go_with_their_principal(space: LocalWorkspace) -> None:
    made = space.client().service_principals_v2.create(display_name="leaving")
    policies = space.account().service_principal_federation_policy
    rules = OidcFederationPolicy(issuer=ISSUER, subject=SUBJECT, jwks_json=jwks())
    with pytest.raises(PermissionDenied):
        space.account(space.mint(made.application_id)).service_principal_federation_policy.create(
            int(made.id), FederationPolicy(oidc_policy=rules)
        )
    policies.create(int(made.id), FederationPolicy(oidc_policy=rules))
    assert len(space.workspace.store.list(kinds.FEDERATION_POLICY, (made.id,))) == 1
    space.account().service_principals_v2.delete(made.id)
    assert space.workspace.store.list(kinds.FEDERATION_POLICY, (made.id,)) == []
    with pytest.raises(NotFound):
        list(policies.list(int(made.id)))


@pytest.mark.parametrize(
    "rules",
    [
        OidcFederationPolicy(issuer=ISSUER),
        OidcFederationPolicy(subject=SUBJECT),
        OidcFederationPolicy(issuer=ISSUER, subject=SUBJECT, jwks_json="{}"),
        OidcFederationPolicy(issuer=ISSUER, subject=SUBJECT, jwks_json='{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}'),
    ],
)
def test_a_policy_that_could_take_no_token_is_refused(space: LocalWorkspace, robot: Any, rules: OidcFederationPolicy) -> None:
    with pytest.raises(InvalidParameterValue):
        space.account().service_principal_federation_policy.create(int(robot.id), FederationPolicy(oidc_policy=rules))


def test_the_request_log_keeps_neither_the_foreign_token_nor_ours(space: LocalWorkspace, robot: Any) -> None:
    space.control("DELETE", "requests", bodies="true")
    given = id_token("lampkeeper")
    ours = exchange(space, given, robot.application_id).json()["access_token"]
    secret = space.account().service_principal_secrets.create(robot.id).secret
    made = space.client().tokens.create().token_value
    log = json.dumps(space.control("GET", "requests"))
    assert "/oidc/v1/token" in log
    assert [one for one in (given, given.split(".")[2], ours, secret, made) if one in log] == []
