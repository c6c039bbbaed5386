"""Who may do what to which securable: ownership, grants, inheritance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from localspace.core.errors import ApiError, denied, invalid, not_found
from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.store import Store, encode_key
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.governance.bindings import Bindings, Reach, not_bound
from localspace.governance.legacy import LEGACY_PRIVILEGES, LEGACY_TYPES, LegacyPrivileges, is_legacy, not_in_legacy
from localspace.governance.samples import is_sample
from localspace.identity.memberships import Identity

KINDS = {
    "CATALOG": "catalog",
    "SCHEMA": "schema",
    "TABLE": "table",
    "VIEW": "table",
    "FUNCTION": "function",
    "VOLUME": "volume",
    "MODEL": "model",
    "CONNECTION": "connection",
    "STORAGE_CREDENTIAL": "storage_credential",
    "EXTERNAL_LOCATION": "external_location",
    "METASTORE": "metastore",
}
"""Securable type to the kind of its document."""

_DEPTH = {"CATALOG": 1, "SCHEMA": 2, "TABLE": 3, "VIEW": 3, "FUNCTION": 3, "VOLUME": 3, "MODEL": 3}

_TABLE = {"SELECT", "MODIFY", "APPLY_TAG", "MANAGE", "BROWSE", "REFRESH"}
_FUNCTION = {"EXECUTE", "MANAGE", "APPLY_TAG", "BROWSE"}
_MODEL = {"EXECUTE", "CREATE_MODEL_VERSION", "MANAGE", "APPLY_TAG", "BROWSE"}
_VOLUME = {"READ_VOLUME", "WRITE_VOLUME", "MANAGE", "APPLY_TAG", "BROWSE"}
_SCHEMA = (
    {"USE_SCHEMA", "CREATE_TABLE", "CREATE_VIEW", "CREATE_FUNCTION", "CREATE_VOLUME", "CREATE_MATERIALIZED_VIEW"}
    | {"CREATE_MODEL", "CREATE_MODEL_VERSION", "EXTERNAL_USE_SCHEMA", "READ_METADATA", "CREATE_FEATURE", "READ_FEATURE"}
    | _TABLE
    | _FUNCTION
    | _VOLUME
)
_CATALOG = _SCHEMA | {"USE_CATALOG", "CREATE_SCHEMA", "CREATE_FOREIGN_CATALOG"}
PRIVILEGES: dict[str, frozenset[str]] = {
    "TABLE": frozenset(_TABLE),
    "VIEW": frozenset(_TABLE),
    "FUNCTION": frozenset(_FUNCTION),
    "VOLUME": frozenset(_VOLUME),
    "MODEL": frozenset(_MODEL),
    "CONNECTION": frozenset({"USE_CONNECTION", "CREATE_FOREIGN_CATALOG", "MANAGE", "BROWSE"}),
    "SCHEMA": frozenset(_SCHEMA),
    "CATALOG": frozenset(_CATALOG),
    "STORAGE_CREDENTIAL": frozenset(
        {"CREATE_EXTERNAL_LOCATION", "CREATE_EXTERNAL_TABLE", "READ_FILES", "WRITE_FILES", "MANAGE", "ACCESS"}
    ),
    "EXTERNAL_LOCATION": frozenset(
        {"CREATE_EXTERNAL_TABLE", "CREATE_EXTERNAL_VOLUME", "CREATE_MANAGED_STORAGE", "READ_FILES", "WRITE_FILES"}
        | {"EXTERNAL_USE_LOCATION", "MANAGE", "BROWSE", "CREATE_FOREIGN_SECURABLE"}
    ),
    "METASTORE": frozenset(
        {"CREATE_CATALOG", "CREATE_CONNECTION", "CREATE_EXTERNAL_LOCATION", "CREATE_PROVIDER", "CREATE_RECIPIENT"}
        | {"CREATE_SHARE", "CREATE_STORAGE_CREDENTIAL", "MANAGE_ALLOWLIST", "SET_SHARE_PERMISSION", "USE_CONNECTION"}
        | {"USE_MARKETPLACE_ASSETS", "USE_PROVIDER", "USE_RECIPIENT", "USE_SHARE", "CREATE_CLEAN_ROOM"}
        | {"CREATE_SERVICE_CREDENTIAL"}
    ),
}
"""Privileges that may be granted on a type (source: platform docs, privileges and securable objects)."""

GRANTED_BY_POLICY: dict[str, frozenset[str]] = {
    kind: PRIVILEGES[kind] - {"MANAGE", "BROWSE"} for kind in ("TABLE", "FUNCTION", "VOLUME", "MODEL")
}
"""Types of objects that a GRANT policy reaches, with the privileges that it may give."""

ByPolicy = Callable[[Principal, str, str], frozenset[str]]

# ALL PRIVILEGES leaves these out: they have to be granted by name.
_WRITES = frozenset({"MODIFY", "WRITE_VOLUME", "WRITE_FILES", "REFRESH", "APPLY_TAG", "MANAGE"})
_NOT_IN_ALL = frozenset({"MANAGE", "EXTERNAL_USE_SCHEMA", "EXTERNAL_USE_LOCATION"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPrivilege:
    """A granted privilege and where it comes from; `inherited_from` is None for a direct grant."""

    privilege: str
    inherited_from: tuple[str, str] | None = None


def securable_type(text: str) -> str:
    """Return the canonical type for any spelling (`catalog`, `TABLES`, `SecurableType.TABLE`); raises ApiError."""
    upper = text.rsplit(".", 1)[-1].upper().replace("-", "_").replace(" ", "_")
    for candidate in (upper, upper.removesuffix("S")):
        if candidate in KINDS:
            return candidate
    raise invalid(f"Invalid securable type '{text}'. Known types: {', '.join(sorted(KINDS))}.")


def privilege_name(text: str) -> str:
    """Return the canonical privilege for any spelling (`use catalog`, `ALL PRIVILEGES`)."""
    upper = "_".join(text.upper().replace("-", "_").split())
    return "ALL_PRIVILEGES" if upper == "ALL" else upper


def split_name(securable: str, full_name: str) -> tuple[str, ...]:
    """Return the parts of a full name; raises ApiError when their number does not fit the type."""
    depth = _DEPTH.get(securable)
    if depth is None:
        return (full_name,)
    parts = tuple(full_name.split("."))
    if len(parts) != depth or not all(parts):
        raise invalid(f"'{full_name}' is not a valid name of a {securable.lower()}: {depth} parts are needed.")
    return parts


def containers(securable: str, full_name: str) -> tuple[tuple[str, str], ...]:
    """Return (type, name) of what contains a securable, nearest first; the metastore is not one of them."""
    parts = split_name(securable, full_name)
    if len(parts) == 3:
        return (("SCHEMA", ".".join(parts[:2])), ("CATALOG", parts[0]))
    if len(parts) == 2:
        return (("CATALOG", parts[0]),)
    return ()


def grant_type(securable: str) -> str:
    """Return the type under which grants, tags and policies of a securable are kept: a view's are a table's."""
    return "TABLE" if securable == "VIEW" else securable


def grantable(securable: str, full_name: str) -> frozenset[str]:
    """Return what may be granted on a securable; raises for what hive_metastore does not have."""
    if not is_legacy(full_name) or securable not in _DEPTH:
        return PRIVILEGES[securable] | {"ALL_PRIVILEGES"}
    if securable not in LEGACY_TYPES:
        raise not_in_legacy(f"grants on a {securable.lower()}")
    return LEGACY_PRIVILEGES | {"ALL_PRIVILEGES"}


def spoken(text: str) -> str:
    """Return a privilege or type as messages spell it: words, not underscores."""
    return text.replace("_", " ")


_Grants = dict[str, dict[str, frozenset[str]]]
"""Encoded key of a securable to principal to privileges."""


class Privileges:
    """Answers privilege questions for a principal; memberships count as they are in effect."""

    def __init__(self, store: Store, identity: Identity, bindings: Bindings) -> None:
        """Read from `store`."""
        self._store = store
        self._identity = identity
        self._bindings = bindings
        self._by_policy: ByPolicy = _nothing
        self._grants: tuple[tuple[int, ...], _Grants] = ((), {})
        self._legacy = LegacyPrivileges(identity, self.granted, self.is_owner)

    def attach(self, by_policy: ByPolicy) -> None:
        """Take the answer to which privileges GRANT policies give; policies are read with tags, which need privileges."""
        self._by_policy = by_policy

    # Objects and owners

    def document(self, securable: str, full_name: str) -> Document | None:
        """Return the document of a securable, or None."""
        kind = KINDS[securable]
        if securable == "METASTORE":
            return self._store.get(kinds.named(kind), self._store.metastore_id or "")
        return self._store.get(kinds.named(kind), *split_name(securable, full_name))

    def require_exists(self, securable: str, full_name: str) -> Document:
        """Return the document; raises 404 with the code of the type, naming the first missing container.

        Raises 403 for what lies in a catalog that this workspace does not reach.
        """
        for kind, name in reversed(containers(securable, full_name)):
            if self.document(kind, name) is None:
                raise _missing(kind, name)
        found = self.document(securable, full_name)
        if found is None:
            raise _missing(securable, full_name)
        if containers(securable, full_name) and self._reach(securable, full_name) is Reach.NOTHING:
            raise not_bound("CATALOG", full_name.split(".")[0])
        return found

    def owner(self, securable: str, full_name: str) -> str | None:
        """Return the name of the owner, or None when the securable does not exist."""
        found = self.document(securable, full_name)
        return None if found is None else found.get("owner")

    def is_owner(self, actor: Principal, securable: str, full_name: str) -> bool:
        """Return whether the actor, or a group of it, owns the securable."""
        return self.owner(securable, full_name) in self._identity.names_of(actor.id)

    # Privileges

    def granted(self, actor: Principal, securable: str, full_name: str) -> frozenset[str]:
        """Return the privileges granted directly on one securable to the actor or its groups, as granted."""
        on = self._grants_on(securable, full_name)
        if not on:
            return frozenset()
        names = self._identity.names_of(actor.id)
        return frozenset(privilege for name, held in on.items() if name in names for privilege in held)

    def held(self, actor: Principal, securable: str, full_name: str) -> frozenset[str]:
        """Return the privileges that the actor holds: granted here or above, ALL PRIVILEGES expanded, the owner's all.

        The owner of a container has no privilege on what it contains by ownership alone (conformance ledger: schema
        owner, MANAGE).
        """
        if securable in _DEPTH and is_legacy(full_name):
            return self._legacy.held(actor, securable, full_name, containers(securable, full_name))
        found = set(self.granted(actor, securable, full_name))
        for kind, name in containers(securable, full_name):
            found |= self.granted(actor, kind, name)
        found |= self._by_policy(actor, securable, full_name)
        everything = PRIVILEGES[securable]
        if "ALL_PRIVILEGES" in found:
            found |= everything - _NOT_IN_ALL
        if self.is_owner(actor, securable, full_name):
            found |= everything | {"ALL_PRIVILEGES"}
        return self._through_binding(securable, full_name, frozenset(found))

    def holds(self, actor: Principal, privilege: str, securable: str, full_name: str) -> bool:
        """Return whether the actor holds a privilege on a securable."""
        return privilege in self.held(actor, securable, full_name)

    def manages(self, actor: Principal, securable: str, full_name: str) -> bool:
        """Return whether the actor may manage: owner of it or of a container, MANAGE, or metastore admin."""
        if securable in _DEPTH and is_legacy(full_name):
            return self._legacy.manages(actor, securable, full_name)
        if securable in _DEPTH and is_sample(full_name):
            return False
        if _DEPTH.get(securable, 0) > 1 and self._reach(securable, full_name) is not Reach.WRITE:
            return False
        for kind, name in ((securable, full_name), *containers(securable, full_name)):
            if self.is_owner(actor, kind, name) or "MANAGE" in self.granted(actor, kind, name):
                return True
        return self._identity.is_metastore_admin(actor.id)

    def can_see(self, actor: Principal, securable: str, full_name: str) -> bool:
        """Return whether the securable shows in lists and reads: any privilege on it, BROWSE above, or management.

        BROWSE is inherited and shows metadata without USE CATALOG or USE SCHEMA; any other privilege needs them.
        """
        if securable in _DEPTH and is_legacy(full_name):
            return self._legacy.can_see(actor, securable, full_name, containers(securable, full_name))
        if self._reach(securable, full_name) is Reach.NOTHING:
            return False
        if self.manages(actor, securable, full_name):
            return True
        held = self.held(actor, securable, full_name)
        return "BROWSE" in held or self._uses(actor, securable, full_name, held)

    def only_browses(self, actor: Principal, securable: str, full_name: str) -> bool:
        """Return whether BROWSE alone shows a securable to the actor."""
        if self.manages(actor, securable, full_name):
            return False
        held = self.held(actor, securable, full_name)
        return "BROWSE" in held and not self._uses(actor, securable, full_name, held - {"BROWSE"})

    def _uses(self, actor: Principal, securable: str, full_name: str, held: frozenset[str]) -> bool:
        shown = {"CATALOG": {"USE_CATALOG"}, "SCHEMA": {"USE_SCHEMA"}}.get(securable, set(PRIVILEGES[securable]))
        if not held & (shown | {"ALL_PRIVILEGES"} | self.granted(actor, securable, full_name)):
            return False
        return self.missing_use(actor, securable, full_name) is None

    def missing_use(self, actor: Principal, securable: str, full_name: str) -> tuple[str, str, str] | None:
        """Return the first (privilege, type, name) of USE CATALOG / USE SCHEMA on the containers that is not held."""
        if securable in _DEPTH and is_legacy(full_name):
            return self._legacy.missing_use(actor, containers(securable, full_name))
        for kind, name in reversed(containers(securable, full_name)):
            if f"USE_{kind}" not in self.held(actor, kind, name):
                return (f"USE_{kind}", kind, name)
        return None

    @rule("LS-090")
    def may_read_body(self, actor: Principal, full_name: str) -> bool:
        """Return whether the body of a function shows: to who may execute it, and to who manages it or owns it."""
        return self.manages(actor, "FUNCTION", full_name) or self.holds(actor, "EXECUTE", "FUNCTION", full_name)

    # Demands

    def require_use(self, actor: Principal, securable: str, full_name: str) -> None:
        """Demand USE CATALOG and USE SCHEMA on the containers; raises PERMISSION_DENIED."""
        missing = self.missing_use(actor, securable, full_name)
        if missing is not None:
            raise lacks(*missing)

    def require(self, actor: Principal, privilege: str, securable: str, full_name: str) -> None:
        """Demand a privilege and the use of the containers; raises PERMISSION_DENIED."""
        self.require_use(actor, securable, full_name)
        if not self.holds(actor, privilege, securable, full_name):
            raise lacks(privilege, securable, full_name)

    def require_manage(self, actor: Principal, securable: str, full_name: str) -> None:
        """Demand management (see `manages`); raises PERMISSION_DENIED."""
        if not self.manages(actor, securable, full_name):
            raise lacks("MANAGE", securable, full_name)

    @rule("LS-132")
    def own_metastore(self, name: str) -> str:
        """Return the id of the workspace's metastore, under any name that a client sends; raises 404 for another one's."""
        own = self._store.metastore_id or ""
        if name != own and self._store.get(kinds.METASTORE, name) is not None:
            raise _missing("METASTORE", name)
        return own

    def require_metastore_admin(self, actor: Principal) -> None:
        """Demand a metastore admin; raises PERMISSION_DENIED."""
        if not self._identity.is_metastore_admin(actor.id):
            raise denied("Only a metastore admin may do this.")

    def _reach(self, securable: str, full_name: str) -> Reach:
        if securable in _DEPTH:
            return self._bindings.reach("CATALOG", full_name.split(".", 1)[0])
        return self._bindings.reach(securable, full_name)

    @rule("LS-150", "LS-151")
    def _through_binding(self, securable: str, full_name: str, held: frozenset[str]) -> frozenset[str]:
        """Return what is left of privileges in this workspace: nothing without a binding, no writes with one to read."""
        reach = self._reach(securable, full_name)
        if reach is Reach.WRITE:
            return held
        if reach is Reach.NOTHING:
            return frozenset()
        return frozenset(one for one in held - _WRITES if not one.startswith("CREATE_"))

    def _grants_on(self, securable: str, full_name: str) -> dict[str, frozenset[str]]:
        # One assignment: a version and the grants of another never stand side by side.
        version, grants = self._grants
        current = self._store.version_of(kinds.GRANT)
        if current != version:
            grants = {}
            for body in self._store.list(kinds.GRANT):
                on = grants.setdefault(encode_key((body["securable_type"], body["full_name"])), {})
                on[body["principal"]] = frozenset(body["privileges"])
            self._grants = (current, grants)
        return grants.get(encode_key((grant_type(securable), full_name)), {})


def _nothing(actor: Principal, securable: str, full_name: str) -> frozenset[str]:
    return frozenset()


def lacks(privilege: str, securable: str, full_name: str) -> ApiError:
    """Return the refusal for a missing privilege."""
    return denied(f"User does not have {spoken(privilege)} on {spoken(securable).title()} '{full_name}'.")


def _missing(securable: str, full_name: str) -> ApiError:
    code = "ROUTINE_NOT_FOUND" if securable == "FUNCTION" else f"{grant_type(securable)}_DOES_NOT_EXIST"
    return not_found(f"{spoken(grant_type(securable)).title()} '{full_name}' does not exist.", code)
