"""What was not given is not answered: each route that creates a document, called with its required fields alone.

An answer holds the given fields, the fields that every document of its kind has, the platform's defaults that the kind
declares, and what the server computes. No value of it is null, and none is empty that was not given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Kind
from localspace.http.request_schemas import SCHEMAS
from support.admin_callers import administrators
from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace

pytestmark = pytest.mark.server
UC = "/api/2.1/unity-catalog"
SCIM = "/api/2.0/preview/scim/v2"
ACCOUNT = "/api/2.0/accounts/{account_id}"
ROLE = {"aws_iam_role": {"role_arn": "arn:aws:iam::123456789012:role/x"}}
IN = {"catalog_name": "main", "schema_name": "default"}
COLUMNS = [{"name": "a", "type_text": "string", "type_name": "STRING"}]
FUNCTION = {"name": "f", **IN, "full_data_type": "STRING", "routine_definition": "'x'"}
MASK = {
    "name": "p", "policy_type": "POLICY_TYPE_COLUMN_MASK", "on_securable_type": "SCHEMA", "on_securable_fullname": "main.default",
    "for_securable_type": "TABLE", "to_principals": ["account users"],
    "match_columns": [{"alias": "c", "condition": "has_tag('k')"}],
    "column_mask": {"function_name": "main.default.g", "on_column": "c"},
}  # fmt: skip
RULES = {"oidc_policy": {"issuer": "https://issuer.example", "subject": "ci"}}
MADE_BY = frozenset({"schemas", "meta", "groups", "browse_only", "securable_kind", "full_name"})
"""What answers of any kind may hold beyond the document: SCIM's own attributes, and facts about the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """A route that creates: its required fields, the kind of the document, where to read it, what the server computes."""

    route: str
    body: dict[str, Any]
    kind: Kind[Any]
    read: str = ""
    computed: frozenset[str] = frozenset()
    inside: str = ""
    blank: frozenset[str] = field(default_factory=frozenset)


CREATES = (
    Create(route=f"POST {UC}/catalogs", body={"name": "c"}, kind=kinds.CATALOG, read=f"{UC}/catalogs/c"),
    Create(
        route=f"POST {UC}/schemas", body={"name": "s", "catalog_name": "main"}, kind=kinds.SCHEMA, read=f"{UC}/schemas/main.s"
    ),
    Create(
        route=f"POST {UC}/tables",
        body={"name": "t", **IN, "table_type": "MANAGED", "columns": COLUMNS},
        kind=kinds.TABLE,
        read=f"{UC}/tables/main.default.t",
        computed=frozenset({"data_source_format"}),
    ),
    Create(
        route=f"POST {UC}/functions",
        body=FUNCTION,
        kind=kinds.FUNCTION,
        read=f"{UC}/functions/main.default.f",
        computed=frozenset({"data_type", "external_language", "specific_name"}),
        blank=frozenset({"input_params"}),
    ),
    Create(route=f"POST {UC}/volumes", body={"name": "v", **IN}, kind=kinds.VOLUME, read=f"{UC}/volumes/main.default.v"),
    Create(
        route=f"POST {UC}/storage-credentials",
        body={"name": "cred", **ROLE},
        kind=kinds.STORAGE_CREDENTIAL,
        read=f"{UC}/storage-credentials/cred",
    ),
    Create(
        route=f"POST {UC}/external-locations",
        body={"name": "loc", "url": "s3://bucket/x", "credential_name": "old_cred"},
        kind=kinds.EXTERNAL_LOCATION,
        read=f"{UC}/external-locations/loc",
    ),
    Create(route="POST /api/2.1/tag-policies", body={"tag_key": "key"}, kind=kinds.TAG_POLICY, read="/api/2.1/tag-policies/key"),
    Create(
        route=f"POST {UC}/entity-tag-assignments",
        body={"entity_type": "catalogs", "entity_name": "main", "tag_key": "k"},
        kind=kinds.TAG,
        read=f"{UC}/entity-tag-assignments/catalogs/main/tags/k",
    ),
    Create(
        route="POST /api/2.0/entity-tag-assignments",
        body={"entity_type": "geniespaces", "entity_id": "{space}", "tag_key": "team"},
        kind=kinds.OBJECT_TAG,
        read="/api/2.0/entity-tag-assignments/geniespaces/{space}/tags/team",
        blank=frozenset({"tag_value"}),
    ),
    Create(
        route=f"POST {UC}/policies",
        body=MASK,
        kind=kinds.POLICY,
        read=f"{UC}/policies/SCHEMA/main.default/p",
        computed=frozenset({"governed_tags"}),
    ),
    *(
        Create(route=f"POST {base}/{plural}", body=body, kind=kind, read=f"{base}/{plural}/{{id}}")
        for base, name in ((SCIM, "here"), (f"{ACCOUNT}/scim/v2", "new"))
        for plural, body, kind in (
            ("Users", {"userName": f"{name}@example.com"}, kinds.USER),
            ("Groups", {"displayName": name}, kinds.GROUP),
            ("ServicePrincipals", {"displayName": name}, kinds.SERVICE_PRINCIPAL),
        )
    ),
    Create(
        route=f"POST {ACCOUNT}/federationPolicies",
        body={"oidc_policy": {"issuer": "https://issuer.example"}},
        kind=kinds.FEDERATION_POLICY,
        read=f"{ACCOUNT}/federationPolicies/{{policy_id}}",
    ),
    Create(
        route=f"POST {ACCOUNT}/servicePrincipals/{{service_principal_id}}/federationPolicies",
        body=RULES,
        kind=kinds.FEDERATION_POLICY,
        computed=frozenset({"service_principal_id"}),
        read=f"{ACCOUNT}/servicePrincipals/{{service_principal_id}}/federationPolicies/{{policy_id}}",
    ),
    Create(
        route="POST /api/2.0/sql/warehouses",
        body={"name": "w", "cluster_size": "Small"},
        kind=kinds.WAREHOUSE,
        read="/api/2.0/sql/warehouses/{id}",
        computed=frozenset({"num_clusters", "num_active_sessions", "jdbc_url", "odbc_params", "health"}),
    ),
    Create(
        route="POST /api/2.0/genie/spaces",
        body={"warehouse_id": "{warehouse}", "serialized_space": '{"version": 2}'},
        kind=kinds.GENIE_SPACE,
        read="/api/2.0/genie/spaces/{space_id}",
    ),
    Create(
        route="POST /api/2.0/serving-endpoints",
        body={"name": "e"},
        kind=kinds.SERVING_ENDPOINT,
        read="/api/2.0/serving-endpoints/e",
        computed=frozenset({"permission_level"}),
    ),
    Create(
        route="POST /api/2.0/lakeview/dashboards",
        body={"display_name": "d"},
        kind=kinds.DASHBOARD,
        read="/api/2.0/lakeview/dashboards/{dashboard_id}",
    ),
    *(
        Create(
            route=f"POST /api/{version}/jobs/create",
            body={},
            kind=kinds.JOB,
            read=f"/api/{version}/jobs/get?job_id={{job_id}}",
            computed=frozenset({"creator_user_name", "run_as_user_name", "run_as_owner"}),
            # The platform's defaults of job settings (source: databricks/cli, its account of jobs/create).
            blank=frozenset({"settings.email_notifications", "settings.webhook_notifications"}),
        )
        for version in ("2.1", "2.2")
    ),
    *(
        Create(
            route=f"POST {ACCOUNT}/{path}", body=body, kind=kind, read=f"{ACCOUNT}/{path}/{{{key}}}", computed=frozenset(computed)
        )
        for path, body, kind, key, computed in (
            (
                "credentials",
                {"credentials_name": "n", "aws_credentials": {"sts_role": {"role_arn": "r"}}},
                kinds.CLOUD_CREDENTIAL,
                "credentials_id",
                (),
            ),
            ("networks", {"network_name": "n"}, kinds.NETWORK, "network_id", ("vpc_status",)),
            (
                "storage-configurations",
                {"storage_configuration_name": "n", "root_bucket_info": {"bucket_name": "b"}},
                kinds.STORAGE_CONFIGURATION,
                "storage_configuration_id",
                (),
            ),
            (
                "private-access-settings",
                {"private_access_settings_name": "n", "region": "us-east-1"},
                kinds.PRIVATE_ACCESS_SETTINGS,
                "private_access_settings_id",
                (),
            ),
            ("vpc-endpoints", {"vpc_endpoint_name": "n"}, kinds.VPC_ENDPOINT, "vpc_endpoint_id", ()),
            ("customer-managed-keys", {"use_cases": ["STORAGE"]}, kinds.CUSTOMER_MANAGED_KEY, "customer_managed_key_id", ()),
        )
    ),
    Create(route="POST /api/2.0/token/create", body={}, kind=kinds.TOKEN, inside="token_info", computed=frozenset({"token_id"})),
    Create(
        route="POST /api/2.0/policies/clusters/create",
        body={"name": "p", "definition": "{{}}"},
        kind=kinds.CLUSTER_POLICY,
        read="/api/2.0/policies/clusters/get?policy_id={policy_id}",
    ),
    Create(
        route=f"POST {UC}/connections",
        body={"name": "conn", "connection_type": "HTTP", "options": {"host": "h", "port": "1"}},
        kind=kinds.CONNECTION,
        read=f"{UC}/connections/conn",
        computed=frozenset({"securable_type", "provisioning_info", "url"}),
    ),
    Create(
        route=f"POST {UC}/models",
        body={"name": "m", **IN},
        kind=kinds.MODEL,
        read=f"{UC}/models/main.default.m",
        computed=frozenset({"id"}),
    ),
    Create(
        route="POST /api/data-classification/v1/catalogs/{catalog}/config",
        body={},
        kind=kinds.CLASSIFICATION_CONFIG,
        read="/api/data-classification/v1/catalogs/main/config",
    ),
    Create(
        route="POST /api/2.0/sql/queries",
        body={"query": {"display_name": "q"}},
        kind=kinds.SAVED_QUERY,
        read="/api/2.0/sql/queries/{id}",
    ),
    Create(
        route="POST /api/2.0/alerts",
        body={
            "display_name": "a",
            "query_text": "SELECT 1",
            "warehouse_id": "{warehouse}",
            "evaluation": {"source": {"name": "n"}, "comparison_operator": "IS_NULL"},
            "schedule": {"quartz_cron_schedule": "0 0 8 * * ?", "timezone_id": "UTC"},
        },
        kind=kinds.ALERT_V2,
        read="/api/2.0/alerts/{id}",
        computed=frozenset({"effective_run_as"}),
    ),
    Create(
        route="POST /api/2.0/apps",
        body={"name": "app"},
        kind=kinds.APP,
        read="/api/2.0/apps/app",
        computed=frozenset({"url", "compute_size", "compute_status", "app_status"}),
    ),
)

NOT_CREATES = frozenset(
    {
        *(f"POST {path}" for path in (
            f"{UC}/validate-storage-credentials", "/api/2.0/token/delete", "/api/2.0/sql/warehouses/{id}/edit",
            "/api/2.0/sql/warehouses/{id}/start", "/api/2.0/sql/warehouses/{id}/stop", "/api/2.0/sql/statements",
            "/api/2.0/sql/statements/{statement_id}/cancel", "/api/2.0/localspace/sql", "/api/2.0/secrets/scopes/create",
            "/api/2.0/secrets/scopes/delete", "/api/2.0/secrets/put", "/api/2.0/secrets/delete", "/api/2.0/secrets/acls/put",
            "/api/2.0/secrets/acls/delete", "/serving-endpoints/{name}/invocations", "/serving-endpoints/chat/completions",
            "/api/2.0/workspace/import", "/api/2.0/workspace/mkdirs", "/api/2.0/workspace/delete", "/telemetry-ext",
            "/telemetry-unauth", "/api/2.0/lakeview/dashboards/{dashboard_id}/published",
            # Their answers are a token or secret with its times, or an account object of its own tests.
            "/api/2.0/token-management/on-behalf-of/tokens",
            f"{ACCOUNT}/servicePrincipals/{{service_principal_id}}/credentials/secrets",
            "/api/2.0/accounts/servicePrincipals/{service_principal_id}/credentials/secrets", f"{ACCOUNT}/workspaces",
            f"{ACCOUNT}/metastores", f"{ACCOUNT}/workspaces/{{workspace_id}}/metastores/{{metastore_id}}", f"{UC}/metastores",
            f"{ACCOUNT}/network-policies", "/api/2.0/preview/permissionassignments",
            "/api/2.0/policies/clusters/edit", "/api/2.0/policies/clusters/delete", "/api/2.0/apps/{name}/start",
            "/api/2.0/apps/{name}/stop",
            # Documents below another one, which tests of their own drive.
            "/api/2.0/apps/{name}/deployments", "/api/2.0/sql/alerts", "/api/2.0/mlflow/unity-catalog/model-versions/create",
            "/api/2.0/mlflow/unity-catalog/model-versions/finalize",
            *(f"/api/2.0/genie/spaces/{{space_id}}{rest}" for rest in (
                "/start-conversation", "/eval-runs", "/conversations/{conversation_id}/messages", *(
                    f"/conversations/{{conversation_id}}/messages/{{message_id}}/{last}" for last in (
                        "feedback", "comments", "execute-query", "attachments/{attachment_id}/execute-query",
                    )
                ),
            )),
            *(f"/api/2.0/jobs/{path}" for path in (
                "create", "reset", "update", "delete", "run-now", "runs/submit", "runs/cancel", "runs/delete",
            )),
        )),
        *(
            f"POST /api/{version}/jobs/{path}"
            for version in ("2.1", "2.2")
            for path in (
                "reset", "update", "delete", "run-now",
                *("runs/submit", "runs/cancel", "runs/cancel-all", "runs/delete", "runs/repair"),
            )
        ),
    }
)  # fmt: skip
"""Routes with POST that answer no document of their own."""


ELSEWHERE = frozenset(
    f"POST {path}"
    for path in (
        *("/api/2.0/alerts", "/api/2.0/sql/alerts", "/api/2.0/sql/queries", "/api/2.0/apps", f"{UC}/connections", f"{UC}/models"),
        *("/api/2.0/mlflow/unity-catalog/model-versions/create", "/api/2.0/mlflow/unity-catalog/model-versions/finalize"),
        *(f"/api/2.0/apps/{{name}}/{one}" for one in ("deployments", "start", "stop")),
        *(f"/api/2.0/policies/clusters/{one}" for one in ("create", "edit", "delete")),
        *(f"/api/2.0/jobs/{one}" for one in ("create", "delete", "reset", "run-now", "update")),
        *(f"/api/2.0/jobs/runs/{one}" for one in ("cancel", "delete", "submit")),
        *(
            f"/api/2.0/genie/spaces/{{space_id}}/{one}"
            for one in (
                "eval-runs",
                "start-conversation",
                *(
                    f"conversations/{{conversation_id}}/messages{rest}"
                    for rest in (
                        "",
                        *(f"/{{message_id}}/{what}" for what in ("comments", "execute-query", "feedback")),
                        "/{message_id}/attachments/{attachment_id}/execute-query",
                    )
                ),
            )
        ),
        "/api/data-classification/v1/catalogs/{catalog}/config",
    )
)
"""Routes of services whose own tests compare whole answers."""


@dataclass(slots=True, kw_only=True)
class Caller:
    """Somebody with the right to create, and the values of the path's parameters."""

    http: httpx.Client
    names: dict[str, str]

    def filled(self, value: Any) -> Any:
        """Return a value with the parameters put in."""
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        if isinstance(value, str) and value.startswith('{"'):
            return value
        return value.format_map(self.names) if isinstance(value, str) else value


@pytest.fixture(scope="module", params=["user", "service principal"])
def caller(request: pytest.FixtureRequest) -> Iterator[Caller]:
    with running_localspace(build_runner=fake_runner) as space:
        token = administrators(space)[request.param]
        with space.http(token) as http:
            yield Caller(http=http, names=_names(space, http))


def _names(space: LocalWorkspace, http: httpx.Client) -> dict[str, str]:
    def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = http.post(path, json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    made(f"{UC}/functions", FUNCTION | {"name": "g", "input_params": {"parameters": [{"name": "v", "type_text": "STRING"}]}})
    made(f"{UC}/storage-credentials", {"name": "old_cred", **ROLE})
    made("/api/2.1/tag-policies", {"tag_key": "k"})
    genie = made("/api/2.0/genie/spaces", {"warehouse_id": space.warehouse_id, "serialized_space": '{"version": 2}'})
    robot = made(f"{SCIM}/ServicePrincipals", {"displayName": "other"})
    return {
        "catalog": "main", "account_id": space.account_id, "warehouse": space.warehouse_id, "space": genie["space_id"],
        "service_principal_id": robot["id"],
    }  # fmt: skip


@pytest.mark.parametrize("create", CREATES, ids=lambda create: create.route)
def test_an_answer_holds_what_was_given_and_declared_defaults(caller: Caller, create: Create) -> None:
    body = caller.filled(create.body)
    made = caller.http.post(caller.filled(create.route.partition(" ")[2]), json=body)
    assert made.is_success, made.text
    created = made.json()
    answers = [created]
    if create.read:
        read = caller.http.get(Caller(http=caller.http, names=caller.names | created).filled(create.read))
        assert read.is_success, read.text
        answers.append(read.json())
    declared = set(body) | create.kind.required - create.kind.hidden | set(create.kind.defaults) | create.computed | MADE_BY
    for answer in answers[len(answers) > 1 and set(created) <= {"id", "job_id", "policy_id"} :]:
        found = answer.get(create.inside, answer) if create.inside else answer
        if not create.inside:
            assert set(found) <= declared | _id_of(create.kind), "fields that nobody gave"
        blank = {one for one in _blanks(found, "") if one not in create.blank and _default_of(create.kind, one) is None}
        assert blank - set(_blanks(body, "")) == set(), "empty values that nobody gave"


def _id_of(kind: Kind[Any]) -> set[str]:
    # The settings of a user that the server derives from its name, as the platform does.
    return {"emails", "displayName"} if kind is kinds.USER else set()


def _default_of(kind: Kind[Any], name: str) -> object:
    return kind.defaults.get(name)


def _blanks(value: Any, place: str) -> Iterator[str]:
    """Yield the places of null and of empty strings, lists and objects."""
    if isinstance(value, dict) and value:
        for name, one in value.items():
            yield from _blanks(one, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list) and value:
        for at, one in enumerate(value):
            yield from _blanks(one, f"{place}[{at}]")
    elif value in (None, "", [], {}) and not isinstance(value, bool):
        yield place


def test_every_route_with_post_creates_or_is_known_not_to() -> None:
    posts = {route for route in SCHEMAS if route.startswith("POST ")}
    known = {create.route for create in CREATES} | NOT_CREATES
    assert known <= posts
    assert posts - known <= ELSEWHERE
    assert not {create.route for create in CREATES} & NOT_CREATES


def test_given_values_come_back_although_they_are_empty(caller: Caller) -> None:
    made = caller.http.post(f"{UC}/schemas", json={"name": "with_blank", "catalog_name": "main", "comment": ""}).json()
    assert made["comment"] == ""
    assert caller.http.get(f"{UC}/schemas/main.with_blank").json()["comment"] == ""


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (f"{UC}/catalogs/main", "UpdateCatalog"),
        (f"{UC}/schemas/main.default", "UpdateSchema"),
        (f"{UC}/functions/main.default.g", "UpdateFunction"),
        (f"{UC}/storage-credentials/old_cred", "UpdateStorageCredential"),
        (f"{UC}/metastores/{{metastore}}", "UpdateMetastore"),
    ],
)
def test_a_patch_without_a_change_is_refused(caller: Caller, path: str, says: str) -> None:
    metastore = caller.http.get(f"{UC}/current-metastore-assignment").json()["metastore_id"]
    for body in ({}, {"unknown": 1}):
        answer = caller.http.patch(path.format(metastore=metastore), json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert answer.json()["message"] == f"{says} Nothing to update."
