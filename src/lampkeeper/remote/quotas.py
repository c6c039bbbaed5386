"""Live quotas of policies, if the platform reports them (source: SDK 0.156, ResourceQuotas; quota name by users' reports)."""

from __future__ import annotations

from collections.abc import Iterable

from lampkeeper.model.errors import RemoteError
from lampkeeper.model.quotas import PolicyQuotas, Quota
from lampkeeper.remote.clients import Workspace, encode

_UC = "/api/2.1/unity-catalog"
_NAME = "abac-policy-quota"
_NOT_REPORTED = frozenset({400, 403, 404, 501})
"""Statuses of a securable without this quota, or whose quota the runner may not see."""


def read_policy_quotas(workspace: Workspace, catalogs: Iterable[str]) -> PolicyQuotas:
    """Return the quotas that the platform reports, with one call and one per catalog; others are left out."""
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
