"""Tables, views, functions, volumes and models: privileges, names, what a change must not break."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from localspace.core.errors import already_exists, denied, invalid
from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.governance.catalog_repository import CHILD_KINDS, CatalogRepository, object_name
from localspace.governance.external_locations import ExternalLocations
from localspace.governance.legacy import refuse_legacy
from localspace.governance.privileges import Privileges, lacks, split_name
from localspace.governance.tagging import Tagging, tag_part

_CREATE = {"table": "CREATE_TABLE", "function": "CREATE_FUNCTION", "volume": "CREATE_VOLUME", "model": "CREATE_MODEL"}


class ObjectRepository:
    """Creates, changes and drops what a schema holds; `kind` is `table`, `function`, `volume` or `model`."""

    def __init__(
        self, store: Store, privileges: Privileges, tags: Tagging, catalog: CatalogRepository, locations: ExternalLocations
    ) -> None:
        """Read from and write to `store`."""
        self._store = store
        self._privileges = privileges
        self._tags = tags
        self._catalog = catalog
        self._locations = locations

    def listed(self, actor: Principal, kind: str, catalog: str, schema: str) -> list[Document]:
        """Return the objects of a schema that show to the actor."""
        return list(self.each(actor, kind, catalog, schema))

    def each(self, actor: Principal, kind: str, catalog: str, schema: str) -> Iterator[Document]:
        """Yield the objects of a schema that show to the actor, read as they are taken."""
        full_name = f"{catalog}.{schema}"
        self._privileges.require_exists("SCHEMA", full_name)
        if not self._privileges.can_see(actor, "SCHEMA", full_name):
            missing = self._privileges.missing_use(actor, "SCHEMA", full_name)
            raise lacks(*(missing or ("USE_SCHEMA", "SCHEMA", full_name)))
        securable = CHILD_KINDS[kind]
        for one in self._store.walk(kinds.named(kind), (catalog, schema)):
            if self._privileges.can_see(actor, securable, one["full_name"]):
                yield one

    def read(self, actor: Principal, kind: str, full_name: str) -> Document:
        """Return one object that shows to the actor; raises 404 or 403."""
        return self._catalog.read(actor, CHILD_KINDS[kind], full_name)

    def create(
        self, actor: Principal, kind: str, catalog: str, schema: str, body: Document, *, replace: bool = False
    ) -> Document:
        """Create an object, or replace it; needs the use of the containers and CREATE TABLE / FUNCTION / VOLUME / MODEL.

        A replaced table keeps id, owner, grants, tags and policies; it may not lose a column that has a governed tag.
        A replaced view keeps id and grants; its tags and policies are gone (source: platform docs, ABAC and views).
        """
        name = object_name(body.get("name"))
        securable = CHILD_KINDS[kind]
        full_name = f"{object_name(catalog)}.{object_name(schema)}.{name}"
        key = split_name(securable, full_name)
        schema_name = f"{key[0]}.{key[1]}"
        if kind != "table":
            refuse_legacy(full_name, f"{kind}s")
        self._privileges.require_exists("SCHEMA", schema_name)
        self._privileges.require_use(actor, securable, full_name)
        with self._store.transaction():
            old = self._store.get(kinds.named(kind), *key)
            if old is None:
                self._require_create(actor, kind, body, schema_name)
            elif not replace:
                noun = "Function" if kind == "function" else securable.title()
                raise already_exists(f"{noun} '{full_name}' already exists.", f"{securable}_ALREADY_EXISTS", 400)
            else:
                self._privileges.require_manage(actor, securable, full_name)
                if kind == "table":
                    self._replaced(full_name, old, body)
            new = body | {"name": name, "catalog_name": key[0], "schema_name": key[1], "full_name": full_name}
            new["owner"] = self._owner_after(actor, kind, full_name, old)
            new[f"{kind}_id"] = str(uuid.uuid4()) if old is None else old.get(f"{kind}_id")
            new = self._catalog.stamped(actor, new, old)
            if old is not None:
                new |= {"created_at": old.get("created_at"), "created_by": old.get("created_by")}
            if kind == "table" and not new.get("view_definition"):
                new = self._locations.settle(actor, new, old)
            self._store.put(kinds.named(kind), key, kinds.named(kind).document(new), key[:2])
        return new

    def change(self, actor: Principal, kind: str, full_name: str, fields: Document) -> Document:
        """Change fields of an object (owner, comment, columns, row_filter, …); needs management.

        `columns` may not lose a column that has a governed tag, unless under the same `physical` name (a rename,
        which carries the tags). A view replaced through this keeps everything else.
        """
        securable = CHILD_KINDS[kind]
        with self._store.transaction():
            old = self._privileges.require_exists(securable, full_name)
            full_name = old["full_name"]
            self._privileges.require_manage(actor, securable, full_name)
            if fields.get("owner"):
                owner = self._catalog.changed_owner(actor, securable, full_name, str(fields["owner"]))
                fields = fields | {"owner": owner}
            if kind == "table" and "columns" in fields:
                self._follow_columns(full_name, old, fields)
            new = self._catalog.stamped(actor, old | fields, old)
            key = split_name(securable, full_name)
            self._store.put(kinds.named(kind), key, kinds.named(kind).document(new), key[:2])
        return new

    def rename(self, actor: Principal, kind: str, full_name: str, new_name: str) -> Document:
        """Give an object a new name in its schema; grants, tags and policies go along."""
        securable = CHILD_KINDS[kind]
        with self._store.transaction():
            old = self._privileges.require_exists(securable, full_name)
            self._privileges.require_manage(actor, securable, full_name)
            key = split_name(securable, old["full_name"])
            new_key = (*key[:2], object_name(new_name))
            if self._store.get(kinds.named(kind), *new_key) is not None:
                raise already_exists(
                    f"{securable.title()} '{'.'.join(new_key)}' already exists.", f"{securable}_ALREADY_EXISTS", 400
                )
            new = old | {"name": new_key[2], "full_name": ".".join(new_key)}
            self._store.delete(kinds.named(kind), *key)
            self._store.put(kinds.named(kind), new_key, new, new_key[:2])
            self._catalog.move_attached_metadata(securable, old["full_name"], new["full_name"])
        return new

    def drop(self, actor: Principal, kind: str, full_name: str) -> Document:
        """Drop an object with its grants, tags and policies; return what it was. A tagged table may be dropped."""
        securable = CHILD_KINDS[kind]
        with self._store.transaction():
            old = self._privileges.require_exists(securable, full_name)
            self._privileges.require_manage(actor, securable, full_name)
            if kind == "table":
                self._locations.leave(old)
            self._catalog.delete_attached_metadata(securable, old["full_name"])
            self._store.delete(kinds.named(kind), *split_name(securable, old["full_name"]))
        return old

    @rule("LS-084")
    def _owner_after(self, actor: Principal, kind: str, full_name: str, old: Document | None) -> str:
        """Return the owner of what is made or replaced: a view or function reads as its owner, who must have written it."""
        if old is None:
            return actor.name
        reads = kind == "function" or bool(old.get("view_definition"))
        if reads and not self._privileges.is_owner(actor, CHILD_KINDS[kind], full_name):
            return actor.name
        return str(old["owner"])

    def _require_create(self, actor: Principal, kind: str, body: Document, schema: str) -> None:
        privilege = _CREATE[kind]
        accepted = {privilege}
        if str(body.get("table_type", "")).upper().endswith("VIEW"):
            accepted |= {"CREATE_VIEW", "CREATE_MATERIALIZED_VIEW"}
        if not accepted & self._privileges.held(actor, "SCHEMA", schema):
            raise lacks(privilege, "SCHEMA", schema)

    @rule("LS-210")
    def _replaced(self, full_name: str, old: Document, new: Document) -> None:
        if old.get("view_definition"):
            self._tags.forget("tables", old["full_name"])
            for policy in self._store.list(kinds.POLICY, ("TABLE", old["full_name"])):
                self._store.delete(kinds.POLICY, "TABLE", old["full_name"], policy["name"])
        else:
            self._refuse_lost_columns(full_name, old, new)

    def _refuse_lost_columns(self, full_name: str, old: Document, new: Document) -> None:
        kept = {one["name"].casefold() for one in new.get("columns") or ()}
        for column in old.get("columns") or ():
            if column["name"].casefold() not in kept:
                self._refuse_drop(full_name, column["name"])

    def _follow_columns(self, full_name: str, old: Document, new: Document) -> None:
        by_physical = {one.get("physical"): one["name"] for one in new["columns"] if one.get("physical")}
        names = {one["name"].casefold() for one in new["columns"]}
        if len(names) != len(new["columns"]):
            raise invalid(f"Table '{full_name}' may not have two columns of one name.")
        for column in old.get("columns") or ():
            renamed = by_physical.get(column.get("physical"))
            if renamed is not None and renamed != column["name"]:
                self._carry_column_tags(full_name, column["name"], renamed)
            elif renamed is None and column["name"].casefold() not in names:
                self._refuse_drop(full_name, column["name"])
                self._tags.forget("columns", f"{full_name}.{column['name']}")

    def _refuse_drop(self, full_name: str, column: str) -> None:
        governed = self._tags.governed_on_column(full_name, column)
        if governed:
            raise denied(
                f"Cannot drop column '{column}' of table '{full_name}': it has governed tags "
                f"({', '.join(governed)}). Remove the tags first."
            )

    def _carry_column_tags(self, full_name: str, old: str, new: str) -> None:
        source, target = f"{full_name}.{old}", f"{full_name}.{new}"
        for tag in self._tags.tags("columns", source):
            self._store.delete(kinds.TAG, "columns", source, tag_part(tag["tag_key"]))
            moved = tag | {"entity_name": target}
            self._store.put(kinds.TAG, ("columns", target, tag_part(tag["tag_key"])), moved, ("columns", target))
