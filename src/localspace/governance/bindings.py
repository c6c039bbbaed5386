"""Which workspaces a catalog, an external location or a storage credential is bound to, and what a binding allows.

A securable that is isolated can be used from the workspaces it is bound to, one that is open from every workspace of the
metastore (source: platform docs, workspace bindings).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from localspace.core.errors import ApiError, denied, invalid
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.securables import StoredBinding, StoredBindings

BOUND_TYPES = ("CATALOG", "EXTERNAL_LOCATION", "STORAGE_CREDENTIAL")
"""Securable types that can be bound."""

_ISOLATED = frozenset({"ISOLATED", "ISOLATION_MODE_ISOLATED"})


class Reach(StrEnum):
    """The use that a workspace has of a securable."""

    NOTHING = "nothing"
    READ = "read"
    WRITE = "write"


def not_bound(securable: str, name: str) -> ApiError:
    """Return the refusal of a securable that this workspace does not reach."""
    return denied(f"{securable.replace('_', ' ').capitalize()} '{name}' is not accessible in current workspace")


class Bindings:
    """Reads and changes bindings, and answers what the workspace reaches."""

    def __init__(self, store: Store, workspace_id: str) -> None:
        """Answer for one workspace."""
        self._store = store
        self._workspace_id = workspace_id
        self._isolated: tuple[tuple[int, ...], dict[tuple[str, str], Reach]] = ((), {})

    def reach(self, securable: str, name: str) -> Reach:
        """Return what this workspace may do with a securable, which need not be there."""
        version, isolated = self._isolated
        current = self._store.version_of(kinds.CATALOG, kinds.EXTERNAL_LOCATION, kinds.STORAGE_CREDENTIAL, kinds.BINDINGS)
        if current != version:
            isolated = self._read()
            self._isolated = (current, isolated)
        return isolated.get((securable, name.casefold()), Reach.WRITE) if isolated else Reach.WRITE

    def of(self, securable: str, name: str) -> list[StoredBinding]:
        """Return the bindings of a securable, by workspace."""
        found = self._store.get(kinds.BINDINGS, securable, name)
        return found["bindings"] if found is not None else []

    def isolate(self, securable: str, name: str) -> None:
        """Bind a securable that becomes isolated to this workspace; call it in the transaction of the change."""
        workspace = int(self._workspace_id)
        bindings = self.of(securable, name)
        if all(one["workspace_id"] != workspace for one in bindings):
            own = StoredBinding(workspace_id=workspace, binding_type="BINDING_TYPE_READ_WRITE")
            self._put(securable, name, [*bindings, own])

    def change(self, securable: str, name: str, add: Iterable[StoredBinding], remove: Iterable[int]) -> list[StoredBinding]:
        """Add and remove bindings in one transaction and return them all; a workspace has one binding."""
        with self._store.transaction():
            by_workspace = {one["workspace_id"]: one for one in self.of(securable, name)}
            for workspace in remove:
                by_workspace.pop(workspace, None)
            for one in add:
                by_workspace[one["workspace_id"]] = one
            bindings = [by_workspace[workspace] for workspace in sorted(by_workspace)]
            self._put(securable, name, bindings)
        return bindings

    def forget(self, securable: str, name: str) -> None:
        """Drop the bindings of a securable that goes; call it in a transaction."""
        self._store.delete(kinds.BINDINGS, securable, name)

    def carry(self, securable: str, old: str, new: str) -> None:
        """Move the bindings of a securable to its new name; call it in a transaction."""
        bindings = self.of(securable, old)
        self.forget(securable, old)
        if bindings:
            self._put(securable, new, bindings)

    def _put(self, securable: str, name: str, bindings: list[StoredBinding]) -> None:
        document = StoredBindings(securable_type=securable, securable_name=name.casefold(), bindings=bindings)
        self._store.put(kinds.BINDINGS, (securable, name), document)

    def _read(self) -> dict[tuple[str, str], Reach]:
        found: dict[tuple[str, str], Reach] = {}
        for securable in BOUND_TYPES:
            for one in self._store.list(kinds.named(securable.lower())):
                if one.get("isolation_mode") in _ISOLATED:
                    found[(securable, one["name"].casefold())] = self._through(securable, one["name"])
        return found

    def _through(self, securable: str, name: str) -> Reach:
        for one in self.of(securable, name):
            if one["workspace_id"] == int(self._workspace_id):
                return Reach.READ if one["binding_type"] == "BINDING_TYPE_READ_ONLY" else Reach.WRITE
        return Reach.NOTHING


def binding(workspace_id: object, binding_type: object) -> StoredBinding:
    """Return a binding as a client sends it; no type means read and write. Raises INVALID_PARAMETER_VALUE."""
    kind = binding_type or "BINDING_TYPE_READ_WRITE"
    if kind not in ("BINDING_TYPE_READ_WRITE", "BINDING_TYPE_READ_ONLY"):
        raise invalid(f"binding_type '{kind}' must be BINDING_TYPE_READ_WRITE or BINDING_TYPE_READ_ONLY.")
    if not isinstance(workspace_id, int):
        raise invalid("Missing required field: workspace_id")
    return StoredBinding(workspace_id=workspace_id, binding_type=str(kind))
