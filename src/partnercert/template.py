"""The config that `partnercert init` writes: it fits the reference partner, every part commented."""

from __future__ import annotations

import json
from pathlib import Path

from partnercert.config import PartnerConfig, from_document, parse_json

_TEMPLATE = """{
  "//": "A partner's config. Keys that start with // are comments. Credentials never stand here:",
  "// credentials": "BASIC_USER and BASIC_PASSWORD (and PAT_TOKEN) come from the environment.",
  "api_version": "2.1.0",
  "name": "Reference Partner",
  "description_blurb": "Loads data from other services into the lakehouse",
  "// category": "%(categories)s",
  "category": "INGEST",
  "// base_url": "https; plain http only on loopback. The paths below are added to it.",
  "base_url": "http://127.0.0.1:9321",
  "// endpoints": "Only connect_path is required. Leave out what you do not offer: its cases do not apply then.",
  "endpoints": {
    "connect_path": "/v1/connect",
    "get_connectors_path": "/v1/connectors",
    "test_connection_path": "/v1/test-connection",
    "delete_connection_path": "/v1/delete-connection",
    "delete_account_path": "/v1/delete-account",
    "expire_account_path": "/v1/expire-account"
  },
  "sign_up_page": "https://partner.example/signup",
  "privacy_policy": "https://partner.example/privacy",
  "terms_of_service": "https://partner.example/terms",
  "// logo_file": "png or svg, about 4.4 times as wide as high; the icon is square, at least 128 pixels",
  "logo_file": "logo.svg",
  "icon_file": "icon.svg",
  "// resources_to_provision": "PAT, SqlEndpoint, DestLocation, InteractiveCluster; DestLocation turns P201 on",
  "resources_to_provision": [{"resource_type": "SqlEndpoint"}, {"resource_type": "DestLocation"}],
  "// permissions": "at least one data permission or object permission",
  "object_permissions": [{"name": "SQL_Endpoint", "level": "CAN_USE"}],
  "data_permissions": [{"permission": "USE_CATALOG"}, {"permission": "CREATE_SCHEMA"}],
  "supported_clouds": ["aws", "azure", "gcp"],
  "// hostnames": "hosts (and their subdomains) to which redirect_uri may lead",
  "hostnames": ["127.0.0.1"],
  "// new_user_action": "what an unknown user of a known account gets on reuse: auto_add, invite, not_found, error",
  "new_user_action": "auto_add",
  "require_manual_signup": false,
  "// trial_type": "whose trial ends: user or account; leave it out when trials do not end",
  "trial_type": "account",
  "supports_demo": true,
  "// certification": "settings of partnercert itself, all optional",
  "certification": {
    "// repeat_trials": "whether an expired account may start another trial; leave it out to accept both answers",
    "// existing_user": "an e-mail address known to the partner from elsewhere (P101)",
    "// expired_user": "an e-mail address whose trial ended outside Partner Connect (P500)",
    "// deletes_in_product": "false when your product cannot delete connections either (P401, P402)",
    "// apex_test_domain_only": "true when the hooks take databricks-test.com only, no subdomains",
    "// connector_list": "a file with the known connector identifiers, one a line (P900)",
    "// workspace": "warehouse_id, trigger_path, unity_catalog, destination_location, ... turn P200 and P201 on",
    "pending_seconds": 60,
    "sign_off_days": 90
  }
}
"""


def commented_config() -> str:
    """Return the text of a commented config."""
    from partnercert.config_rules import CATEGORIES

    text = _TEMPLATE % {"categories": ", ".join(CATEGORIES)}
    json.loads(text)
    return text


def sample_images() -> dict[str, str]:
    """Return placeholders for logo and icon, by file name."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="128"><rect width="{w}" height="128" fill="#888"/></svg>\n'
    return {"logo.svg": svg.format(w=563), "icon.svg": svg.format(w=128)}


def reference_config() -> PartnerConfig:
    """Return the config of the template, parsed; its image files need not exist."""
    document = parse_json(commented_config())
    return from_document(document, folder=Path.cwd(), check_images=False)[0]
