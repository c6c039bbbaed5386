"""Stored documents of saved queries and alerts. Times are RFC 3339."""

from typing import Any, NotRequired, TypedDict


class StoredSavedQuery(TypedDict):
    """A query that somebody has saved."""

    id: str
    display_name: str
    owner_user_name: str
    last_modifier_user_name: str
    parent_path: str
    lifecycle_state: str
    run_as_mode: str
    create_time: str
    update_time: str
    query_text: NotRequired[str]
    warehouse_id: NotRequired[str]
    description: NotRequired[str]
    catalog: NotRequired[str]
    schema: NotRequired[str]
    apply_auto_limit: NotRequired[bool]
    tags: NotRequired[list[str]]
    parameters: NotRequired[list[dict[str, Any]]]


class StoredAlert(TypedDict):
    """An alert on a saved query."""

    id: str
    display_name: str
    query_id: str
    condition: dict[str, Any]
    owner_user_name: str
    parent_path: str
    lifecycle_state: str
    state: str
    create_time: str
    update_time: str
    custom_body: NotRequired[str]
    custom_subject: NotRequired[str]
    notify_on_ok: NotRequired[bool]
    seconds_to_retrigger: NotRequired[int]


class StoredAlertV2(TypedDict):
    """An alert with its own query and schedule."""

    id: str
    display_name: str
    query_text: str
    warehouse_id: str
    evaluation: dict[str, Any]
    schedule: dict[str, Any]
    owner_user_name: str
    parent_path: str
    lifecycle_state: str
    create_time: str
    update_time: str
    custom_description: NotRequired[str]
    custom_summary: NotRequired[str]
    custom_template_format: NotRequired[str]
    parameters: NotRequired[list[dict[str, Any]]]
    run_as: NotRequired[dict[str, str]]
    run_as_user_name: NotRequired[str]
