"""A partner's configuration: parsed once, every mistake reported at once with its path."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from partnercert.config_rules import ConfigProblem, check_document
from partnercert.hosts import is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The partner's paths, relative to its base URL; None means not offered."""

    connect: str
    get_connectors: str | None = None
    test_connection: str | None = None
    delete_connection: str | None = None
    delete_account: str | None = None
    expire_account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspacePlan:
    """How P200 and P201 talk to a workspace; its address and token come from the environment."""

    trigger_path: str | None = None
    mode: str = "write"
    warehouse_id: str = ""
    unity_catalog: str = "main"
    hive_metastore: str = "hive_metastore"
    schema: str = "partnercert"
    notebook_path: str = ""
    destination_location: str = ""
    change_default_catalog: bool = False
    accept_table_types: tuple[str, ...] = ()
    timeout_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Certification:
    """Settings of the suite, under the key `certification`."""

    repeat_trials: bool | None = None
    apex_test_domain_only: bool = False
    delete_connection_method: str = "POST"
    existing_user: str | None = None
    expired_user: str | None = None
    deletes_in_product: bool | None = None
    connector_list: str | None = None
    pending_seconds: float = 60.0
    real_workspace: bool = False
    sign_off_days: int = 90
    workspace: WorkspacePlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerConfig:
    """A partner's configuration, free of mistakes."""

    name: str
    api_version: str
    category: str
    base_url: str
    endpoints: Endpoints
    hostnames: tuple[str, ...]
    new_user_action: str
    resources: frozenset[str]
    supported_clouds: tuple[str, ...]
    require_manual_signup: bool = False
    trial_type: str | None = None
    supports_demo: bool = False
    auth_options: tuple[str, ...] = ()
    is_published_app: bool = False
    supported_features: frozenset[str] = frozenset()
    test_workspace: dict[str, Any] = field(default_factory=dict)
    certification: Certification = field(default_factory=Certification)
    fingerprint: str = ""
    folder: Path = Path()

    @property
    def has_trials(self) -> bool:
        """Return whether the config declares that trials end."""
        return self.trial_type is not None

    @property
    def writes_external(self) -> bool:
        """Return whether the user may choose where tables are written (gate of P201)."""
        return "DestLocation" in self.resources or "EXTERNAL_LOCATION" in self.supported_features

    @property
    def is_local(self) -> bool:
        """Return whether the partner runs on this machine."""
        return is_loopback(urlsplit(self.base_url).hostname or "")


class ConfigError(Exception):
    """The configuration is wrong; carries every problem."""

    def __init__(self, problems: list[ConfigProblem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


def load(path: Path) -> tuple[PartnerConfig, list[ConfigProblem]]:
    """Read a config file; return it with its warnings. Raises ConfigError with all errors, OSError if unreadable."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([ConfigProblem(path="$", message=f"is not UTF-8 (byte {error.start})")]) from error
    document = parse_json(text)
    return from_document(document, folder=path.resolve().parent)


def from_document(document: object, *, folder: Path, check_images: bool = True) -> tuple[PartnerConfig, list[ConfigProblem]]:
    """Turn a parsed document into a config and its warnings. Raises ConfigError with all errors.

    Without `check_images`, the existence of logo and icon is not checked.
    """
    document = without_comments(document)
    problems = check_document(document, folder=folder, check_images=check_images)
    errors = [p for p in problems if p.is_error]
    if errors:
        raise ConfigError(errors + [p for p in problems if not p.is_error])
    assert isinstance(document, dict)
    return _build(document, folder), problems


def parse_json(text: str) -> Any:
    """Parse JSON with `//` comment lines. Raises ConfigError with line and column."""
    blanked = re.sub(r"(?m)^[ \t]*//[^\n]*$", "", text)
    seen: list[ConfigProblem] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in items]
        seen.extend(ConfigProblem(path="$", message=f"key {key!r} is written twice") for key in _twice(keys))
        return dict(items)

    try:
        document = json.loads(blanked.removeprefix("\ufeff"), object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        message = f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise ConfigError([ConfigProblem(path="$", message=message)]) from error
    except RecursionError as error:
        raise ConfigError([ConfigProblem(path="$", message="is nested too deeply")]) from error
    if seen:
        raise ConfigError(seen)
    return document


def without_comments(value: object) -> object:
    """Drop the keys that start with `//`: the comments of `partnercert init`."""
    if isinstance(value, dict):
        return {k: without_comments(v) for k, v in value.items() if not (isinstance(k, str) and k.startswith("//"))}
    if isinstance(value, list):
        return [without_comments(item) for item in value]
    return value


def _twice(keys: list[str]) -> list[str]:
    return sorted({key for key in keys if keys.count(key) > 1 and not key.startswith("//")})


def _build(document: dict[str, Any], folder: Path) -> PartnerConfig:
    paths = document["endpoints"]
    extra = dict(document.get("certification") or {})
    plan = extra.pop("workspace", None)
    if plan is not None:
        plan = WorkspacePlan(**{**plan, "accept_table_types": tuple(plan.get("accept_table_types", ()))})
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return PartnerConfig(
        name=document["name"],
        api_version=document["api_version"],
        category=document["category"],
        base_url=document["base_url"].rstrip("/"),
        endpoints=Endpoints(**{key.removesuffix("_path"): paths[key] for key in paths if key in _ENDPOINTS}),
        hostnames=tuple(host.lower().rstrip(".") for host in document["hostnames"]),
        new_user_action=document["new_user_action"],
        resources=frozenset(item["resource_type"] for item in document["resources_to_provision"]),
        supported_clouds=tuple("gcp" if c == "gpc" else c for c in document["supported_clouds"]),
        require_manual_signup=document.get("require_manual_signup", False),
        trial_type=document.get("trial_type"),
        supports_demo=document.get("supports_demo", False),
        auth_options=tuple(document.get("auth_options") or ()),
        is_published_app=document.get("is_published_app", False),
        supported_features=frozenset(document.get("supported_features") or ()),
        test_workspace=document.get("test_workspace_detail") or {},
        certification=Certification(**extra, workspace=plan),
        fingerprint=hashlib.sha256(canonical.encode()).hexdigest(),
        folder=folder,
    )


_ENDPOINTS = frozenset(
    f"{name}_path"
    for name in (
        "connect",
        "get_connectors",
        "test_connection",
        "delete_connection",
        "delete_account",
        "expire_account",
    )
)
