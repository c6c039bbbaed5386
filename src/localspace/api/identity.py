"""SCIM on both planes: users, service principals, groups, and Me."""

from __future__ import annotations

from collections.abc import Callable

from localspace.api.scim_resources import as_document, as_resource, people_of
from localspace.core.errors import already_exists, denied, invalid, not_found
from localspace.core.ledger import rule
from localspace.core.principals import PrincipalKind
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.governance.people import duplicate
from localspace.governance.principal_names import owned_under
from localspace.http.request import Plane, Request, Route
from localspace.http.scim import apply_patch, list_response, project
from localspace.http.serialisation import Json, Reply
from localspace.identity.memberships import SYSTEM_GROUPS, as_principal


def me(request: Request) -> Json:
    """Return the caller."""
    body = people_of(request).get(request.actor.kind, request.actor.id)
    found = as_resource(request, request.actor.kind, body, account=False)
    if request.actor.kind is PrincipalKind.SERVICE_PRINCIPAL:
        # A service principal sees itself as a user whose name is its application id.
        found["userName"] = body["applicationId"]
    return project(found, request.query)


_ACCOUNT_ROLES = frozenset({"account_admin"})


class _Resource:
    """The five operations of one kind of principal on one plane."""

    def __init__(self, kind: PrincipalKind, *, account: bool) -> None:
        self._kind = kind
        self._account = account

    def list(self, request: Request) -> Json:
        self._require_read(request)
        found = (one for one in request.repositories.store.list(kinds.of_principal(self._kind)) if self._visible(request, one))
        return list_response([as_resource(request, self._kind, one, account=self._account) for one in found], request.query)

    def get(self, request: Request) -> Json:
        self._require_read(request)
        return project(as_resource(request, self._kind, self._found(request), account=self._account), request.query)

    def create(self, request: Request) -> Reply:
        self._require_write(request)
        people = people_of(request)
        body = as_document(self._kind, request.body)
        self._refuse_account_roles({}, body)
        with request.repositories.store.transaction():
            if self._account:
                new = people.create(self._kind, body)
            elif self._kind is PrincipalKind.GROUP:
                new = people.create(self._kind, body, "workspace")
            else:
                # The workspace takes over a principal that the account knows, and adds a new one to both.
                known = self._known(request, body)
                if known is not None and people.assignment(known["id"]):
                    raise already_exists(duplicate(self._kind, as_principal(self._kind, known).name))
                if known is None:
                    self._refuse_left_name(request, body)
                new = known or people.create(self._kind, body)
                people.assign(new["id"], ["USER"])
        return Reply(status=201, body=as_resource(request, self._kind, new, account=self._account))

    def replace(self, request: Request) -> Json:
        self._require_write(request)
        old = self._found(request)
        body = as_document(self._kind, request.body, old)
        for field in ("members", "roles", "entitlements"):
            if field not in body and (field != "members" or self._kind is PrincipalKind.GROUP):
                hidden = field == "entitlements" and self._account
                body[field] = old.get(field, []) if hidden else []
        return self._save(request, old, body)

    def patch(self, request: Request) -> Json | Reply:
        self._require_write(request)
        old = self._found(request)
        resource: Json = {key: value for key, value in old.items() if key not in ("scope", "system")}
        for field in ("members", "roles", "entitlements"):
            if field in old or field != "members":
                resource[field] = [{"value": one} for one in old.get(field, ())]
        if self._is_system(old):
            resource["members"] = [{"value": one} for one in people_of(request).members(old)]
        return self._save(request, old, as_document(self._kind, apply_patch(resource, request.body), old))

    def delete(self, request: Request) -> Reply:
        self._require_write(request)
        old = self._found(request)
        people = people_of(request)
        if old["id"] == request.actor.id:
            raise invalid("A principal cannot delete itself.")
        if self._is_system(old):
            raise denied(f"Group {old['displayName']} cannot be deleted.")
        local = old.get("scope") == "workspace"
        if self._account or local:
            people.delete(self._kind, old)
        else:
            people.assign(old["id"], [])
        return Reply(status=204, body=b"")

    def _save(self, request: Request, old: Document, body: Document) -> Json:
        people = people_of(request)
        self._refuse_account_roles(old, body)
        if not self._account:
            self._keep_account_facts(request, old, body)
        with request.repositories.store.transaction():
            if self._is_system(old):
                self._save_system(request, old, body)
                body = body | {"members": []}
            elif self._kind is PrincipalKind.GROUP and not self._account and old["scope"] == "account":
                self._refuse_account_change(old, body)
            new = people.save(self._kind, old, body)
        return as_resource(request, self._kind, new, account=self._account)

    def _refuse_account_roles(self, old: Document, body: Document) -> None:
        gained = _ACCOUNT_ROLES.intersection(body.get("roles") or ()) - set(old.get("roles") or ())
        if gained and not self._account:
            raise denied(f"Role {', '.join(sorted(gained))} is given in the account, not in a workspace.")

    @rule("LS-113")
    def _refuse_left_name(self, request: Request, body: Document) -> None:
        """Refuse the name of a deleted principal that securables still have as owner: the account decides who gets those."""
        name = body.get("userName") if self._kind is PrincipalKind.USER else body.get("applicationId")
        if not name or request.repositories.identity.by_name(str(name)) is not None:
            return
        owned = owned_under(request.repositories.store, str(name))
        if owned is not None:
            raise denied(f"{name} still owns {owned}. An account admin creates the principal, or gives what it owned away.")

    @rule("LS-133")
    def _keep_account_facts(self, request: Request, old: Document, body: Document) -> None:
        """Refuse what is not a workspace's to change: a person's name, roles in the account, whether a principal is active."""
        changed = bool(body.get("active", True)) != bool(old.get("active", True))
        if changed and not request.repositories.identity.is_account_admin(request.actor.id):
            raise denied("A principal of the account can only be deactivated or activated by an account admin.")
        if self._kind is PrincipalKind.USER and body.get("userName") != old["userName"]:
            raise denied(f"User {old['userName']} can only be renamed in the account.")
        kept = [one for one in old.get("roles") or () if one in _ACCOUNT_ROLES and one not in (body.get("roles") or ())]
        if kept:
            body["roles"] = [*(body.get("roles") or ()), *kept]

    @staticmethod
    def _refuse_account_change(old: Document, body: Document) -> None:
        # Entitlements of an account group are the workspace's business, nothing else of it is.
        if body.get("members", []) != old.get("members", []) or body["displayName"] != old["displayName"]:
            raise denied(f"Account group {old['displayName']} can only be changed in the account.")

    def _save_system(self, request: Request, old: Document, body: Document) -> None:
        people = people_of(request)
        wanted, before = set(body.get("members", ())), set(people.members(old))
        if old["displayName"] == "users" and wanted != before:
            raise denied("Members of the group users follow from the workspace assignments.")
        for member in wanted - before:
            people.assign(member, ["ADMIN"])
        for member in before - wanted:
            people.assign(member, ["USER"])

    def _is_system(self, body: Document) -> bool:
        return self._kind is PrincipalKind.GROUP and bool(body.get("system")) and body["displayName"] in SYSTEM_GROUPS

    def _found(self, request: Request) -> Document:
        found = people_of(request).get(self._kind, request.params["id"])
        if not self._visible(request, found):
            raise not_found(f"{self._kind.value} with id {request.params['id']} not found.")
        return found

    def _known(self, request: Request, body: Document) -> Document | None:
        name = body.get("userName") if self._kind is PrincipalKind.USER else body.get("applicationId")
        found = request.repositories.identity.by_name(name) if name else None
        if found is None or found.kind is not self._kind:
            return None
        return request.repositories.store.get(kinds.of_principal(self._kind), found.id)

    def _visible(self, request: Request, body: Document) -> bool:
        if self._account:
            return bool(body.get("scope", "account") == "account")
        return body.get("scope") == "workspace" or request.repositories.identity.in_workspace(body["id"])

    def _require_read(self, request: Request) -> None:
        if self._account and not request.repositories.identity.is_account_admin(request.actor.id):
            raise denied("Only an account admin may read the directory of the account.")

    def _require_write(self, request: Request) -> None:
        identity = request.repositories.identity
        if self._account and not identity.is_account_admin(request.actor.id):
            raise denied("Only an account admin may change the directory of the account.")
        if not self._account and not identity.is_workspace_admin(request.actor.id):
            raise denied("Only a workspace admin may change the directory of the workspace.")


def _routes(kind: PrincipalKind, plural: str) -> tuple[Route, ...]:
    found: list[Route] = []
    planes = ((True, "/api/2.0/accounts/{account_id}/scim/v2/"), (False, "/api/2.0/preview/scim/v2/"))
    for account, base in planes:
        resource = _Resource(kind, account=account)
        service = ("Account" if account else "") + plural
        operations: tuple[tuple[str, str, str, Callable[[Request], Json | Reply]], ...] = (
            ("GET", "", "list", resource.list),
            ("POST", "", "create", resource.create),
            ("GET", "/{id}", "get", resource.get),
            ("PUT", "/{id}", "update", resource.replace),
            ("PATCH", "/{id}", "patch", resource.patch),
            ("DELETE", "/{id}", "delete", resource.delete),
        )
        for method, rest, name, handler in operations:
            found.append(
                Route(
                    method=method,
                    path=base + plural + rest,
                    handler=handler,
                    sdk=(f"{service}V2.{name}", f"{service}.{name}"),
                    plane=Plane.ACCOUNT if account else Plane.WORKSPACE,
                )
            )
    return tuple(found)


ROUTES = (
    Route(method="GET", path="/api/2.0/preview/scim/v2/Me", handler=me, sdk=("CurrentUser.me",)),
    *_routes(PrincipalKind.USER, "Users"),
    *_routes(PrincipalKind.GROUP, "Groups"),
    *_routes(PrincipalKind.SERVICE_PRINCIPAL, "ServicePrincipals"),
)
