"""The report page: self-contained, escaped, and readable at thousands of columns."""

import re
from dataclasses import replace

import pytest
from markupsafe import escape

from lampkeeper.cli.report_page import Page, render_page
from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import TAG
from lampkeeper.deploy.plan import Plan, StateVersion
from lampkeeper.deploy.printed_plan import plan_lines
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.deploy.verify.report import Asked, CellVerdict, RowsVerdict, Seen, Status, VerifyReport, findings_of
from lampkeeper.model.access import Cell, CellState
from lampkeeper.model.effective import Matrix
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.labels import Label, LabelClass, Protect
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.tags import EntityType, TagAssignment
from support.html_reader import read

pytestmark = pytest.mark.unit

EVIL = "</td><script>alert('x')</script><img src=http://evil.example/x onerror=alert(1)>\x1b[2J\u202e"
PEOPLE = ("ana", EVIL)


def page(tables: int = 3, columns: int = 4, name: str = "c") -> Page:
    names = [
        ColumnName(TableName("main", "s", f"t{t}{EVIL if name == EVIL else ''}"), f"{name}{n}")
        for t in range(tables)
        for n in range(columns)
    ]
    cells = {
        (p, c): Cell(state=CellState.MASKED, by=f"main.l.{name}") if p == "ana" else Cell(state=CellState.HIDDEN, by=name)
        for p in PEOPLE
        for c in names
    }
    labels = tuple(
        Label(column=c, label=LabelClass.EMAIL, protect=Protect.YES, confidence=0.9, evidence=(f"the comment says {name}",))
        for c in names
    )
    verdicts = tuple(
        CellVerdict(principal="ana", column=c, expected=f"masked by {name}", seen=Seen.RAW, status=Status.MISMATCH)
        for c in names[:1]
    )
    rows = (RowsVerdict(principal="ana", table=names[0].table, expected=2, seen=3, status=Status.MISMATCH),)
    return Page(
        title=f"Report {name}",
        matrix=Matrix(principals=PEOPLE, cells=cells, filters={("ana", names[0].table): f"main.l.{name}(x)"}),
        labels=labels,
        verification=VerifyReport(
            principals=(Asked(name="ana", groups=(name,), probe=True),),
            cells=verdicts,
            rows=rows,
            findings=findings_of(verdicts, rows),
        ),
        drift=(Finding(code="audit/forward", severity=Severity.ERROR, location=name, message=name, fix=name),),
        facts={name: name},
    )


def test_hostile_names_stay_text_and_nothing_is_fetched() -> None:
    text = render_page(page(name=EVIL))
    reader = read(text)
    assert reader.elements.count("script") == 1
    assert "img" not in reader.elements
    assert reader.active == []
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_page_shows_states_by_symbol_and_marks_what_failed() -> None:
    text = render_page(page())
    read(text)
    assert text.count("verification failed") == 1
    for part in ("Who sees what", "Verification", "Drift", "Labels", "◐", "○", "expected masked by c, saw raw"):
        assert part in text


def test_thousands_of_columns_are_folded_and_the_overview_counts_them() -> None:
    text = render_page(page(tables=300, columns=10))
    read(text)
    assert len(re.findall(r'<details class="table">', text)) == 300
    assert "protected columns at a glance <small>300 tables</small>" in text
    assert len(text) < 3_000_000


def test_the_plan_is_shown_as_it_is_printed_and_escaped() -> None:
    tag = TagAssignment(entity_type=EntityType.COLUMNS, entity_name=f"main.s.t.{EVIL}", key="pii", value=EVIL)
    change = Change(kind=TAG, key="k", action=Action.CREATE, stage=Stage.PROTECT, after=tag)
    plan = Plan(env="dev", state_versions=(StateVersion(layer=Layer.DATA_ACCESS, lineage="l", serial=1),), changes=(change,))
    text = render_page(replace(page(), plan=plan))
    assert read(text).elements.count("script") == read(render_page(page())).elements.count("script")
    for line in plan_lines(plan):
        assert f'<li class="{line.tone}">{escape(line.text)}</li>' in text
