# The keys of auth.auto.tfvars. A secret is better given in the environment (DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and
# DATABRICKS_CLIENT_SECRET): Terraform writes the values of variables into saved plans. Only the providers use these variables,
# so none of them is in a state.

variable "databricks_workspace_host" {
  type        = string
  description = "Address of the workspace: https://..."
}

variable "databricks_account_host" {
  type        = string
  default     = null
  description = "Address of the account console, if it is not the host of the workspace."
}

variable "databricks_account_id" {
  type        = string
  default     = null
  description = "Id of the account; the account layer needs it."
}

variable "databricks_workspace_id" {
  type        = string
  default     = null
  description = "Id of the workspace; accepted because auth.auto.tfvars may hold it."
}

variable "databricks_client_id" {
  type    = string
  default = null
}

variable "databricks_client_secret" {
  type      = string
  default   = null
  sensitive = true
}

variable "databricks_token" {
  type      = string
  default   = null
  sensitive = true
}

variable "databricks_profile" {
  type    = string
  default = null
}

variable "catalog_storage_base" {
  type        = string
  default     = null
  description = "Accepted because auth.auto.tfvars may hold it."
}
