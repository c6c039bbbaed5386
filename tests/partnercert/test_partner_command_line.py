"""The commands as people and CI call them: exit codes, files, progress, sign-offs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from partnercert.cases import CASES
from partnercert.commands import cli
from partnercert.reference_partner import FAULTS, build
from partnercert.verdicts import Verdict
from support import partner

ENV = {"BASIC_USER": partner.USER, "BASIC_PASSWORD": partner.PASSWORD, "PAT_TOKEN": partner.TOKEN, "COLUMNS": "100"}
MANUAL = [case.id for case in CASES if case.points(guided=case.id in ("P200", "P201"))]


def _call(*arguments: str, env: dict[str, str] | None = None) -> Result:
    names = ("BASIC_USER", "BASIC_PASSWORD", "PAT_TOKEN", "DATABRICKS_HOST", "DATABRICKS_TOKEN")
    clean: dict[str, str | None] = dict.fromkeys(names)
    return CliRunner(env={**clean, **(ENV if env is None else env)}).invoke(cli, list(arguments))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = build(partner.config("auto_add"), user=partner.USER, password=partner.PASSWORD)
    with partner.served(app) as where:
        app.state.partner.address = where
        yield where


@pytest.fixture
def config(address: str, tmp_path: Path) -> Path:
    return partner.written(tmp_path / "partner.json", partner.document("auto_add", base_url=address))


def test_run_shows_progress_a_table_what_waits_and_writes_the_reports(config: Path, tmp_path: Path) -> None:
    done = _call(
        "run", "--config", str(config), "--automated-only", "--fuzz", "3", "--junit", str(tmp_path / "j.xml"),
        "--html", str(tmp_path / "r.html"),
        "--verdict", str(tmp_path / "v.html"), "--json", str(tmp_path / "r.json"), "--evidence", str(tmp_path / "ev"),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "21 cases: PASS 19 NOT_APPLICABLE 0 MANUAL_PENDING 2 FAIL 0" in done.output
    assert "manual check pending: " + ", ".join(MANUAL) in done.output
    assert all(case.id in done.output for case in CASES)
    for path in ("j.xml", "v.html", "ev/verdict.html", "r.html", "r.json", "ev/manifest.json"):
        assert (tmp_path / path).stat().st_size > 0
    assert partner.PASSWORD not in done.output


def test_an_ordinary_run_waits_for_people_and_says_so(config: Path) -> None:
    done = _call("run", "--config", str(config), "--no-extended")
    assert done.exit_code == 1
    assert "21 cases: PASS 8 NOT_APPLICABLE 0 MANUAL_PENDING 13 FAIL 0" in done.output
    # The optional ones never stand in the way.
    assert "not certified: P100, P101, P200, P201, P300, P301, P302, P402, P600, P700\n" in done.output


def test_cases_can_be_chosen_in_any_letter_case_and_json_goes_to_standard_output(config: Path) -> None:
    done = _call("run", "--config", str(config), "--case", "p400", "--case", "P801", "--json", "-")
    assert done.exit_code == 0
    assert [row["id"] for row in json.loads(done.stdout)["cases"]] == ["P400", "P801"]


@pytest.mark.parametrize("option", ["--compat-gpc", "--seed=5"])
def test_options_that_change_what_is_sent_still_pass(config: Path, option: str) -> None:
    assert _call("run", "--config", str(config), "--case", "P600", option, "--automated-only").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--config", "none.json"], "none.json cannot be read"),
        (["run"], "--config"),
        (["run", "--config", "CONFIG", "--case", "P999"], "P999 is not a case"),
        (["run", "--config", "CONFIG", "--retry-delays", "1,x"], "--retry-delays"),
        (["run", "--config", "BAD"], "BAD: 16 errors"),
        (["explain", "P999"], "P999 is not a case"),
        (["serve", "--fault", "none"], "no such fault: none"),
        (["signoff", "P403", "--config", "CONFIG", "--who", "Ana", "--result", "passed"], "no manual step"),
        (["signoff", "P100", "--config", "CONFIG", "--who", "Ana"], "sign-off needs a terminal"),
        (["signoff", "P100", "--config", "CONFIG"], "Missing option"),
    ],
)
def test_wrong_use_is_exit_2_with_the_location(arguments: list[str], said: str, config: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    done = _call(*[{"CONFIG": str(config), "BAD": str(bad)}.get(a, a) for a in arguments])
    assert done.exit_code == 2
    assert said.replace("BAD", str(bad)) in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("missing", ["BASIC_USER", "BASIC_PASSWORD"])
def test_credentials_come_from_the_environment_only(config: Path, missing: str) -> None:
    done = _call("run", "--config", str(config), env={k: v for k, v in ENV.items() if k != missing})
    assert done.exit_code == 2
    assert f"set {missing} in the environment" in done.output


def test_wrong_credentials_are_a_verdict(config: Path) -> None:
    done = _call("run", "--config", str(config), "--case", "P100", env={**ENV, "BASIC_PASSWORD": "wrong-password"})
    assert done.exit_code == 1
    assert "401 unauthorized" in done.output


def test_a_server_that_is_down_is_a_verdict(tmp_path: Path) -> None:
    path = partner.written(tmp_path / "p.json", partner.document("auto_add", base_url="http://127.0.0.1:9"))
    done = _call("run", "--config", str(path), "--automated-only")
    assert done.exit_code == 1
    assert "cannot connect" in done.output
    assert "PASS 0 NOT_APPLICABLE 0 MANUAL_PENDING 2 FAIL 1 BLOCKED 18" in done.output


def test_list_explain_and_init(tmp_path: Path, config: Path) -> None:
    listed = _call("list", env={}).output
    assert [line.split()[0] for line in listed.splitlines()] == [case.id for case in CASES]
    assert json.loads(_call("list", "--config", str(config), "--json", env={}).stdout)[0]["gate"] == ""
    for case in CASES:
        text = _call("explain", case.id, env={}).output
        assert case.title in text
        assert all(point in text for point in (*case.looks_at, *case.points(guided=True)))
    path = tmp_path / "new.json"
    assert _call("init", str(path), env={}).exit_code == 0
    assert _call("init", str(path), env={}).exit_code == 2
    assert _call("list", "--config", str(path), env={}).exit_code == 0


def test_a_signed_off_partner_is_certified_until_the_config_changes(config: Path) -> None:
    evidence = config.parent / "screen.png"
    evidence.write_bytes(b"picture")
    for case in MANUAL:
        done = _call("signoff", case, "--config", str(config), "--who", "Ana Roy", "--result", "passed",
                     "--role", "product", "--evidence", str(evidence), env={})  # fmt: skip
        assert done.exit_code == 0, done.output
    done = _call("run", "--config", str(config), "--no-extended")
    assert done.exit_code == 0, done.output
    assert "PASS 8 NOT_APPLICABLE 0 MANUAL_PENDING 0 FAIL 0 SIGNED_OFF 13" in done.output
    evidence.write_bytes(b"another picture")
    assert "was altered" in _call("run", "--config", str(config), "--case", "P100").output
    evidence.write_bytes(b"picture")
    changed = json.loads(config.read_text())
    changed["name"] = "Other"
    config.write_text(json.dumps(changed))
    done = _call("run", "--config", str(config), "--case", "P100")
    assert done.exit_code == 1
    assert "the config has changed since" in done.output


@pytest.mark.parametrize("case", ["P100", "P200", "P201", "P402"])
@pytest.mark.parametrize("defect", ["failed", "expired", "unanswered", "future", "no evidence"])
def test_a_sign_off_that_does_not_hold_does_not_sign(case: str, defect: str, config: Path) -> None:
    assert _call("signoff", case, "--config", str(config), "--who", "Ana", "--result", "passed", env={}).exit_code == 0
    path = config.with_name("partner.signoffs.json")
    rows = json.loads(path.read_text())
    past, future = (datetime.now(UTC) - timedelta(days=1)).isoformat(), (datetime.now(UTC) + timedelta(days=2)).isoformat()
    rows[0] |= {
        "failed": {"result": "failed", "answers": [False]},
        "expired": {"expires": past},
        "unanswered": {"answers": []},
        "future": {"time": future, "expires": future.replace("20", "30", 1)},
        "no evidence": {"evidence": [{"path": "gone.png", "sha256": "0"}]},
    }[defect]
    path.write_text(json.dumps(rows))
    done = _call("run", "--config", str(config), "--case", case, "--json", "-")
    wanted = Verdict.FAIL if defect == "failed" else Verdict.MANUAL_PENDING
    assert json.loads(done.stdout)["cases"][0]["verdict"] == wanted
    assert done.exit_code == 1


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '[{"case": "P100"}]'])
def test_a_broken_record_of_sign_offs_is_refused_with_the_location(config: Path, text: str) -> None:
    path = config.with_name("partner.signoffs.json")
    path.write_text(text)
    done = _call("run", "--config", str(config))
    assert done.exit_code == 2
    assert "partner.signoffs.json" in done.output
    again = _call("signoff", "P100", "--config", str(config), "--who", "A", "--result", "passed", env={})
    assert again.exit_code == 2
    assert path.read_text() == text


def test_serve_says_when_it_is_ready_and_runs_against_it_pass(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "partnercert.main"]
    env = {**os.environ, **ENV}
    with subprocess.Popen(
        [*program, "serve", "--port", "0", "--json", "--fault", "test_results_empty"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        try:
            ready = json.loads(server.stdout.readline())
            path = partner.written(tmp_path / "p.json", partner.document("auto_add", base_url=ready["base_url"]))
            port = ready["base_url"].rpartition(":")[2]
            taken = _call("serve", "--port", port)
            done = _call("run", "--config", str(path), "--case", "P800", "--case", "P100", "--automated-only")
        finally:
            server.terminate()
            server.wait(10)
    assert (taken.exit_code, "cannot listen" in taken.output) == (4, True)
    assert done.exit_code == 1
    assert "2 of 21 cases run: PASS 1 NOT_APPLICABLE 0 MANUAL_PENDING 0 FAIL 1" in done.output


def test_a_failed_optional_case_is_named_everywhere_and_fails_on_request(tmp_path: Path) -> None:
    fault = next(f for f in FAULTS if f.name == "expired_reuse_sign_in")
    app = build(partner.config("auto_add"), user=partner.USER, password=partner.PASSWORD, faults=[fault])
    with partner.served(app) as where:
        app.state.partner.address = where
        path = partner.written(tmp_path / "partner.json", partner.document("auto_add", base_url=where))
        given = ["run", "--config", str(path), "--automated-only", "--case", "P501", "--case", "P100"]
        files = ["--junit", str(tmp_path / "j.xml"), "--html", str(tmp_path / "r.html"), "--verdict", str(tmp_path / "v.html")]
        warned, failed = _call(*given, *files), _call(*given, "--optional", "fail")
    assert (warned.exit_code, failed.exit_code) == (0, 1)
    last = "mandatory 0 failed, optional 1 failed (P501)"
    assert warned.output.splitlines()[-1] == failed.output.splitlines()[-1] == last
    assert "not certified: P501" in failed.output
    assert "2 of 21 cases run" in warned.output
    assert "cases alone are not a certification" in warned.output
    assert "nothing prevents certification" not in warned.output
    assert 'message="optional: reuse after the trial' in (tmp_path / "j.xml").read_text()
    for name in ("r.html", "v.html"):
        text = (tmp_path / name).read_text()
        assert last.removeprefix("m") in text
        assert "2 of 21 cases run" in text


def test_each_result_is_printed_once(config: Path) -> None:
    done = _call("run", "--config", str(config), "--case", "P400", "--case", "P800", "--automated-only")
    assert [line.split()[0] for line in done.output.splitlines() if line.startswith("  P")] == ["P400", "P800"]
    assert sum("P400" in line for line in done.output.splitlines()) == 1


def test_wrong_credentials_are_named_by_their_variables(config: Path) -> None:
    done = _call("run", "--config", str(config), "--case", "P100", "--case", "P300", env={**ENV, "BASIC_USER": "nobody"})
    assert done.output.count("wrong BASIC_USER or BASIC_PASSWORD?") == 2


@pytest.mark.parametrize("option", ["--junit", "--html", "--json", "--verdict"])
def test_a_folder_that_does_not_exist_is_refused_before_the_run(option: str, config: Path, tmp_path: Path) -> None:
    for given in ([option, str(tmp_path / "none" / "x")], ["--evidence", str(tmp_path / "none" / "deep")]):
        done = _call("run", "--config", str(config), *given)
        assert done.exit_code == 2
        assert "does not exist" in done.output
        assert "P100" not in done.output
    assert not (tmp_path / "none").exists()


def test_absent_pictures_unknown_clouds_and_an_absent_record_are_refused(config: Path) -> None:
    (config.parent / "logo.svg").unlink()
    document = json.loads(config.read_text())
    config.write_text(json.dumps({**document, "supported_clouds": ["aws", "oracle"]}))
    done = _call("run", "--config", str(config))
    assert done.exit_code == 2
    assert "$.logo_file names no file beside the config: logo.svg" in done.output
    assert "$.supported_clouds[1] must be one of" in done.output
    partner.written(config, document)
    done = _call("run", "--config", str(config), "--signoffs", str(config.parent / "none.json"))
    assert (done.exit_code, "does not exist" in done.output) == (2, True)


@pytest.mark.parametrize("who", ["", "  "])
def test_a_sign_off_names_a_person_and_an_existing_folder(who: str, config: Path) -> None:
    done = _call("signoff", "P100", "--config", str(config), "--who", who, "--result", "passed", env={})
    assert (done.exit_code, "--who must name a person" in done.output) == (2, True)
    nowhere = str(config.parent / "none" / "s.json")
    done = _call("signoff", "P100", "--config", str(config), "--who", "A", "--result", "passed", "--signoffs", nowhere, env={})
    assert (done.exit_code, "does not exist" in done.output) == (2, True)


def test_a_failed_sign_off_is_overridden_only_in_so_many_words(config: Path) -> None:
    given = ["signoff", "P100", "--config", str(config), "--role", "product", "--who"]
    assert _call(*given, "Ana", "--result", "failed", env={}).exit_code == 0
    for more in ([], ["--override"], ["--notes", "fixed"]):
        done = _call(*given, "Bo", "--result", "passed", *more, env={})
        assert (done.exit_code, "Ana (product)" in done.output) == (2, True)
    # A record written by hand does not override silently either.
    path = config.with_name("partner.signoffs.json")
    rows = json.loads(path.read_text())
    by_hand = {**rows[0], "person": "Cy", "result": "passed", "answers": [True] * 4}
    path.write_text(json.dumps([*rows, by_hand]))
    assert "Ana (product)" in _call("run", "--config", str(config), "--case", "P100").output
    path.write_text(json.dumps(rows))
    done = _call(*given, "Bo", "--result", "passed", "--override", "--notes", "fixed in 2.1", env={})
    assert (done.exit_code, "overrides the failed sign-off by Ana" in done.output) == (0, True)
    done = _call("run", "--config", str(config), "--case", "P100")
    assert done.exit_code == 0
    assert "overriding a failed sign-off" in done.output


def test_the_reference_partner_certifies_itself_without_a_file_or_credentials(tmp_path: Path) -> None:
    done = _call("run", "--config", "reference", "--automated-only", "--case", "P100", "--evidence", str(tmp_path / "e"), env={})
    assert done.exit_code == 0, done.output
    assert (tmp_path / "e" / "verdict.html").stat().st_size > 0


def test_credentials_come_from_a_secret_scope(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {"basic_user": partner.USER, "basic_password": partner.PASSWORD}
    monkeypatch.setattr("partnercert.sdk_workspace.read_scope", lambda scope, keys: {"s": held, "e": {}}[scope])
    given = ["run", "--config", str(config), "--case", "P100", "--automated-only", "--secret-scope"]
    assert _call(*given, "s", env={}).exit_code == 0
    done = _call(*given, "e", env={})
    assert (done.exit_code, "has no basic_user and no basic_password" in done.output) == (2, True)
