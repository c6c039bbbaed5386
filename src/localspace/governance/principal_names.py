"""Where documents name a principal: a new name is carried there, and a deleted one leaves nothing that opens anything.

Grants, policies, access lists, roles and owners know a principal by its name alone. A principal that took the name of another
would take its privileges as well: no door to a name may be open that is not a door to the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from localspace.core.ledger import rule
from localspace.core.principals import Principal, PrincipalKind
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.directory import StoredGrantRule, StoredRuleSet
from localspace.core.stored_documents.job_settings import StoredJobSettings, StoredRunAs
from localspace.core.stored_documents.jobs import StoredJob
from localspace.core.stored_documents.kind import D, Document, Kind
from localspace.core.stored_documents.workspace import StoredPermission, StoredPermissions

_SECURABLES: tuple[Kind[Any], ...] = (
    *(kinds.CATALOG, kinds.SCHEMA, kinds.TABLE, kinds.FUNCTION, kinds.VOLUME),
    *(kinds.METASTORE, kinds.STORAGE_CREDENTIAL, kinds.EXTERNAL_LOCATION),
)
_OWNERS: dict[Kind[Any], str] = {
    **dict.fromkeys(_SECURABLES, "owner"),
    kinds.GENIE_SPACE: "owner",
    kinds.DASHBOARD: "owner",
    kinds.WORKSPACE_OBJECT: "owner",
    kinds.WAREHOUSE: "creator_name",
    kinds.SERVING_ENDPOINT: "creator",
    kinds.JOB: "creator",
}
"""Kind of document to the field that names its owner."""

_ROLE_PREFIX = {
    PrincipalKind.USER: "users/",
    PrincipalKind.SERVICE_PRINCIPAL: "servicePrincipals/",
    PrincipalKind.GROUP: "groups/",
}
_RUN_AS = {PrincipalKind.USER: "user_name", PrincipalKind.SERVICE_PRINCIPAL: "service_principal_name"}


@rule("LS-112")
def carry_name(store: Store, before: Principal, after: str) -> None:
    """Give a principal of the account its new name everywhere; call it in the transaction of the change."""
    _carry_grants(store, before.name, after)
    _carry_policies(store, before.name, after)
    for kind, field in _OWNERS.items():
        _rewrite(store, kind, partial(_with_owner, field, before.name, after))
    _rewrite(store, kinds.RULE_SET, lambda one: _with_roles(one, _ROLE_PREFIX[before.kind] + before.name, before.kind, after))
    carry_levels(store, before, after)
    field_of_run = _RUN_AS.get(before.kind)
    if field_of_run is not None:
        _rewrite(store, kinds.JOB, lambda one: _running_as(one, field_of_run, before.name, after))


def carry_levels(store: Store, before: Principal, after: str) -> None:
    """Give a principal its new name in the access lists of workspace objects and secret scopes."""
    _rewrite(store, kinds.PERMISSIONS, lambda one: _with_levels(one, before, after))
    for key, acl in store.items(kinds.SECRET_ACL):
        if acl["principal"] == before.name:
            store.delete(kinds.SECRET_ACL, *key)
            store.put(kinds.SECRET_ACL, (key[0], after), acl | {"principal": after}, (key[0],))


@rule("LS-113")
def forget_name(store: Store, gone: Principal) -> None:
    """Take a deleted principal out of grants, EXCEPT lists, roles and secret scopes: a later one of that name gets no more.

    It stays in TO lists, where it can only bind.
    """
    for grant in store.list(kinds.GRANT):
        if grant["principal"] == gone.name:
            store.delete(kinds.GRANT, grant["securable_type"], grant["full_name"], gone.name)
    for key, policy in store.items(kinds.POLICY):
        if gone.name in policy.get("except_principals", ()):
            kept = [one for one in policy["except_principals"] if one != gone.name]
            if kept:
                policy["except_principals"] = kept
            else:
                del policy["except_principals"]
            store.rewrite(kinds.POLICY, key, policy)
    _rewrite(store, kinds.RULE_SET, lambda one: _without_roles(one, _ROLE_PREFIX[gone.kind] + gone.name))
    for key, acl in store.items(kinds.SECRET_ACL):
        if acl["principal"] == gone.name:
            store.delete(kinds.SECRET_ACL, *key)


def owned_under(store: Store, name: str) -> str | None:
    """Return a securable whose owner has this name, without regard to case, or None."""
    folded = name.casefold()
    for room in store.rooms():
        for kind in _SECURABLES:
            for one in room.list(kind):
                if str(one.get("owner") or "").casefold() == folded:
                    return f"{kind.name.replace('_', ' ')} '{one.get('full_name') or one['name']}'"
    return None


def _rewrite(store: Store, kind: Kind[D], change: Callable[[D], D]) -> None:
    for key, body in store.items(kind):
        new = change(body)
        if new != body:
            store.rewrite(kind, key, new)


def _carry_grants(store: Store, before: str, after: str) -> None:
    for grant in store.list(kinds.GRANT):
        if grant["principal"] == before:
            on = (grant["securable_type"], grant["full_name"])
            store.delete(kinds.GRANT, *on, before)
            store.put(kinds.GRANT, (*on, after), grant | {"principal": after}, on)


def _carry_policies(store: Store, before: str, after: str) -> None:
    for key, policy in store.items(kinds.POLICY):
        changed = policy | {"to_principals": [after if one == before else one for one in policy["to_principals"]]}
        if "except_principals" in policy:
            changed["except_principals"] = [after if one == before else one for one in policy["except_principals"]]
        if changed != policy:
            store.rewrite(kinds.POLICY, key, changed)


def _with_owner(field: str, before: str, after: str, document: Document) -> Document:
    return document | {field: after} if document.get(field) == before else document


def _with_levels(document: StoredPermissions, before: Principal, after: str) -> StoredPermissions:
    entries: list[StoredPermission] = [
        one | {"principal": after} if (one["kind"], one["principal"]) == (before.kind.value, before.name) else one
        for one in document["access_control_list"]
    ]
    return document | {"access_control_list": entries}


def _with_roles(document: StoredRuleSet, named: str, kind: PrincipalKind, after: str) -> StoredRuleSet:
    new = _ROLE_PREFIX[kind] + after
    rules: list[StoredGrantRule] = [
        one | {"principals": [new if name == named else name for name in one["principals"]]} for one in document["grant_rules"]
    ]
    return document | {"grant_rules": rules}


def _without_roles(document: StoredRuleSet, named: str) -> StoredRuleSet:
    rules: list[StoredGrantRule] = [
        one | {"principals": [name for name in one["principals"] if name != named]} for one in document["grant_rules"]
    ]
    return document | {"grant_rules": [one for one in rules if one["principals"]]}


def _running_as(job: StoredJob, field: str, before: str, after: str) -> StoredJob:
    if job["settings"].get("run_as", {}).get(field) != before:
        return job
    run_as: StoredRunAs = {"user_name": after} if field == "user_name" else {"service_principal_name": after}
    settings: StoredJobSettings = {**job["settings"], "run_as": run_as}
    return {**job, "settings": settings}
