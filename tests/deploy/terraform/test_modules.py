"""The Terraform modules are right by the provider's schema, and read what lampkeeper writes; no Terraform runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import hcl2
import pytest

from lampkeeper.deploy.terraform.layer_folder import modules
from lampkeeper.deploy.terraform.resources import ENTITLEMENTS, IGNORED, TYPES
from lampkeeper.files.auth_file import AUTH_KEYS
from lampkeeper.files.tfvars import sections
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.unreviewed import REVIEW_KEY
from support.module_check import MODULES, TABLE, blocks_of, mistakes, shape_of, table

pytestmark = pytest.mark.unit
FILES = sorted(MODULES.glob("*/*.tf"))


def variables(layer: Layer) -> dict[str, dict[str, str]]:
    found = {}
    for path in sorted((MODULES / str(layer)).glob("*.tf")):
        for block in hcl2.loads(path.read_text()).get("variable", []):
            found |= {name.strip('"'): body for name, body in block.items() if name != "__is_block__"}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_block_is_as_the_provider_wants_it(path: Path) -> None:
    assert mistakes(path.read_text()) == []


def test_the_table_names_its_source_and_is_what_the_script_makes(tmp_path: Path) -> None:
    found = table()
    assert (found["license"], found["version"]) == ("Apache-2.0", "1.128.0")
    assert "terraform-provider-databricks" in found["source"]
    used = {(kind, name) for path in FILES for kind, name, _, _ in blocks_of(path.read_text()) if name not in IGNORED}
    assert used == {(kind, name) for kind in ("resource", "data") for name in found[kind]}
    schema = tmp_path / "schema.json"
    whole = {"resource_schemas": {}, "data_source_schemas": {}}
    schema.write_text(json.dumps(whole))
    script = [sys.executable, MODULES / "tools" / "reduce_schema.py", schema, "--version", "9"]
    before = TABLE.read_bytes()
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "KeyError" in done.stderr
    assert TABLE.read_bytes() == before


GOOD = 'resource "databricks_tag_policy" "t" {\n  tag_key = "pii"\n  values = [for v in var.v : { name = v }]\n}\n'


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (("tag_key", "tag_kee"), "databricks_tag_policy.t: unknown argument tag_kee"),
        (('tag_key = "pii"', ""), "databricks_tag_policy.t: tag_key is required"),
        (('"pii"', "[1]"), "databricks_tag_policy.t.tag_key: is list, not string"),
        (('"pii"', "var.a ? 5 : null"), "databricks_tag_policy.t.tag_key: is number, not string"),
        (("{ name = v }", "{ nam = v }"), "databricks_tag_policy.t.values: unknown argument nam"),
        (("[for v in var.v : { name = v }]", '"x"'), "databricks_tag_policy.t.values: is string, not list"),
        (("databricks_tag_policy", "databricks_tag_polizy"), "databricks_tag_polizy.t: unknown type"),
        (('tag_key = "pii"', 'tag_key = "pii"\n  create_time = "now"'), "databricks_tag_policy.t.create_time: is only computed"),
    ],
)
def test_a_mistake_is_found(change: tuple[str, str], mistake: str) -> None:
    assert mistakes(GOOD) == []
    assert mistake in mistakes(GOOD.replace(*change))


def test_a_block_with_a_mistake_is_found() -> None:
    text = (MODULES / "workspace" / "main.tf").read_text()
    assert any("unknown block entry" in m for m in mistakes(text.replace('"access_control"', '"entry"')))
    assert any("block access_control is missing" in m for m in mistakes(text.replace('"access_control"', '"entry"')))
    assert any("unknown argument custom_tagz" in m for m in mistakes(text.replace("custom_tags", "custom_tagz")))


@pytest.mark.parametrize(
    ("text", "shape"),
    [("${a ? {b = 1} : null}", "object"), ('"x"', "string"), ("${each.key}", ""), ("${contains(a, b)}", "bool"), (3, "number")],
)
def test_the_shape_of_an_expression(text: object, shape: str) -> None:
    assert shape_of(text) == shape


@pytest.mark.parametrize("layer", LAYERS)
def test_a_module_declares_every_section_of_its_layers_file_and_the_keys_of_the_sign_in(layer: Layer) -> None:
    declared = variables(layer)
    assert {s.key for s in sections(layer)} <= set(declared)
    assert len(AUTH_KEYS) >= 9
    assert set(AUTH_KEYS) <= set(declared)


@pytest.mark.parametrize("name", ["sign_in.tf", "versions.tf"])
def test_what_every_root_module_needs_of_its_own_is_the_same_text(name: str) -> None:
    """Terraform includes no file of another folder."""
    assert len({(MODULES / str(layer) / name).read_bytes() for layer in LAYERS}) == 1


def test_secrets_are_sensitive_and_only_the_providers_use_them() -> None:
    for layer in LAYERS:
        declared = variables(layer)
        assert {n for n, body in declared.items() if body.get("sensitive") is True} == {
            "databricks_client_secret",
            "databricks_token",
        }
        for path in (MODULES / str(layer)).glob("*.tf"):
            if path.name not in ("providers.tf", "sign_in.tf"):
                assert not re.search(r"secret|token|profile|path\.", path.read_text()), path


def test_the_engine_reads_every_resource_of_the_modules_and_no_other() -> None:
    resources = {name for path in FILES for kind, name, _, _ in blocks_of(path.read_text()) if kind == "resource"}
    assert resources == {*TYPES, *IGNORED}
    assert set(ENTITLEMENTS) < set(table()["resource"]["databricks_entitlements"]["arguments"])


def test_the_modules_agree_with_the_product_on_marks_and_the_review_tag() -> None:
    text = "".join(path.read_text() for path in FILES)
    assert f'default     = "{REVIEW_KEY}"' in text
    assert "[managed by lampkeeper: account]" in text
    assert "[managed by lampkeeper: ${var.environment}]" in text
    assert text.count('version = ">= 1.128.0, < 2.0.0"') == 3


def test_the_modules_are_found_and_go_into_the_wheel() -> None:
    assert modules() == MODULES
    project = (MODULES.parent / "pyproject.toml").read_text()
    for layer in LAYERS:
        assert f'"terraform/{layer}" = "lampkeeper/deploy/terraform/modules/{layer}"' in project
