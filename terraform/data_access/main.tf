locals {
  # The key of each object is the one that lampkeeper uses in its plans: names joined by "|", with "\" before "|" and "\".
  policies = {
    for policy in [
      for each in var.fgac_policies : merge(each, {
        on      = replace(each.securable != null ? each.securable : coalesce(each.catalog, " "), "`", "")
        columns = each.match_condition != "" ? [{ alias = each.match_alias, condition = each.match_condition }] : each.match_columns
        mask    = each.policy_type == "POLICY_TYPE_COLUMN_MASK"
      })
    ] :
    join("|", [
      for part in [policy.securable_type, lower(policy.on), policy.name] : replace(replace(part, "\\", "\\\\"), "|", "\\|")
    ]) => policy
  }
  tags = {
    for tag in var.tag_assignments :
    join("|", [
      for part in [tag.entity_type, lower(tag.entity_name), tag.tag_key] : replace(replace(part, "\\", "\\\\"), "|", "\\|")
    ]) => tag
  }
  grants = {
    for grant in [for each in var.grants : merge(each, { on = replace(each.securable, "`", "") })] :
    join("|", [
      for part in [grant.securable_type, lower(grant.on), grant.principal] : replace(replace(part, "\\", "\\\\"), "|", "\\|")
    ]) => grant
  }
  managed_tags     = { for key, tag in local.tags : key => tag if !contains(var.unmanaged, "tag ${key}") }
  managed_policies = { for key, policy in local.policies : key => policy if !contains(var.unmanaged, "policy ${key}") }
}

# The masking functions and their schema exist before this layer is applied: the provider has no resource for a function.
# A policy's key holds its securable and its name: a PATCH of the name fails (provider issue 5735), so a rename is a new policy.
resource "databricks_policy_info" "this" {
  for_each              = local.managed_policies
  name                  = each.value.name
  on_securable_type     = each.value.securable_type
  on_securable_fullname = each.value.on
  policy_type           = each.value.policy_type
  for_securable_type    = "TABLE"
  to_principals         = each.value.to_principals
  except_principals     = length(each.value.except_principals) > 0 ? each.value.except_principals : null
  when_condition        = each.value.when_condition != "" ? each.value.when_condition : null
  # Never null: the platform answers "", which the provider takes for a change (provider issue 5661).
  comment       = trimspace("${each.value.comment} [managed by lampkeeper: ${var.environment}]")
  match_columns = length(each.value.columns) > 0 ? each.value.columns : null
  column_mask = each.value.mask ? {
    function_name = "${each.value.function_catalog}.${each.value.function_schema}.${each.value.function_name}"
    on_column     = each.value.match_condition != "" ? coalesce(each.value.on_column, each.value.match_alias) : each.value.on_column
    using         = each.value.using
  } : null
  row_filter = each.value.mask ? null : {
    function_name = "${each.value.function_catalog}.${each.value.function_schema}.${each.value.function_name}"
    using         = each.value.using
  }
}

resource "databricks_entity_tag_assignment" "this" {
  for_each    = { for key, tag in local.managed_tags : key => tag if tag.tag_key != var.review_tag }
  entity_type = each.value.entity_type
  entity_name = each.value.entity_name
  tag_key     = each.value.tag_key
  # Never null: the platform answers "", which the provider takes for a change (provider issue 5659).
  tag_value  = each.value.tag_value
  depends_on = [databricks_policy_info.this]
}

# Access comes after protection is in effect: on the platform that is later than the answer of the call.
resource "terraform_data" "propagation" {
  count            = var.propagation_seconds > 0 ? 1 : 0
  triggers_replace = sha256(jsonencode([local.managed_policies, local.managed_tags]))
  provisioner "local-exec" {
    command = "sleep ${var.propagation_seconds}"
  }
  depends_on = [databricks_entity_tag_assignment.this, databricks_policy_info.this]
}

resource "databricks_entity_tag_assignment" "reviewed" {
  for_each    = { for key, tag in local.managed_tags : key => tag if tag.tag_key == var.review_tag }
  entity_type = each.value.entity_type
  entity_name = each.value.entity_name
  tag_key     = each.value.tag_key
  tag_value   = each.value.tag_value
  depends_on  = [terraform_data.propagation, databricks_entity_tag_assignment.this, databricks_policy_info.this]
}

# One resource for a principal on a securable: the grants of other principals there are not touched.
resource "databricks_grant" "this" {
  for_each   = { for key, grant in local.grants : key => grant if !contains(var.unmanaged, "grant ${key}") }
  catalog    = each.value.securable_type == "CATALOG" ? each.value.on : null
  schema     = each.value.securable_type == "SCHEMA" ? each.value.on : null
  table      = each.value.securable_type == "TABLE" ? each.value.on : null
  function   = each.value.securable_type == "FUNCTION" ? each.value.on : null
  volume     = each.value.securable_type == "VOLUME" ? each.value.on : null
  principal  = each.value.principal
  privileges = each.value.privileges
  depends_on = [
    terraform_data.propagation, databricks_entity_tag_assignment.this, databricks_entity_tag_assignment.reviewed,
    databricks_policy_info.this,
  ]
}
