"""Policies, grants, functions and owners of securables, read over REST into the types of the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from lampkeeper.remote.side_by_side import side_by_side
from lampkeeper.remote.warehouse import run_sql
from lampkeeper.text.sql_quoting import quote_path

_UC = "/api/2.1/unity-catalog"

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
    query = {"include_inherited": True} if inherited else None

    def one(securable: Securable) -> list[LivePolicy]:
        kind, parts = securable
        path = f"{_UC}/policies/{encode(str(kind), '.'.join(parts))}"
        return [_policy(raw) for raw in workspace.pages("policy", path, "policies", query)]

    found = {each.key: each for policies in side_by_side(one, sorted(set(securables))) for each in policies}
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

    return [grant for grants in side_by_side(one, sorted(set(securables))) for grant in grants]


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
    named = [("catalog", SecurableType.CATALOG, c) for c in sorted({c for c, _ in wanted})]
    named += [("schema", SecurableType.SCHEMA, f"{catalog}.{schema}") for catalog, schema in wanted]

    def one(securable: tuple[str, SecurableType, str]) -> str:
        kind, _, name = securable
        return str((workspace.find(kind, f"{_UC}/{kind}s/{encode(name)}") or {}).get("owner") or "")

    found = zip(named, side_by_side(one, named), strict=True)
    return {(str(kind), name): owner for (_, kind, name), owner in found if owner}
