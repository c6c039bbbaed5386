"""Who hears of drift: the addresses and destinations of two bundle variables, in each target."""

from __future__ import annotations

import pytest

from support.bundle_jobs import bundle_document

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("target", ["local", "dev", "prod"])
def test_a_failed_run_of_schema_drift_notifies_the_addresses_and_webhooks_of_the_variables(target: str) -> None:
    document = bundle_document(target=target)
    job = document["resources"]["jobs"]["schema_drift"]
    assert job["email_notifications"] == {"on_failure": "${var.drift_emails}"}
    assert job["webhook_notifications"] == {"on_failure": "${var.drift_webhooks}"}
    for name in ("drift_emails", "drift_webhooks"):
        variable = document["variables"][name]
        assert (variable["type"], variable["default"]) == ("complex", [])


def test_the_job_that_watches_fails_until_the_end_of_a_drift_is_applied_and_proposes_a_delta() -> None:
    tasks = {t["task_key"]: t for t in bundle_document()["resources"]["jobs"]["schema_drift"]["tasks"]}
    words = {key: t["python_wheel_task"]["parameters"] for key, t in tasks.items() if "python_wheel_task" in t}
    assert words["audit"][words["audit"].index("--not-applied") + 1] == "fail"
    assert words["generate_delta"][0] == "generate-delta"
    assert "--verdict" not in words["generate_delta"]
    assert "--propose" in words["plan"]
    assert not any(w[0] in ("generate", "apply") for w in words.values())
    assert [d["task_key"] for d in tasks["validate"]["depends_on"]] == ["generate_delta"]
