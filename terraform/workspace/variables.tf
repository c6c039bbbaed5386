# What lampkeeper writes into envs/<env>/abac.auto.tfvars.

variable "environment" {
  type        = string
  description = "Name of the environment; warehouses carry it as a tag."
}

variable "groups" {
  type = map(object({
    description = optional(string, "")
    external    = optional(bool, false)
  }))
  default     = {}
  description = "Groups that the assignments name; the account layer makes them."
}

variable "workspace_assignments" {
  type = list(object({
    group        = string
    entitlements = optional(list(string), [])
  }))
  default     = []
  description = "Groups of the workspace, as USER, with their entitlements."
}

variable "warehouses" {
  type = list(object({
    name  = string
    id    = optional(string, "")
    size  = optional(string, "Small")
    users = optional(list(string), [])
  }))
  default     = []
  description = "SQL warehouses. One with an id exists already: neither it nor its permissions are written."
}

variable "genie_space_configs" {
  type        = any
  default     = {}
  description = "Genie spaces; the provider has no resource for them, `lampkeeper apply --engine terraform` makes them."
}

variable "unmanaged" {
  type        = set(string)
  default     = []
  description = "Objects to leave to others, as \"<kind> <key>\": \"workspace_assignment analysts\", \"warehouse governed\"."
}

variable "others" {
  type        = map(list(string))
  default     = {}
  description = "What others added to an object of this layer and keeps: entitlements of a group, by \"entitlement <group>\"."
}
