provider "databricks" {
  host          = var.databricks_workspace_host
  client_id     = var.databricks_client_id
  client_secret = var.databricks_client_secret
  token         = var.databricks_token
  profile       = var.databricks_profile
}
