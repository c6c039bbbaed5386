# Each resource that the local workspace serves, with its required fields alone.
terraform {
  required_providers {
    databricks = { source = "databricks/databricks", version = "1.128.0" }
  }
}
variable "host" {}
variable "token" { sensitive = true }
variable "account_id" {}
variable "workspace_id" {}
variable "wh" {}
variable "space" {}
provider "databricks" {
  host  = var.host
  token = var.token
}
provider "databricks" {
  alias      = "account"
  host       = var.host
  token      = var.token
  account_id = var.account_id
}
resource "databricks_catalog" "c" { name = "req" }
resource "databricks_schema" "s" {
  catalog_name = databricks_catalog.c.name
  name         = "s"
}
resource "databricks_volume" "v" {
  catalog_name = databricks_catalog.c.name
  schema_name  = databricks_schema.s.name
  name         = "v"
  volume_type  = "MANAGED"
}
resource "databricks_sql_table" "t" {
  catalog_name = databricks_catalog.c.name
  schema_name  = databricks_schema.s.name
  name         = "t"
  table_type   = "MANAGED"
  warehouse_id = var.wh
  column {
    name = "a"
    type = "string"
  }
}
resource "databricks_storage_credential" "cred" {
  name = "req_cred"
  aws_iam_role { role_arn = "arn:aws:iam::123456789012:role/req" }
}
resource "databricks_external_location" "loc" {
  name            = "req_loc"
  url             = "s3://required/x"
  credential_name = databricks_storage_credential.cred.name
}
resource "databricks_grants" "s" {
  schema = databricks_schema.s.id
  grant {
    principal  = "account users"
    privileges = ["USE_SCHEMA"]
  }
}
resource "databricks_grant" "c" {
  catalog    = databricks_catalog.c.name
  principal  = "account users"
  privileges = ["USE_CATALOG"]
}
resource "databricks_tag_policy" "p" { tag_key = "req_key" }
resource "databricks_entity_tag_assignment" "t" {
  entity_type = "schemas"
  entity_name = databricks_schema.s.id
  tag_key     = "req_free"
  # The platform answers "" for an absent value, which the provider takes for a change (its issue 5659).
  tag_value = ""
}
resource "databricks_workspace_entity_tag_assignment" "g" {
  entity_type = "geniespaces"
  entity_id   = var.space
  tag_key     = "req_free"
  # The platform answers "" for an absent value, which the provider takes for a change (its issue 5659).
  tag_value = ""
}
resource "databricks_policy_info" "m" {
  name                  = "req_mask"
  on_securable_type     = "METASTORE"
  on_securable_fullname = "localspace"
  policy_type           = "POLICY_TYPE_COLUMN_MASK"
  for_securable_type    = "TABLE"
  to_principals         = ["account users"]
  match_columns         = [{ condition = "has_tag('req_key')", alias = "c" }]
  column_mask           = { function_name = "main.default.tfx_cm", on_column = "c" }
  depends_on            = [databricks_tag_policy.p]
}
resource "databricks_group" "g" { display_name = "req_local" }
resource "databricks_user" "u" { user_name = "req.user@bank.example" }
resource "databricks_service_principal" "sp" { display_name = "req-sp" }
resource "databricks_group_member" "m" {
  group_id  = databricks_group.g.id
  member_id = databricks_user.u.id
}
resource "databricks_secret_scope" "k" { name = "req_scope" }
resource "databricks_secret" "k" {
  scope        = databricks_secret_scope.k.name
  key          = "k"
  string_value = "v"
}
resource "databricks_secret_acl" "k" {
  scope      = databricks_secret_scope.k.name
  principal  = databricks_group.g.display_name
  permission = "READ"
}
resource "databricks_directory" "d" { path = "/Shared/req" }
resource "databricks_notebook" "n" {
  path           = "${databricks_directory.d.path}/n"
  language       = "PYTHON"
  content_base64 = base64encode("print(1)\n")
}
resource "databricks_workspace_file" "f" {
  path           = "${databricks_directory.d.path}/f.txt"
  content_base64 = base64encode("x")
}
resource "databricks_file" "f" {
  path           = "${databricks_volume.v.volume_path}/a.txt"
  content_base64 = base64encode("x")
}
resource "databricks_job" "j" {
  task {
    task_key = "t"
    condition_task {
      left  = "1"
      op    = "EQUAL_TO"
      right = "1"
    }
  }
}
resource "databricks_sql_endpoint" "w" {
  name         = "req-small"
  cluster_size = "2X-Small"
}
resource "databricks_permissions" "d" {
  directory_path = databricks_directory.d.path
  access_control {
    group_name       = databricks_group.g.display_name
    permission_level = "CAN_READ"
  }
}
resource "databricks_permissions" "j" {
  job_id = databricks_job.j.id
  access_control {
    user_name        = databricks_user.u.user_name
    permission_level = "CAN_VIEW"
  }
}
resource "databricks_token" "t" {}
resource "databricks_obo_token" "o" { application_id = databricks_service_principal.sp.application_id }
resource "databricks_model_serving" "e" { name = "req-endpoint" }
resource "databricks_permissions" "e" {
  serving_endpoint_id = databricks_model_serving.e.serving_endpoint_id
  access_control {
    group_name       = databricks_group.g.display_name
    permission_level = "CAN_QUERY"
  }
}
resource "databricks_default_namespace_setting" "n" {
  namespace { value = "main" }
}
resource "databricks_group" "a" {
  provider     = databricks.account
  display_name = "req_account"
  api          = "account"
}
resource "databricks_service_principal" "a" {
  provider     = databricks.account
  display_name = "req-account-sp"
  api          = "account"
}
resource "databricks_mws_permission_assignment" "a" {
  provider     = databricks.account
  workspace_id = var.workspace_id
  principal_id = databricks_group.a.id
  permissions  = ["USER"]
}
resource "databricks_service_principal_secret" "a" {
  provider             = databricks.account
  service_principal_id = databricks_service_principal.a.id
  api                  = "account"
}
resource "databricks_service_principal_federation_policy" "a" {
  provider             = databricks.account
  service_principal_id = databricks_service_principal.a.id
  policy_id            = "req"
  oidc_policy          = { issuer = "https://issuer.example", subject = "ci" }
}
resource "databricks_account_federation_policy" "a" {
  provider    = databricks.account
  policy_id   = "req"
  oidc_policy = { issuer = "https://issuer.example" }
}
resource "databricks_access_control_rule_set" "a" {
  provider = databricks.account
  name     = "accounts/${var.account_id}/servicePrincipals/${databricks_service_principal.a.application_id}/ruleSets/default"
  grant_rules {
    principals = [databricks_group.a.acl_principal_id]
    role       = "roles/servicePrincipal.user"
  }
}
resource "databricks_entitlements" "g" { group_id = databricks_group.g.id }
resource "databricks_group_role" "g" {
  group_id = databricks_group.g.id
  role     = "arn:aws:iam::123456789012:instance-profile/req"
}
resource "databricks_service_principal_role" "sp" {
  service_principal_id = databricks_service_principal.sp.id
  role                 = "arn:aws:iam::123456789012:instance-profile/req"
}
