"""Every operation that the local workspace serves, written out."""

from __future__ import annotations

from localspace import control
from localspace.api import catalog, grants, identity, policies, statements, tags, tokens, warehouses
from localspace.calls import Route

HANDLERS = (
    tokens,
    identity,
    catalog,
    grants,
    tags,
    policies,
    warehouses,
    statements,
)
"""The modules of `localspace.api` that serve routes."""

ROUTES: tuple[Route, ...] = (*control.ROUTES, *(route for module in HANDLERS for route in module.ROUTES))
