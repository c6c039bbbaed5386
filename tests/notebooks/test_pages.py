"""Every notebook as a plain program on a laptop: what it shows, what it shows of nothing, what it says when it cannot."""

from __future__ import annotations

import html
import runpy
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.notebooks.page import PageError, Widget, open_page
from lampkeeper.notebooks.pages import Shown, bars
from support.page_worlds import NOTEBOOKS, SHOWN, FakeSpark, PageWorld, make_page_world

pytestmark = pytest.mark.unit

Program = Callable[..., "Ran"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a notebook ended and what it left."""

    code: int
    out: str
    err: str
    page: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PageWorld:
    return make_page_world(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Return what `python notebooks/PAGE.py name=value …` does."""

    def run(page: str, **inputs: str) -> Ran:
        shown = tmp_path / "page.html"
        words = [f"{name}={value}" for name, value in ({"html": str(shown)} | inputs).items()]
        monkeypatch.setattr(sys, "argv", [f"{page}.py", *words])
        capsys.readouterr()
        code = 0
        try:
            runpy.run_path(str(NOTEBOOKS / f"{page}.py"), run_name="__main__")
        except SystemExit as end:
            code = int(str(end.code))
        out, err = capsys.readouterr()
        return Ran(code=code, out=out, err=err, page=html.unescape(shown.read_text()) if shown.exists() else "")

    return run


@pytest.fixture
def spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a databricks-connect in place whose session knows the history."""
    connect = types.ModuleType("databricks.connect")
    builder = types.SimpleNamespace(getOrCreate=FakeSpark, serverless=lambda _: builder)
    connect.DatabricksSession = types.SimpleNamespace(builder=builder)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "databricks.connect", connect)
    monkeypatch.setenv("SPARK_REMOTE", "sc://127.0.0.1:1")


def test_every_notebook_is_tried() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.py")} == set(SHOWN)


@pytest.mark.parametrize("page", sorted(SHOWN))
@pytest.mark.usefixtures("spark")
def test_a_notebook_shows_its_table_and_its_chart(program: Program, world: PageWorld, page: str) -> None:
    ran = program(page, **world.inputs(page))
    assert (ran.code, ran.err) == (0, "")
    for reported in SHOWN[page]:
        assert reported in ran.page, ran.page[:1500]
    assert "page: " in ran.out


def test_the_terminal_sees_the_rows_too(program: Program, world: PageWorld) -> None:
    ran = program("labels", **world.inputs("labels"), protect="no")
    assert "dev_fin.finance.customers.city" in ran.out
    assert "dev_fin.finance.customers.email" not in ran.out


@pytest.mark.usefixtures("spark")
def test_a_history_that_nobody_has_written_is_an_empty_page(program: Program, world: PageWorld) -> None:
    for schema, env, reported in (
        ("main.nothing", "dev", "nothing recorded yet: main.nothing.drift does not exist"),
        ("", "prod", ""),
    ):
        inputs = world.inputs("drift_report") | {"env": env} | ({"history": schema} if schema else {})
        ran = program("drift_report", **inputs)
        assert ran.code == 0
        assert (reported or "nothing recorded yet for prod") in ran.page
        assert "nothing to draw" in ran.page


def test_an_environment_that_was_only_set_up_says_what_to_run(program: Program, world: PageWorld) -> None:
    bare = world.envs / "bare"
    bare.mkdir(exist_ok=True)
    (bare / "env.auto.tfvars").write_text((world.envs / "dev" / "env.auto.tfvars").read_text())
    ran = program("quickstart", envs=str(world.envs), env="bare")
    assert "run the job governance" in ran.page
    for page in ("labels", "who_sees_what", "review_plan"):
        ran = program(page, envs=str(world.envs), env="bare")
        assert (ran.code, ran.err.count("\n") <= 3, "fix: " in ran.err) == (2, True, True), f"{page}: {ran.err}"


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize(
    ("page", "inputs", "words"),
    [
        ("quickstart", {"env": "nope"}, ["no environment 'nope'", "there are: ", "dev", "lampkeeper setup"]),
        ("quickstart", {"envs": "/tmp/elsewhere"}, ["named envs", "fix: give"]),
        ("quickstart", {"envs": "/nowhere/envs"}, ["no environment 'dev'", "none yet"]),
        ("quickstart", {"colour": "red"}, ["colour=red: not an input", "env=dev (Environment)"]),
        ("quickstart", {"html": "/nowhere/page.html"}, ["/nowhere/page.html: cannot be written", "html=FILE"]),
        ("labels", {"protect": "maybe"}, ["protect=maybe: not one of yes, no, undecided"]),
        ("review_plan", {"plan_hash": "../../secret"}, ["is not the hash of a plan"]),
        ("review_plan", {"plan_hash": "0" * 64}, ["no plan '000", "run the job propose"]),
        ("drift_report", {"history": "secret.ops"}, ["secret.ops.drift cannot be read", "ask for SELECT on secret.ops.drift"]),
        ("partner_connect", {"evidence": "/nowhere"}, ["no report in /nowhere", "run the job partner_connect first"]),
    ],
)
def test_what_is_wrong_is_said_in_a_line_with_its_fix(
    program: Program, world: PageWorld, page: str, inputs: dict[str, str], words: list[str]
) -> None:
    ran = program(page, **(world.inputs(page) | inputs))
    assert ran.code in (2, 4)
    assert "Traceback" not in ran.err
    assert ran.err.count("\n") <= 3
    for word in words:
        assert word in ran.err, ran.err


def test_a_page_that_needs_spark_says_how_to_get_it(program: Program, world: PageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "databricks.connect", None)
    ran = program("drift_report", **world.inputs("drift_report"))
    assert (ran.code, "pip install '.[connect]'" in ran.err) == (2, True), ran.err


def test_a_session_that_cannot_be_had_is_one_line(
    program: Program, world: PageWorld, spark: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Any:
        raise RuntimeError("failed to connect\n" * 50)

    builder = sys.modules["databricks.connect"].DatabricksSession.builder
    monkeypatch.setattr(builder, "getOrCreate", fail)
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:1")
    ran = program("drift_report", **world.inputs("drift_report"))
    assert (ran.code, "no Spark session: failed to connect" in ran.err, ran.err.count("\n") <= 3) == (4, True, True), ran.err
    assert "connect.pem" in ran.err


def test_in_a_workspace_a_failure_is_short_and_keeps_its_fix() -> None:
    declared: list[str] = []
    widgets = types.SimpleNamespace(
        text=lambda *words: declared.append(words[0]), dropdown=lambda *words: declared.append(words[0]), get=lambda name: "nope"
    )
    around = {"dbutils": types.SimpleNamespace(widgets=widgets), "displayHTML": print}
    page = open_page(around, env=Widget(label="Environment"), kind=Widget(label="Kind", default="a", choices=("a", "b")))
    assert declared == ["env", "kind"]

    def make(env: str) -> Shown:
        from lampkeeper.model.errors import UsageError

        raise UsageError(f"no {env}", fix="make one")

    with pytest.raises(PageError, match="no nope\n  fix: make one") as failed:
        page.show(make, page.env)
    assert failed.value.__suppress_context__


def test_hostile_names_stay_text_on_the_page_and_in_the_terminal() -> None:
    evil = "</td><script>alert(1)</script>\x1b[2J"
    shown = Shown(title=evil, columns=("c",), rows=({"c": evil},), summary=evil)
    assert "<script" not in shown.html()
    assert "<script" not in bars(evil, {evil: 1})
    assert "\x1b" not in shown.text()
