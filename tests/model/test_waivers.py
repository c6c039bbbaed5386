"""Waivers: one finding at one location until a day; ended ones are errors, those that cover nothing are told."""

import re
from datetime import date
from itertools import product
from pathlib import Path

import pytest

import lampkeeper
from lampkeeper.app.waiving import OF_READERS
from lampkeeper.model.exemptions import Exemption, ExemptionKind, exemption_findings
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.waivers import Waiver, unused_waivers, waive, waiver_findings

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 30)


def waiver(finding: str = "LK609", at: str = "space Sales", expires: date = date(2027, 6, 1)) -> Waiver:
    return Waiver(
        finding=finding, at=at, reason="a company-wide space", owner="olga", expires=expires, location="env.auto.tfvars:3:3"
    )


def finding(code: str = "LK609", location: str = "space Sales", severity: Severity = Severity.ERROR) -> Finding:
    return Finding(code=code, severity=severity, location=location, message="open to all account users", fix="name the groups")


def test_a_waived_finding_is_still_reported_with_reason_owner_and_end() -> None:
    (found,) = waive([finding()], [waiver()], TODAY)
    assert found.severity is Severity.INFO
    assert str(found) == (
        "info LK609 space Sales: waived until 2027-06-01: a company-wide space (owner: olga): open to all account users"
    )


@pytest.mark.parametrize(
    ("code", "location"), [("LK603", "space Sales"), ("LK609", "space Sale"), ("LK609", "space Sales: more")]
)
def test_it_covers_that_code_at_that_location_and_nothing_else(code: str, location: str) -> None:
    assert waive([finding(code, location)], [waiver()], TODAY) == (finding(code, location),)
    assert [f.code for f in unused_waivers([waiver()], [finding(code, location)])] == ["WAIVER_UNUSED"]


def test_a_location_in_a_file_is_meant_with_and_without_its_line() -> None:
    at = finding("SCHEMA_TABLE_TWICE", "ddl/a.sql:12:3")
    for text, covered in (("ddl/a.sql", True), ("ddl/a.sql:12:3", True), ("ddl/a.sql:13:3", False), ("ddl/b.sql", False)):
        assert waiver("SCHEMA_TABLE_TWICE", text).covers(at) == covered


def test_exemptions_and_waivers_end_by_one_rule() -> None:
    for end, code in product((date(2026, 11, 29), TODAY, date(2026, 12, 30), date(2026, 12, 31)), ("EXEMPTION", "WAIVER")):
        exemption = Exemption(principal="etl", kind=ExemptionKind.PIPELINE, reason="r", owner="o", expires=end)
        found = exemption_findings([exemption], TODAY) if code == "EXEMPTION" else waiver_findings([waiver(expires=end)], TODAY)
        expected = [f"{code}_EXPIRED"] if end < TODAY else [f"{code}_ENDS_SOON"] if (end - TODAY).days <= 30 else []
        assert [f.code for f in found] == expected


def test_an_ended_waiver_covers_nothing() -> None:
    assert waive([finding()], [waiver(expires=date(2026, 11, 29))], TODAY) == (finding(),)


def test_what_a_reader_of_sql_finds_can_be_waived() -> None:
    sources = [p for p in Path(lampkeeper.__file__).parent.rglob("*.py") if p.name != "waiving.py"]
    codes = {code for path in sources for code in re.findall(r'"(SCHEMA_[A-Z_]+)"', path.read_text())}
    assert codes - {"SCHEMA_STATEMENT_PASSED", "SCHEMA_READ"} == OF_READERS  # those two are information
