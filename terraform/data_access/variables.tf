# What lampkeeper writes into envs/<env>/data_access/abac.auto.tfvars.

variable "environment" {
  type        = string
  description = "Name of the environment; comments of policies carry it as a mark."
}

variable "groups" {
  type = map(object({
    description = optional(string, "")
    external    = optional(bool, false)
  }))
  default     = {}
  description = "Groups that the grants and policies name; the account layer makes them."
}

variable "tables" {
  type        = list(string)
  default     = []
  description = "Tables in scope; accepted because the file holds it."
}

variable "schemas" {
  type        = list(object({ catalog = string, name = string }))
  default     = []
  description = "Schemas of the masking functions; made together with the functions, outside of Terraform."
}

variable "tag_assignments" {
  type = list(object({
    entity_type = string
    entity_name = string
    tag_key     = string
    tag_value   = optional(string, "")
  }))
  default = []
}

variable "fgac_policies" {
  type = list(object({
    name              = string
    policy_type       = string
    catalog           = optional(string)
    securable_type    = optional(string, "CATALOG")
    securable         = optional(string)
    to_principals     = list(string)
    except_principals = optional(list(string), [])
    function_catalog  = string
    function_schema   = string
    function_name     = string
    comment           = optional(string, "")
    when_condition    = optional(string, "")
    match_condition   = optional(string, "")
    match_alias       = optional(string, "")
    match_columns     = optional(list(object({ alias = string, condition = string })), [])
    on_column         = optional(string)
    using             = optional(list(object({ alias = optional(string), constant = optional(string) })), [])
  }))
  default = []
}

variable "grants" {
  type = list(object({
    securable_type = string
    securable      = string
    principal      = string
    privileges     = list(string)
  }))
  default = []
}

variable "review_tag" {
  type        = string
  default     = "lampkeeper_review"
  description = "Governed tag of reviewed tables and columns. It opens them, so it is assigned after the tags that protect."
}

variable "propagation_seconds" {
  type        = number
  default     = 30
  description = "How long to wait between protection and the access that needs it; tags take effect late. 0: do not wait."
}

variable "unmanaged" {
  type        = set(string)
  default     = []
  description = "Objects to leave to others, as \"<kind> <key>\": \"grant CATALOG|dev|analysts\", \"tag columns|dev.s.t.c|pii\"."
}
