"""Who does what in production, and the least right that each step needs: one table for the documentation, checks and tests.

Source of what a call needs: platform docs, pages on privileges, tags, ABAC, volumes, secrets and permissions of objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Duty(StrEnum):
    """What a principal of its own is for; `govern` is all of them in one, without an approver."""

    PROPOSE = "propose"
    APPROVE = "approve"
    APPLY = "apply"
    VERIFY = "verify"
    GOVERN = "govern"
    ACCOUNT = "account"


STEPS: Mapping[Duty, frozenset[str]] = {
    Duty.PROPOSE: frozenset({"snapshot", "generate", "validate", "plan", "audit", "report", "outcome"}),
    Duty.APPROVE: frozenset({"approve"}),
    Duty.APPLY: frozenset({"apply", "report", "outcome"}),
    Duty.VERIFY: frozenset({"verify", "audit", "outcome"}),
    Duty.GOVERN: frozenset({"snapshot", "generate", "validate", "plan", "apply", "verify", "audit", "report", "outcome"}),
    Duty.ACCOUNT: frozenset({"account"}),
}
"""Duty to the commands that its jobs run; the account's principal runs none, others sign in as it."""


class On(StrEnum):
    """What a right is held on; the shared ones are the bundle's (resources/storage.yml)."""

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
"""What target prod of the bundle grants itself; the rest is an administrator's to give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One right, and the steps that fail without it."""

    on: On
    privilege: str
    steps: frozenset[str]
    why: str = field(compare=False)


def _right(on: On, privilege: str, steps: str, why: str) -> Right:
    return Right(on=on, privilege=privilege, steps=frozenset(steps.split()), why=why)


_ALL = "snapshot generate validate plan approve apply verify audit report outcome"
_TOLD = "generate apply verify audit"
_LIVE = "snapshot plan apply verify audit report"

RIGHTS: tuple[Right, ...] = (
    _right(On.CATALOG, "USE CATALOG", _ALL, "reach what the jobs share"),
    _right(On.SCHEMA, "USE SCHEMA", _ALL, "reach what the jobs share"),
    _right(On.SCHEMA, "MODIFY", _TOLD, "append to the history"),
    _right(On.ENVS, "READ VOLUME", _ALL, "read environments, plans and reports"),
    _right(On.ENVS, "WRITE VOLUME", _ALL.replace("approve ", ""), "leave records, drafts, plans and state"),
    _right(On.APPROVALS, "READ VOLUME", "plan approve apply", "see whether somebody else approved"),
    _right(On.APPROVALS, "WRITE VOLUME", "approve", "approve"),
    _right(On.GOVERNED, "MANAGE", "plan apply verify audit report", "see everybody's grants and policies, and change them"),
    _right(On.GOVERNED, "BROWSE", "snapshot", "see tables and columns"),
    _right(On.GOVERNED, "USE CATALOG", "apply", "tag, make functions"),
    _right(On.GOVERNED, "USE SCHEMA", "apply", "tag, make functions"),
    _right(On.GOVERNED, "CREATE SCHEMA", "apply", "make the schema of the functions, the first time"),
    _right(On.GOVERNED, "APPLY TAG", "apply", "assign tags"),
    _right(On.SPACES, "CAN EDIT", "plan verify report", "read a space as it is"),
    _right(On.WAREHOUSE, "CAN USE", _LIVE + " generate", "run queries"),
    _right(On.SCOPE, "READ", _LIVE + " generate", "sign in at the account, and as the identities that verify"),
    _right(On.WORKSPACE, "admin", "apply", "give entitlements, warehouses and new governed tags"),
    _right(On.ACCOUNT, "admin", "account", "read and write groups, memberships and seats"),
)

_COVERED: Mapping[tuple[On, str], frozenset[tuple[On, str]]] = {
    (On.WORKSPACE, "admin"): frozenset({(On.WAREHOUSE, "CAN USE"), (On.SCOPE, "READ"), (On.SPACES, "CAN EDIT")}),
    (On.GOVERNED, "MANAGE"): frozenset({(On.GOVERNED, "BROWSE")}),
}
"""Rights that come with another one."""


def rights_of(duty: Duty) -> tuple[Right, ...]:
    """Return the least rights of a duty: what its steps need, without what comes with something that they need anyway."""
    needed = [r for r in RIGHTS if r.steps & STEPS[duty]]
    covered = {c for r in needed for c in _COVERED.get((r.on, r.privilege), ())}
    return tuple(r for r in needed if (r.on, r.privilege) not in covered)


def rights_table() -> str:
    """Return the table of the documentation: a row for each thing that rights are held on, a column for each duty."""
    duties = [Duty.PROPOSE, Duty.APPROVE, Duty.APPLY, Duty.VERIFY, Duty.GOVERN]
    lines = ["| on | " + " | ".join(f"`{d}`" for d in duties) + " |", "|---" * (len(duties) + 1) + "|"]
    for on in On:
        if on is On.ACCOUNT:
            continue
        cells = [", ".join(r.privilege for r in rights_of(duty) if r.on is on) for duty in duties]
        lines.append(f"| {on} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def reasons_table() -> str:
    """Return each right with the steps that need it and what for."""
    lines = ["| right | steps | to |", "|---|---|---|"]
    for right in RIGHTS:
        steps = "every step" if len(right.steps) > 8 else ", ".join(sorted(right.steps))
        lines.append(f"| {right.privilege} on {right.on} | {steps} | {right.why} |")
    return "\n".join(lines)
