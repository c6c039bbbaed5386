"""Policies, grants, functions and owners of securables, read over REST into the types of the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from lampkeeper.model.codecs import read_policy
from lampkeeper.model.conditions import ConditionError
from lampkeeper.model.errors import UsageError
from lampkeeper.model.hash_key import extract
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName
from lampkeeper.model.policies import Grant, Policy, SecurableType
from lampkeeper.remote.clients import Json, Workspace, encode
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.text.sql_quoting import quote_path

_UC = "/api/2.1/unity-catalog"
_THREADS = 8

Securable = tuple[SecurableType, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePolicy:
    """A live policy: the raw document, and the parsed policy or the reason why it cannot be parsed."""

    raw: Mapping[str, Any]
    policy: Policy | None
    problem: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return (securable type, full name, policy name)."""
        return (str(self.raw["on_securable_type"]), str(self.raw["on_securable_fullname"]), str(self.raw["name"]))


def read_policies(workspace: Workspace, securables: Iterable[Securable], *, inherited: bool = False) -> list[LivePolicy]:
    """Return the policies attached to these securables (and, if `inherited`, to their parents), one list call each."""
    found: dict[tuple[str, str, str], LivePolicy] = {}
    for kind, parts in sorted(set(securables)):
        path = f"{_UC}/policies/{encode(str(kind), '.'.join(parts))}"
        query = {"include_inherited": True} if inherited else None
        for raw in workspace.pages("policy", path, "policies", query):
            each = _policy(raw)
            found[each.key] = each
    return [found[key] for key in sorted(found)]


def carriers(workspace: Workspace, catalog: str) -> list[Securable]:
    """Return the schemas and tables of a catalog that have directly attached policies, by one query."""
    rows = run_sql(
        workspace,
        "SELECT DISTINCT on_securable_type, schema_name, securable_name "  # noqa: S608 - the name is quoted
        f"FROM {quote_path(catalog, 'information_schema', 'abac_policy_definitions')} "
        "WHERE upper(on_securable_type) IN ('SCHEMA', 'TABLE')",
        kind="policy",
    ).dicts()
    found: list[Securable] = []
    for row in rows:
        if str(row["on_securable_type"]).upper() == "SCHEMA":
            found.append((SecurableType.SCHEMA, (catalog, str(row["schema_name"] or row["securable_name"]))))
        else:
            found.append((SecurableType.TABLE, (catalog, str(row["schema_name"]), str(row["securable_name"]))))
    return found


def _policy(raw: Json) -> LivePolicy:
    try:
        return LivePolicy(raw=raw, policy=read_policy(raw))
    except (ConditionError, UsageError, KeyError, ValueError) as error:
        return LivePolicy(raw=raw, policy=None, problem=str(error) or type(error).__name__)


def read_grants(workspace: Workspace, securables: Sequence[Securable]) -> list[Grant]:
    """Return the direct grants on each securable, with one call per securable, several in parallel."""

    def one(securable: Securable) -> list[Grant]:
        kind, parts = securable
        path = f"{_UC}/permissions/{encode(str(kind).lower(), '.'.join(parts))}"
        token = ""
        entries: list[Json] = []
        while True:
            # A removed securable has no grants; callers that need it to exist read it by name first.
            page = workspace.find("grant", path, {"page_token": token} if token else None) or {}
            entries += page.get("privilege_assignments") or []
            token = page.get("next_page_token") or ""
            if not token:
                break
        return [
            Grant(
                securable_type=kind, securable=parts, principal=str(e["principal"]),
                privileges=tuple(str(p).replace(" ", "_").upper() for p in e.get("privileges") or ()),
            )
            for e in entries if e.get("privileges")
        ]  # fmt: skip

    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        return [grant for grants in pool.map(one, sorted(set(securables))) for grant in grants]


def read_functions(workspace: Workspace, catalog: str, schema: str) -> list[tuple[Function, str]]:
    """Return the SQL functions of a schema with their owners; nothing if the schema does not exist.

    A body that the runner may not read is empty. In a body with a hash key, placeholders replace the key; its ID is returned.
    """
    path = f"{_UC}/functions"
    if workspace.find("function", f"{_UC}/schemas/{encode(f'{catalog}.{schema}')}") is None:
        return []
    listed = workspace.pages("function", path, "functions", {"catalog_name": catalog, "schema_name": schema})
    return [(_function(raw), str(raw.get("owner") or "")) for raw in listed if _in_sql(raw)]


def _in_sql(raw: Mapping[str, Any]) -> bool:
    return raw.get("routine_definition") is not None or raw.get("routine_body") == "SQL"


def _function(raw: Mapping[str, Any]) -> Function:
    inputs = (raw.get("input_params") or {}).get("parameters") or ()
    ordered = sorted(inputs, key=lambda p: int(p.get("position") or 0))
    returns = str(raw.get("full_data_type") or raw.get("data_type") or "")
    body = str(raw.get("routine_definition") or "").strip()
    if body[:7].upper() == "RETURN ":
        body = body[7:].strip()
    body, key_id = extract(body)
    return Function(
        name=FunctionName(str(raw["catalog_name"]), str(raw["schema_name"]), str(raw["name"])),
        role=FunctionRole.by_type(returns),
        parameters=tuple(Parameter(name=str(p["name"]), type=str(p.get("type_text") or p.get("type_name"))) for p in ordered),
        returns=returns,
        body=body,
        comment=str(raw.get("comment") or ""),
        key_id=key_id,
    )


def read_owners(workspace: Workspace, schemas: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the owners of these schemas and their catalogs, by (securable type, full name)."""
    wanted = sorted(set(schemas))
    owners: dict[tuple[str, str], str] = {}
    for catalog in sorted({c for c, _ in wanted}):
        document = workspace.find("catalog", f"{_UC}/catalogs/{encode(catalog)}") or {}
        owners[(str(SecurableType.CATALOG), catalog)] = str(document.get("owner") or "")
    for catalog, schema in wanted:
        document = workspace.find("schema", f"{_UC}/schemas/{encode(f'{catalog}.{schema}')}") or {}
        owners[(str(SecurableType.SCHEMA), f"{catalog}.{schema}")] = str(document.get("owner") or "")
    return {key: owner for key, owner in owners.items() if owner}
