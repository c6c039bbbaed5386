"""Stored documents of compute: cluster policies. Times are milliseconds since 1970."""

from typing import Any, NotRequired, TypedDict


class StoredClusterPolicy(TypedDict):
    """A cluster policy; `definition` is the JSON text as it was sent."""

    policy_id: str
    name: str
    definition: str
    creator_user_name: str
    created_at_timestamp: int
    description: NotRequired[str]
    libraries: NotRequired[list[dict[str, Any]]]
    max_clusters_per_user: NotRequired[int]
