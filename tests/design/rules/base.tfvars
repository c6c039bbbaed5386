groups = {
  analysts = { description = "masked" }
  officers = { description = "raw" }
}
group_members = { analysts = ["ana@bank.example"] }
tag_policies = [
  { key = "pii", values = ["email", "name"] },
  { key = "scope", values = ["aml"] },
]
tables  = ["c.s.people", "c.s.payments", "c.s.people_v"]
schemas = [{ catalog = "c", name = "lampkeeper" }]
tag_assignments = [
  { entity_type = "columns", entity_name = "c.s.people.email", tag_key = "pii", tag_value = "email" },
  { entity_type = "columns", entity_name = "c.s.people.name", tag_key = "pii", tag_value = "name" },
  { entity_type = "columns", entity_name = "c.s.payments.flag", tag_key = "scope", tag_value = "aml" },
]
fgac_policies = [
  {
    name = "email", policy_type = "POLICY_TYPE_COLUMN_MASK", catalog = "c"
    to_principals = ["account users"], except_principals = ["officers"]
    match_condition = "has_tag_value('pii', 'email')", match_alias = "m"
    function_catalog = "c", function_schema = "lampkeeper", function_name = "mask_email"
  },
  {
    name = "name", policy_type = "POLICY_TYPE_COLUMN_MASK", catalog = "c"
    to_principals = ["account users"], except_principals = ["officers"]
    match_condition = "has_tag_value('pii', 'name')", match_alias = "m"
    function_catalog = "c", function_schema = "lampkeeper", function_name = "mask_name"
  },
  {
    name = "aml", policy_type = "POLICY_TYPE_ROW_FILTER", catalog = "c"
    to_principals = ["account users"], except_principals = ["officers"]
    match_columns = [{ alias = "flag", condition = "has_tag_value('scope', 'aml')" }], using = [{ alias = "flag" }]
    function_catalog = "c", function_schema = "lampkeeper", function_name = "filter_aml"
  },
]
grants = [
  { securable_type = "CATALOG", securable = "c", principal = "analysts", privileges = ["USE_CATALOG"] },
  { securable_type = "SCHEMA", securable = "c.s", principal = "analysts", privileges = ["USE_SCHEMA"] },
  { securable_type = "TABLE", securable = "c.s.people", principal = "analysts", privileges = ["SELECT"] },
  { securable_type = "TABLE", securable = "c.s.payments", principal = "analysts", privileges = ["SELECT"] },
]
workspace_assignments      = [{ group = "analysts", entitlements = ["workspace-consume"] }]
warehouses = [{ name = "w", users = ["analysts"] }]
genie_space_configs = {
  "Money" = {
    title       = "Money", uc_tables = ["c.s.people", "c.s.payments"], acl_groups = ["analysts"]
    sql_measures = [{ alias = "total", sql = "SUM(payments.amount)", display_name = "total" }]
    join_specs = [{
      left_table = "c.s.payments", left_alias = "payments", right_table = "c.s.people", right_alias = "people"
      sql = "payments.person_id = people.id", relationship = "FROM_RELATIONSHIP_TYPE_MANY_TO_ONE"
    }]
  }
}
