"""Configs, twins and runs for the tests of partnercert."""

from __future__ import annotations

import copy
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from partnercert import assembly
from partnercert.client import Limits
from partnercert.config import PartnerConfig, from_document
from partnercert.payloads import Credentials
from partnercert.reference_partner import Fault, build
from partnercert.reference_partner.serving import settings
from partnercert.runner import SignOffs, run_cases, run_checks
from partnercert.session import Session
from partnercert.verdicts import CheckOutcome, Outcome
from partnercert.workspace import WorkspaceAccess
from support.partner_workspace import PARTNER

ROOT = Path(__file__).parents[2]
EXAMPLE: dict[str, Any] = json.loads((ROOT / "examples" / "partner.json").read_text())
USER, PASSWORD, TOKEN = "databricks-user", "pass:word-%41-0123456789", "dapi-0123456789abcdef-token"
HELD = Credentials(user=USER, password=PASSWORD, token=TOKEN, principal_secret="dose-0123456789abcdef")
WORKSPACE_PLAN = {
    "warehouse_id": "fedcba9876543210",
    "trigger_path": "/v1/load",
    "unity_catalog": "main",
    "destination_location": "s3://lake/landing",
    "change_default_catalog": True,
    "timeout_seconds": 0.4,
}

#: What each named config changes in examples/partner.json; None takes a key away.
VARIANTS: dict[str, dict[str, Any]] = {
    "auto_add": {},
    "invite": {"new_user_action": "invite"},
    "not_found": {"new_user_action": "not_found"},
    "error": {"new_user_action": "error"},
    "manual": {"require_manual_signup": True},
    "manual_error": {"require_manual_signup": True, "new_user_action": "error"},
    "demo": {"supports_demo": True},
    "no_demo": {"supports_demo": False},
    "trial_account": {"trial_type": "account"},
    "trial_user": {"trial_type": "user"},
    "trial_user_invite": {"trial_type": "user", "new_user_action": "invite"},
    "no_trial": {"trial_type": None, "endpoints": {"expire_account_path": None}},
    "trial_without_hook": {"endpoints": {"expire_account_path": None}},
    "repeat_trials": {"certification": {"repeat_trials": True}},
    "bi_tool": {"category": "BI_AND_VIZ", "resources_to_provision": [{"resource_type": "InteractiveCluster"}]},
    "connect_only": {"endpoints": dict.fromkeys(
        ("get_connectors_path", "test_connection_path", "delete_connection_path", "delete_account_path", "expire_account_path")
    )},
    "prefix": {"base_url": "http://127.0.0.1:9321/partner/api"},
    "m2m": {"auth_options": ["AUTH_OAUTH_M2M"]},
    "notebook": {
        "resources_to_provision": [{"resource_type": "SqlEndpoint"}],
        "certification": {"workspace": {**WORKSPACE_PLAN, "mode": "notebook", "notebook_path": "/Shared/partner/hello"}},
    },
    "workspace": {"certification": {"workspace": WORKSPACE_PLAN}},
}  # fmt: skip


def document(name: str, **more: Any) -> dict[str, Any]:
    """Return the document of a named config."""
    made = copy.deepcopy(EXAMPLE)
    made["certification"] = {"pending_seconds": 0.02}
    for change in (VARIANTS[name], more):
        for key, value in change.items():
            if isinstance(value, dict) and isinstance(made.get(key), dict):
                made[key] = {k: v for k, v in {**made[key], **value}.items() if v is not None}
            elif value is None:
                made.pop(key, None)
            else:
                made[key] = value
    return made


def written(path: Path, made: dict[str, Any]) -> Path:
    """Write a config with its pictures beside it."""
    path.write_text(json.dumps(made))
    for name in ("logo_file", "icon_file"):
        (path.parent / made[name]).write_text("<svg/>")
    return path


def config(name: str, **more: Any) -> PartnerConfig:
    """Return a named config, parsed."""
    return from_document(document(name, **more), folder=ROOT / "examples")[0]


def session(
    made: PartnerConfig,
    *faults: Fault,
    seed: int = 7,
    delays: tuple[float, ...] = (0.0, 0.0, 0.0),
    seconds: float = 10.0,
    workspace: WorkspaceAccess | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    token: str = "",
) -> Session:
    """Return a session that talks to a reference partner in this process, without sockets."""
    app = build(made, user=USER, password=PASSWORD, faults=faults)
    return assembly.session(
        made,
        replace(HELD, token=token or PARTNER) if workspace is not None else HELD,
        seed=seed,
        limits=Limits(seconds=seconds, retry_delays=delays),
        workspace=workspace,
        transport=transport or httpx.ASGITransport(app=app),
        sleep=lambda pause: None,
    )


def run(made: Session, *, automated_only: bool = True, only: Iterable[str] = (), **more: Any) -> dict[str, Outcome]:
    """Run cases and return the outcomes by id."""
    sign_offs = more.pop("sign_offs", SignOffs(now=datetime.now(UTC)))
    outcomes = run_cases(made, only=tuple(only), sign_offs=sign_offs, automated_only=automated_only)
    return {o.case: o for o in outcomes}


def check(made: Session, *, examples: int = 0) -> dict[str, CheckOutcome]:
    """Run the extended checks and return them by id."""
    return {c.check: c for c in run_checks(made, examples=examples)}


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an ASGI app on loopback and give its address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(settings(app))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()
    end = time.monotonic() + 10
    while not server.started and time.monotonic() < end:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
        listener.close()
