"""A config with every kind of error: all listed at once, with the path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from partnercert import template
from partnercert.config import ConfigError, from_document, load, parse_json
from partnercert.hosts import host_allowed, redirect_problem
from support import partner


def _problems(document: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        from_document(document, folder=Path())
    return [str(p) for p in caught.value.problems]


def test_every_kind_of_error_is_listed_at_once_with_its_path() -> None:
    document: dict[str, Any] = partner.document("auto_add")
    document |= {
        "api_version": "2", "name": "", "category": "INGESTION", "base_url": "http://partner.example/?x=1",
        "privacy_policy": "no url", "icon_file": "icon.gif", "logo_file": "none.svg",
        "supported_clouds": [],
        "hostnames": ["https://x.com/"],
        "new_user_action": None, "supports_demo": "yes", "data_permissions": [], "object_permissions": [],
        "auth_options": ["AUTH_PAT", "AUTH_OAUTH_M2M"], "test_workspace_detail": {"hostname": "h", "port": 70000},
        "resources_to_provision": [{"resource_type": "SqlEndpoints"}, {"type": "PAT"}], "trial_typ": "user",
        "certification": {"connector_list": "none.txt", "sign_off_days": 0, "existing_user": "nobody"},
    }  # fmt: skip
    document["endpoints"] = {"delete_connection_path": "v1/delete", "get_connectors_path": 5}
    del document["terms_of_service"]
    found = _problems(document)
    paths = {line.split()[1] for line in found if line.startswith("error")}
    assert paths == {
        "$.api_version", "$.name", "$.category", "$.base_url", "$.privacy_policy", "$.icon_file",
        "$.logo_file", "$.supported_clouds",
        "$.hostnames[0]", "$.new_user_action", "$.supports_demo", "$.data_permissions", "$.auth_options",
        "$.test_workspace_detail.port", "$.test_workspace_detail.jdbc_url", "$.test_workspace_detail.databricks_jdbc_url",
        "$.test_workspace_detail.http_path", "$.test_workspace_detail.cluster_id",
        "$.resources_to_provision[0].resource_type", "$.resources_to_provision[1].resource_type", "$.terms_of_service",
        "$.endpoints.connect_path", "$.endpoints.delete_connection_path", "$.endpoints.get_connectors_path",
        "$.certification.connector_list", "$.certification.sign_off_days", "$.certification.existing_user",
    }  # fmt: skip
    assert "did you mean 'INGEST'" in "".join(found)
    assert "warning: $.trial_typ is not a known key; did you mean 'trial_type'?" in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1, column 1"),
        ('{"a": 1,\n "b": }', "line 2, column 7"),
        ('{"name": 1, "name": 2}', "written twice"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_text_that_is_not_json_is_answered_with_the_location(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_json(text)


@pytest.mark.parametrize("document", [None, [], 3, "x", True])
def test_a_config_that_is_no_object_is_one_error(document: object) -> None:
    assert len(_problems(document)) == 1


def test_the_template_is_json_with_comments_and_fits_the_reference_partner() -> None:
    json.loads(template.commented_config())
    made = template.reference_config()
    assert made.endpoints == partner.config("auto_add").endpoints
    assert made.certification.sign_off_days == 90


def test_comments_do_not_change_the_fingerprint(tmp_path: Path) -> None:
    plain, commented = tmp_path / "a.json", tmp_path / "b.json"
    partner.written(plain, partner.document("auto_add"))
    commented.write_text("// a comment line\n" + json.dumps({"// why": "so", **partner.document("auto_add")}))
    assert load(plain)[0].fingerprint == load(commented)[0].fingerprint


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://partner.com/x", True),
        ("https://app.partner.com/x", True),
        ("https://PARTNER.com./x", True),
        ("https://partner.com:8443/x", True),
        ("https://partner.com.evil.tld/", False),
        ("https://notpartner.com/", False),
        ("https://partner.com@evil.tld/", False),
        ("https://evil.tld/?partner.com", False),
        ("https://evil.tld#partner.com", False),
        ("https://evil.tld\\@partner.com/", False),
        ("http://partner.com/", False),
        ("javascript:alert(1)//partner.com", False),
        ("//partner.com/", False),
        ("https://partner.com /", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_redirects_are_held_to_the_real_host(url: str, good: bool) -> None:
    assert (redirect_problem(url, ("partner.com",)) is None) is good


def test_plain_http_is_for_loopback_and_addresses_have_no_subdomains() -> None:
    assert redirect_problem("http://127.0.0.1:9/x", ("127.0.0.1",)) is None
    assert redirect_problem("http://localhost:9/x", ("localhost",)) is None
    assert not host_allowed("evil.127.0.0.1", ("127.0.0.1",))
