"""Data classification from its configuration to labels: the scan, who reads results, automatic tags, `generate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from databricks.sdk.common.types.fieldmask import FieldMask
from databricks.sdk.errors import DatabricksError, NotFound, PermissionDenied
from databricks.sdk.service import catalog as uc
from databricks.sdk.service import dataclassification as dc
from databricks.sdk.service import iam, sql

from lampkeeper.model.auth import Auth
from lampkeeper.remote.clients import connect
from lampkeeper.remote.data_classification import read_classification
from localspace.sql.classification import CLASSES
from support.callers import CALLERS, Callers, running_callers

MODE = dc.AutoTaggingConfigAutoTaggingMode
ENABLED, DISABLED = MODE.AUTO_TAGGING_ENABLED, MODE.AUTO_TAGGING_DISABLED
EMAIL = "class.email_address"


@pytest.fixture(scope="module")
def callers() -> Iterator[Callers]:
    with running_callers() as running:
        w, eve = running.client("user"), running.names["stranger"]
        use = iam.AccessControlRequest(user_name=eve, permission_level=iam.PermissionLevel.CAN_USE)
        w.permissions.update("warehouses", running.space.warehouse_id, access_control_list=[use])
        w.catalogs.create("shop")
        w.schemas.create("raw", "shop")
        tagging = [uc.Privilege.USE_CATALOG, uc.Privilege.USE_SCHEMA, uc.Privilege.APPLY_TAG]
        change = uc.PermissionsChange(principal=running.names["service_principal"], add=tagging)
        w.grants.update("catalog", "shop", changes=[change])
        for text in (
            "CREATE TABLE shop.default.people (id INT, mail STRING, ssn STRING, card STRING, note STRING)",
            "INSERT INTO shop.default.people VALUES (1, 'ana@example.com', '536-22-8145', '4111 1111 1111 1111', 'x'),"
            " (2, 'bo@example.org', '219-09-9999', '5500-0000-0000-0004', 'y'), (3, NULL, NULL, NULL, NULL)",
            "CREATE TABLE shop.raw.log (address STRING)",
            "INSERT INTO shop.raw.log VALUES ('10.0.0.1'), ('::1'), ('unknown')",
        ):
            done = w.statement_execution.execute_statement(text, running.space.warehouse_id, wait_timeout="50s")
            assert done.status.state is sql.StatementState.SUCCEEDED, done.status
        yield running


def results(callers: Callers, label: str) -> dict[str, tuple[str, str, float]]:
    w = callers.client(label)
    text = "SELECT table_name, column_name, class_tag, confidence, frequency FROM system.data_classification.results"
    done = w.statement_execution.execute_statement(text, callers.space.warehouse_id, wait_timeout="50s")
    if done.status.state is not sql.StatementState.SUCCEEDED:
        raise LookupError(done.status.error.message)
    rows = done.result.data_array if done.result and done.result.data_array else []
    return {f"{row[0]}.{row[1]}": (row[2], row[3], round(float(row[4]), 2)) for row in rows}


@pytest.mark.spark
@pytest.mark.parametrize("label", CALLERS)
def test_a_configuration_leads_to_results_and_tags(callers: Callers, label: str) -> None:
    w, eve = callers.client(label), callers.client("stranger")
    config = dc.CatalogConfig(
        auto_tag_configs=[dc.AutoTaggingConfig(EMAIL, ENABLED), dc.AutoTaggingConfig("class.us_ssn", DISABLED)]
    )
    made = w.data_classification.create_catalog_config("catalogs/shop", config)
    name = "catalogs/shop/config"
    assert (made.name, made.auto_tag_configs) == (name, config.auto_tag_configs)
    assert {"included_schemas", "excluded_schemas"} & made.as_dict().keys() == set()
    assert w.data_classification.get_catalog_config(name) == made
    assert results(callers, label) == {
        "people.mail": (EMAIL, "HIGH", 1.0),
        "people.ssn": ("class.us_ssn", "HIGH", 1.0),
        "people.card": ("class.credit_card", "HIGH", 1.0),
        "log.address": ("class.ip_address", "LOW", 0.67),
    }
    with pytest.raises(LookupError):
        results(callers, "stranger")
    [tag] = w.entity_tag_assignments.list("columns", "shop.default.people.mail")
    assert (tag.tag_key, tag.source_type.value) == (EMAIL, "TAG_ASSIGNMENT_SOURCE_TYPE_SYSTEM_DATA_CLASSIFICATION")
    assert list(w.entity_tag_assignments.list("columns", "shop.default.people.ssn")) == []
    auth = Auth(workspace_host=callers.space.host, token=callers.tokens[label])
    found = read_classification(connect(auth, warehouse_id=callers.space.warehouse_id), ["shop"])
    assert found is not None
    assert {(str(one.column.column), one.class_tag, one.confidence) for one in found} >= {("mail", EMAIL, "HIGH")}

    names = dc.CatalogConfigSchemaNames(["raw"])
    masks = dc.CatalogConfig(included_schemas=names)
    changed = w.data_classification.update_catalog_config(name, masks, FieldMask(["included_schemas"]))
    assert (changed.included_schemas, changed.auto_tag_configs) == (names, config.auto_tag_configs)
    assert set(results(callers, label)) == {"log.address"}
    with pytest.raises(DatabricksError, match="already"):
        w.data_classification.create_catalog_config("catalogs/shop", config)
    both = dc.CatalogConfig(included_schemas=names, excluded_schemas=names)
    with pytest.raises(DatabricksError, match="exclude each other"):
        w.data_classification.update_catalog_config(name, both, FieldMask(["included_schemas", "excluded_schemas"]))
    for refused in (
        lambda: eve.data_classification.get_catalog_config(name),
        lambda: eve.data_classification.delete_catalog_config(name),
    ):
        with pytest.raises(PermissionDenied):
            refused()
    w.data_classification.delete_catalog_config(name)
    with pytest.raises(NotFound):
        w.data_classification.get_catalog_config(name)
    with pytest.raises(LookupError, match="TABLE_OR_VIEW_NOT_FOUND"):
        results(callers, label)
    w.entity_tag_assignments.delete("columns", "shop.default.people.mail", EMAIL)


VALUES: tuple[tuple[str, str | None], ...] = (
    ("ana@example.com", EMAIL),
    ("ana@example", None),
    ("536-22-8145", "class.us_ssn"),
    ("000-22-8145", None),
    ("4111111111111111", "class.credit_card"),
    ("4111111111111112", None),
    ("DE89 3704 0044 0532 0130 00", "class.iban_code"),
    ("DE89 3704 0044 0532 0130 01", None),
    ("192.168.0.1", "class.ip_address"),
    ("1.2.3", None),
    ("+4930123456", "class.phone_number"),
    ("(030) 1234-5678", "class.phone_number"),
    ("12345678", None),
    ("2024-01-02", None),
    ("Ana", None),
)


@pytest.mark.unit
@pytest.mark.parametrize(("value", "tag"), VALUES)
def test_a_value_has_the_class_whose_form_it_has(value: str, tag: str | None) -> None:
    found: Any = next((one for one, fits in CLASSES.items() if fits(value)), None)
    assert found == tag
