"""Finds the route of a path: a tree of segments, literal before parameter before `{rest*}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from localspace.http.request import Route


@dataclass(slots=True)
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    rest: _Node | None = None
    routes: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)


class Router:
    """All routes, found by method and raw path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Build the tree; raises ValueError for two routes of one method and path pattern."""
        self._root = _Node()
        for route in routes:
            self._add(route)

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route and its parameters, percent-decoded one by one, or None."""
        segments = [one for one in raw_path.split("/") if one]
        found = self._walk(self._root, segments, 0, [], method)
        if found is None:
            return None
        route, names, values = found
        return route, {name: unquote(value) for name, value in zip(names, values, strict=True)}

    def _walk(
        self, node: _Node, segments: list[str], at: int, values: list[str], method: str
    ) -> tuple[Route, tuple[str, ...], list[str]] | None:
        if at == len(segments):
            hit = node.routes.get(method)
            return None if hit is None else (*hit, values)
        child = node.literal.get(segments[at])
        if child is not None:
            found = self._walk(child, segments, at + 1, values, method)
            if found is not None:
                return found
        if node.parameter is not None:
            found = self._walk(node.parameter, segments, at + 1, [*values, segments[at]], method)
            if found is not None:
                return found
        if node.rest is not None and method in node.rest.routes:
            return (*node.rest.routes[method], [*values, "/".join(segments[at:])])
        return None

    def _add(self, route: Route) -> None:
        node = self._root
        names: list[str] = []
        for segment in (one for one in route.path.split("/") if one):
            if segment.endswith("*}"):
                names.append(segment[1:-2])
                node.rest = node.rest or _Node()
                node = node.rest
            elif segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(segment, _Node())
        if route.method in node.routes:
            raise ValueError(f"two routes for {route.method} {route.path}")
        node.routes[route.method] = (route, tuple(names))
