"""Fields of requests about saved queries and alerts (source: SDK 0.156, service.sql)."""

from __future__ import annotations

from localspace.http.request_schemas.types import FLAG, NUMBER, OBJECT, TEXT, TEXTS, WHOLE, FieldType, ListOf, fields

_MANY = fields(prefix=TEXT, separator=TEXT, suffix=TEXT)
_PARAMETER = fields(
    name=TEXT,
    title=TEXT,
    text_value=fields(value=TEXT),
    numeric_value=fields(value=NUMBER),
    enum_value=fields(enum_options=TEXT, multi_values_options=_MANY, values=TEXTS),
    query_backed_value=fields(query_id=TEXT, multi_values_options=_MANY, values=TEXTS),
    date_value=fields(date_value=TEXT, dynamic_date_value=TEXT, precision=TEXT),
    date_range_value=OBJECT,
)
_VALUE = fields(bool_value=FLAG, double_value=NUMBER, string_value=TEXT)
QUERY = fields(
    display_name=TEXT,
    query_text=TEXT,
    warehouse_id=TEXT,
    parent_path=TEXT,
    description=TEXT,
    catalog=TEXT,
    schema=TEXT,
    apply_auto_limit=FLAG,
    run_as_mode=TEXT,
    tags=TEXTS,
    parameters=ListOf(_PARAMETER),
    owner_user_name=TEXT,
)
ALERT = fields(
    display_name=TEXT,
    query_id=TEXT,
    parent_path=TEXT,
    condition=fields(
        op=TEXT,
        operand=fields(column=fields(name=TEXT)),
        threshold=fields(value=_VALUE),
        empty_result_state=TEXT,
    ),
    custom_body=TEXT,
    custom_subject=TEXT,
    notify_on_ok=FLAG,
    seconds_to_retrigger=WHOLE,
    owner_user_name=TEXT,
)
_COLUMN = fields(name=TEXT, aggregation=TEXT, display=TEXT)
ALERT_V2 = fields(
    display_name=TEXT,
    query_text=TEXT,
    warehouse_id=TEXT,
    parent_path=TEXT,
    evaluation=fields(
        source=_COLUMN,
        comparison_operator=TEXT,
        threshold=fields(column=_COLUMN, value=_VALUE),
        empty_result_state=TEXT,
        notification=fields(
            notify_on_ok=FLAG,
            retrigger_seconds=WHOLE,
            subscriptions=ListOf(fields(destination_id=TEXT, user_email=TEXT)),
        ),
    ),
    schedule=fields(quartz_cron_schedule=TEXT, timezone_id=TEXT, pause_status=TEXT),
    custom_description=TEXT,
    custom_summary=TEXT,
    custom_template_format=TEXT,
    parameters=ListOf(fields(name=TEXT, type=TEXT, value=TEXT)),
    run_as=fields(service_principal_name=TEXT, user_name=TEXT),
    run_as_user_name=TEXT,
)
_MASKED = fields(update_mask=TEXT, auto_resolve_display_name=FLAG)

SCHEMAS: dict[str, FieldType] = {
    "POST /api/2.0/sql/queries": fields(query=QUERY, auto_resolve_display_name=FLAG),
    "PATCH /api/2.0/sql/queries/{id}": _MASKED.plus(query=QUERY),
    "POST /api/2.0/sql/alerts": fields(alert=ALERT, auto_resolve_display_name=FLAG),
    "PATCH /api/2.0/sql/alerts/{id}": _MASKED.plus(alert=ALERT),
    "POST /api/2.0/alerts": ALERT_V2,
    "PATCH /api/2.0/alerts/{id}": ALERT_V2,
}
