"""Whose rights a job has: `run_as`, else the owner; and who may decide that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from localspace.core.errors import denied, invalid, not_found
from localspace.core.ledger import rule
from localspace.core.principals import Principal, PrincipalKind
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.job_settings import StoredJobSettings
from localspace.core.stored_documents.workspace import StoredPermission
from localspace.governance.repositories import Repositories


def principal_of(repositories: Repositories, run_as: Any) -> Principal | None:
    """Return who a `run_as` names, None for none given; raises 400 or 404."""
    if not run_as:
        return None
    names = [run_as.get(field) for field in ("user_name", "service_principal_name") if run_as.get(field)]
    if len(names) != 1:
        raise invalid("run_as needs exactly one of user_name and service_principal_name.")
    found = repositories.identity.by_name(str(names[0]))
    # A service principal is a user whose name is its application id, as Me answers; a user never counts as a service principal.
    wanted = (
        (PrincipalKind.USER, PrincipalKind.SERVICE_PRINCIPAL) if run_as.get("user_name") else (PrincipalKind.SERVICE_PRINCIPAL,)
    )
    if found is None or found.kind not in wanted:
        raise not_found(f"run_as: the {wanted[0].value.replace('_', ' ')} '{names[0]}' does not exist.")
    return found


def check_run_as(repositories: Repositories, actor: Principal, run_as: Any) -> None:
    """Demand the right to let a job run as the principal that `run_as` names."""
    wanted = principal_of(repositories, run_as)
    if wanted is not None:
        require_identity(repositories, actor, wanted)


@rule("LS-111")
def require_identity(repositories: Repositories, actor: Principal, wanted: Principal) -> None:
    """Demand the right to act as somebody: oneself, anybody for admins, a service principal with its user role.

    An administrator of the workspace alone gets no administrator of the account this way.
    """
    identity = repositories.identity
    if wanted.id == actor.id:
        return
    if identity.is_workspace_admin(actor.id) and (
        identity.is_account_admin(actor.id) or not identity.is_account_admin(wanted.id)
    ):
        return
    if wanted.kind is PrincipalKind.SERVICE_PRINCIPAL and has_role_on(repositories, actor, wanted.name, "user"):
        return
    raise denied(
        f"{actor.name} may not run jobs as {wanted.name}: it needs the role servicePrincipal.user on that service "
        "principal, or to be a workspace admin."
    )


@rule("LS-111")
def require_one_owner(
    repositories: Repositories, actor: Principal, entries: Sequence[StoredPermission], before: str | None
) -> None:
    """Demand that an access list of a job names one owner, never a group; a new one obeys the rule of `run_as`.

    A job without `run_as` runs as its owner, so naming an owner is naming an identity (source: platform docs, job access
    control: exactly one owner, never a group).
    """
    owners = [one for one in entries if one["level"] == "IS_OWNER"]
    if len(owners) != 1:
        raise invalid(f"The job must have exactly one owner, not {len(owners)}.")
    if owners[0]["kind"] == "group":
        raise invalid("A group cannot be the owner of a job.")
    name = str(owners[0]["principal"])
    wanted = repositories.identity.by_name(name)
    if wanted is None:
        raise not_found(f"Principal '{name}' does not exist.")
    if wanted.name != before:
        require_identity(repositories, actor, wanted)


def require_same_identity(
    repositories: Repositories, actor: Principal, owner: str, old: StoredJobSettings, new: StoredJobSettings
) -> None:
    """Demand the right to the owner's identity when new settings drop a `run_as`: the job would run as its owner."""
    if not old.get("run_as") or new.get("run_as"):
        return
    wanted = repositories.identity.by_name(owner)
    if wanted is not None:
        require_identity(repositories, actor, wanted)


def has_role_on(repositories: Repositories, actor: Principal, application_id: str, role: str) -> bool:
    """Return whether the actor, or an account group of it, has `servicePrincipal.<role>` on a service principal."""
    prefixes = {PrincipalKind.USER: "users", PrincipalKind.SERVICE_PRINCIPAL: "servicePrincipals"}
    groups = {f"groups/{name}" for name in repositories.identity.account_groups_of(actor.id)}
    reached = groups | {f"{prefixes[actor.kind]}/{actor.name}"}
    name = f"accounts/{repositories.ids.account_id}/servicePrincipals/{application_id}/ruleSets/default"
    stored = repositories.store.get(kinds.RULE_SET, name)
    rules = stored["grant_rules"] if stored is not None else ()
    return any(one["role"] == f"roles/servicePrincipal.{role}" and reached & set(one["principals"]) for one in rules)
