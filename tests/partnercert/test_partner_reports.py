"""Reports: complete, without secrets, safe against hostile text, and readable in a browser."""

from __future__ import annotations

import base64
import html
import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import pytest
import yaml

from lampkeeper.notebooks.certification_pages import certification_report
from lampkeeper.notebooks.page import PageError
from lampkeeper.notebooks.program import Program, code_cells
from partnercert.cases import CASES
from partnercert.commands import cli
from partnercert.exchange import Redactor
from partnercert.reference_partner import FAULTS
from partnercert.report import render_html, render_json, render_junit, render_verdict, write_evidence
from partnercert.runner import Result
from partnercert.session import Session
from partnercert.signoff import digest
from partnercert.verdicts import Problem, Severity, Verdict
from support import partner
from support.chromium import browser, chromium
from support.missing_tools import report_missing

_SECRETS = [
    partner.PASSWORD, partner.TOKEN, partner.HELD.principal_secret, quote(partner.PASSWORD, safe=""),
    base64.b64encode(f"{partner.USER}:{partner.PASSWORD}".encode()).decode(),
]  # fmt: skip


def _result(session: Session, **more: object) -> Result:
    with session.client:
        outcomes, checks = partner.run(session), partner.check(session)
    return Result(
        partner="Acme <Loader> & Söhne", config_sha256=session.config.fingerprint, api_version="2.1.0",
        base_url=session.config.base_url, seed=7, started="2026-01-01T00:00:00+00:00", automated_only=True,
        outcomes=tuple(outcomes.values()), checks=tuple(checks.values()), exchanges=tuple(session.client.exchanges),
    )  # fmt: skip


def _broken(name: str) -> Result:
    return _result(partner.session(partner.config("auto_add"), next(f for f in FAULTS if f.name == name)))


def test_no_report_and_no_transcript_holds_a_secret_even_when_the_partner_echoes_it(tmp_path: Path) -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        text = request.content.decode() + str(request.headers) + "".join(_SECRETS)
        headers = {"content-type": "application/json", "x-echo": request.headers.get("authorization", "")}
        return httpx.Response(500, headers=headers, json={"error_reason": "general_error", "debugging_message": text})

    result = _result(partner.session(partner.config("m2m"), transport=httpx.MockTransport(echo)))
    assert next(c for c in result.checks if c.check == "ECHO").verdict is Verdict.FAIL
    files = write_evidence(result, tmp_path)
    written = "".join(path.read_text() for path in files) + render_html(result) + render_json(result)
    assert [secret for secret in _SECRETS if secret in written] == []
    assert "[redacted]" in written


def test_secrets_are_found_in_every_form_and_by_name() -> None:
    redactor = Redactor(['p"ss wörd/+='])
    for form in ('p"ss wörd/+=', quote('p"ss wörd/+=', safe=""), base64.b64encode('p"ss wörd/+='.encode()).decode()):
        assert form not in redactor.text(f"before {form} after")
    assert redactor.value({"a": [{"personal_access_token": "unknown"}]}) == {"a": [{"personal_access_token": "[redacted]"}]}
    assert "unknown" not in redactor.body(b'{"service_principal_oauth_secret": "unknown"}')


def test_json_names_every_case_with_its_verdict_and_reason() -> None:
    value = json.loads(render_json(_broken("pending_for_ever")))
    verdicts = {row["id"]: row["verdict"] for row in value["cases"]}
    assert list(verdicts) == [case.id for case in CASES]
    assert {i for i, v in verdicts.items() if v == "FAIL"} == {"P401", "P402", "P801"}
    assert value["certified"] is False
    assert value["blocking"][:3] == ["P401", "P402", "P801"]
    assert all(row["problems"] for row in value["cases"] if row["verdict"] == "FAIL")


def test_junit_counts_fit_its_rows() -> None:
    suite = ElementTree.fromstring(render_junit(_broken("delete_missing"))).find("testsuite")
    assert suite is not None
    rows = suite.findall("testcase")
    assert len(rows) == int(suite.get("tests", 0)) >= 21
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures", 0)) >= 3
    assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped", 0))


def test_evidence_is_whole_and_its_manifest_fits(tmp_path: Path) -> None:
    write_evidence(_broken("old_id_returned"), tmp_path / "deep" / "evidence")
    folder = tmp_path / "deep" / "evidence"
    manifest = json.loads((folder / "manifest.json").read_text())["files"]
    assert {"report.json", "report.xml", "report.html", "transcripts/P400.json"} <= set(manifest)
    assert {name: digest(folder / name) for name in manifest} == manifest
    assert json.loads((folder / "transcripts" / "P400.json").read_text())[0]["request"]["method"] == "POST"


def test_the_page_of_the_job_shows_the_report_and_the_job_runs_what_is_there(tmp_path: Path) -> None:
    source, page = partner.ROOT / "notebooks" / "partner_connect.ipynb", tmp_path / "page.html"
    with pytest.raises(PageError, match="run the job partner_connect first"):
        Program({"evidence": str(tmp_path)}, None).run(code_cells(source))
    result = _broken("delete_missing")
    write_evidence(result, tmp_path)
    Program({"evidence": str(tmp_path)}, page).run(code_cells(source))
    shown = page.read_text()
    assert result.summary() in shown
    assert "blocks the certification" in shown
    assert "<title>" in shown
    assert certification_report(str(tmp_path)) == render_html(result)
    job = yaml.safe_load((partner.ROOT / "resources" / "partner_connect.job.yml").read_text())
    certify, opened = job["resources"]["jobs"]["partner_connect"]["tasks"]
    tasks = tomllib.loads((partner.ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["databricks.tasks"]
    assert certify["python_wheel_task"]["entry_point"] in tasks
    assert (partner.ROOT / "resources" / opened["notebook_task"]["notebook_path"]).resolve() == source
    libraries = {next(iter(item.values()))["package"].partition(">")[0] for item in certify["libraries"] if "pypi" in item}
    extra = tomllib.loads((partner.ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["partner"]
    assert libraries == {package.partition(">")[0] for package in extra}
    options = [p for p in certify["python_wheel_task"]["parameters"] if p.startswith("--")]
    assert set(options) <= {o for p in cli.commands["run"].params for o in p.opts}


def test_hostile_text_stays_text() -> None:
    evil = "</pre><script>alert(1)</script>\x00\ud800'\"&"
    result = _broken("connectors_empty")
    bad = replace(result.outcomes[0], reason=evil, problems=(Problem(code=evil, severity=Severity.FAIL, message=evil),))
    result = replace(result, partner=evil, outcomes=(bad, *result.outcomes[1:]))
    for page in (render_html(result), render_verdict(result)):
        assert "<script" not in page
    ElementTree.fromstring(render_junit(result).encode("utf-8"))
    assert json.loads(render_json(result))["partner"] == evil


def test_the_verdict_page_can_be_forwarded(tmp_path: Path) -> None:
    result = _broken("reuse_returns_id")
    text = render_verdict(result)
    for case in CASES:
        assert f'id="{case.id}"' in text
    assert result.summary() in text
    assert result.failures().removeprefix("m") in text
    assert "databricks_user_id" not in text
    assert "<pre>" not in text
    assert [secret for secret in _SECRETS if secret in text] == []


@pytest.mark.parametrize("render", [render_html, render_verdict])
def test_a_sentence_stands_once_and_the_checklists_of_failed_cases_stay(render: Callable[[Result], str]) -> None:
    result = _broken("reuse_returns_id")
    text = html.unescape(render(result))
    for outcome in result.outcomes:
        if outcome.verdict is Verdict.FAIL and outcome.manual:
            assert all(point in text for point in outcome.manual)
    row = text[text.index('id="P300"') : text.index('id="P301"')]
    reason = next(o.reason for o in result.outcomes if o.case == "P300")
    assert row.count(reason) == 1


def test_the_page_opens_in_a_browser_with_all_21_verdicts_and_asks_for_nothing(tmp_path: Path) -> None:
    program = chromium()
    if program is None:
        report_missing("chromium", "Debian's package `chromium`; the report was not opened in a browser")
        pytest.skip("chromium is not on PATH")
    result = _broken("reuse_returns_id")
    path = tmp_path / "report.html"
    path.write_text(render_html(result), encoding="utf-8")
    with browser(program, tmp_path / "profile") as page:
        page.open(path.as_uri())
        seen = page.evaluate(
            "[...document.querySelectorAll('tbody tr[id]')].map(row => { const v = row.querySelector('.v');"
            " const box = v.getBoundingClientRect(), id = row.querySelector('b');"
            " return [id.innerText, v.innerText, box.width > 0 && box.height > 0 && id.offsetHeight > 0] })"
        )
        text = page.evaluate("document.body.innerText")
        wide = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.ask("Emulation.setDeviceMetricsOverride", on_page=True, width=400, height=800, deviceScaleFactor=1, mobile=True)
        narrow = page.evaluate("[window.innerWidth, document.documentElement.scrollWidth]")
        requested, complaints = page.requested(), page.complaints()
    cases = [row for row in seen if row[0] in {o.case for o in result.outcomes}]
    assert cases == [[o.case, o.verdict.value, True] for o in result.outcomes]
    assert len(cases) == 21
    assert result.summary() in text
    assert "Acme <Loader> & Söhne" in text
    assert wide
    assert narrow[1] <= narrow[0] == 400
    assert [url for url in requested if not url.startswith(("file:", "data:"))] == []
    assert complaints == []
