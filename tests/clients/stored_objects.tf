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
data "databricks_spark_version" "lts" {
  long_term_support = true
}
data "databricks_node_type" "small" {
  local_disk    = true
  min_memory_gb = 16
}
resource "databricks_cluster_policy" "small" {
  name = "small"
  definition = jsonencode({
    spark_version           = { type = "fixed", value = data.databricks_spark_version.lts.id }
    node_type_id            = { type = "allowlist", values = [data.databricks_node_type.small.id] }
    autotermination_minutes = { type = "range", maxValue = 60 }
  })
  max_clusters_per_user = 2
}
resource "databricks_permissions" "policy" {
  cluster_policy_id = databricks_cluster_policy.small.id
  access_control {
    group_name       = "users"
    permission_level = "CAN_USE"
  }
}
resource "databricks_query" "daily" {
  display_name = "daily orders"
  warehouse_id = var.warehouse_id
  query_text   = "SELECT :day AS day"
  parameter {
    name  = "day"
    title = "Day"
    text_value {
      value = "monday"
    }
  }
  tags = ["orders"]
}
resource "databricks_permissions" "query" {
  sql_query_id = databricks_query.daily.id
  access_control {
    group_name       = "users"
    permission_level = "CAN_RUN"
  }
}
resource "databricks_alert" "many" {
  query_id     = databricks_query.daily.id
  display_name = "too many orders"
  condition {
    op = "GREATER_THAN"
    operand {
      column {
        name = "day"
      }
    }
    threshold {
      value {
        double_value = 42
      }
    }
  }
}
resource "databricks_catalog" "isolated" {
  name           = "isolated"
  isolation_mode = "ISOLATED"
  force_destroy  = true
}
resource "databricks_workspace_binding" "isolated" {
  securable_name = databricks_catalog.isolated.name
  securable_type = "catalog"
  workspace_id   = var.workspace_id
  binding_type   = "BINDING_TYPE_READ_WRITE"
}
resource "databricks_schema" "ml" {
  catalog_name = databricks_catalog.isolated.name
  name         = "ml"
  depends_on   = [databricks_workspace_binding.isolated]
}
resource "databricks_registered_model" "churn" {
  name         = "churn"
  catalog_name = databricks_catalog.isolated.name
  schema_name  = databricks_schema.ml.name
  comment      = "leavers"
}
resource "databricks_grants" "churn" {
  model = databricks_registered_model.churn.id
  grant {
    principal  = "account users"
    privileges = ["EXECUTE"]
  }
}
resource "databricks_connection" "orders" {
  name            = "orders"
  connection_type = "MYSQL"
  comment         = "the shop"
  options = {
    host     = "db.example.com"
    port     = "3306"
    user     = "reader"
    password = "password"
  }
}
resource "databricks_artifact_allowlist" "jars" {
  artifact_type = "LIBRARY_JAR"
  artifact_matcher {
    artifact   = "/Volumes/isolated/ml"
    match_type = "PREFIX_MATCH"
  }
}
resource "databricks_system_schema" "access" {
  schema = "access"
}
resource "databricks_alert_v2" "hourly" {
  display_name = "hourly"
  query_text   = "SELECT 1 AS n"
  warehouse_id = var.warehouse_id
  evaluation = {
    source              = { name = "n" }
    comparison_operator = "GREATER_THAN"
    threshold           = { value = { double_value = 3 } }
  }
  schedule = {
    quartz_cron_schedule = "0 0 * * * ?"
    timezone_id          = "UTC"
  }
}
resource "databricks_data_classification_catalog_config" "isolated" {
  parent           = "catalogs/${databricks_catalog.isolated.name}"
  included_schemas = { names = [databricks_schema.ml.name] }
  auto_tag_configs = [{ classification_tag = "class.email_address", auto_tagging_mode = "AUTO_TAGGING_ENABLED" }]
}
resource "databricks_app" "shop" {
  name        = "shop"
  description = "orders"
  resources = [{
    name          = "warehouse"
    sql_warehouse = { id = var.warehouse_id, permission = "CAN_USE" }
  }]
}
resource "databricks_policy_info" "tables" {
  on_securable_type     = "SCHEMA"
  on_securable_fullname = databricks_schema.ml.id
  name                  = "open_tables"
  policy_type           = "POLICY_TYPE_GRANT"
  for_securable_type    = "TABLE"
  to_principals         = ["account users"]
  comment               = "every table of the schema"
  grant                 = { privileges = ["SELECT"] }
}
