"""The roles in production, and the least privileges of each step: one table for the documentation, checks and tests.

Source of what a call needs: platform docs, pages on privileges, tags, ABAC, volumes, secrets and permissions of objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """The roles with a principal each; `govern` is one principal for all of them, without an approver."""

    PROPOSE = "propose"
    APPROVE = "approve"
    APPLY = "apply"
    VERIFY = "verify"
    GOVERN = "govern"
    ACCOUNT = "account"


STEPS: Mapping[Role, frozenset[str]] = {
    Role.PROPOSE: frozenset(
        {"snapshot", "generate", "generate-delta", "validate", "promote", "plan", "audit", "report", "outcome"}
    ),
    Role.APPROVE: frozenset({"approve"}),
    Role.APPLY: frozenset({"apply", "report", "outcome"}),
    Role.VERIFY: frozenset({"verify", "audit", "outcome"}),
    Role.GOVERN: frozenset(
        {"snapshot", "generate", "generate-delta", "validate", "plan", "apply", "verify", "audit", "report", "outcome"}
    ),
    Role.ACCOUNT: frozenset({"account"}),
}
"""The commands that the jobs of each role run; the account's principal runs none, other principals sign in as it."""


class On(StrEnum):
    """The securables of the privileges; the shared ones belong to the bundle (resources/storage.yml)."""

    CATALOG = "shared catalog"
    SCHEMA = "shared schema"
    ENVS = "volume lampkeeper"
    APPROVALS = "volume approvals"
    GOVERNED = "governed catalogs"
    SPACES = "Genie spaces that exist"
    WAREHOUSE = "warehouse"
    SCOPE = "secret scope"
    WORKSPACE = "workspace"
    ACCOUNT = "account"


UC_TYPES: Mapping[On, str] = {
    On.CATALOG: "catalog", On.SCHEMA: "schema", On.ENVS: "volume", On.APPROVALS: "volume", On.GOVERNED: "catalog",
}  # fmt: skip
"""The securables of Unity Catalog among them, with their types."""

BY_BUNDLE = frozenset({On.SCHEMA, On.ENVS, On.APPROVALS})
"""The grants in the bundle's target prod; an administrator grants the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredPrivilege:
    """One privilege, and the steps that fail without it."""

    on: On
    privilege: str
    steps: frozenset[str]
    why: str = field(compare=False)


def _privilege(on: On, privilege: str, steps: str, why: str) -> RequiredPrivilege:
    return RequiredPrivilege(on=on, privilege=privilege, steps=frozenset(steps.split()), why=why)


_ALL = "snapshot generate generate-delta validate promote plan approve apply verify audit report outcome"
_REPORTED = "generate plan apply verify audit"
_LIVE = "snapshot generate-delta plan apply verify audit report"

PRIVILEGES: tuple[RequiredPrivilege, ...] = (
    _privilege(On.CATALOG, "USE CATALOG", _ALL, "reach the schema and volumes of the jobs"),
    _privilege(On.SCHEMA, "USE SCHEMA", _ALL, "reach the schema and volumes of the jobs"),
    _privilege(On.SCHEMA, "MODIFY", _REPORTED, "append to the history"),
    _privilege(On.ENVS, "READ VOLUME", _ALL, "read environments, plans and reports"),
    _privilege(On.ENVS, "WRITE VOLUME", _ALL.replace("approve ", ""), "write records, drafts, plans and state"),
    _privilege(On.APPROVALS, "READ VOLUME", "plan approve apply", "check whether another principal approved"),
    _privilege(On.APPROVALS, "WRITE VOLUME", "approve", "approve"),
    _privilege(
        On.GOVERNED,
        "MANAGE",
        "generate-delta plan apply verify audit report",
        "see and change the grants and policies of all principals",
    ),
    _privilege(On.GOVERNED, "BROWSE", "snapshot", "see tables and columns"),
    _privilege(On.GOVERNED, "USE CATALOG", "apply", "assign tags, create functions"),
    _privilege(On.GOVERNED, "USE SCHEMA", "apply", "assign tags, create functions"),
    _privilege(On.GOVERNED, "CREATE SCHEMA", "apply", "create the schema of the functions at the first apply"),
    _privilege(On.GOVERNED, "APPLY TAG", "apply", "assign tags"),
    _privilege(On.SPACES, "CAN EDIT", "plan verify report", "read the live Genie space"),
    _privilege(On.WAREHOUSE, "CAN USE", _LIVE + " generate", "run queries"),
    _privilege(On.SCOPE, "READ", _LIVE + " generate", "sign in to the account, and as the test principals"),
    _privilege(On.WORKSPACE, "admin", "apply", "give entitlements, create warehouses and governed tags"),
    _privilege(On.ACCOUNT, "admin", "account", "read and write groups, memberships and workspace assignments"),
)

_COVERED: Mapping[tuple[On, str], frozenset[tuple[On, str]]] = {
    (On.WORKSPACE, "admin"): frozenset({(On.WAREHOUSE, "CAN USE"), (On.SCOPE, "READ"), (On.SPACES, "CAN EDIT")}),
    (On.GOVERNED, "MANAGE"): frozenset({(On.GOVERNED, "BROWSE")}),
}
"""Privileges that another one includes."""


def privileges_of(role: Role) -> tuple[RequiredPrivilege, ...]:
    """Return the least privileges of a role: those of its steps, without the ones that another of them includes."""
    needed = [r for r in PRIVILEGES if r.steps & STEPS[role]]
    covered = {c for r in needed for c in _COVERED.get((r.on, r.privilege), ())}
    return tuple(r for r in needed if (r.on, r.privilege) not in covered)


def privileges_table() -> str:
    """Return the table of the documentation: one row per securable, one column per role."""
    roles = [Role.PROPOSE, Role.APPROVE, Role.APPLY, Role.VERIFY, Role.GOVERN]
    lines = ["| on | " + " | ".join(f"`{d}`" for d in roles) + " |", "|---" * (len(roles) + 1) + "|"]
    for on in On:
        if on is On.ACCOUNT:
            continue
        cells = [", ".join(r.privilege for r in privileges_of(role) if r.on is on) for role in roles]
        lines.append(f"| {on} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def reasons_table() -> str:
    """Return each privilege with its steps and its purpose."""
    lines = ["| privilege | steps | purpose |", "|---|---|---|"]
    for privilege in PRIVILEGES:
        steps = "every step" if len(privilege.steps) > 8 else ", ".join(sorted(privilege.steps))
        lines.append(f"| {privilege.privilege} on {privilege.on} | {steps} | {privilege.why} |")
    return "\n".join(lines)
