locals {
  # The key of each object is the one that lampkeeper uses in its plans: names joined by "|", with "\" before "|" and "\".
  groups = {
    for name, group in var.groups : name => group
    if !group.external && !contains(var.unmanaged, "group ${name}")
  }
  memberships = {
    for each in flatten([
      for group, members in var.group_members : [
        for member in members : { group = group, member = member }
      ] if !try(var.groups[group].external, false)
    ]) :
    join("|", [for part in [each.group, each.member] : replace(replace(part, "\\", "\\\\"), "|", "\\|")]) => each
  }
  members = {
    for key, each in local.memberships : key => each if !contains(var.unmanaged, "member ${key}")
  }
  tags = {
    for tag in var.tag_policies : tag.key => tag
    if !tag.external && !contains(var.unmanaged, "tag_policy ${tag.key}")
  }

  names    = toset(flatten([for each in values(local.members) : [each.group, each.member]]))
  is_group = toset([for name in local.names : name if contains(keys(var.groups), name) || contains(keys(var.group_members), name)])
  is_robot = toset([
    for name in setsubtract(local.names, local.is_group) : name
    if can(regex("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", name))
  ])
  is_user = toset([
    for name in setsubtract(local.names, setunion(local.is_group, local.is_robot)) : name if strcontains(name, "@")
  ])
  is_other_group = setsubtract(local.names, setunion(keys(local.groups), local.is_robot, local.is_user))

  ids = merge(
    { for name, group in databricks_group.this : name => group.id },
    { for name, group in data.databricks_group.existing : name => group.id },
    { for name, robot in data.databricks_service_principal.member : name => robot.id },
    { for name, user in data.databricks_user.member : name => user.id },
  )
}

resource "databricks_group" "this" {
  for_each     = local.groups
  provider     = databricks.account
  display_name = each.key
  api          = "account"
}

data "databricks_group" "existing" {
  for_each     = local.is_other_group
  provider     = databricks.account
  display_name = each.key
  api          = "account"
}

data "databricks_service_principal" "member" {
  for_each       = local.is_robot
  provider       = databricks.account
  application_id = each.key
  api            = "account"
}

data "databricks_user" "member" {
  for_each  = local.is_user
  provider  = databricks.account
  user_name = each.key
  api       = "account"
}

resource "databricks_group_member" "this" {
  for_each  = local.members
  provider  = databricks.account
  group_id  = local.ids[each.value.group]
  member_id = local.ids[each.value.member]
  api       = "account"
}

# Parallel writes of governed tags abort on the platform (provider issue 5070): apply this layer with -parallelism=1.
resource "databricks_tag_policy" "this" {
  for_each = local.tags
  tag_key  = each.key
  # Never null: the platform answers "", which the provider takes for a change (provider issue 5660).
  description = trimspace("${each.value.description} [managed by lampkeeper: account]")
  values = [
    for value in setunion(each.value.values, lookup(var.others, "tag_policy ${each.key}", [])) : { name = value }
  ]
}

output "group_ids" {
  value       = { for name, group in databricks_group.this : name => group.id }
  description = "Ids of the groups that this layer made."
}
