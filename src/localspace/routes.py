"""Every operation that the local workspace serves, written out."""

from __future__ import annotations

from localspace import control
from localspace.api import (
    access_control,
    account,
    catalog,
    genie,
    grants,
    identity,
    permissions,
    policies,
    secrets,
    serving,
    statements,
    storage,
    tags,
    tokens,
    warehouses,
)
from localspace.calls import Route

HANDLERS = (
    tokens,
    identity,
    account,
    access_control,
    catalog,
    storage,
    grants,
    tags,
    policies,
    warehouses,
    statements,
    permissions,
    secrets,
    genie,
    serving,
)
"""The modules of `localspace.api` that serve routes."""

ROUTES: tuple[Route, ...] = (*control.ROUTES, *(route for module in HANDLERS for route in module.ROUTES))
