"""Alerts, on saved queries or with queries of their own: stored, checked, never evaluated (source: SDK 0.156, service.sql)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from localspace.api.queries import QUERIES
from localspace.api.saved_objects import SavedKind, masked, one_of
from localspace.core.errors import denied, invalid
from localspace.core.stored_documents import kinds
from localspace.core.stored_documents.kind import Document
from localspace.governance.object_permissions import require_level
from localspace.governance.warehouses import require_warehouse
from localspace.http.request import Request, Route, field_of
from localspace.http.serialisation import Json, page

_ALERTS = SavedKind(kind=kinds.ALERT, object_type="alerts", noun="Alert")
_ALERTS_V2 = SavedKind(kind=kinds.ALERT_V2, object_type="alertsv2", noun="Alert", trashed="DELETED")
_STATES = ("UNKNOWN", "TRIGGERED", "OK", "ERROR")
_OPERATORS = ("GREATER_THAN", "GREATER_THAN_OR_EQUAL", "LESS_THAN", "LESS_THAN_OR_EQUAL", "EQUAL", "NOT_EQUAL", "IS_NULL")
_AGGREGATIONS = ("SUM", "COUNT", "COUNT_DISTINCT", "AVG", "MEDIAN", "MIN", "MAX", "STDDEV")
_CHANGED = frozenset(
    (
        *("display_name", "query_id", "condition", "custom_body", "custom_subject", "notify_on_ok"),
        *("seconds_to_retrigger", "owner_user_name"),
    )
)
_CHANGED_V2 = frozenset(
    (
        *("display_name", "query_text", "warehouse_id", "evaluation", "schedule", "custom_description", "custom_summary"),
        *("custom_template_format", "parameters", "run_as", "run_as_user_name"),
    )
)
_KEPT_V2 = _CHANGED_V2 | {"parent_path"}


def create(request: Request) -> Json:
    """Create an alert on a saved query that the caller sees."""
    body = _given(request)
    new = {name: value for name, value in body.items() if name != "owner_user_name"}
    _check(request, new)
    return _ALERTS.created(request, new | {"state": "UNKNOWN"}, resolve=bool(request.body.get("auto_resolve_display_name")))


def get(request: Request) -> Json:
    """Return an alert, in the trash too."""
    return _ALERTS.one(request, request.params["id"])


def listed(request: Request) -> Json:
    """List the alerts that show to the caller, without their folders."""
    found = [{name: value for name, value in one.items() if name != "parent_path"} for one in _ALERTS.listed(request)]
    return page(found, request.query, "results", size_name="page_size", most=100)


def update(request: Request) -> Json:
    """Change the fields that the mask names."""
    given = _given(request)
    with request.repositories.store.transaction():
        old = _ALERTS.one(request, request.params["id"], "CAN_EDIT")
        new = masked(old, given, str(request.body.get("update_mask") or ""), _CHANGED)
        new.setdefault("owner_user_name", old["owner_user_name"])
        _check(request, new)
        return _ALERTS.changed(request, old, new, resolve=bool(request.body.get("auto_resolve_display_name")))


def trash(request: Request) -> Json:
    """Move an alert to the trash."""
    _ALERTS.trash(request, _ALERTS.one(request, request.params["id"], "CAN_MANAGE"))
    return {}


def create_v2(request: Request) -> Json:
    """Create an alert with a query and a schedule of its own."""
    new = {name: value for name, value in request.body.items() if name in _KEPT_V2}
    _check_v2(request, new)
    return _info_v2(request, _ALERTS_V2.created(request, new))


def get_v2(request: Request) -> Json:
    """Return an alert, a deleted one too."""
    return _info_v2(request, _ALERTS_V2.one(request, request.params["id"]))


def listed_v2(request: Request) -> Json:
    """List the alerts that show to the caller."""
    found = [_info_v2(request, one) for one in _ALERTS_V2.listed(request)]
    return page(found, request.query, "alerts", size_name="page_size", most=100)


def update_v2(request: Request) -> Json:
    """Change the fields that the mask names."""
    with request.repositories.store.transaction():
        old = _ALERTS_V2.one(request, request.params["id"], "CAN_EDIT")
        new = masked(old, request.body, request.query.get("update_mask", ""), _CHANGED_V2)
        _check_v2(request, new)
        return _info_v2(request, _ALERTS_V2.changed(request, old, new))


def trash_v2(request: Request) -> Json:
    """Delete an alert: to the trash, or for good with `purge`."""
    old = _ALERTS_V2.one(request, request.params["id"], "CAN_MANAGE")
    if request.flag("purge"):
        request.repositories.store.delete(kinds.ALERT_V2, old["id"])
    else:
        _ALERTS_V2.trash(request, old)
    return {}


def _given(request: Request) -> Document:
    found = request.body.get("alert")
    if not isinstance(found, dict):
        raise invalid("Missing required field: alert")
    return found


def _check(request: Request, alert: Mapping[str, Any]) -> None:
    field_of(alert, "display_name")
    QUERIES.one(request, field_of(alert, "query_id"))
    condition = alert.get("condition")
    if not isinstance(condition, dict):
        raise invalid("Missing required field: condition")
    one_of(field_of(condition, "op"), "condition.op", _OPERATORS)
    one_of(condition.get("empty_result_state"), "condition.empty_result_state", _STATES[:3])
    if not ((condition.get("operand") or {}).get("column") or {}).get("name"):
        raise invalid("Missing required field: condition.operand.column.name")
    if condition["op"] != "IS_NULL":
        _check_value((condition.get("threshold") or {}).get("value"), "condition.threshold.value")
    if alert.get("seconds_to_retrigger", 0) < 0:
        raise invalid("seconds_to_retrigger must not be negative.")


def _check_v2(request: Request, alert: Mapping[str, Any]) -> None:
    for name in ("display_name", "query_text"):
        field_of(alert, name)
    found = require_warehouse(request.repositories, field_of(alert, "warehouse_id"))
    who = (request.repositories, request.actor, "warehouses", found["id"])
    require_level(*who, "CAN_USE", owner=found.get("creator_name"))
    for name in ("evaluation", "schedule"):
        if not isinstance(alert.get(name), dict):
            raise invalid(f"Missing required field: {name}")
    evaluation, schedule = alert["evaluation"], alert["schedule"]
    one_of(field_of(evaluation, "comparison_operator"), "evaluation.comparison_operator", (*_OPERATORS, "IS_NOT_NULL"))
    one_of(evaluation.get("empty_result_state"), "evaluation.empty_result_state", _STATES)
    source = evaluation.get("source") or {}
    if not source.get("name"):
        raise invalid("Missing required field: evaluation.source.name")
    one_of(source.get("aggregation"), "evaluation.source.aggregation", _AGGREGATIONS)
    threshold = evaluation.get("threshold") or {}
    if evaluation["comparison_operator"] not in ("IS_NULL", "IS_NOT_NULL") and "column" not in threshold:
        _check_value(threshold.get("value"), "evaluation.threshold.value")
    if len(field_of(schedule, "quartz_cron_schedule").split()) not in (6, 7):
        raise invalid(f"'{schedule['quartz_cron_schedule']}' is not a Quartz cron expression: 6 or 7 fields are needed.")
    if field_of(schedule, "timezone_id") not in available_timezones():
        raise invalid(f"'{schedule['timezone_id']}' is not a known time zone.")
    one_of(schedule.get("pause_status"), "schedule.pause_status", ("PAUSED", "UNPAUSED"))
    _check_run_as(request, alert)


def _check_run_as(request: Request, alert: Mapping[str, Any]) -> None:
    run_as = alert.get("run_as") or {}
    name = run_as.get("service_principal_name") or run_as.get("user_name") or alert.get("run_as_user_name")
    if name and request.repositories.identity.require_name(name).id != request.actor.id:
        # Roles on service principals would let a caller name one; the stricter reading lets nobody act as another.
        raise denied(f"{request.actor.name} may not let an alert run as {name}.")


def _check_value(value: Any, where: str) -> None:
    if not isinstance(value, dict) or len(value) != 1:
        raise invalid(f"{where} needs exactly one of bool_value, double_value, string_value.")


def _info_v2(request: Request, alert: Document) -> Json:
    run_as = alert.get("run_as")
    if not run_as:
        name = alert.get("run_as_user_name") or alert["owner_user_name"]
        found = request.repositories.identity.by_name(name)
        kind = "service_principal_name" if found is not None and found.kind.value == "service_principal" else "user_name"
        run_as = {kind: name}
    evaluation = {"state": "UNKNOWN", **alert["evaluation"]}
    # A folder that the server chose is omitted, because the provider would plan a change (source: Terraform provider 1.128).
    hidden = {"parent_path"} if alert["parent_path"] == _home(alert) else set()
    shown = {name: value for name, value in alert.items() if name not in hidden}
    return {**shown, "evaluation": evaluation, "effective_run_as": run_as}


def _home(alert: Document) -> str:
    return f"/Workspace/Users/{alert['owner_user_name']}"


_OLD, _NEW = "/api/2.0/sql/alerts", "/api/2.0/alerts"
_PARTIAL = "stored and checked: alerts are never evaluated"
ROUTES = (
    Route(method="POST", path=_OLD, handler=create, sdk=("Alerts.create",), partial=_PARTIAL),
    Route(method="GET", path=_OLD, handler=listed, sdk=("Alerts.list",)),
    Route(method="GET", path=_OLD + "/{id}", handler=get, sdk=("Alerts.get",)),
    Route(method="PATCH", path=_OLD + "/{id}", handler=update, sdk=("Alerts.update",)),
    Route(method="DELETE", path=_OLD + "/{id}", handler=trash, sdk=("Alerts.delete",)),
    Route(method="POST", path=_NEW, handler=create_v2, sdk=("AlertsV2.create_alert",), partial=_PARTIAL),
    Route(method="GET", path=_NEW, handler=listed_v2, sdk=("AlertsV2.list_alerts",)),
    Route(method="GET", path=_NEW + "/{id}", handler=get_v2, sdk=("AlertsV2.get_alert",)),
    Route(method="PATCH", path=_NEW + "/{id}", handler=update_v2, sdk=("AlertsV2.update_alert",)),
    Route(method="DELETE", path=_NEW + "/{id}", handler=trash_v2, sdk=("AlertsV2.trash_alert",)),
)
