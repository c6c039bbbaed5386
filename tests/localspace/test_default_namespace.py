"""The default catalog: a setting with an etag, followed by names without a catalog."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from databricks.sdk.errors import NotFound, PermissionDenied, ResourceConflict
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.errors.platform import InvalidParameterValue
from databricks.sdk.service.settings import DefaultNamespaceSetting, StringMessage

from support.fake_runner import fake_runner
from support.localspace_server import LocalWorkspace, running_localspace
from support.sql_workspace import SqlWorkspace


@pytest.fixture
def space() -> Iterator[LocalWorkspace]:
    with running_localspace(build_runner=fake_runner) as running:
        yield running


def etag_of(error: DatabricksError) -> str:
    return str((error.get_error_info()[0].metadata or {})["etag"])


def setting(value: str, etag: str | None) -> dict[str, object]:
    made = DefaultNamespaceSetting(namespace=StringMessage(value=value), etag=etag)
    return {"allow_missing": True, "setting": made, "field_mask": "namespace.value"}


@pytest.mark.server
def test_a_write_needs_the_etag_of_what_it_replaces(space: LocalWorkspace) -> None:
    api = space.client().settings.default_namespace
    with pytest.raises(NotFound) as unset:
        api.get()
    with pytest.raises(NotFound) as without:
        api.update(**setting("samples", None))  # type: ignore[arg-type]
    assert etag_of(without.value) == etag_of(unset.value)
    made = api.update(**setting("samples", etag_of(unset.value)))  # type: ignore[arg-type]
    assert (api.get().namespace.value, api.get().etag, api.get().setting_name) == ("samples", made.etag, "default")
    for stale in (None, etag_of(unset.value), "nonsense"):
        with pytest.raises(ResourceConflict) as refused:
            api.update(**setting("system", stale))  # type: ignore[arg-type]
        assert etag_of(refused.value) == made.etag
    again = api.update(**setting("hive_metastore", made.etag))  # type: ignore[arg-type]
    assert again.etag != made.etag
    with pytest.raises(ResourceConflict):
        api.delete(etag=made.etag)
    api.delete(etag=again.etag)
    with pytest.raises(NotFound):
        api.get()


@pytest.mark.server
def test_the_etag_of_a_refused_first_write_is_good_for_the_second(space: LocalWorkspace) -> None:
    # The Terraform provider writes before it reads.
    api = space.client().settings.default_namespace
    with pytest.raises(NotFound) as without:
        api.update(**setting("samples", None))  # type: ignore[arg-type]
    assert api.update(**setting("samples", etag_of(without.value))).namespace.value == "samples"  # type: ignore[arg-type]


@pytest.mark.server
def test_who_may_and_what_is_refused(space: LocalWorkspace) -> None:
    api = space.client().settings.default_namespace
    with pytest.raises(NotFound) as unset:
        api.get()
    etag = etag_of(unset.value)
    with pytest.raises(InvalidParameterValue, match="does not exist"):
        api.update(**setting("nothing_here", etag))  # type: ignore[arg-type]
    with pytest.raises(InvalidParameterValue, match="field_mask"):
        api.update(**(setting("main", etag) | {"field_mask": "other"}))  # type: ignore[arg-type]
    other = space.client().service_principals.create(display_name="x")
    theirs = space.client(space.mint(str(other.application_id))).settings.default_namespace
    with pytest.raises(PermissionDenied):
        theirs.update(**setting("samples", etag))  # type: ignore[arg-type]


@pytest.mark.spark
def test_names_without_a_catalog_follow_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    from localspace.governance.default_namespace import not_found_with, read_default, write_default

    place = SqlWorkspace(tmp_path_factory.mktemp("namespace"))
    assert place.rows("SELECT current_catalog(), current_schema()") == [["main", "default"]]
    with pytest.raises(type(not_found_with(""))) as unset:
        read_default(place.store)
    write_default(place.store, "hive_metastore", unset.value.details[0]["metadata"]["etag"])
    assert place.rows("SELECT current_catalog()") == [["hive_metastore"]]
    place.sql("CREATE TABLE here (id INT)")
    assert place.rows("SHOW TABLES") == [["default", "here", "false"]]
    assert place.rows("SELECT count(*) FROM hive_metastore.default.here") == [["0"]]
    assert place.sql("SELECT current_catalog()", catalog="main").rows == [["main"]]
    place.close()
