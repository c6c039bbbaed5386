"""Every operation that the local workspace serves, written out."""

from __future__ import annotations

from localspace.api import (
    access_control,
    account,
    catalog,
    control,
    coverage,
    dashboards,
    federation,
    files,
    genie,
    grants,
    identity,
    jobs,
    permissions,
    policies,
    query_history,
    quotas,
    result_chunks,
    runs,
    secrets,
    serving,
    settings,
    statements,
    storage,
    tags,
    task_sql,
    tokens,
    warehouses,
    workspace_files,
)
from localspace.http.request import Route

HANDLERS = (
    control,
    tokens,
    identity,
    account,
    federation,
    access_control,
    catalog,
    storage,
    grants,
    tags,
    policies,
    quotas,
    warehouses,
    result_chunks,
    statements,
    permissions,
    secrets,
    genie,
    serving,
    workspace_files,
    files,
    jobs,
    runs,
    task_sql,
    query_history,
    dashboards,
    settings,
)
"""The modules of `localspace.api` that serve routes."""

_SERVED = tuple(route for module in HANDLERS for route in module.ROUTES)
ROUTES: tuple[Route, ...] = (*_SERVED, *coverage.routes_about(_SERVED))
