"""`env.auto.tfvars`: the settings of an environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from lampkeeper.files.hcl import Value, render_hcl
from lampkeeper.files.hcl_tree import read_variables
from lampkeeper.files.record import Record
from lampkeeper.model.errors import UsageError
from lampkeeper.model.exemptions import Exemption, ExemptionKind
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.genie import space_key
from lampkeeper.model.groups import EVERYBODY, Group, GroupSpec
from lampkeeper.model.names import TableName, split_name, write_name
from lampkeeper.model.quotas import LIMIT_NAMES
from lampkeeper.model.unreviewed import Unreviewed
from lampkeeper.model.waivers import Waiver

FUNCTION_SCHEMA = "lampkeeper"
"""The schema in which functions are created, unless `function_schema` names another."""

_E = TypeVar("_E", bound=StrEnum)
_TOKEN_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_QUOTED = re.compile(r"`(?:[^`]|``)*`")
_LONGEST_VARIABLE = 40
_EVERYBODY = frozenset({EVERYBODY, "users"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSettings:
    """The settings of one Genie space. `tables` are `catalog.schema.table` or `catalog.schema.*`, with parts quoted if needed.

    The name of a space with an id may be empty until the import writes the space's title there.
    """

    name: str
    space_id: str = ""
    warehouse_id: str = ""
    tables: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return the key for folders and files."""
        return space_key(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A named identity for verification; its token comes from an environment variable, never from a file."""

    name: str
    token_env: str
    groups: tuple[str, ...] = ()


HASH_KEY_ENV = "LAMPKEEPER_HASH_KEY"
"""The environment variable that holds the hash key, unless `hash_key_env` names another."""
HASH_KEY_NAME = "hash_key"
"""The key's name in a secret scope, unless `hash_key_name` names another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashKeySettings:
    """The location of the hash key for keyed masks: a secret scope of the workspace, or else an environment variable."""

    scope: str = ""
    name: str = HASH_KEY_NAME
    env: str = HASH_KEY_ENV


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The content of `env.auto.tfvars`. `groups` is None if the file does not mention groups.

    `operators` are the principals that run lampkeeper, by user name or application ID: they manage objects and do not read data.
    `approvers` are the service principals that may approve plans, by application ID. `state_table` is the table that keeps the
    state, `catalog.schema.table`; empty for local files. `pilot` is the group that the policies bind alone; empty: they bind all
    principals.
    """

    spaces: tuple[SpaceSettings, ...] = ()
    uc_tables: tuple[str, ...] = ()
    sql_warehouse_id: str = ""
    state_table: str = ""
    country: tuple[str, ...] = ()
    industry: tuple[str, ...] = ()
    genie_only: bool = False
    groups: tuple[GroupSpec, ...] | None = None
    function_schema: str = FUNCTION_SCHEMA
    identities: tuple[Identity, ...] = ()
    operators: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    unreviewed: Unreviewed = Unreviewed.DENY
    unreviewed_columns: Unreviewed = Unreviewed.ALLOW
    exemptions: tuple[Exemption, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    hash_key: HashKeySettings = field(default_factory=lambda: HashKeySettings())
    pilot: str = ""

    @property
    def patterns(self) -> tuple[str, ...]:
        """Return every table pattern once: those of the spaces first, then the rest, in the order of the file."""
        return tuple(dict.fromkeys([t for s in self.spaces for t in s.tables] + list(self.uc_tables)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsRead:
    """Settings, and findings about the file."""

    settings: Settings
    findings: tuple[Finding, ...]


def read_settings(text: str, path: Path | str) -> SettingsRead:
    """Read env.auto.tfvars; raise UsageError with file, line and column of an error."""
    record = Record.of(read_variables(text, str(path)))
    catalog = record.text("uc_catalog", "")
    settings = Settings(
        spaces=tuple(_space(item, catalog) for item in record.records("genie_spaces")),
        uc_tables=_patterns(record, "uc_tables", catalog),
        sql_warehouse_id=record.text("sql_warehouse_id", ""), state_table=_state_table(record),
        country=record.csv("country"), industry=record.csv("industry"), genie_only=record.flag("genie_only"),
        groups=tuple(_group(name, item) for name, item in record.named("groups")) if record.has("groups") else None,
        function_schema=record.text("function_schema", FUNCTION_SCHEMA) or FUNCTION_SCHEMA,
        identities=tuple(_identity(item) for item in record.records("verify_identities")),
        operators=record.texts("operators"), approvers=record.texts("approvers"),
        unreviewed=_word(record, "unreviewed", Unreviewed, Unreviewed.DENY),
        unreviewed_columns=_word(record, "unreviewed_columns", Unreviewed, Unreviewed.ALLOW),
        exemptions=tuple(_exemption(item) for item in record.records("exemptions")),
        waivers=tuple(_waiver(item) for item in record.records("waivers")),
        limits=_limits(record), hash_key=_hash_key(record), pilot=_pilot(record),
    )  # fmt: skip
    findings = [*_space_findings(settings, record), *_manage_groups(record), *record.unknown()]
    if settings.genie_only and settings.groups:
        findings.append(
            _finding(
                "SETTINGS_GROUPS_IN_GENIE_ONLY", record.location_of("groups"), "genie_only manages no groups", "remove groups"
            )
        )
    return SettingsRead(settings=settings, findings=sort_findings(findings))


def render_settings(settings: Settings) -> str:
    """Return the text of env.auto.tfvars; settings with their default value are left out."""
    return render_hcl(
        setting_values(settings), header="The settings of this environment: tables, Genie spaces, groups. No secrets here."
    )


def setting_values(settings: Settings) -> dict[str, Value]:
    """Return the values of env.auto.tfvars by name; settings with their default value are left out."""
    values: dict[str, Value] = {
        "genie_spaces": [
            ({"name": s.name} if s.name else {})
            | {"genie_space_id": s.space_id, "sql_warehouse_id": s.warehouse_id, "uc_tables": s.tables}
            for s in settings.spaces
        ],
        "uc_tables": settings.uc_tables,
        "sql_warehouse_id": settings.sql_warehouse_id,
        "state_table": settings.state_table,
        "country": ", ".join(settings.country),
        "industry": ", ".join(settings.industry),
        "genie_only": settings.genie_only,
        "function_schema": "" if settings.function_schema == FUNCTION_SCHEMA else settings.function_schema,
        "limits": dict(settings.limits),
        "operators": settings.operators,
        "approvers": settings.approvers,
        "verify_identities": [{"name": i.name, "token_env": i.token_env, "groups": i.groups} for i in settings.identities],
        "unreviewed": "" if settings.unreviewed is Unreviewed.DENY else str(settings.unreviewed),
        "unreviewed_columns": "" if settings.unreviewed_columns is Unreviewed.ALLOW else str(settings.unreviewed_columns),
        "exemptions": [_exemption_value(e) for e in settings.exemptions],
        "waivers": [
            {"finding": w.finding, "location": w.at, "reason": w.reason, "owner": w.owner, "expires": w.expires.isoformat()}
            for w in settings.waivers
        ],
    }
    values["pilot"] = {"group": settings.pilot} if settings.pilot else {}
    own, usual = settings.hash_key, HashKeySettings()
    values |= {f"hash_key_{n}": v for n in ("scope", "name", "env") if (v := getattr(own, n)) != getattr(usual, n)}
    shown: dict[str, Value] = {key: value for key, value in values.items() if value}
    if settings.groups is not None:
        shown["groups"] = {spec.group.name: _group_value(spec) for spec in settings.groups}
    return shown


def _space(item: Record, catalog: str) -> SpaceSettings:
    space_id = item.text("genie_space_id", "")
    name = item.text("name", "" if space_id else None)
    if not space_key(name) and (name or not space_id):
        raise UsageError(f"{item.location_of('name')}: space name {name!r} has no letter or digit", fix="name it with letters")
    return SpaceSettings(
        name=name, space_id=space_id, warehouse_id=item.text("sql_warehouse_id", ""),
        tables=_patterns(item, "uc_tables", catalog),
    )  # fmt: skip


def _pilot(record: Record) -> str:
    """Return the group of the pilot; raise UsageError for one that would bind everybody or nobody."""
    inside = record.inside("pilot")
    if inside is None:
        return ""
    group = inside.text("group")
    if not group.strip() or group.strip(" `").casefold() in _EVERYBODY:
        fix = 'write pilot = { group = "testers" }, or remove it to protect everybody'
        raise UsageError(f"{inside.location_of('group')}: a pilot needs one group", fix=fix)
    return group


def _limits(record: Record) -> dict[str, int]:
    """Return the quotas, by name, that are smaller than documented."""
    inside = record.inside("limits")
    return {} if inside is None else {n: inside.number(n, 0) for n in LIMIT_NAMES if inside.has(n)}


def _patterns(record: Record, name: str, catalog: str) -> tuple[str, ...]:
    """Return table patterns: three parts, or `catalog.*`; `schema.table` gets the former setting `uc_catalog` as its catalog."""
    found = []
    for index, text in enumerate(record.texts(name)):
        try:
            parts = split_name(text)
        except UsageError as error:
            raise UsageError(f"{record.location_of(name, index)}: {error.message}", fix=error.fix) from None
        star = parts[-1] == "*" and not text.rstrip().endswith("`")
        if len(parts) == 2 and catalog:
            parts = (catalog, *parts)
        if len(parts) == 2 and star and parts[0] != "*":
            found.append(f"{write_name(parts[0])}.*")
            continue
        if len(parts) != 3 or "*" in _QUOTED.sub("quoted", text).split(".")[:-1]:
            raise UsageError(
                f"{record.location_of(name, index)}: {text!r} is not a table name",
                fix="write catalog.schema.table, catalog.schema.* or catalog.*",
            )
        found.append(f"{write_name(*parts[:2])}.*" if star else write_name(*parts))
    return tuple(dict.fromkeys(found))


def _state_table(record: Record) -> str:
    text = record.text("state_table", "")
    try:
        return str(TableName.parse(text)) if text else ""
    except UsageError as error:
        raise UsageError(f"{record.location_of('state_table')}: {error.message}", fix="write catalog.schema.table") from None


def _group(name: str, item: Record) -> GroupSpec:
    return GroupSpec(
        group=Group(name=name, description=item.text("description", ""), external=item.flag("external")),
        clearance=item.texts("clearance"), members=item.texts("members"),
    )  # fmt: skip


def _group_value(spec: GroupSpec) -> dict[str, Value]:
    value: dict[str, Value] = {"description": spec.group.description, "clearance": spec.clearance, "members": spec.members}
    return value | ({"external": True} if spec.group.external else {})


def _identity(item: Record) -> Identity:
    variable = item.text("token_env")
    if not _TOKEN_ENV.match(variable):
        # A user may have pasted a token here: the error message must not repeat it.
        raise UsageError(
            f"{item.location_of('token_env')}: token_env must be the name of an environment variable",
            fix="never put a token here",
        )
    return Identity(name=item.text("name"), token_env=variable, groups=item.texts("groups"))


def _exemption(item: Record) -> Exemption:
    _require_texts(item, "exemption", "principal")
    if item.text("principal").strip(" `").casefold() in _EVERYBODY:
        raise UsageError(
            f"{item.location_of('principal')}: an exemption of all users would disable the policies",
            fix="name the user, the application ID or the group that needs it",
        )
    families = item.texts("families")
    for index, family in enumerate(families):
        if not family.strip():
            raise UsageError(
                f"{item.location_of('families', index)}: the family is empty", fix="name a governed tag, or unreviewed"
            )
    return Exemption(
        principal=item.text("principal"), kind=_word(item, "kind", ExemptionKind), families=families, location=item.location,
        reason=item.text("reason"), owner=item.text("owner"), expires=_last_day(item),
    )  # fmt: skip


def _waiver(item: Record) -> Waiver:
    _require_texts(item, "waiver", "finding", "location")
    return Waiver(
        finding=item.text("finding"), at=item.text("location"), location=item.location,
        reason=item.text("reason"), owner=item.text("owner"), expires=_last_day(item),
    )  # fmt: skip


def _require_texts(item: Record, what: str, *names: str) -> None:
    """Raise UsageError if an exception lacks its subject, its reason or its owner."""
    for name in (*names, "reason", "owner"):
        if not item.text(name).strip():
            raise UsageError(f"{item.location_of(name)}: {name} is empty", fix=f"give the {name} of the {what}")


def _last_day(item: Record) -> date:
    text = item.text("expires")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{item.location_of('expires')}: {text!r} is not a date", fix='write expires = "2027-01-31"') from None


def _exemption_value(exemption: Exemption) -> dict[str, Value]:
    value: dict[str, Value] = {
        "principal": exemption.principal, "kind": str(exemption.kind), "reason": exemption.reason, "owner": exemption.owner,
        "expires": exemption.expires.isoformat(),
    }  # fmt: skip
    return value | ({"families": exemption.families} if exemption.families else {})


def _word(item: Record, name: str, words: type[_E], default: _E | None = None) -> _E:
    text = item.text(name, None if default is None else str(default))
    try:
        return words(text)
    except ValueError:
        known = ", ".join(str(w) for w in words)
        raise UsageError(f"{item.location_of(name)}: {name} is {text!r}", fix=f"use one of {known}") from None


def _hash_key(record: Record) -> HashKeySettings:
    variable = record.text("hash_key_env", HASH_KEY_ENV) or HASH_KEY_ENV
    if not _TOKEN_ENV.match(variable) or len(variable) > _LONGEST_VARIABLE:
        # A user may have pasted a key here: the error message must not repeat it.
        raise UsageError(
            f"{record.location_of('hash_key_env')}: hash_key_env must be the name of an environment variable",
            fix="never put a key here",
        )
    name = record.text("hash_key_name", HASH_KEY_NAME) or HASH_KEY_NAME
    return HashKeySettings(scope=record.text("hash_key_scope", ""), name=name, env=variable)


def _space_findings(settings: Settings, record: Record) -> list[Finding]:
    found = []
    seen: dict[str, str] = {}
    ids: set[str] = set()
    for index, space in enumerate(settings.spaces):
        if space.space_id in ids:
            found.append(
                _finding(
                    "SETTINGS_SPACE_ID_TWICE", record.location_of("genie_spaces", index),
                    f"the space {space.space_id!r} is listed twice", "keep one of the entries",
                )
            )  # fmt: skip
        ids |= {space.space_id} - {""}
        if not space.name:
            continue
        if space.key in seen:
            found.append(
                _finding(
                    "SETTINGS_SPACE_KEY_TWICE", record.location_of("genie_spaces", index),
                    f"spaces {seen[space.key]!r} and {space.name!r} share the key {space.key!r}", "rename one of them",
                )
            )  # fmt: skip
        seen[space.key] = space.name
    return found


def _manage_groups(record: Record) -> list[Finding]:
    if not record.flag("manage_groups"):
        return []
    return [
        _finding(
            "SETTINGS_MANAGE_GROUPS", record.location_of("manage_groups"),
            "groups are managed by the account layer, not by an environment", "remove manage_groups",
        )
    ]  # fmt: skip


def _finding(code: str, location: str, message: str, fix: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, location=location, message=message, fix=fix)
