"""Where external tables lie: cloud URLs that no cloud backs, each with rows in the local data folder.

A location is known by its normalised URL. While a table lies there the location names it; when the table is dropped, the
location keeps columns and rows, so that a later table there finds them, as it would find the files of a bucket.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from localspace.core.errors import ApiError, denied, invalid
from localspace.core.ledger import rule
from localspace.core.principals import Principal
from localspace.core.store import Store
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.catalog import StoredExternalLocation, StoredTableLocation
from localspace.core.stored_documents.kind import Document
from localspace.governance.legacy import is_legacy
from localspace.governance.privileges import Privileges, lacks
from localspace.identity.memberships import Identity

_CLOUD = frozenset({"s3", "abfss", "abfs", "wasbs", "gs", "r2"})
_KEPT = ("name", "physical", "type_text", "type_name", "type_json", "nullable", "position", "type_precision", "type_scale")


def location_key(url: str) -> str:
    """Return the normalised form of a URL: scheme aliases, host case, encoding, doubled and trailing slashes aside."""
    parts = urlsplit(url)
    scheme = re.sub(r"^s3[an]$", "s3", parts.scheme.lower())
    pieces = [piece for piece in unquote(parts.path).split("/") if piece]
    if any(piece in (".", "..") for piece in pieces):
        raise invalid(f"'{url}' is not a valid location: it holds a relative part.")
    return "/".join([f"{scheme}://{parts.netloc.lower()}", *pieces])


def checked_url(url: Any, legacy: bool) -> str:
    """Return a location as it is kept; raises for one that no table can have."""
    if not isinstance(url, str) or not url.strip():
        raise invalid("A location must be a URL.")
    if legacy and url.startswith("/"):
        url = f"dbfs:{url}"
    parts = urlsplit(url)
    scheme = re.sub(r"^s3[an]$", "s3", parts.scheme.lower())
    if legacy and scheme == "dbfs":
        return str(url).rstrip("/")
    if scheme not in _CLOUD or not parts.netloc:
        raise invalid(
            f"[MISSING_CLOUD_FILE_SYSTEM_SCHEME] Missing cloud file system scheme in '{url}': a location such as"
            " s3://bucket/path, abfss://container@account/path or gs://bucket/path is needed."
        )
    return str(url).rstrip("/")


def lies_in(key: str, other: str) -> bool:
    """Return whether a normalised URL is the other one or lies below it."""
    return key == other or key.startswith(other.rstrip("/") + "/")


class ExternalLocations:
    """Assigns locations to tables, and keeps what dropped tables leave there."""

    def __init__(self, store: Store, identity: Identity, privileges: Privileges) -> None:
        """Read from and write to `store`."""
        self._store = store
        self._identity = identity
        self._privileges = privileges

    def settle(self, actor: Principal, table: Document, old: Document | None) -> Document:
        """Return a table's document with its location, and what lies there; call it in the transaction of the create.

        Raises for a location that is not covered, not allowed, taken, or holds other columns. A table that replaces one
        stays where that one is.
        """
        if old is not None:
            return self._stay(table, old)
        if not table.get("storage_location"):
            return table
        legacy = is_legacy(table["full_name"])
        url = checked_url(table["storage_location"], legacy)
        key = location_key(url)
        location = self._require_privilege(actor, key, url, legacy)
        self._require_free(key, url)
        left = self._store.get(kinds.TABLE_LOCATION, _digest(key))
        kept = left is not None and left.get("columns") is not None
        if kept and table.get("storage"):
            raise invalid(
                f"[DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION] Cannot create table from a query at '{url}': data is there."
            )
        if left is not None and kept:
            table = self._adopt(actor, table, left, guarded=location is not None)
        elif not table.get("columns"):
            raise invalid("[DELTA_SCHEMA_NOT_PROVIDED] Table schema is not provided. Please provide the schema.")
        elif location is not None and location["read_only"]:
            raise denied(f"External Location '{location['name']}' is read-only: no table can be written there.")
        taken = StoredTableLocation(url=url, key=key, table_id=table["table_id"], legacy=legacy)
        self._store.put(kinds.TABLE_LOCATION, (_digest(key),), taken)
        return table | {"storage_location": url, "table_type": "EXTERNAL"}

    @rule("LS-056")
    def leave(self, table: Document) -> None:
        """Keep columns and rows of an external table that is dropped; call it in the transaction of the drop."""
        if not table.get("storage_location") or table.get("table_type") != "EXTERNAL":
            return
        key = location_key(table["storage_location"])
        columns = [{name: one[name] for name in _KEPT if name in one} for one in table.get("columns") or ()]
        entry: StoredTableLocation = {
            "url": table["storage_location"],
            "key": key,
            "table_id": None,
            "columns": columns,
            "storage": table.get("storage"),
            "owner": table.get("owner"),
            "last_physical": table.get("last_physical"),
            "legacy": is_legacy(table["full_name"]),
        }
        self._store.put(kinds.TABLE_LOCATION, (_digest(key),), entry)

    def require_writable(self, table: Mapping[str, Any]) -> None:
        """Refuse to write rows of a table that lies under a read-only external location."""
        if table.get("table_type") == "EXTERNAL" and table.get("storage_location"):
            location = self._covering(location_key(table["storage_location"]))
            if location is not None and location["read_only"]:
                raise denied(f"External Location '{location['name']}' is read-only.")

    def tables_under(self, url: str) -> int:
        """Return how many tables lie under a URL."""
        above = location_key(url)
        return sum(1 for one in self._store.list(kinds.TABLE_LOCATION) if one["table_id"] and lies_in(one["key"], above))

    # Inside

    @staticmethod
    def _stay(table: Document, old: Document) -> Document:
        entry, wanted = old.get("storage_location"), table.get("storage_location")
        if wanted and (not entry or location_key(wanted) != location_key(entry)):
            raise invalid(f"The location of table '{old['full_name']}' cannot change. Drop the table first.")
        return table | {"storage_location": entry, "table_type": "EXTERNAL"} if entry else table

    @rule("LS-054")
    def _require_privilege(self, actor: Principal, key: str, url: str, legacy: bool) -> StoredExternalLocation | None:
        """Demand CREATE EXTERNAL TABLE on the external location above; one must be there, except for hive_metastore."""
        location = self._covering(key)
        if location is None:
            if legacy:
                return None
            raise invalid(
                f"[NO_PARENT_EXTERNAL_LOCATION_FOR_PATH] No parent external location was found for path '{url}'. Please create an"
                " external location on one of the parent paths and then retry the query or command again."
            )
        if not self._privileges.holds(actor, "CREATE_EXTERNAL_TABLE", "EXTERNAL_LOCATION", location["name"]):
            raise lacks("CREATE_EXTERNAL_TABLE", "EXTERNAL_LOCATION", location["name"])
        return location

    @rule("LS-055")
    def _require_free(self, key: str, url: str) -> None:
        """Refuse a location that overlaps with a table or an external volume."""
        taken = [one["key"] for one in self._store.list(kinds.TABLE_LOCATION) if one["table_id"]]
        volumes = [one for one in self._store.list(kinds.VOLUME) if one["volume_type"] == "EXTERNAL"]
        taken += [location_key(one["storage_location"]) for one in volumes]
        if any(lies_in(key, other) or lies_in(other, key) for other in taken):
            raise ApiError(
                400,
                "LOCATION_OVERLAP",
                f"[LOCATION_OVERLAP] Input path url '{url}' overlaps with other external tables or volumes.",
            )

    def _adopt(self, actor: Principal, table: Document, left: StoredTableLocation, *, guarded: bool) -> Document:
        """Put the rows that lie there under a new table; given columns must be those of the rows."""
        # ANY FILE is not built: what a table of hive_metastore left at a path that no external location guards is for its
        # former owner and workspace admins; what one of Unity Catalog left is for nobody until a location covers it.
        mine = left.get("owner") in self._identity.names_of(actor.id) or self._identity.is_workspace_admin(actor.id)
        if not (guarded or (mine and left.get("legacy"))):
            raise denied(f"User does not have READ FILES on path '{left['url']}', which holds data of another owner.")
        given, found = table.get("columns") or [], left["columns"]
        if given and [_shape(one) for one in given] != [_shape(one) for one in found]:
            there = ", ".join(f"{one['name']} {one['type_text']}" for one in found)
            raise invalid(
                f"[DELTA_CREATE_TABLE_SCHEME_MISMATCH] The specified schema does not match the existing schema at"
                f" {left['url']}: {there}."
            )
        notes = given or [{} for _ in found]
        columns = [{"mask": None, "comment": None} | note | one for note, one in zip(notes, found, strict=True)]
        return table | {"columns": columns, "storage": left.get("storage"), "last_physical": left.get("last_physical")}

    def _covering(self, key: str) -> StoredExternalLocation | None:
        for one in self._store.list(kinds.EXTERNAL_LOCATION):
            if lies_in(key, location_key(one["url"])):
                return one
        return None


def _shape(column: Document) -> tuple[str, str]:
    return str(column["name"]).casefold(), str(column["type_text"]).casefold()


def _digest(key: str) -> str:
    # Paths are case-sensitive, keys of the store are not.
    return hashlib.sha256(key.encode()).hexdigest()
