"""What of the catalog shows to a principal: the basis of information_schema."""

from __future__ import annotations

from collections.abc import Iterator

from localspace.core.principals import Principal
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredGrant, StoredPolicy, StoredTag
from localspace.core.stored_documents.kind import Document
from localspace.governance.legacy import is_legacy
from localspace.governance.repositories import Repositories


class Visibility:
    """The objects of one or all catalogs that show to a principal."""

    def __init__(self, repositories: Repositories, principal: Principal, catalog: str | None) -> None:
        """Look at `catalog`, or at every catalog when None (system.information_schema)."""
        self.repositories = repositories
        self.principal = principal
        self._only = catalog
        self._seen: dict[tuple[str, str], bool] = {}

    def sees(self, securable: str, full_name: str) -> bool:
        """Return whether an object shows."""
        key = (securable, full_name)
        if key not in self._seen:
            self._seen[key] = self.repositories.privileges.can_see(self.principal, securable, full_name)
        return self._seen[key]

    def _listed(self, kind: str, securable: str, name: str) -> Iterator[Document]:
        for one in self.repositories.store.list(kinds.named(kind)):
            if self._in_scope(one.get("catalog_name") or one["name"]) and self.sees(securable, one[name]):
                yield one

    def _in_scope(self, catalog: str) -> bool:
        if self._only is None:
            return not is_legacy(catalog)
        return catalog.casefold() == self._only.casefold()

    def catalogs(self) -> Iterator[Document]:
        """Return visible catalogs."""
        return self._listed("catalog", "CATALOG", "name")

    def schemas(self) -> Iterator[Document]:
        """Return visible schemas."""
        return self._listed("schema", "SCHEMA", "full_name")

    def tables(self) -> Iterator[Document]:
        """Return visible tables and views."""
        return self._listed("table", "TABLE", "full_name")

    def functions(self) -> Iterator[Document]:
        """Return visible functions."""
        return self._listed("function", "FUNCTION", "full_name")

    def volumes(self) -> Iterator[Document]:
        """Return visible volumes."""
        return self._listed("volume", "VOLUME", "full_name")

    def tags(self, entity_type: str, securable: str, parts: int) -> Iterator[tuple[list[str], StoredTag]]:
        """Return (name parts, assignment) of the tags on visible entities; the last part may hold dots."""
        for tag in self.repositories.store.list(kinds.TAG):
            if tag["entity_type"] != entity_type:
                continue
            names = tag["entity_name"].split(".", parts - 1)
            on = ".".join(names[:3])
            if len(names) == parts and self._in_scope(names[0]) and self.sees(securable, on):
                yield names, tag

    def grants(self, securable: str) -> Iterator[tuple[StoredGrant, bool]]:
        """Return (grant, manages) on visible objects of a type; who does not manage sees the own grants only."""
        names = self.repositories.identity.names_of(self.principal.id)
        for grant in self.repositories.store.list(kinds.GRANT):
            if grant["securable_type"] != securable or not self._in_scope(grant["full_name"].split(".")[0]):
                continue
            if not self.sees(securable, grant["full_name"]):
                continue
            if grant["principal"] in names or self.repositories.privileges.manages(self.principal, securable, grant["full_name"]):
                yield grant, True

    def policies(self) -> Iterator[StoredPolicy]:
        """Return policies on objects that the principal manages or owns, metastore ones for everybody who manages it."""
        for policy in self.repositories.store.list(kinds.POLICY):
            kind, name = policy["on_securable_type"], policy["on_securable_fullname"]
            if kind != "METASTORE" and not self._in_scope(name.split(".")[0]):
                continue
            if kind == "METASTORE" and self._only is not None:
                continue
            if self.repositories.privileges.manages(self.principal, kind, name):
                yield policy
