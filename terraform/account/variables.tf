# What lampkeeper writes into envs/account/abac.auto.tfvars.

variable "groups" {
  type = map(object({
    description = optional(string, "")
    external    = optional(bool, false)
  }))
  default     = {}
  description = "Groups by name. An external group exists already and is never written. Groups have no description in SCIM."
}

variable "group_members" {
  type        = map(list(string))
  default     = {}
  description = "Members by group: user names, application ids of service principals, names of account groups."
}

variable "tag_policies" {
  type = list(object({
    key         = string
    description = optional(string, "")
    values      = optional(list(string), [])
    external    = optional(bool, false)
  }))
  default     = []
  description = "Governed tags. An external one exists already and is never written."
}

variable "tag_permissions" {
  type = list(object({
    key        = string
    role       = string
    principals = list(string)
  }))
  default     = []
  description = "Roles on governed tags; not written: the provider's resource would replace the roles that others gave."
}

variable "unmanaged" {
  type        = set(string)
  default     = []
  description = "Objects to leave to others, as \"<kind> <key>\": \"group analysts\", \"member analysts|ana@bank.example\", \"tag_policy pii\"."
}

variable "others" {
  type        = map(list(string))
  default     = {}
  description = "What others added to an object of this layer and keeps: values of a governed tag, by \"tag_policy <key>\"."
}
