"""The files of a new environment: commented examples, created only where a file is missing."""

from __future__ import annotations

from pathlib import Path

from lampkeeper.files.folder import ABAC_FILE, EnvFolder
from lampkeeper.files.folder_texts import GITIGNORE, README
from lampkeeper.files.text import SECRET_MODE, read_text, write_text
from lampkeeper.model.known_names import unknown_name
from lampkeeper.model.layers import Layer

SETTINGS_EXAMPLE = """\
# The settings of this environment: tables, Genie spaces, groups. No secrets here. Remove the # of the lines that you need, or
# let `lampkeeper init` ask for them.

# One Genie space per entry. Tables are catalog.schema.table, catalog.schema.* or catalog.*; those of a space are governed too.
# genie_spaces = [
#   { name = "Finance Analytics", uc_tables = ["sales.orders.*"] },
# ]

# Tables that are governed without a Genie space.
# uc_tables = ["staff.payroll.*"]

# The SQL warehouse by id; without it lampkeeper creates one of its own.
# sql_warehouse_id = ""

# Overlays: the identifiers of countries and industries (`lampkeeper overlays list`).
# country  = "ANZ"
# industry = "financial_services"

# Groups: a clearance names the families that a group sees unmasked; external groups are used and never changed.
# groups = {
#   data_analysts       = { description = "Read masked data", external = true }
#   compliance_officers = { clearance = ["*"], members = ["carl@example.com"] }
# }
"""
AUTH_EXAMPLE = """\
# The address of the workspace and the sign-in. Secret: git ignores this file, and only its owner may read it (mode 0600).
# Without values, the Databricks SDK finds the sign-in: environment variables, a profile, or what the machine is signed in to.

# databricks_profile = "DEV"

# databricks_workspace_host = "https://example.cloud.databricks.com"
# databricks_workspace_id   = ""
# databricks_account_id     = ""
# databricks_client_id      = ""
# databricks_client_secret  = ""
"""
LAYER_EXAMPLES = {
    Layer.ACCOUNT: """\
# The account layer, which all environments share: groups, members, governed tags. `plan`, `apply` and `promote` write this file
# from the draft of each environment; `plan`, `apply` and `destroy` with ENV=account work on this layer alone.

# groups = { data_analysts = { description = "Read masked data" } }
""",
    Layer.DATA_ACCESS: """\
# The data access layer: tag assignments, masking functions, policies, grants. `plan`, `apply` and `promote` write this file and
# masking_functions.sql from the draft in ../generated.

# tag_assignments = [
#   { entity_type = "columns", entity_name = "dev_fin.finance.customers.email", tag_key = "pii_level", tag_value = "masked" },
# ]
""",
}
"""An example for each layer whose file `promote` writes into a folder of its own."""


def scaffold(folder: EnvFolder) -> tuple[Path, ...]:
    """Create the folders of an environment and of the account layer with example files; return the files that were missing."""
    envs, account = folder.path.parent, folder.layer_path(Layer.ACCOUNT)
    texts = {
        envs / "README.md": README,
        envs / ".gitignore": GITIGNORE,
        account / ABAC_FILE: LAYER_EXAMPLES[Layer.ACCOUNT],
        folder.settings_path: SETTINGS_EXAMPLE,
        folder.layer_path(Layer.DATA_ACCESS) / ABAC_FILE: LAYER_EXAMPLES[Layer.DATA_ACCESS],
    }
    secret = {account / folder.auth_path.name: AUTH_EXAMPLE, folder.auth_path: AUTH_EXAMPLE}
    made = [path for path, text in texts.items() if not path.exists() and write_text(path, text)]
    made += [path for path, text in secret.items() if not path.exists() and write_text(path, text, mode=SECRET_MODE)]
    return tuple(made)


def account_admin_file(scripts: Path, cloud: str) -> tuple[Path, ...]:
    """Copy the example of a cloud to the file of its account admin if that is missing; return the created file.

    Raise UsageError, with the clouds that have an example, for another cloud.
    """
    example = scripts / f"account-admin.{cloud}.env.example"
    if not example.is_file():
        there = [path.name.split(".")[1] for path in sorted(scripts.glob("account-admin.*.env.example"))]
        raise unknown_name("example of an account admin's file for the cloud", cloud, there, where=f"in {scripts}")
    path = example.with_suffix("")
    if path.exists():
        return ()
    write_text(path, read_text(example), mode=SECRET_MODE)
    return (path,)
