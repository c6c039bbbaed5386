"""What nobody understands is not harmless: open needs a known word, a type that cannot hold personal data, or values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lampkeeper.design.classify.lines import classify_rows
from lampkeeper.design.classify.offline import Field, Verdict, classify_table
from lampkeeper.design.classify.profiles import Profile
from lampkeeper.design.knowledge.knowledge import default_knowledge
from lampkeeper.model.labels import LabelClass, Protect
from lampkeeper.testdata.deterministic_random import DeterministicRandom
from lampkeeper.testdata.invented import person, social_security_number

SCHEMAS = Path(__file__).parents[2] / "examples" / "schemas"
OPAQUE = (
    "f1",
    "attr_12",
    "zzq",
    "c1",
    "c",
    "x",
    "col_a",
    "feature_3",
    "zzq_value",
    "zzq_name",
    "v2",
    "field_17",
    "qwx",
    "udf4",
    "a1b2",
)


def one(column: str, kind: str = "STRING", comment: str = "", values: tuple[str, ...] = ()) -> Verdict:
    """Return the verdict of a column of a table that says nothing."""
    return classify_table(
        "features", [Field(name="id", type="BIGINT"), Field(name=column, type=kind, comment=comment, values=values)]
    )[1]


@pytest.mark.parametrize(
    "kind", ["STRING", "BIGINT", "INT", "DOUBLE", "DECIMAL(18,2)", "DATE", "TIMESTAMP", "BINARY", "ARRAY<STRING>", ""]
)
@pytest.mark.parametrize("column", OPAQUE)
def test_an_opaque_name_is_undecided_whatever_the_table(column: str, kind: str) -> None:
    assert one(column, kind).protect is Protect.UNDECIDED
    for table in ("products", "categories", "settings", "customers", "x"):
        assert classify_table(table, [Field(name=column, type=kind)])[0].protect is not Protect.NO


@pytest.mark.parametrize(
    "kind", ["BOOLEAN", "TINYINT", "SMALLINT", "CHAR(2)", "varchar(3)", "DECIMAL(4,1)", "uuid", "ARRAY<BOOLEAN>"]
)
def test_a_type_that_tells_nobody_apart_opens_an_opaque_name(kind: str) -> None:
    assert all(one(column, kind).protect is Protect.NO for column in OPAQUE)


@pytest.mark.parametrize(
    "column",
    ["quantity", "hierarchy", "is_active", "zzq_flag", "kbq_status", "waived_amount", "reversed", "loyalty_tier", "odometer",
     "sku", "mapperkey", "trackedentityattributeid", "anzahl", "harga", "prix_unitaire", "cantidad", "name", "value", "source",
     "line_no"],
)  # fmt: skip
def test_a_known_word_opens_a_name(column: str) -> None:
    assert classify_table("products", [Field(name=column, type="STRING")])[0].protect is Protect.NO


@pytest.mark.parametrize(
    ("comment", "protect"),
    [
        ("Current odometer value", Protect.NO),
        ("Email address of the customer", Protect.YES),
        ("zzq of the qwx", Protect.UNDECIDED),
        ("value 1", Protect.UNDECIDED),
        ("生成", Protect.UNDECIDED),
    ],
)
def test_a_comment_that_is_understood_counts_for_an_opaque_name(comment: str, protect: Protect) -> None:
    assert one("c17", comment=comment).protect is protect


def test_the_fields_of_a_struct_are_judged_as_columns_are() -> None:
    assert one("k", "STRUCT<f1: STRING, f2: INT>").protect is Protect.UNDECIDED
    assert one("k", "ARRAY<STRUCT<c1: STRING, quantity: INT>>").protect is Protect.UNDECIDED
    assert one("k", "STRUCT<quantity: INT, status: STRING, f1: BOOLEAN>").protect is Protect.NO


PEOPLE = [person("copies", n) for n in range(60)]
HARMFUL = {
    "email": [p.email for p in PEOPLE],
    "full name": [p.full for p in PEOPLE],
    "first name": [p.first for p in PEOPLE],
    "last name": [p.last for p in PEOPLE],
    "street": [p.street for p in PEOPLE],
    "phone": [p.phone for p in PEOPLE],
    "postal code": [f"{10_000 + 7919 * n % 90_000}" for n in range(60)],
    "ssn": [social_security_number(DeterministicRandom("copies", n)) for n in range(60)],
    "digits of an ssn": [social_security_number(DeterministicRandom("copies", n)).replace("-", "") for n in range(60)],
    "account": [f"{1_000_000_000 + 98_765_431 * n}" for n in range(60)],
    "birth date": [p.born.isoformat() for p in PEOPLE],
    "masked for who asks": ["[REDACTED]"] * 60,
    "mostly email": [p.email for p in PEOPLE[:30]] + [f"word{n}" for n in range(15)],
    "salary": [f"{30_000 + 977 * n}.00" for n in range(60)],
    "two people": ["Ana Silva", "Bo Chen"] * 30,
    "few values": ["A", "B", "C"],
    "nothing": [],
}
HARMLESS = {
    "categories": ["Gold Plan", "Default", "Winter Sale 2024", "Basic v2"] * 15,
    "codes": ["A", "B", "C"] * 20,
    "ratings": [f"{n % 50 / 10}" for n in range(60)],
    "weights of a model": [f"-0.{n:07d}" for n in range(60)],
    "time stamps": [str(1_700_000_000_000 + 7919 * n) for n in range(60)],
    "moments": [f"2026-01-{n % 28 + 1:02d} 10:{n:02d}:05" for n in range(60)],
    "random keys": [f"{n:08x}-1111-4222-a333-444455556666" for n in range(60)],
    "versions": [f"1.{n}.0" for n in range(60)],
    "counters": [f"ORD-{n:08d}" for n in range(60)],
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(HARMFUL))
def test_a_copy_of_personal_data_under_an_opaque_name_is_never_open(what: str) -> None:
    assert one("c1", values=tuple(HARMFUL[what])).protect is not Protect.NO


@pytest.mark.parametrize("what", sorted(HARMLESS))
def test_values_that_tell_nobody_apart_open_an_opaque_name(what: str) -> None:
    verdict = one("c1", values=tuple(HARMLESS[what]))
    assert verdict.protect is Protect.NO
    assert any("values" in reason for reason in verdict.evidence)


def test_counts_without_a_reason_leave_an_opaque_name_undecided() -> None:
    field = Field(name="c1", type="STRING", profile=Profile(distinct=500, evidence=()))
    assert classify_table("features", [field])[0].label is LabelClass.UNDECIDED


def test_the_column_prefix_of_a_table_says_nothing() -> None:
    names = ("m_quantity", "m_status", "m_price", "m_zzq")
    found = dict(zip(names, classify_table("t", [Field(name=n, type="STRING") for n in names]), strict=True))
    assert [n for n, v in found.items() if v.protect is Protect.UNDECIDED] == ["m_zzq"]


@pytest.mark.parametrize("schema", ["chinook", "fineract", "omop_cdm54"])
def test_few_columns_of_real_systems_are_undecided(schema: str) -> None:
    rows = [json.loads(line) for line in (SCHEMAS / f"{schema}.jsonl").read_text(encoding="utf-8").splitlines()]
    undecided = sum(answer["protect"] == "undecided" for answer in classify_rows(rows))
    assert undecided <= 0.02 * len(rows)


def test_plain_words_name_no_personal_data_by_themselves() -> None:
    lexicon = default_knowledge().lexicon
    personal = {LabelClass.EMAIL, LabelClass.PHONE, LabelClass.NATIONAL_ID, LabelClass.NAME, LabelClass.DOB}
    strong = {w for w in lexicon.plain for t in lexicon.phrases.get((w,), ()) if t.strength == "strong" and t.label in personal}
    assert not strong


def test_a_very_long_name_is_judged_at_once() -> None:
    assert one("care" * 2_000).protect in set(Protect)
