"""The platform's SQL errors that this package raises: class, SQLSTATE and text in one place."""

from __future__ import annotations

from localspace.core.errors import ApiError
from localspace.core.lexer import quote_path
from localspace.core.statement_runner import SqlError

Path = tuple[str, ...]


def not_supported(what: str) -> SqlError:
    """Return the refusal of a statement or clause that this workspace does not run."""
    return SqlError("UNSUPPORTED_FEATURE.LOCALSPACE", f"The local workspace does not support {what}.", "0A000")


def not_enforceable(what: str) -> SqlError:
    """Return the refusal of an operation that could go round row filters and column masks."""
    return SqlError(
        "INSUFFICIENT_PERMISSIONS",
        f"Insufficient privileges: {what} is not allowed, because row filters, column masks and grants cannot be enforced on it.",
        "42501",
    )


def table_missing(path: Path) -> SqlError:
    """Return the error of a table or view that does not exist or may not be seen."""
    return SqlError(
        "TABLE_OR_VIEW_NOT_FOUND",
        f"The table or view {quote_path(path)} cannot be found. Verify the spelling and correctness of the schema and catalog.",
        "42P01",
    )


def changed_meanwhile(path: Path) -> SqlError:
    """Return the error of a table that changed between its first reading and the resolution of its masks and filters."""
    return SqlError(
        "DELTA_METADATA_CHANGED",
        f"Table {quote_path(path)} was changed by a concurrent statement. Run this statement again.",
        "2D521",
    )


def schema_missing(path: Path) -> SqlError:
    """Return the error of a schema that does not exist."""
    return SqlError(
        "SCHEMA_NOT_FOUND",
        f"The schema {quote_path(path)} cannot be found. Verify the spelling and correctness of the schema and catalog.",
        "42704",
    )


def catalog_missing(name: str) -> SqlError:
    """Return the error of a catalog that does not exist."""
    return SqlError(
        "NO_SUCH_CATALOG_EXCEPTION",
        f"Catalog '{name}' was not found. Please verify the catalog name and then retry the query or command again.",
        "42704",
    )


def routine_missing(path: Path) -> SqlError:
    """Return the error of a function that does not exist."""
    return SqlError(
        "UNRESOLVED_ROUTINE",
        f"Cannot resolve routine {quote_path(path)} on search path.",
        "42883",
    )


def column_missing(name: str, table: Path) -> SqlError:
    """Return the error of a column that a table does not have."""
    return SqlError(
        "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
        f"A column, variable, or function parameter with name {quote_path((name,))} cannot be resolved in {quote_path(table)}.",
        "42703",
    )


def already_there(kind: str, path: Path) -> SqlError:
    """Return the error of creating what exists; `kind` is table, view, schema, catalog, routine or volume."""
    classes = {
        "table": ("TABLE_OR_VIEW_ALREADY_EXISTS", "42P07"),
        "view": ("TABLE_OR_VIEW_ALREADY_EXISTS", "42P07"),
        "schema": ("SCHEMA_ALREADY_EXISTS", "42P06"),
        "catalog": ("CATALOG_ALREADY_EXISTS", "42P04"),
        "routine": ("ROUTINE_ALREADY_EXISTS", "42723"),
        "volume": ("VOLUME_ALREADY_EXISTS", "42710"),
    }
    error_class, state = classes[kind]
    return SqlError(
        error_class,
        f"Cannot create {kind} {quote_path(path)} because it already exists. Choose a different name, drop or replace"
        " the existing object, or add the IF NOT EXISTS clause.",
        state,
    )


def wrong_arity(path: Path, needed: int, given: int) -> SqlError:
    """Return the error of a call with too many or too few arguments."""
    return SqlError(
        "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
        f"The {quote_path(path)} requires {needed} parameters but the actual number is {given}.",
        "42605",
    )


def insufficient(privilege: str, kind: str, path: Path) -> SqlError:
    """Return the refusal of a missing privilege."""
    dotted = ".".join(path)
    return SqlError(
        "INSUFFICIENT_PERMISSIONS",
        f"Insufficient privileges: User does not have {privilege} on {kind.title()} '{dotted}'.",
        "42501",
        "PERMISSION_DENIED",
    )


def dependency_missing(path: Path, function: str) -> SqlError:
    """Return the error of a policy, mask or filter whose function is gone."""
    return SqlError(
        "UC_DEPENDENCY_DOES_NOT_EXIST",
        f"A dependency of {quote_path(path)} does not exist: function {function}.",
        "42704",
        "NOT_FOUND",
    )


_CLASS_OF_CODE = {
    "PERMISSION_DENIED": ("INSUFFICIENT_PERMISSIONS", "42501"),
    "CATALOG_DOES_NOT_EXIST": ("NO_SUCH_CATALOG_EXCEPTION", "42704"),
    "SCHEMA_DOES_NOT_EXIST": ("SCHEMA_NOT_FOUND", "42704"),
    "TABLE_DOES_NOT_EXIST": ("TABLE_OR_VIEW_NOT_FOUND", "42P01"),
    "ROUTINE_NOT_FOUND": ("ROUTINE_NOT_FOUND", "42883"),
    "RESOURCE_DOES_NOT_EXIST": ("RESOURCE_DOES_NOT_EXIST", "42704"),
    "PRINCIPAL_DOES_NOT_EXIST": ("PRINCIPAL_DOES_NOT_EXIST", "42704"),
    "POLICY_NOT_FOUND": ("POLICY_NOT_FOUND", "42704"),
    "RESOURCE_ALREADY_EXISTS": ("RESOURCE_ALREADY_EXISTS", "42710"),
}


def from_api(error: ApiError) -> SqlError:
    """Return the SQL face of a refusal by the control plane's own rules."""
    found = _CLASS_OF_CODE.get(error.error_code)
    message = error.message
    if found is None:
        inner, _, rest = message.partition("] ")
        if inner.startswith("[") and inner[1:].replace(".", "").replace("_", "").isalnum():
            return SqlError(inner[1:], rest, "22023", error.error_code)
        return SqlError(error.error_code, message, "22023", error.error_code)
    return SqlError(found[0], message, found[1], error.error_code)
