"""The files that every folder of environments has: README.md and .gitignore."""

from __future__ import annotations

README = """\
# Environments

There is one folder per environment, and the folder `account` for the objects that all environments share.

| file | written by | in git |
|---|---|---|
| `<env>/env.auto.tfvars` | you: tables, Genie spaces, groups | yes |
| `<env>/auth.auto.tfvars` | you: address of the workspace, credentials | never |
| `<env>/decisions.yaml` | `labels set`: the decisions of stewards; they override every other label source | yes |
| `<env>/taxonomy.yaml` | you, if you use existing governed tags: the label that each tag stands for | yes |
| `<env>/overlays/`, `<env>/masks/` | you: identifiers and masks of your own | yes |
| `<env>/quotas.json` | `generate`: the quotas of the platform | no |
| `<env>/generated/` | `generate`: the draft; edit it before you plan | no |
| `<env>/abac.auto.tfvars`, `<env>/data_access/`, `account/abac.auto.tfvars` | `promote`, `plan` or `apply`, of the draft | yes |
| `account/contributions/<env>.tfvars` | the same: the objects of the account layer that each environment needs | yes |
| `<env>/workspaces/<name>/` | you: the sign-in and the settings of a further workspace | settings only |
| `<env>/promoted.json` | `promote --to`: what it wrote, so that the next one keeps what you changed since | yes |
| `<env>/applied/` | `apply`: a copy of the layer files of each apply, for `rollback` | optional; no secrets |
| `state.json` in each layer's folder | `apply`: the objects that lampkeeper created or adopted | optional; no secrets |
| `terraform.tfstate` in each layer's folder | `apply --engine terraform`: the objects that Terraform created | no |

If masks are keyed, `env.auto.tfvars` locates the key but never contains it: `hash_key_scope` and `hash_key_name` (a secret
scope and the secret in it), or `hash_key_env` (an environment variable). See docs/hash-keys.md of lampkeeper.
"""

GITIGNORE = """\
auth.auto.tfvars
/*/generated/
/*/ddl/
/*/snapshot.json
/*/quotas.json
/*/.genie_space_id_*
/*/workspaces/*/.genie_space_id_*
/*/.promoting
terraform.tfstate*
*.tmp
"""
