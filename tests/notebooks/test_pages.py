"""Every notebook as a program on a laptop, and cell by cell as Jupyter runs it: widgets change, things are missing."""

from __future__ import annotations

import html
import json
import re
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lampkeeper.notebooks.links import NOTEBOOKS as NAMES
from lampkeeper.notebooks.page import PageError, open_page
from lampkeeper.notebooks.program import Program, code_cells, main
from lampkeeper.notebooks.shown import Shown, bars
from support.page_worlds import NOTEBOOKS, SHOWN, FakeSpark, PageWorld, make_page_world

pytestmark = pytest.mark.unit

Run = Callable[..., "Ran"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a notebook ended and what it left."""

    code: int
    out: str
    err: str
    page: str

    @property
    def all(self) -> str:
        """Return everything that a reader sees."""
        return self.out + self.page

    @property
    def result(self) -> dict[str, Any]:
        """Return the JSON of `dbutils.notebook.exit`."""
        found: dict[str, Any] = json.loads(self.out.strip().splitlines()[-1])
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PageWorld:
    return make_page_world(tmp_path_factory.mktemp("pages"))


@pytest.fixture(autouse=True)
def signed_in_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_CONFIG_PROFILE", "DATABRICKS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str], spark: None) -> Run:
    """Return what `python -m lampkeeper.notebooks notebooks/NAME.ipynb name=value …` does."""

    def run(name: str, **inputs: str) -> Ran:
        shown = tmp_path / "page.html"
        shown.unlink(missing_ok=True)
        words = [f"{key}={value}" for key, value in ({"html": str(shown)} | inputs).items()]
        capsys.readouterr()
        code = main([str(NOTEBOOKS / f"{name}.ipynb"), *words])
        out, err = capsys.readouterr()
        return Ran(code=code, out=out, err=err, page=html.unescape(shown.read_text()) if shown.exists() else "")

    return run


@pytest.fixture
def spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a databricks-connect in place whose session knows the history."""
    session = FakeSpark()
    connect = types.ModuleType("databricks.connect")
    builder = types.SimpleNamespace(getOrCreate=lambda: session, serverless=lambda _: builder)
    connect.DatabricksSession = types.SimpleNamespace(builder=builder)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "databricks.connect", connect)
    monkeypatch.setenv("SPARK_REMOTE", "sc://127.0.0.1:1")


def test_every_notebook_is_tried_and_linked() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(SHOWN) == set(NAMES)
    assert [path.name for path in NOTEBOOKS.iterdir() if path.suffix != ".ipynb" and path.name != "__pycache__"] == []


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_a_notebook_keeps_the_form_that_its_readers_expect(name: str) -> None:
    document = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    kinds = [cell["cell_type"] for cell in document["cells"]]
    assert (document["nbformat"], kinds[0], kinds.count("markdown") >= 4) == (4, "markdown", True)
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in document["cells"] if "outputs" in cell)
    cells = code_cells(NOTEBOOKS / f"{name}.ipynb")
    version = re.search(r'^version = "(.+)"$', (NOTEBOOKS.parent / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert f"%pip install --quiet ../../artifacts/.internal/lampkeeper-{version.group(1)}-py3-none-any.whl" in cells[0]
    assert f'open_page(globals(), "{name}"' in cells[1]
    assert cells[-2].startswith("page.links(")
    assert cells[-1].startswith("page.exit(")


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_a_notebook_shows_its_tables_and_ends_with_json(program: Run, world: PageWorld, name: str) -> None:
    ran = program(name, **world.inputs(name))
    assert (ran.code, ran.err) == (0, "")
    for reported in SHOWN[name]:
        assert reported in ran.all, ran.all[:3000]
    assert ran.result["notebook"] == name
    for other in set(NAMES) - {name}:
        assert f'<a href="{other}.ipynb">' in ran.page
    assert "…" not in ran.out, "no text is cut"


CHANGES = [
    ("explore", {"principal_b": "(outsider)"}, "and (outsider) see 5 of 5 columns"),
    ("explore", {"table": "dev_fin.finance.transactions"}, "see 1 of 3 columns of dev_fin.finance.transactions differently"),
    ("explore", {"column": "ssn"}, "ana@bank.example sees dev_fin.finance.customers.ssn: masked by"),
    ("decide", {"reason": "free text", "by": "olga"}, "nothing is written: choose write = yes"),
    ("plan", {"plan_hash": "0" * 64}, "not one of"),
    ("verify", {"env": "prod"}, "nothing recorded yet for prod"),
    ("verify", {"history": "main.nothing"}, "nothing recorded yet for dev"),
    ("drift", {"look": "yes"}, "sign"),
    ("tour", {"principal_1": "olga@bank.example"}, "'principal', 'olga@bank.example'"),
]


@pytest.mark.parametrize(("name", "changed", "reported"), CHANGES)
def test_a_changed_widget_changes_the_result(
    program: Run, world: PageWorld, name: str, changed: dict[str, str], reported: str
) -> None:
    before = program(name, **world.inputs(name))
    after = program(name, **(world.inputs(name) | changed))
    assert reported in after.all + after.err, (after.all + after.err)[-3000:]
    assert (after.all + after.err) != (before.all + before.err)


def test_a_decision_is_written_and_its_difference_shown(program: Run, tmp_path: Path) -> None:
    world = make_page_world(tmp_path / "own")
    asked = {
        "column": "dev_fin.finance.customers.city", "label": "address", "protect": "yes", "reason": "small towns", "by": "olga",
        "write": "yes",
    }  # fmt: skip
    ran = program("decide", **world.inputs("decide"), **asked)
    assert (ran.code, ran.err) == (0, "")
    assert "dev_fin.finance.customers.city: address, protect yes, decided by olga; the new draft changes" in ran.out
    difference = [line for line in ran.out.splitlines() if "  city  " in line and "masked by" in line]
    assert any(line.startswith("ana@bank.example") for line in difference), ran.out
    assert "small towns" in (world.envs / "dev" / "decisions.yaml").read_text()
    assert "1 decision in dev" in program("decide", **world.inputs("decide")).out


@pytest.mark.parametrize(
    ("name", "inputs", "words"),
    [
        ("explore", {"env": "nope"}, ["no environment 'nope'", "there are: ", "dev", "lampkeeper setup"]),
        ("explore", {"envs": "/tmp/elsewhere"}, ["named envs", "fix: give"]),
        ("explore", {"envs": "/nowhere/envs"}, ["no environment 'dev'", "none yet"]),
        ("explore", {"principal_a": "nobody"}, ["principal_a=nobody: not one of ana@bank.example"]),
        ("explore", {"html": "/nowhere/page.html"}, ["/nowhere/page.html: cannot be written", "html=FILE"]),
        ("plan", {"plan_hash": "../../secret"}, ["plan_hash=../../secret: not one of"]),
        ("verify", {"history": "secret.ops"}, ["secret.ops.verifications cannot be read", "ask for SELECT on secret.ops.verif"]),
        ("decide", {"reason": "r", "by": "o", "write": "yes", "label": "none"}, ["none contradicts protect yes"]),
        ("partner_connect", {"evidence": "/nowhere"}, ["no report in /nowhere", "run the job partner_connect first"]),
    ],
)
def test_a_failure_is_one_sentence_with_its_fix(
    program: Run, world: PageWorld, name: str, inputs: dict[str, str], words: list[str]
) -> None:
    ran = program(name, **(world.inputs(name) | inputs))
    assert ran.code in (1, 2)
    assert "Traceback" not in ran.err
    assert ran.err.count("\n") <= 3
    for word in words:
        assert word in ran.err, ran.err


def test_an_environment_that_was_only_set_up_says_what_to_run(program: Run, world: PageWorld) -> None:
    bare = world.envs / "bare"
    bare.mkdir(exist_ok=True)
    (bare / "env.auto.tfvars").write_text((world.envs / "dev" / "env.auto.tfvars").read_text())
    for name in ("tour", "explore", "decide", "plan"):
        ran = program(name, **(world.inputs(name) | {"env": "bare"}))
        assert (ran.code, ran.err.count("\n") <= 3, "fix: " in ran.err) == (1, True, True), f"{name}: {ran.err}"


@pytest.mark.parametrize("words", [[], ["no.ipynb"], ["pyproject.toml"], [str(NOTEBOOKS / "plan.ipynb"), "word"]])
def test_wrong_use_of_the_program_is_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "fix: " in capsys.readouterr().err


def test_without_databricks_connect_the_page_says_how_to_get_it(
    program: Run, world: PageWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "databricks.connect", None)
    ran = program("drift", **world.inputs("drift"))
    assert (ran.code, "pip install '.[connect]'" in ran.err) == (1, True), ran.err


# As Jupyter runs it


class Drawn:
    """A widget of ipywidgets."""

    def __init__(self, value: str, description: str, options: tuple[str, ...] = ()) -> None:
        self.value, self.description, self.options = value, description, options


@pytest.fixture(params=["with ipywidgets", "without ipywidgets"])
def jupyter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, spark: None) -> dict[str, Any]:
    """Put an IPython with a kernel in place; provide its magics and the HTML that was shown."""
    seen: dict[str, Any] = {"shown": [], "widgets": request.param == "with ipywidgets"}
    shell = types.SimpleNamespace(kernel=object(), register_magic_function=lambda run, _kind, name: seen.__setitem__(name, run))
    module, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    module.get_ipython = lambda: shell  # type: ignore[attr-defined]
    display.display_html = lambda page, raw: seen["shown"].append(page)  # type: ignore[attr-defined]
    display.display = lambda shown: seen["shown"].append(shown)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    library = types.ModuleType("ipywidgets")
    library.Text = library.Dropdown = Drawn  # type: ignore[attr-defined]
    library.__spec__ = types.SimpleNamespace() if seen["widgets"] else None  # type: ignore[assignment]
    if seen["widgets"]:
        monkeypatch.setitem(sys.modules, "ipywidgets", library)
    else:
        monkeypatch.delitem(sys.modules, "ipywidgets", raising=False)
    return seen


def test_in_jupyter_a_widget_is_changed_and_a_cell_run_again(jupyter: dict[str, Any], world: PageWorld) -> None:
    shown: list[Any] = []
    around: dict[str, Any] = {"display": shown.append, "GIVEN": {"envs": str(world.envs)}}
    cells = code_cells(NOTEBOOKS / "explore.ipynb")
    exec(cells[1], around)
    exec(cells[2], around)
    page = around["page"]
    if jupyter["widgets"]:
        drawn = {one.description: one for one in jupyter["shown"] if isinstance(one, Drawn)}
        assert drawn["Table"].options == page._widgets._choices["table"]
        change: Callable[[str, str, str], None] = lambda label, _, value: setattr(drawn[label], "value", value)  # noqa: E731
    else:
        change = lambda _, name, value: page.set(name, value)  # noqa: E731
    change("Table", "table", "dev_fin.finance.customers")
    exec(cells[3], around)
    change("Table", "table", "dev_fin.finance.transactions")
    exec(cells[3], around)
    assert "dev_fin.finance.customers" in shown[0].summary
    assert "dev_fin.finance.transactions" in shown[1].summary
    assert jupyter["sql"]("SELECT 1 FROM t WHERE c = :table") is not None
    with pytest.raises(PageError, match="not an input of this notebook"):
        page["colour"]


def test_in_a_workspace_widgets_are_read_at_use_and_exit_gives_json(world: PageWorld) -> None:
    values = {"envs": str(world.envs), "env": "dev"}
    ended: list[str] = []
    widgets = types.SimpleNamespace(
        text=lambda name, default, label: values.setdefault(name, default),
        dropdown=lambda name, default, choices, label: values.setdefault(name, default),
        get=values.__getitem__,
        getAll=lambda: values,
    )
    dbutils = types.SimpleNamespace(widgets=widgets, notebook=types.SimpleNamespace(exit=ended.append))
    page = open_page({"dbutils": dbutils, "displayHTML": print, "spark": None}, "plan", environment=False)
    page._default_envs = lambda: str(world.envs)  # type: ignore[method-assign]
    page._open(history=False)
    assert page.env == "dev"
    values["env"] = "nope"
    with pytest.raises(PageError, match=r"no environment 'nope'.*\n  fix: ") as failed:
        page.ask(lambda found: found.env)
    assert failed.value._render_traceback_() == [str(failed.value)]
    with pytest.raises(PageError, match="change env above the notebook"):
        page.set("env", "dev")
    page.exit(more=1)
    assert json.loads(ended[0]) == {"notebook": "plan", "env": "nope", "rows": 0, "more": 1}


def test_hostile_names_stay_text_on_the_page_and_in_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    evil = "</td><script>alert(1)</script>\x1b[2J"
    shown = Shown(title=evil, columns=("c", evil), rows=({"c": evil, evil: evil},), summary=evil)
    assert "<script" not in shown.html()
    assert "<script" not in shown.to_html()
    assert "<script" not in bars(evil, {evil: 1})
    assert "\x1b" not in shown.text()
    Program({}, tmp_path / "page.html").display(shown)
    assert "\x1b" not in capsys.readouterr().out
    assert "<script>alert" not in (tmp_path / "page.html").read_text()


def test_a_long_name_is_never_cut() -> None:
    name = "catalog." + "x" * 200
    shown = Shown(title="t", columns=("c",), rows=({"c": name},), summary="s")
    assert name in shown.text()
    assert name in shown.html()
