"""Which operations are served, how far, and which test drives them: a table over the routes."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from localspace.http.request import Plane, Request, Route
from localspace.http.serialisation import Json, Reply

TEST = "tests/localspace/test_sdk_surface.py"
JOBS_TEST = "tests/localspace/test_jobs_runs.py"
ACCOUNT_TEST = "tests/localspace/test_account.py"
APPS_TEST = "tests/localspace/test_apps.py"
CLASSIFICATION_TEST = "tests/localspace/test_data_classification.py"
GENIE_TEST = "tests/localspace/test_genie_conversations.py"
STORED_TEST = "tests/localspace/test_sdk_stored_objects.py"
_TESTS = {
    "localspace.api.control": "tests/localspace/test_control.py",
    "localspace.api.coverage": "tests/localspace/test_coverage_table.py",
    **{f"localspace.api.{name}": ACCOUNT_TEST for name in ("account_workspaces", "account_metastores", "cloud_configurations")},
    **{f"localspace.api.{name}": JOBS_TEST for name in ("jobs", "runs", "task_sql", "workspace_files", "files", "dashboards")},
    **{f"localspace.api.{name}": APPS_TEST for name in ("apps", "app_proxy")},
    "localspace.api.data_classification": CLASSIFICATION_TEST,
    **{f"localspace.api.{name}": GENIE_TEST for name in ("conversations", "evaluations", "genie_responder")},
    **{
        f"localspace.api.{name}": STORED_TEST
        for name in (
            "compute",
            "cluster_policies",
            "metastore_settings",
            "connections",
            "models",
            "bindings",
            "old_jobs",
            "queries",
            "alerts",
        )
    },
}
"""Module of the handlers to the test that drives them, where it is not the SDK's tour."""


def table(routes: Iterable[Route]) -> list[dict[str, str]]:
    """Return one row an operation: SDK name, method, path, level (supported or partial), what is missing, test."""
    rows = [row for route in routes for row in _rows(route)]
    return sorted(rows, key=lambda row: (row["operation"] == "", row["operation"], row["path"], row["method"]))


def _rows(route: Route) -> list[dict[str, str]]:
    test = _TESTS.get(route.handler.__module__, TEST)
    return [
        {
            "operation": name,
            "method": route.method,
            "path": route.path,
            "level": "partial" if route.partial else "supported",
            "missing": route.partial,
            "test": test,
        }
        for name in (route.sdk or ("",))
        if route.plane is not Plane.CONTROL or not route.sdk
    ]


def page_of(routes: Iterable[Route]) -> str:
    """Return the table as one HTML page."""
    columns = ("operation", "method", "path", "level", "missing", "test")
    head = "".join(f"<th>{one}</th>" for one in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(row[one])}</td>" for one in columns) + "</tr>" for row in table(routes))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>localspace: compatibility</title>"
        "<style>body{font:14px sans-serif;margin:2rem}td,th{padding:.2rem .6rem;text-align:left;"
        "border-bottom:1px solid #ddd}</style>"
        f"<h1>What the local workspace serves</h1><table><tr>{head}</tr>{body}</table></html>"
    )


def routes_about(others: tuple[Route, ...]) -> tuple[Route, ...]:
    """Return the two open operations that show the table, as JSON and as a page: of these routes and of themselves."""

    def coverage(request: Request) -> Json:
        return {"operations": table((*others, *mine))}

    def compatibility(request: Request) -> Reply:
        return Reply(body=page_of((*others, *mine)), media_type="text/html")

    mine = tuple(
        Route(method="GET", path=f"/_localspace/{name}", handler=handler, plane=Plane.OPEN)
        for name, handler in (("coverage", coverage), ("compatibility", compatibility))
    )
    return mine
