"""The demo from start to end, as a person runs it: twice on the bank, and on schemas that nobody here wrote."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.places.local import LocalPlace
from support.worlds import require_same, world_in

pytestmark = [pytest.mark.heavy, pytest.mark.server, pytest.mark.spark]

SCHEMAS = Path(__file__).parents[2] / "examples" / "schemas"
COLUMNS = {"fineract.jsonl": 2062, "omop_cdm54.jsonl": 432, "shop_mysql.sql": None}


def demo(folder: Path, *arguments: str) -> tuple[dict[str, Any], float]:
    """Run the demo and return its document and the seconds it took; it must succeed."""
    command = [sys.executable, "-c", "from lampkeeper.cli.main import run; run()", "demo", "--json", "--dir", str(folder)]
    began = time.monotonic()
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document, time.monotonic() - began


def test_a_second_run_of_the_demo_writes_nothing(tmp_path: Path) -> None:
    first, _ = demo(tmp_path)
    assert first["labels"]["columns"] == 71
    assert first["verify"]["mismatches"] == 0
    assert first["audit"]["clean"] is True
    assert first["seeded"] > 0
    assert first["apply"]["writes"] > 0
    data = tmp_path / "bank" / "workspace" / "data"
    before = world_in(data)
    states = {p: p.read_bytes() for p in (tmp_path / "bank" / "envs").rglob("state.json")}
    second, _ = demo(tmp_path)
    assert second["seeded"] == 0
    assert second["apply"]["writes"] == 0
    assert second["verify"]["mismatches"] == 0
    assert second["labels"] == first["labels"]
    assert {p: p.read_bytes() for p in states} == states
    require_same(before, world_in(data))


def test_the_request_log_of_a_second_run_shows_no_write_but_the_probes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    from lampkeeper.cli.main import main

    demo(tmp_path)
    seen: list[dict[str, Any]] = []
    down = LocalPlace.down

    def listen(place: LocalPlace) -> None:
        if place.pid is not None:
            data = place.data
            token = (data / "admin.token").read_text().strip()
            host = json.loads((data.parent / "host.json").read_text())
            answer = httpx.get(
                f"{host}/_localspace/requests", params={"mutating": "true"}, headers={"authorization": f"Bearer {token}"}
            )
            seen.extend(answer.json()["requests"])
        down(place)

    up = LocalPlace.up

    def remember(place: LocalPlace) -> Any:
        address = up(place)
        (place.folder / "host.json").write_text(json.dumps(address.host))
        return address

    monkeypatch.setattr(LocalPlace, "up", remember)
    monkeypatch.setattr(LocalPlace, "down", listen)
    assert main(["demo", "--json", "--dir", str(tmp_path)]) == 0
    assert seen, "the probes of the verification are writes"
    other = [(w["method"], w["path"]) for w in seen if not of_probes(w)]
    assert other == []


def of_probes(write: dict[str, Any]) -> bool:
    """Say whether a logged write makes, equips or removes a probe of the verification, or signs somebody in."""
    path = write["path"]
    return (
        path.startswith("/_localspace/tokens")
        or "ServicePrincipals" in path
        or "servicePrincipals" in path
        or ("/Groups/" in path and write["method"] == "PATCH")
        or "/permissions/warehouses/" in path
        or path.endswith("/v1/token")
        or path == "/api/2.0/sql/statements"
    )


# The README's block governs fineract in every heavy run; here it is a second time, and takes two minutes.
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.nightly) if n == "fineract.jsonl" else n for n in sorted(COLUMNS)]
)
def test_the_demo_governs_a_schema_that_nobody_here_wrote(tmp_path: Path, name: str) -> None:
    document, seconds = demo(tmp_path, "--schema", str(SCHEMAS / name))
    labels = document["labels"]
    assert labels["columns"] == labels["protected"] + labels["not_sensitive"] + labels["undecided"]
    assert COLUMNS[name] in (labels["columns"], None)
    assert labels["protected"] > 0
    assert document["verify"]["mismatches"] == 0
    assert document["verify"]["counts"]["untested"] == 0
    assert document["audit"]["clean"] is True
    undecided = Path(document["undecided_file"]).read_text().splitlines()
    assert len(undecided) == labels["undecided"]
    words = [sys.executable, "-c", "from lampkeeper.cli.main import run; run()", "demo", "--dir", str(tmp_path)]
    reported = subprocess.run(
        [*words, "--schema", str(SCHEMAS / name)], cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False
    )
    # What goes on is told on stderr, every ten seconds: how much that is depends on the machine.
    assert (reported.returncode, len(reported.stdout.splitlines()) <= 150) == (0, True), reported.stdout + reported.stderr
    page = Path(document["report"]).read_text()
    assert "rests on" in page
    assert seconds < 180


@pytest.mark.parametrize(
    ("countries", "industry", "shown"),
    [
        (
            "ANZ,IN,SEA",
            "financial_services",
            {"tax_id/tfn", "bank_account/bsb", "national_id/aadhaar", "tax_id/pan_india", "national_id/nric"},
        ),
        ("ANZ", "healthcare", {"health/diagnosis_code", "insurance_id/member"}),
    ],
    ids=["banks of three countries", "clinic"],
)
def test_the_demo_of_overlays_is_verified_by_query(tmp_path: Path, countries: str, industry: str, shown: set[str]) -> None:
    document, _ = demo(tmp_path, "--country", countries, "--industry", industry)
    assert document["verify"]["mismatches"] == 0
    assert document["verify"]["counts"]["untested"] == 0
    assert document["audit"]["clean"] is True
    (labels,) = tmp_path.glob("*/envs/dev/generated/labels.jsonl")
    found = {f"{x['label']}/{x['subtype']}" for x in map(json.loads, labels.read_text().splitlines())}
    assert shown <= found, shown - found
