# Governance as a service principal applies it; `step` 2 changes some of it.
terraform {
  required_providers {
    databricks = { source = "databricks/databricks", version = "1.128.0" }
  }
}
variable "host" {}
variable "token" { sensitive = true }
provider "databricks" {
  host  = var.host
  token = var.token
}
variable "step" { default = 1 }
variable "wh" {}
variable "space" {}
resource "databricks_schema" "s" {
  catalog_name = "main"
  name         = "tfx"
}
resource "databricks_tag_policy" "ko" {
  tag_key     = "tfx_konly"
  description = "key only"
}
resource "databricks_tag_policy" "v" {
  tag_key = "tfx_v"
  values  = var.step == 1 ? [{ name = "a" }, { name = "b" }] : [{ name = "b" }, { name = "c" }]
}
resource "databricks_entity_tag_assignment" "val" {
  entity_type = "schemas"
  entity_name = databricks_schema.s.id
  tag_key     = databricks_tag_policy.v.tag_key
  tag_value   = "b"
}
resource "databricks_workspace_entity_tag_assignment" "g" {
  entity_type = "geniespaces"
  entity_id   = var.space
  tag_key     = "team"
  tag_value   = "x"
}
resource "databricks_policy_info" "rf" {
  name                  = "tfx_rf"
  on_securable_type     = "SCHEMA"
  on_securable_fullname = databricks_schema.s.id
  policy_type           = "POLICY_TYPE_ROW_FILTER"
  for_securable_type    = "TABLE"
  to_principals         = ["account users"]
  except_principals     = var.step == 1 ? ["data_eng"] : null
  comment               = var.step == 1 ? "one" : null
  match_columns         = [{ condition = "has_tag('tfx_v')", alias = "c" }]
  row_filter            = { function_name = "main.default.tfx_rf", using = [{ alias = "c" }, { constant = "k" }] }
  depends_on            = [databricks_tag_policy.v]
}
resource "databricks_policy_info" "when" {
  name                  = "tfx_cm"
  on_securable_type     = "CATALOG"
  on_securable_fullname = "main"
  policy_type           = "POLICY_TYPE_COLUMN_MASK"
  for_securable_type    = "TABLE"
  to_principals         = ["data_eng"]
  when_condition        = var.step == 1 ? "has_tag('tfx_konly')" : null
  match_columns         = [{ condition = "has_tag_value('tfx_v', 'b')", alias = "c" }]
  column_mask           = { function_name = "main.default.tfx_cm", on_column = "c" }
  depends_on            = [databricks_tag_policy.v, databricks_tag_policy.ko]
}
resource "databricks_service_principal" "sp" { display_name = "tfx-sp" }
resource "databricks_notebook" "nb" {
  path           = "/Shared/tfx_nb"
  language       = "PYTHON"
  content_base64 = base64encode("print(${var.step})\n")
}
# The permissions of an object belong to one resource: both ways of naming it have the same entries.
resource "databricks_permissions" "nb" {
  notebook_path = databricks_notebook.nb.path
  access_control {
    service_principal_name = databricks_service_principal.sp.application_id
    permission_level       = "CAN_RUN"
  }
}
resource "databricks_permissions" "nbid" {
  notebook_id = databricks_notebook.nb.object_id
  access_control {
    service_principal_name = databricks_service_principal.sp.application_id
    permission_level       = "CAN_RUN"
  }
}
resource "databricks_permissions" "wh" {
  sql_endpoint_id = var.wh
  access_control {
    group_name       = "users"
    permission_level = "CAN_USE"
  }
}
resource "databricks_data_classification_catalog_config" "c" {
  parent           = "catalogs/main"
  included_schemas = { names = ["default"] }
}
resource "databricks_dashboard" "d" {
  display_name         = "tfx"
  warehouse_id         = var.wh
  parent_path          = "/Shared"
  serialized_dashboard = jsonencode({ pages = [{ name = "p", displayName = "P" }] })
}
resource "databricks_file" "f" {
  path           = "${databricks_volume.v.volume_path}/a.txt"
  content_base64 = base64encode("x${var.step}")
}
resource "databricks_volume" "v" {
  catalog_name = "main"
  schema_name  = databricks_schema.s.name
  name         = "v"
  volume_type  = "MANAGED"
}
resource "databricks_sql_table" "t" {
  catalog_name = "main"
  schema_name  = databricks_schema.s.name
  name         = "t"
  table_type   = "MANAGED"
  warehouse_id = var.wh
  column {
    name    = "a"
    type    = "string"
    comment = "c${var.step}"
  }
}
resource "databricks_grants" "t" {
  table = databricks_sql_table.t.id
  grant {
    principal  = "data_eng"
    privileges = var.step == 1 ? ["SELECT"] : ["SELECT", "MODIFY"]
  }
}
