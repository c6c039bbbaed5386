terraform {
  required_providers {
    databricks = { source = "databricks/databricks", version = "1.128.0" }
  }
}
variable "host" {}
variable "token" { sensitive = true }
variable "account_id" {}
variable "workspace_id" {}
variable "warehouse_id" {}
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
resource "databricks_group" "analysts" {
  provider     = databricks.account
  display_name = "analysts"
  api          = "account"
}
resource "databricks_service_principal" "robot" {
  provider     = databricks.account
  display_name = "robot"
  api          = "account"
}
resource "databricks_group_member" "robot" {
  provider  = databricks.account
  group_id  = databricks_group.analysts.id
  member_id = databricks_service_principal.robot.id
  api       = "account"
}
resource "databricks_mws_permission_assignment" "analysts" {
  provider     = databricks.account
  workspace_id = var.workspace_id
  principal_id = databricks_group.analysts.id
  permissions  = ["USER"]
}
resource "databricks_schema" "fin" {
  catalog_name = "main"
  name         = "fin"
  comment      = "finance"
}
resource "databricks_grants" "fin" {
  schema = databricks_schema.fin.id
  grant {
    principal  = databricks_group.analysts.display_name
    privileges = ["USE_SCHEMA", "SELECT"]
  }
}
resource "databricks_grant" "cat" {
  catalog    = "main"
  principal  = databricks_group.analysts.display_name
  privileges = ["USE_CATALOG"]
}
resource "databricks_tag_policy" "pii" {
  tag_key     = "pii"
  description = "personal data"
  values      = [{ name = "email" }, { name = "name" }]
}
resource "databricks_entity_tag_assignment" "fin" {
  entity_type = "schemas"
  entity_name = databricks_schema.fin.id
  tag_key     = databricks_tag_policy.pii.tag_key
  tag_value   = "email"
}
resource "databricks_policy_info" "mask" {
  name                  = "mask_pii"
  on_securable_type     = "SCHEMA"
  on_securable_fullname = databricks_schema.fin.id
  policy_type           = "POLICY_TYPE_COLUMN_MASK"
  for_securable_type    = "TABLE"
  to_principals         = ["account users"]
  except_principals     = [databricks_group.analysts.display_name]
  comment               = "masks"
  match_columns = [{
    condition = "has_tag_value('pii', 'email')"
    alias     = "c"
  }]
  column_mask = {
    function_name = "main.default.mask_text"
    on_column     = "c"
    using         = []
  }
  depends_on = [databricks_tag_policy.pii]
}
resource "databricks_permissions" "wh" {
  sql_endpoint_id = var.warehouse_id
  access_control {
    group_name       = databricks_group.analysts.display_name
    permission_level = "CAN_USE"
  }
  depends_on = [databricks_mws_permission_assignment.analysts]
}
resource "databricks_sql_endpoint" "small" {
  name                      = "small"
  cluster_size              = "2X-Small"
  enable_serverless_compute = true
  warehouse_type            = "PRO"
  max_num_clusters          = 1
}
resource "databricks_access_control_rule_set" "pii" {
  name = "accounts/${var.account_id}/tagPolicies/${databricks_tag_policy.pii.id}/ruleSets/default"
  grant_rules {
    principals = [databricks_group.analysts.acl_principal_id]
    role       = "roles/tagPolicy.assigner"
  }
}
