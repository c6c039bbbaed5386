"""Lakeview dashboards through the SDK: draft, publish, trash."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, ResourceConflict
from databricks.sdk.service.dashboards import Dashboard, LifecycleState

from support.fake_runner import fake_runner
from support.localspace_server import running_localspace

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def client() -> Iterator[WorkspaceClient]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running.client()


def test_a_draft_lives_is_published_and_trashed(client: WorkspaceClient) -> None:
    made = client.lakeview.create(Dashboard(display_name="Coverage", serialized_dashboard='{"pages": []}', warehouse_id="w"))
    key = made.dashboard_id
    assert key is not None
    assert made.path is not None
    assert made.path.endswith("/Coverage.lvdash.json")
    with pytest.raises(NotFound, match="not published"):
        client.lakeview.get_published(key)
    changed = client.lakeview.update(key, Dashboard(serialized_dashboard='{"pages": [1]}', etag=made.etag))
    assert changed.etag != made.etag
    with pytest.raises(ResourceConflict):
        client.lakeview.update(key, Dashboard(serialized_dashboard="{}", etag=made.etag))
    assert client.lakeview.publish(key, embed_credentials=False).embed_credentials in (False, None)
    assert not client.lakeview.get_published(key).embed_credentials
    assert client.lakeview.get(key).serialized_dashboard == '{"pages": [1]}\n'
    client.lakeview.trash(key)
    assert client.lakeview.get(key).lifecycle_state is LifecycleState.TRASHED
    assert key not in [one.dashboard_id for one in client.lakeview.list()]


def test_publishing_embeds_the_publishers_privileges_unless_requested_otherwise(client: WorkspaceClient) -> None:
    key = client.lakeview.create(Dashboard(display_name="Open")).dashboard_id
    assert key is not None
    assert client.lakeview.publish(key).embed_credentials is True


def test_bad_drafts_are_refused(client: WorkspaceClient) -> None:
    with pytest.raises(BadRequest, match="not JSON"):
        client.lakeview.create(Dashboard(display_name="x", serialized_dashboard="{"))
    with pytest.raises(NotFound, match="doesn't exist"):
        client.lakeview.create(Dashboard(display_name="x", parent_path="/Workspace/nowhere"))
