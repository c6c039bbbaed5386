"""The demo from start to end, as a person runs it: twice on the bank, and on schemas that nobody here wrote."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from lampkeeper.cli.main import main
from lampkeeper.places.local import LocalPlace
from support.nightly import NIGHTLY
from support.worlds import require_same, world_in

pytestmark = [pytest.mark.heavy, pytest.mark.server, pytest.mark.spark]

SCHEMAS = Path(__file__).parents[2] / "examples" / "schemas"
COLUMNS = {"fineract.jsonl": 2062, "omop_cdm54.jsonl": 432, "shop_mysql.sql": None}
_LARGE = "omop_cdm54.jsonl"


def demo(folder: Path, *arguments: str) -> tuple[dict[str, Any], float]:
    """Run the demo and return its document and the seconds it took; it must succeed."""
    command = [sys.executable, "-c", "from lampkeeper.cli.main import run; run()", "demo", "--json", "--dir", str(folder)]
    began = time.monotonic()
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document, time.monotonic() - began


@dataclass(frozen=True, kw_only=True)
class Twice:
    """The demo run twice on one folder: both documents, what the workspace held and the state files said, and all writes."""

    first: dict[str, Any]
    second: dict[str, Any]
    worlds: tuple[dict[str, list[str]], dict[str, list[str]]]
    states: tuple[dict[Path, bytes], dict[Path, bytes]]
    writes: list[dict[str, Any]]
    """What the request log of the second run shows."""


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Twice:
    """Run the demo as a person does, then again in this process, so that its workspace can be asked before it goes down."""
    folder = tmp_path_factory.mktemp("demo")
    first, _ = demo(folder)
    data = folder / "bank" / "workspace" / "data"

    def held() -> tuple[dict[str, list[str]], dict[Path, bytes]]:
        return world_in(data), {p: p.read_bytes() for p in (folder / "bank" / "envs").rglob("state.json")}

    before, states = held()
    second, writes = _run_again(folder)
    after, states_after = held()
    return Twice(first=first, second=second, worlds=(before, after), states=(states, states_after), writes=writes)


def _run_again(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the document of another run, and the writes that its workspace has logged."""
    seen: list[dict[str, Any]] = []
    hosts: dict[Path, str] = {}
    up, down = LocalPlace.up, LocalPlace.down

    def remember(place: LocalPlace) -> Any:
        address = up(place)
        hosts[place.folder] = address.host
        return address

    def listen(place: LocalPlace) -> None:
        if place.pid is not None:
            token = (place.data / "admin.token").read_text().strip()
            answer = httpx.get(
                f"{hosts[place.folder]}/_localspace/requests", params={"mutating": "true"},
                headers={"authorization": f"Bearer {token}"},
            )  # fmt: skip
            seen.extend(answer.json()["requests"])
        down(place)

    out = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.setattr(LocalPlace, "up", remember)
        patch.setattr(LocalPlace, "down", listen)
        patch.chdir(folder)
        assert main(["demo", "--json", "--dir", str(folder)]) == 0
    document: dict[str, Any] = json.loads(out.getvalue())
    return document, seen


def test_a_second_run_of_the_demo_writes_nothing(twice: Twice) -> None:
    first, second = twice.first, twice.second
    assert first["labels"]["columns"] == 71
    assert first["verify"]["mismatches"] == 0
    assert first["audit"]["clean"] is True
    assert first["seeded"] > 0
    assert first["apply"]["writes"] > 0
    assert second["seeded"] == 0
    assert second["apply"]["writes"] == 0
    assert second["verify"]["mismatches"] == 0
    assert second["labels"] == first["labels"]
    assert twice.states[0]
    assert twice.states[1] == twice.states[0]
    require_same(*twice.worlds)


def test_the_request_log_of_a_second_run_shows_no_write_but_the_probes(twice: Twice) -> None:
    assert twice.writes, "the probes of the verification are writes"
    other = [(w["method"], w["path"]) for w in twice.writes if not of_probes(w)]
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


# fineract takes two minutes: it runs nightly, here and as a block of the README.
@pytest.mark.sampled
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
    page = Path(document["report"]).read_text()
    assert "Not confirmed on a Databricks workspace" in page
    assert seconds < 180
    # What is printed for a person is seen on the larger schema, and nightly on all.
    if name != _LARGE and not NIGHTLY:
        return
    words = [sys.executable, "-c", "from lampkeeper.cli.main import run; run()", "demo", "--dir", str(tmp_path)]
    reported = subprocess.run(
        [*words, "--schema", str(SCHEMAS / name)], cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False
    )
    # What goes on is told on stderr, every ten seconds: how much that is depends on the machine.
    assert (reported.returncode, len(reported.stdout.splitlines()) <= 150) == (0, True), reported.stdout + reported.stderr


@pytest.mark.parametrize(
    ("countries", "industry", "shown"),
    [
        pytest.param(
            "ANZ,IN,SEA",
            "financial_services",
            {"tax_id/tfn", "bank_account/bsb", "national_id/aadhaar", "tax_id/pan_india", "national_id/nric"},
            id="banks of three countries",
            marks=pytest.mark.sampled,
        ),
        pytest.param(
            "ANZ",
            "healthcare",
            {"health/diagnosis_code", "insurance_id/member"},
            id="clinic",
            marks=[pytest.mark.sampled, pytest.mark.nightly],
        ),
    ],
)
def test_the_demo_of_overlays_is_verified_by_query(tmp_path: Path, countries: str, industry: str, shown: set[str]) -> None:
    document, _ = demo(tmp_path, "--country", countries, "--industry", industry)
    assert document["verify"]["mismatches"] == 0
    assert document["verify"]["counts"]["untested"] == 0
    assert document["audit"]["clean"] is True
    (labels,) = tmp_path.glob("*/envs/dev/generated/labels.jsonl")
    found = {f"{x['label']}/{x['subtype']}" for x in map(json.loads, labels.read_text().splitlines())}
    assert shown <= found, shown - found
