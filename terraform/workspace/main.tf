locals {
  # The key of each object is the one that lampkeeper uses in its plans.
  assigned = { for each in var.workspace_assignments : each.group => each }
  entitled = {
    for group, each in local.assigned : group => setunion(each.entitlements, lookup(var.others, "entitlement ${group}", []))
    if length(each.entitlements) > 0 && !contains(var.unmanaged, "entitlement ${group}")
  }
  warehouses = {
    for each in var.warehouses : each.name => each if each.id == "" && !contains(var.unmanaged, "warehouse ${each.name}")
  }
}

# By the workspace and by name: the group may be new, and an administrator of the workspace may assign it.
resource "databricks_permission_assignment" "this" {
  for_each    = { for group, each in local.assigned : group => each if !contains(var.unmanaged, "workspace_assignment ${group}") }
  group_name  = each.key
  permissions = ["USER"]
}

data "databricks_group" "assigned_by_others" {
  for_each     = { for group, each in local.entitled : group => each if contains(var.unmanaged, "workspace_assignment ${group}") }
  display_name = each.key
}

# This resource sets all entitlements of a group: those that others gave it belong into `others`.
resource "databricks_entitlements" "this" {
  for_each = local.entitled
  group_id = try(
    databricks_permission_assignment.this[each.key].principal_id, data.databricks_group.assigned_by_others[each.key].id
  )
  allow_cluster_create       = contains(each.value, "allow-cluster-create") ? true : null
  allow_instance_pool_create = contains(each.value, "allow-instance-pool-create") ? true : null
  databricks_sql_access      = contains(each.value, "databricks-sql-access") ? true : null
  workspace_access           = contains(each.value, "workspace-access") ? true : null
  workspace_consume          = contains(each.value, "workspace-consume") ? true : null
}

resource "databricks_sql_endpoint" "this" {
  for_each                  = local.warehouses
  name                      = each.key
  cluster_size              = each.value.size
  warehouse_type            = "PRO"
  enable_serverless_compute = true
  min_num_clusters          = 1
  max_num_clusters          = 1
  auto_stop_mins            = 15
  tags {
    custom_tags {
      key   = "managed_by_lampkeeper"
      value = var.environment
    }
  }
}

# The whole access list of a warehouse that this layer made; the lists of other warehouses are never written.
resource "databricks_permissions" "warehouse" {
  for_each = {
    for name, each in local.warehouses : name => each
    if length(each.users) > 0 && !contains(var.unmanaged, "warehouse_acl ${name}")
  }
  sql_endpoint_id = databricks_sql_endpoint.this[each.key].id
  dynamic "access_control" {
    for_each = toset(each.value.users)
    content {
      group_name       = access_control.value
      permission_level = "CAN_USE"
    }
  }
  depends_on = [databricks_permission_assignment.this]
}

output "warehouse_ids" {
  value       = { for name, each in databricks_sql_endpoint.this : name => each.id }
  description = "Ids of the warehouses that this layer made."
}
