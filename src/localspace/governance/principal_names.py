"""Where documents name a principal: a new name is carried there, and a deleted one leaves nothing that opens anything.

Grants, policies, access lists, roles and owners know a principal by its name alone. A principal that took the name of another
would take its privileges as well: no door to a name may be open that is not a door to the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from localspace.core.ledger import rule
from localspace.core.principals import Principal, PrincipalKind
from localspace.core.store import Document, Store

_SECURABLES = ("catalog", "schema", "table", "function", "volume", "metastore", "storage_credential", "external_location")
_OWNERS = {
    **dict.fromkeys(_SECURABLES, "owner"),
    "genie_space": "owner",
    "dashboard": "owner",
    "workspace_object": "owner",
    "warehouse": "creator_name",
    "serving_endpoint": "creator",
    "job": "creator",
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
    _rewrite(store, "rule_set", lambda one: _with_roles(one, _ROLE_PREFIX[before.kind] + before.name, before.kind, after))
    carry_levels(store, before, after)
    field_of_run = _RUN_AS.get(before.kind)
    if field_of_run is not None:
        _rewrite(store, "job", lambda one: _running_as(one, field_of_run, before.name, after))


def carry_levels(store: Store, before: Principal, after: str) -> None:
    """Give a principal its new name in the access lists of workspace objects and secret scopes."""
    _rewrite(store, "permission", lambda one: _with_levels(one, before, after))
    for key, acl in store.items("secret_acl"):
        if acl["principal"] == before.name:
            store.delete("secret_acl", *key)
            store.put("secret_acl", (key[0], after), acl | {"principal": after}, (key[0],))


@rule("LS-113")
def forget_name(store: Store, gone: Principal) -> None:
    """Take a deleted principal out of EXCEPT lists, roles and secret scopes, so that a later principal of that name gets no more.

    It stays in TO lists, where it can only bind.
    """
    for key, policy in store.items("policy"):
        if gone.name in policy.get("except_principals", ()):
            kept = [one for one in policy["except_principals"] if one != gone.name]
            rest = {name: value for name, value in policy.items() if name != "except_principals"}
            store.rewrite("policy", key, rest | ({"except_principals": kept} if kept else {}))
    _rewrite(store, "rule_set", lambda one: _without_roles(one, _ROLE_PREFIX[gone.kind] + gone.name))
    for key, acl in store.items("secret_acl"):
        if acl["principal"] == gone.name:
            store.delete("secret_acl", *key)


def owned_under(store: Store, name: str) -> str | None:
    """Return a securable whose owner has this name, without regard to case, or None."""
    folded = name.casefold()
    for kind in _SECURABLES:
        for one in store.list(kind):
            if str(one.get("owner") or "").casefold() == folded:
                return f"{kind.replace('_', ' ')} '{one.get('full_name') or one['name']}'"
    return None


def _rewrite(store: Store, kind: str, change: Callable[[Document], Document]) -> None:
    for key, body in store.items(kind):
        new = change(body)
        if new != body:
            store.rewrite(kind, key, new)


def _carry_grants(store: Store, before: str, after: str) -> None:
    for grant in store.list("grant"):
        if grant["principal"] == before:
            on = (grant["securable_type"], grant["full_name"])
            store.delete("grant", *on, before)
            store.put("grant", (*on, after), grant | {"principal": after}, on)


def _carry_policies(store: Store, before: str, after: str) -> None:
    for key, policy in store.items("policy"):
        changed = dict(policy)
        for field in ("to_principals", "except_principals"):
            if before in policy.get(field, ()):
                changed[field] = [after if one == before else one for one in policy[field]]
        if changed != policy:
            store.rewrite("policy", key, changed)


def _with_owner(field: str, before: str, after: str, document: Document) -> Document:
    return document | {field: after} if document.get(field) == before else document


def _with_levels(document: Document, before: Principal, after: str) -> Document:
    entries = [
        one | {"principal": after} if (one["kind"], one["principal"]) == (before.kind.value, before.name) else one
        for one in document.get("access_control_list", ())
    ]
    return document | {"access_control_list": entries}


def _with_roles(document: Document, named: str, kind: PrincipalKind, after: str) -> Document:
    new = _ROLE_PREFIX[kind] + after
    rules = [
        one | {"principals": [new if name == named else name for name in one.get("principals") or ()]}
        for one in document.get("grant_rules") or ()
    ]
    return document | {"grant_rules": rules}


def _without_roles(document: Document, named: str) -> Document:
    rules = [
        one | {"principals": [name for name in one.get("principals") or () if name != named]}
        for one in document.get("grant_rules") or ()
    ]
    return document | {"grant_rules": [one for one in rules if one["principals"]]}


def _running_as(job: Document, field: str, before: str, after: str) -> Document:
    run_as = job["settings"].get("run_as") or {}
    if run_as.get(field) != before:
        return job
    return job | {"settings": job["settings"] | {"run_as": run_as | {field: after}}}
