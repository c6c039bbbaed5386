"""Fields of requests about people, tokens, roles and the account (source: SDK 0.156, service.iam, oauth2, provisioning)."""

from __future__ import annotations

from localspace.http.request_schemas.types import ANYTHING, FLAG, OBJECT, TEXT, TEXT_MAP, TEXTS, WHOLE, ElementsOf, ListOf, fields

# SCIM. Ids, schemas, meta and the groups of a member are the server's own.

_VALUES = ElementsOf(fields(value=TEXT, type=TEXT, display=TEXT, primary=FLAG))
_RESOURCE = fields(displayName=TEXT, externalId=TEXT, entitlements=_VALUES, roles=_VALUES)
USER = _RESOURCE.plus(userName=TEXT, active=FLAG, name=fields(givenName=TEXT, familyName=TEXT), emails=_VALUES)
SERVICE_PRINCIPAL = _RESOURCE.plus(applicationId=TEXT, active=FLAG)
GROUP = _RESOURCE.plus(members=_VALUES)
_OPERATIONS = ListOf(fields(op=TEXT, path=TEXT, value=ANYTHING))
SCIM_PATCH = fields(Operations=_OPERATIONS, operations=_OPERATIONS)

# Tokens, secrets, federation

CREATE_TOKEN = fields(comment=TEXT, lifetime_seconds=WHOLE)
DELETE_TOKEN = fields(token_id=TEXT)
ON_BEHALF_TOKEN = CREATE_TOKEN.plus(application_id=TEXT)
CREATE_SECRET = fields(lifetime=TEXT)
_RULES = fields(audiences=TEXTS, issuer=TEXT, jwks_json=TEXT, jwks_uri=TEXT, subject=TEXT, subject_claim=TEXT)
FEDERATION_POLICY = fields(description=TEXT, oidc_policy=_RULES)

# Roles and access lists

_GRANT_RULE = fields(role=TEXT, principals=TEXTS)
RULE_SET = fields(name=TEXT, rule_set=fields(name=TEXT, etag=TEXT, grant_rules=ListOf(_GRANT_RULE)))
ACCESS_LIST = ListOf(fields(user_name=TEXT, group_name=TEXT, service_principal_name=TEXT, permission_level=TEXT))
PERMISSIONS = fields(access_control_list=ACCESS_LIST)

# The account

UPDATE_WORKSPACE = fields(
    workspace_name=TEXT,
    aws_region=TEXT,
    compute_mode=TEXT,
    credentials_id=TEXT,
    custom_tags=TEXT_MAP,
    managed_services_customer_managed_key_id=TEXT,
    network_connectivity_config_id=TEXT,
    network_id=TEXT,
    pricing_tier=TEXT,
    private_access_settings_id=TEXT,
    storage_configuration_id=TEXT,
    storage_customer_managed_key_id=TEXT,
)
CREATE_WORKSPACE = UPDATE_WORKSPACE.plus(
    cloud=TEXT,
    cloud_resource_container=OBJECT,
    deployment_name=TEXT,
    gcp_managed_network_config=OBJECT,
    gke_config=OBJECT,
    location=TEXT,
)
WORKSPACE_ASSIGNMENT = fields(permissions=TEXTS)
_ASSIGNED = fields(user_name=TEXT, group_name=TEXT, service_principal_name=TEXT, permissions=TEXTS)
WORKSPACE_ASSIGNMENTS = fields(permission_assignments=ListOf(_ASSIGNED))

# The account's cloud configuration

CREATE_CLOUD_CREDENTIAL = fields(credentials_name=TEXT, aws_credentials=fields(sts_role=fields(role_arn=TEXT)))
CREATE_NETWORK = fields(
    network_name=TEXT,
    vpc_id=TEXT,
    subnet_ids=TEXTS,
    security_group_ids=TEXTS,
    vpc_endpoints=fields(dataplane_relay=TEXTS, rest_api=TEXTS),
    gcp_network_info=OBJECT,
)
CREATE_STORAGE_CONFIGURATION = fields(storage_configuration_name=TEXT, root_bucket_info=fields(bucket_name=TEXT), role_arn=TEXT)
PRIVATE_ACCESS_SETTINGS = fields(
    private_access_settings_name=TEXT,
    region=TEXT,
    public_access_enabled=FLAG,
    private_access_level=TEXT,
    allowed_vpc_endpoint_ids=TEXTS,
)
REPLACE_PRIVATE_ACCESS_SETTINGS = PRIVATE_ACCESS_SETTINGS.plus(private_access_settings_id=TEXT)
CREATE_VPC_ENDPOINT = fields(vpc_endpoint_name=TEXT, region=TEXT, aws_vpc_endpoint_id=TEXT, gcp_vpc_endpoint_info=OBJECT)
CREATE_CUSTOMER_MANAGED_KEY = fields(use_cases=TEXTS, aws_key_info=OBJECT, azure_key_info=OBJECT, gcp_key_info=OBJECT)
NETWORK_POLICY = fields(network_policy_id=TEXT, egress=OBJECT, ingress=OBJECT, ingress_dry_run=OBJECT)
NETWORK_OPTION = fields(network_policy_id=TEXT, workspace_id=WHOLE)
