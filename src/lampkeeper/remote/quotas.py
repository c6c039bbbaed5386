"""Quotas of policies, live where the platform tells them (source: SDK 0.156, ResourceQuotas; the name as users report it)."""

from __future__ import annotations

from collections.abc import Iterable

from lampkeeper.model.errors import RemoteError
from lampkeeper.model.quotas import PolicyQuotas, Quota
from lampkeeper.remote.clients import Workspace, encode

_UC = "/api/2.1/unity-catalog"
_NAME = "abac-policy-quota"
_NOT_REPORTED = frozenset({400, 403, 404, 501})
"""Statuses of a place that has no such quota, or shows it to others only."""


def read_policy_quotas(workspace: Workspace, catalogs: Iterable[str]) -> PolicyQuotas:
    """Return what the platform tells: one call, and one for each catalog; what it does not tell is left out."""
    found = {c: q for c in sorted(set(catalogs)) if (q := _quota(workspace, "CATALOG", c)) is not None}
    try:
        metastore = str(workspace.get("quota", f"{_UC}/metastore_summary").get("metastore_id") or "")
    except RemoteError as error:
        if error.status not in _NOT_REPORTED:
            raise
        metastore = ""
    return PolicyQuotas(metastore=_quota(workspace, "METASTORE", metastore) if metastore else None, catalogs=found)


def _quota(workspace: Workspace, kind: str, parent: str) -> Quota | None:
    try:
        answer = workspace.get("quota", f"{_UC}/resource-quotas/{kind}/{encode(parent)}/{_NAME}")
    except RemoteError as error:
        if error.status not in _NOT_REPORTED:
            raise
        return None
    reported = answer.get("quota_info") or {}
    limit = reported.get("quota_limit")
    return Quota(count=int(reported.get("quota_count") or 0), limit=int(limit)) if limit else None
