"""hive_metastore: the legacy catalog with privileges of its own, outside of Unity Catalog's governance.

It takes no tags, policies, masks or row filters, and the Unity Catalog API does not show it. Its grants have legacy
names, which are read as the modern ones that they allow.
"""

from __future__ import annotations

from collections.abc import Callable

from localspace.core.errors import ApiError, invalid
from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.stored_documents.kinds import LEGACY_CATALOG
from localspace.identity.memberships import Identity

HIVE = LEGACY_CATALOG
LEGACY_PRIVILEGES = frozenset({"USAGE", "SELECT", "MODIFY", "CREATE", "READ_METADATA"})
"""What may be granted in hive_metastore (source: platform docs, hive metastore privileges)."""

LEGACY_TYPES = frozenset({"CATALOG", "SCHEMA", "TABLE", "VIEW"})
_ALLOWS: dict[str, frozenset[str]] = {
    "USAGE": frozenset({"USE_CATALOG", "USE_SCHEMA"}),
    "SELECT": frozenset({"SELECT"}),
    "MODIFY": frozenset({"MODIFY"}),
    "CREATE": frozenset({"CREATE_SCHEMA", "CREATE_TABLE", "CREATE_VIEW"}),
    "READ_METADATA": frozenset({"BROWSE", "READ_METADATA"}),
}
_EVERYTHING: frozenset[str] = frozenset(one for names in _ALLOWS.values() for one in names)

Granted = Callable[[Principal, str, str], frozenset[str]]
Owns = Callable[[Principal, str, str], bool]


def is_legacy(full_name: str) -> bool:
    """Return whether a full name is hive_metastore or lies in it."""
    return full_name[: len(HIVE)].casefold() == HIVE and full_name[len(HIVE) : len(HIVE) + 1] in ("", ".")


def not_in_legacy(what: str) -> ApiError:
    """Return the refusal of a Unity Catalog feature in hive_metastore."""
    return invalid(
        f"[UC_NOT_ENABLED.HIVE_METASTORE] hive_metastore has no {what}: that needs Unity Catalog. Use another catalog."
    )


@rule("LS-053")
def refuse_legacy(full_name: str, what: str) -> None:
    """Refuse governance of Unity Catalog (tags, policies, masks, filters) on objects of hive_metastore."""
    if is_legacy(full_name):
        raise not_in_legacy(what)


class LegacyPrivileges:
    """Answers privilege questions in hive_metastore: grants on it or above, owners, workspace admins."""

    def __init__(self, identity: Identity, granted: Granted, owns: Owns) -> None:
        """Ask `granted` for direct grants and `owns` for ownership."""
        self._identity = identity
        self._granted = granted
        self._owns = owns

    @rule("LS-052")
    def held(self, actor: Principal, securable: str, full_name: str, above: tuple[tuple[str, str], ...]) -> frozenset[str]:
        """Return what the actor may, in modern names; owning a schema gives nothing on its tables."""
        if self.manages(actor, securable, full_name):
            return _EVERYTHING | {"MANAGE"}
        found: set[str] = set()
        for kind, name in ((securable, full_name), *above):
            for privilege in self._granted(actor, kind, name):
                found |= _EVERYTHING if privilege == "ALL_PRIVILEGES" else _ALLOWS[privilege]
        return frozenset(found)

    def manages(self, actor: Principal, securable: str, full_name: str) -> bool:
        """Return whether the actor owns it or is a workspace admin, who is not bound by table access control."""
        return self._owns(actor, securable, full_name) or self._identity.is_workspace_admin(actor.id)

    def can_see(self, actor: Principal, securable: str, full_name: str, above: tuple[tuple[str, str], ...]) -> bool:
        """Return whether it shows: the catalog to all, a schema with USAGE, a table with READ_METADATA or SELECT, and USAGE."""
        if securable == "CATALOG" or self.manages(actor, securable, full_name):
            return True
        held = self.held(actor, securable, full_name, above)
        wanted = {"USE_SCHEMA", "BROWSE"} if securable == "SCHEMA" else {"BROWSE", "SELECT"}
        return bool(held & wanted) and self.missing_use(actor, above) is None

    def missing_use(self, actor: Principal, above: tuple[tuple[str, str], ...]) -> tuple[str, str, str] | None:
        """Return the USAGE that is missing: on the schema of a table, granted there or on the catalog."""
        for kind, name in above:
            if kind == "SCHEMA" and "USE_SCHEMA" not in self.held(actor, kind, name, above[1:]):
                return ("USAGE", kind, name)
        return None
