terraform {
  required_providers {
    databricks = { source = "databricks/databricks", version = "1.128.0" }
  }
}
variable "account_host" {}
variable "account_id" {}
variable "step" { default = 1 }
provider "databricks" {
  host       = var.account_host
  account_id = var.account_id
}
provider "databricks" {
  alias = "made"
  host  = databricks_mws_workspaces.w.workspace_url
}
data "databricks_current_config" "account" {}
data "databricks_current_config" "made" {
  provider   = databricks.made
  depends_on = [databricks_mws_workspaces.w]
}
output "is_account" {
  value = [data.databricks_current_config.account.is_account, data.databricks_current_config.made.is_account]
}
resource "databricks_mws_credentials" "c" {
  credentials_name = "crossing"
  role_arn         = "arn:aws:iam::123456789012:role/cross"
}
resource "databricks_mws_storage_configurations" "s" {
  account_id                 = var.account_id
  storage_configuration_name = "root-bucket"
  bucket_name                = "root-bucket"
}
resource "databricks_mws_networks" "n" {
  account_id         = var.account_id
  network_name       = "network"
  vpc_id             = "vpc-1"
  subnet_ids         = ["subnet-1", "subnet-2"]
  security_group_ids = ["sg-1"]
}
resource "databricks_mws_private_access_settings" "p" {
  private_access_settings_name = "access"
  region                       = "us-east-1"
  public_access_enabled        = var.step == 1
}
resource "databricks_mws_customer_managed_keys" "k" {
  account_id = var.account_id
  aws_key_info {
    key_arn   = "arn:aws:kms:us-east-1:123456789012:key/k"
    key_alias = "alias/k"
  }
  use_cases = ["STORAGE"]
}
resource "databricks_account_network_policy" "np" {
  network_policy_id = "restricted"
  egress = {
    network_access = { restriction_mode = var.step == 1 ? "FULL_ACCESS" : "RESTRICTED_ACCESS" }
  }
}
resource "databricks_mws_workspaces" "w" {
  account_id                 = var.account_id
  workspace_name             = "made-by-terraform"
  aws_region                 = "us-east-1"
  credentials_id             = databricks_mws_credentials.c.credentials_id
  storage_configuration_id   = databricks_mws_storage_configurations.s.storage_configuration_id
  network_id                 = databricks_mws_networks.n.network_id
  private_access_settings_id = databricks_mws_private_access_settings.p.private_access_settings_id
}
resource "databricks_metastore" "m" {
  name          = "second"
  region        = "us-east-1"
  force_destroy = true
}
resource "databricks_metastore_assignment" "a" {
  metastore_id = databricks_metastore.m.id
  workspace_id = databricks_mws_workspaces.w.workspace_id
}
resource "databricks_group" "g" {
  display_name = "analysts"
}
resource "databricks_user" "u" {
  user_name = "ana@bank.example"
}
resource "databricks_service_principal" "sp" {
  display_name = "loader"
}
resource "databricks_group_member" "gm" {
  group_id  = databricks_group.g.id
  member_id = databricks_service_principal.sp.id
}
resource "databricks_mws_permission_assignment" "g" {
  workspace_id = databricks_mws_workspaces.w.workspace_id
  principal_id = databricks_group.g.id
  permissions  = ["USER"]
}
resource "databricks_permission_assignment" "u" {
  provider     = databricks.made
  principal_id = databricks_user.u.id
  permissions  = [var.step == 1 ? "USER" : "ADMIN"]
}
resource "databricks_catalog" "c" {
  provider   = databricks.made
  name       = "governed"
  depends_on = [databricks_metastore_assignment.a]
}
resource "databricks_grants" "c" {
  provider = databricks.made
  catalog  = databricks_catalog.c.name
  grant {
    principal  = databricks_group.g.display_name
    privileges = ["USE_CATALOG"]
  }
}
