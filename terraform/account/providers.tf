# Governed tags are served by a workspace, although the whole account shares them.
provider "databricks" {
  host          = var.databricks_workspace_host
  client_id     = var.databricks_client_id
  client_secret = var.databricks_client_secret
  token         = var.databricks_token
  profile       = var.databricks_profile
}

provider "databricks" {
  alias         = "account"
  host          = coalesce(var.databricks_account_host, var.databricks_workspace_host)
  account_id    = var.databricks_account_id
  client_id     = var.databricks_client_id
  client_secret = var.databricks_client_secret
  token         = var.databricks_token
  profile       = var.databricks_profile
}
