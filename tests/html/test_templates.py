"""The templates: whatever a text holds, a page keeps its elements, shows the text, and fetches nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from lampkeeper.cli.report_page import Page, render_page
from lampkeeper.deploy.verify.report import Asked, CellVerdict, Seen, Status, VerifyReport
from lampkeeper.files.review_pages import render_review
from lampkeeper.html import join_fragments, render, visible
from lampkeeper.model.access import Cell, CellState
from lampkeeper.model.desired import Desired
from lampkeeper.model.effective import Matrix
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.labels import Label, LabelClass, Protect
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.notebooks.shown import Shown, bars
from support.html_reader import read
from support.nightly import law

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "src" / "lampkeeper" / "html" / "templates").iterdir())
WRITTEN = [path for path in TEMPLATES if path.suffix == ".html"]

hostile = st.lists(
    st.sampled_from([
        "<script>alert(1)</script>", "</style>", "</script>", "<!--", "-->", "]]>", '"', "'", "`", "=", " onerror=alert(1) x=",
        '"><img src=//evil.example onerror=alert(1)>', "{{ 7 * 7 }}", "{% raw %}", "&lt;", "&", "\x1b[2J", "\u202e", "\n", "\0",
        "javascript:alert(1)", "<svg onload=alert(1)>", "</td></table>",
    ])
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=6),
    min_size=1, max_size=4,
).map("".join)  # fmt: skip


def report(text: str) -> str:
    column = ColumnName(TableName("main", "s", "t" + text), "c" + text)
    finding = Finding(code=text, severity=Severity.ERROR, location=text, message=text, fix="f" + text)
    other = ColumnName(TableName("main", "s", "u" + text), "c" + text)
    cell = {("p" + text, one): Cell(state=CellState.MASKED, by="main.l." + text) for one in (column, other)}
    verdict = CellVerdict(principal="p" + text, column=column, expected=text, seen=Seen.RAW, status=Status.MISMATCH)
    return render_page(
        Page(
            title=text,
            matrix=Matrix(principals=("p" + text,), cells=cell, filters={("p" + text, column.table): f"f{text}(x)"}),
            labels=(_label(column, text),),
            verification=VerifyReport(
                principals=(Asked(name="p" + text, groups=("g" + text,), probe=True),), cells=(verdict,), rows=(),
                findings=(finding,), undeclared=frozenset({column}), checked=((text, 1),),
            ),
            drift=(finding,), facts={"k" + text: text}, basis="b" + text,
        )
    )  # fmt: skip


def review(text: str) -> str:
    column = ColumnName(TableName("main", "s", "t" + text), "c" + text)
    finding = Finding(code=text, severity=Severity.ERROR, location=text, message=text, fix="f" + text)
    return render_review(Desired(), (_label(column, text),), (finding,))


def _label(column: ColumnName, text: str) -> Label:
    return Label(
        column=column, label=LabelClass.EMAIL, subtype="s" + text, protect=Protect.YES, confidence=0.9, evidence=(text, text)
    )


def table(text: str) -> str:
    return Shown(title=text, columns=("c" + text,), rows=({"c" + text: text},), summary=text).html()


def chart(text: str) -> str:
    return bars(text, {text: 2, "x" + text: 1})


def notebook(text: str) -> str:
    return join_fragments("notebook.html", (table(text), chart(text)), title=text)


@pytest.mark.parametrize("page", [report, review, table, chart, notebook], ids=lambda f: f.__name__)
@law(160)
@given(text=hostile)
def test_no_text_changes_what_a_page_is_made_of(page: Callable[[str], str], text: str) -> None:
    made, plain = read(page(text)), read(page("harmless"))
    assert made.structure == plain.structure
    assert made.active == []
    assert {c for c in "".join(made.shown) if not c.isprintable()} <= {"\n"}


@pytest.mark.parametrize("page", [report, review, table, chart, notebook], ids=lambda f: f.__name__)
def test_a_hostile_text_is_shown_as_it_is(page: Callable[[str], str]) -> None:
    text = "<b onclick='x'>&amp;\u202e{{ 1 }}"
    assert "<b onclick='x'>&amp;\\u202e{{ 1 }}" in "".join(read(page(text)).shown)


@pytest.mark.parametrize("page", [report, review, notebook], ids=lambda f: f.__name__)
def test_a_page_is_whole_and_may_fetch_nothing(page: Callable[[str], str]) -> None:
    text = page("x")
    assert text.startswith("<!doctype html>")
    assert "Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'" in text
    assert ("script-src" in text) == (page is report)
    assert not re.search(r"https?://|//[a-z]+\.|url\(|@import", text)


def test_a_value_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="summary"):
        render("table.html", title="x")


def test_what_does_not_print_is_written_as_a_code() -> None:
    assert visible("a\x1b\u202e\nb é") == "a\\u001b\\u202e\nb é"


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_a_template_escapes_every_value_and_quotes_every_attribute(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\|\s*safe|autoescape|Markup", text)
    assert not re.search(r"=\s*\{\{", text), "an attribute's value without quotes"
    assert not re.search(r"<(script|style)[^>]*>(?!\{% include \"[a-z]+\.(css|js)\" %\}</)", text), "code in a template"
    assert text.count("<!doctype") == (path.name == "base.html")


@pytest.mark.parametrize("path", [p for p in TEMPLATES if p not in WRITTEN], ids=lambda path: path.name)
def test_styles_and_scripts_take_no_values(path: Path) -> None:
    assert not re.search(r"\{[{%#]", path.read_text())


def test_nothing_else_in_the_package_writes_html() -> None:
    tag = re.compile(
        r"</?(a|b|body|code|details|div|h[1-6]|head|html|li|main|ol|p|pre|section|span|style|svg|t[abdhr]\w*|ul)\b[^<>]*>"
    )
    written = {path: path.read_text() for path in sorted((ROOT / "src" / "lampkeeper").rglob("*.py"))}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, text in written.items()
        if "</" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and tag.search(node.value)
    ]
    assert found == []
