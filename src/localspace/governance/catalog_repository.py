"""Catalogs and schemas: privileges, names, cascades."""

from __future__ import annotations

import uuid
from typing import Any

from localspace.core.clock import Clock
from localspace.core.errors import already_exists, denied, invalid
from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.store import Key, Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredCatalog, StoredSchema
from localspace.core.stored_documents.kind import Document
from localspace.governance.bindings import Bindings, Reach, not_bound
from localspace.governance.external_locations import ExternalLocations
from localspace.governance.grant_repository import GrantRepository
from localspace.governance.information_schemas import is_information_schema
from localspace.governance.legacy import is_legacy
from localspace.governance.privileges import Privileges, lacks, split_name
from localspace.governance.tagging import Tagging, tag_part
from localspace.identity.memberships import Identity

_FORBIDDEN = frozenset("./ ")
CHILD_KINDS = {"table": "TABLE", "function": "FUNCTION", "volume": "VOLUME", "model": "MODEL"}
"""Kind of what a schema holds to its securable type."""


def object_name(text: Any) -> str:
    """Return a name as Unity Catalog keeps it, in lower case; raises ApiError for a name it would refuse.

    No dot, blank, slash or control character, at most 255 characters (source: platform docs, object names).
    """
    if not isinstance(text, str) or not text:
        raise invalid("A name is needed.")
    if len(text) > 255 or any(one in _FORBIDDEN or ord(one) < 32 or ord(one) == 127 for one in text):
        raise invalid(f"'{text}' is not a valid name: at most 255 characters, no period, blank, slash or control character.")
    return text.lower()


class CatalogRepository:
    """Creates, changes and drops catalogs and schemas."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        identity: Identity,
        privileges: Privileges,
        tags: Tagging,
        grants: GrantRepository,
        locations: ExternalLocations,
        bindings: Bindings,
        metastore_id: str,
    ) -> None:
        """Read from and write to `store`."""
        self._store = store
        self._clock = clock
        self._identity = identity
        self._privileges = privileges
        self._tags = tags
        self._grants = grants
        self._locations = locations
        self._bindings = bindings
        self._metastore_id = metastore_id

    # Catalogs

    def catalogs(self, actor: Principal, *, unbound: bool = False) -> list[StoredCatalog]:
        """Return the catalogs of Unity Catalog that show to the actor; with `unbound` also those managed from elsewhere."""
        found = [one for one in self._store.list(kinds.CATALOG) if not is_legacy(one["name"])]
        return [one for one in found if self._shows(actor, one["name"], unbound=unbound)]

    def catalogs_on(self, connection: str) -> list[StoredCatalog]:
        """Return the foreign catalogs of a connection."""
        return [one for one in self._store.list(kinds.CATALOG) if one.get("connection_name", "").casefold() == connection]

    def catalog(self, actor: Principal, name: str) -> Document:
        """Return one catalog; raises 404, or 403 when it does not show to the actor.

        Who manages a catalog reads it from a workspace that it is not bound to, so that bindings can be mended.
        """
        found = self._privileges.require_exists("CATALOG", name)
        return found if self._shows(actor, name, unbound=True) else self.read(actor, "CATALOG", name)

    def create_catalog(self, actor: Principal, body: Document) -> Document:
        """Create a catalog; needs CREATE CATALOG on the metastore. The platform adds information_schema by itself."""
        name = object_name(body.get("name"))
        self._require_create_catalog(actor)
        with self._store.transaction():
            if self._store.get(kinds.CATALOG, name) is not None:
                raise already_exists(f"Catalog '{name}' already exists", "CATALOG_ALREADY_EXISTS", 400)
            new = body | {"name": name, "full_name": name, "id": str(uuid.uuid4()), "owner": actor.name}
            new |= {"catalog_type": body.get("catalog_type") or "MANAGED_CATALOG", "securable_type": "CATALOG"}
            new |= {"isolation_mode": body.get("isolation_mode") or "OPEN", "securable_kind": "CATALOG_STANDARD"}
            new = self.stamped(actor, new, None)
            self._save("catalog", (name,), new)
            if new["isolation_mode"] == "ISOLATED":
                self._bindings.isolate("CATALOG", name)
            self.create_schema_in(actor, name, {"name": "default", "comment": "Default schema (auto-created)"})
        return new

    def update_catalog(self, actor: Principal, name: str, body: Document) -> Document:
        """Change owner, comment, properties or name; needs management (a new owner too)."""
        _refuse_hive(name)
        return self._update(actor, "CATALOG", name, body)

    def delete_catalog(self, actor: Principal, name: str, force: bool) -> None:
        """Drop a catalog; with schemas other than `default` or with any table it needs force."""
        with self._store.transaction():
            self._privileges.require_exists("CATALOG", name)
            self._privileges.require_manage(actor, "CATALOG", name)
            _refuse_hive(name)
            schemas = self._store.list(kinds.SCHEMA, (name,))
            busy = [one for one in schemas if one["name"] != "default" or self._children(one["full_name"])]
            if busy and not force:
                raise invalid(f"Catalog '{name}' is not empty. The catalog has {len(busy)} schema(s).", "BAD_REQUEST")
            for schema in schemas:
                self._drop_schema(schema["full_name"])
            self.delete_attached_metadata("CATALOG", name)
            for kind in (kinds.CLASSIFICATION_CONFIG, kinds.CLASSIFICATION_SCAN):
                self._store.delete(kind, name)
            self._store.delete(kinds.CATALOG, name)

    # Schemas

    def schemas(self, actor: Principal, catalog: str) -> list[StoredSchema]:
        """Return the schemas of a catalog that show to the actor."""
        self._privileges.require_exists("CATALOG", catalog)
        if not self._privileges.can_see(actor, "CATALOG", catalog):
            raise lacks("USE_CATALOG", "CATALOG", catalog)
        return [
            one
            for one in self._store.list(kinds.SCHEMA, (catalog,))
            if self._privileges.can_see(actor, "SCHEMA", one["full_name"])
        ]

    def schema(self, actor: Principal, full_name: str) -> Document:
        """Return one schema; raises 404, or 403 when it does not show to the actor."""
        return self.read(actor, "SCHEMA", full_name)

    def create_schema(self, actor: Principal, body: Document) -> Document:
        """Create a schema; needs USE CATALOG and CREATE SCHEMA on the catalog."""
        catalog = object_name(body.get("catalog_name"))
        self._privileges.require_exists("CATALOG", catalog)
        for privilege in ("USE_CATALOG", "CREATE_SCHEMA"):
            self._privileges.require(actor, privilege, "CATALOG", catalog)
        return self.create_schema_in(actor, catalog, body)

    def create_schema_in(self, actor: Principal, catalog: str, body: Document) -> Document:
        """Create a schema without a check of privileges: for the catalog's own `default` and a new workspace."""
        name = object_name(body.get("name"))
        with self._store.transaction():
            full_name = f"{catalog}.{name}"
            if is_information_schema(full_name):
                raise already_exists(f"Schema '{name}' already exists", "SCHEMA_ALREADY_EXISTS", 400)
            if self._store.get(kinds.SCHEMA, catalog, name) is not None:
                raise already_exists(f"Schema '{name}' already exists", "SCHEMA_ALREADY_EXISTS", 400)
            new = body | {"name": name, "catalog_name": catalog, "full_name": full_name, "owner": actor.name}
            new |= {"schema_id": str(uuid.uuid4()), "catalog_type": "MANAGED_CATALOG"}
            new = self.stamped(actor, new, None)
            self._save("schema", (catalog, name), new)
        return new

    def update_schema(self, actor: Principal, full_name: str, body: Document) -> Document:
        """Change owner, comment, properties or name; needs management."""
        return self._update(actor, "SCHEMA", full_name, body)

    def delete_schema(self, actor: Principal, full_name: str, force: bool) -> None:
        """Drop a schema; with objects inside it needs force."""
        with self._store.transaction():
            self._privileges.require_exists("SCHEMA", full_name)
            self._privileges.require_manage(actor, "SCHEMA", full_name)
            inside = self._children(full_name)
            if inside and not force:
                raise invalid(f"Schema '{full_name}' is not empty. The schema has {inside} object(s).", "BAD_REQUEST")
            self._drop_schema(full_name)

    # Shared with tables, functions and volumes

    def read(self, actor: Principal, securable: str, full_name: str) -> Document:
        """Return a document that shows to the actor; raises 404 or 403."""
        found = self._privileges.require_exists(securable, full_name)
        if not self._privileges.can_see(actor, securable, full_name):
            if self._bindings.reach(securable, full_name) is Reach.NOTHING:
                raise not_bound(securable, full_name)
            missing = self._privileges.missing_use(actor, securable, full_name)
            raise lacks(*missing) if missing else lacks("BROWSE", securable, full_name)
        return found

    def stamped(self, actor: Principal, body: Document, old: Document | None) -> Document:
        """Return a document with the times and people that every securable carries."""
        now = self._clock.now_ms()
        stamp = {"metastore_id": self._metastore_id, "updated_at": now, "updated_by": actor.name}
        if old is None:
            stamp |= {"created_at": now, "created_by": actor.name}
        return body | stamp

    @rule("LS-083")
    def changed_owner(self, actor: Principal, securable: str, full_name: str, owner: str) -> str:
        """Return the canonical name of a new owner; needs management and an existing principal.

        A view or function reads with its owner's privileges: only a metastore admin gives it to somebody else (source:
        platform docs, object ownership).
        """
        self._privileges.require_manage(actor, securable, full_name)
        name = self._identity.require_name(owner).name
        document = self._privileges.document(securable, full_name) or {}
        reads = securable == "FUNCTION" or bool(document.get("view_definition"))
        if reads and name not in self._identity.names_of(actor.id) and not self._identity.is_metastore_admin(actor.id):
            raise denied("Only a metastore admin may give a view or function to somebody else: it reads as its owner.")
        return name

    def delete_attached_metadata(self, securable: str, full_name: str) -> None:
        """Drop grants, tags, policies and versions of a securable that goes; call it in the transaction of the drop."""
        self._grants.forget(securable, full_name)
        self._bindings.forget(securable, full_name)
        if securable == "MODEL":
            for version in self._store.list(kinds.MODEL_VERSION, split_name("MODEL", full_name)):
                self._store.delete(kinds.MODEL_VERSION, *split_name("MODEL", full_name), str(version["version"]))
        entity = {"CATALOG": "catalogs", "SCHEMA": "schemas", "TABLE": "tables", "VOLUME": "volumes"}.get(securable)
        if entity:
            self._tags.forget(entity, full_name)
        for policy in self._store.list(kinds.POLICY, (securable, full_name)):
            self._store.delete(kinds.POLICY, securable, full_name, policy["name"])

    def move_attached_metadata(self, securable: str, old: str, new: str) -> None:
        """Move grants, tags, policies and versions of a securable to its new name; call it in the transaction of the rename."""
        self._bindings.carry(securable, old, new)
        if securable == "MODEL":
            self._carry_versions(split_name("MODEL", old), split_name("MODEL", new))
        for grant in self._store.list(kinds.GRANT, (securable, old)):
            self._store.delete(kinds.GRANT, securable, old, grant["principal"])
            self._store.put(kinds.GRANT, (securable, new, grant["principal"]), grant | {"full_name": new}, (securable, new))
        for policy in self._store.list(kinds.POLICY, (securable, old)):
            self._store.delete(kinds.POLICY, securable, old, policy["name"])
            moved = policy | {"on_securable_fullname": new}
            self._store.put(kinds.POLICY, (securable, new, policy["name"]), moved, (securable, new))
        entity = {"CATALOG": "catalogs", "SCHEMA": "schemas", "TABLE": "tables", "VOLUME": "volumes"}.get(securable)
        if entity is None:
            return
        moving = self._store.list(kinds.TAG, (entity, old))
        if securable == "TABLE":
            moving += self._store.scan(kinds.TAG, "columns", f"{old}.")
        for tag in moving:
            entity_type, name = tag["entity_type"], tag["entity_name"]
            renamed = new + name[len(old) :]
            self._store.delete(kinds.TAG, entity_type, name, tag_part(tag["tag_key"]))
            parent = (entity_type, renamed)
            self._store.put(kinds.TAG, (*parent, tag_part(tag["tag_key"])), tag | {"entity_name": renamed}, parent)

    # Inside

    def _shows(self, actor: Principal, catalog: str, *, unbound: bool) -> bool:
        shows = self._privileges.can_see(actor, "CATALOG", catalog)
        return shows or (unbound and not is_legacy(catalog) and self._privileges.manages(actor, "CATALOG", catalog))

    def _carry_versions(self, old: Key, new: Key) -> None:
        for version in self._store.list(kinds.MODEL_VERSION, old):
            self._store.delete(kinds.MODEL_VERSION, *old, str(version["version"]))
            moved = version.copy()
            moved["catalog_name"], moved["schema_name"], moved["model_name"] = new
            self._store.put(kinds.MODEL_VERSION, (*new, str(version["version"])), moved, new)

    def _require_create_catalog(self, actor: Principal) -> None:
        if self._privileges.holds(actor, "CREATE_CATALOG", "METASTORE", self._metastore_id):
            return
        if not (self._identity.is_metastore_admin(actor.id) or self._identity.is_workspace_admin(actor.id)):
            raise denied("User does not have CREATE CATALOG on Metastore.")

    def _children(self, schema: str) -> int:
        return sum(self._store.count(kinds.named(kind), split_name("SCHEMA", schema)) for kind in CHILD_KINDS)

    def _drop_schema(self, full_name: str) -> None:
        parent = split_name("SCHEMA", full_name)
        for kind, securable in CHILD_KINDS.items():
            for child in self._store.list(kinds.named(kind), parent):
                if kind == "table":
                    self._locations.leave(child)
                self.delete_attached_metadata(securable, child["full_name"])
                self._store.delete(kinds.named(kind), *parent, child["name"])
        self.delete_attached_metadata("SCHEMA", full_name)
        self._store.delete(kinds.SCHEMA, *parent)

    def _update(self, actor: Principal, securable: str, full_name: str, body: Document) -> Document:
        with self._store.transaction():
            old = self._privileges.require_exists(securable, full_name)
            self._privileges.require_manage(actor, securable, full_name)
            fields = {key: value for key, value in body.items() if key not in ("name", "full_name", "new_name")}
            if fields.get("owner"):
                fields["owner"] = self.changed_owner(actor, securable, full_name, fields["owner"])
            new = self.stamped(actor, old | fields, old)
            key: Key = split_name(securable, old["full_name"])
            self._save(securable.lower(), key, new)
            if fields.get("isolation_mode") == "ISOLATED":
                self._bindings.isolate(securable, old["name"])
            new_name = body.get("new_name")
            if new_name and object_name(new_name) != old["name"]:
                new = self._rename(securable, new, object_name(new_name))
        return new

    def _rename(self, securable: str, old: Document, new_name: str) -> Document:
        kind = securable.lower()
        key = split_name(securable, old["full_name"])
        new_key = (*key[:-1], new_name)
        if self._store.get(kinds.named(kind), *new_key) is not None:
            raise already_exists(f"{securable.title()} '{'.'.join(new_key)}' already exists.", f"{securable}_ALREADY_EXISTS", 400)
        new = old | {"name": new_name, "full_name": ".".join(new_key)}
        self._store.delete(kinds.named(kind), *key)
        self._save(kind, new_key, new)
        self.move_attached_metadata(securable, old["full_name"], new["full_name"])
        if securable == "CATALOG":
            for schema in self._store.list(kinds.SCHEMA, key):
                self._move_schema(dict(schema), {**schema, "catalog_name": new_name, "full_name": f"{new_name}.{schema['name']}"})
        else:
            self._move_children(old["full_name"], new)
        return new

    def _move_schema(self, old: Document, new: Document) -> None:
        self._store.delete(kinds.SCHEMA, *split_name("SCHEMA", old["full_name"]))
        self._save("schema", split_name("SCHEMA", new["full_name"]), new)
        self.move_attached_metadata("SCHEMA", old["full_name"], new["full_name"])
        self._move_children(old["full_name"], new)

    def _move_children(self, old_schema: str, schema: Document) -> None:
        parent = split_name("SCHEMA", old_schema)
        for kind, securable in CHILD_KINDS.items():
            for child in self._store.list(kinds.named(kind), parent):
                full_name = f"{schema['full_name']}.{child['name']}"
                moved = child | {"catalog_name": schema["catalog_name"], "schema_name": schema["name"]}
                self._store.delete(kinds.named(kind), *parent, child["name"])
                key = split_name(securable, full_name)
                self._store.put(kinds.named(kind), key, moved | {"full_name": full_name}, key[:2])
                self.move_attached_metadata(securable, child["full_name"], full_name)

    def _save(self, kind: str, key: Key, body: Document) -> None:
        self._store.put(kinds.named(kind), key, kinds.named(kind).document(body), key[:-1])


def _refuse_hive(name: str) -> None:
    if is_legacy(name):
        raise invalid("Catalog 'hive_metastore' belongs to the workspace: it can be neither changed nor dropped.")
