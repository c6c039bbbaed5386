"""Overlays: built-in ones hold together, compose in any order, and an overlay of one's own is checked to the line."""

from __future__ import annotations

import random
import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.design.classify.offline import Field, Verdict, classify_table
from lampkeeper.design.knowledge.formats import Format, Weights, pattern_problem
from lampkeeper.design.knowledge.knowledge import Knowledge, compose, default_knowledge
from lampkeeper.design.knowledge.library import load_library
from lampkeeper.design.knowledge.overlay import AccessLevel, Identifier, Overlay
from lampkeeper.design.knowledge.overlay_file import read_overlay
from lampkeeper.design.knowledge.overlays import built_in_overlays, choose_overlays
from lampkeeper.design.knowledge.vocabulary import load_vocabulary, mask_protection
from lampkeeper.design.synthesis import unreviewed
from lampkeeper.model.errors import UsageError
from lampkeeper.model.groups import ALL_FAMILIES
from lampkeeper.model.labels import Label, LabelClass, Protect
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Column
from support.nightly import law

OVERLAYS = built_in_overlays()
EVERY = compose(OVERLAYS)
IDENTIFIERS = tuple((p, i) for p in OVERLAYS for i in p.identifiers)
GOOD = """
code: XX
kind: country
name: Example
identifiers:
  - name: Example Number
    class: national_id
    subtype: example
    sensitivity: restricted
    names: [example number]
    format: '[0-9]{6}'
    check: {weights: [6, 5, 4, 3, 2, 1], modulus: 11}
    masks: {STRING: mask_redact_string}
    samples: ['000051']
    counterexamples: ['123456']
"""


def judge(
    column: str, type_text: str = "STRING", *, table: str = "things", knowledge: Knowledge = EVERY, beside: str = ""
) -> Verdict:
    """Return the verdict on a column, perhaps with others (comma-separated) beside it."""
    fields = [Field(name=column, type=type_text), *(Field(name=n, type="STRING") for n in beside.split(",") if n)]
    return classify_table(table, fields, knowledge=knowledge)[0]


def only(*codes: str) -> Knowledge:
    """Return the overlay of these overlays."""
    return compose(tuple(p for p in OVERLAYS if p.code in codes))


def _ids(pair: tuple[Overlay, Identifier]) -> str:
    return f"{pair[0].code}:{pair[1].name}"


def test_the_overlays_are_all_there() -> None:
    assert {p.code for p in OVERLAYS} == {"ANZ", "IN", "SEA", "EU", "GB", "US", "financial_services", "healthcare", "retail"}
    assert all(p.regulations and p.identifiers for p in OVERLAYS)


@pytest.mark.parametrize("pair", IDENTIFIERS, ids=_ids)
def test_a_column_called_by_the_first_name_of_an_identifier_gets_its_class(pair: tuple[Overlay, Identifier]) -> None:
    overlay, each = pair
    if each.strength != "strong" or not each.phrases:
        return
    kind = {"text": "STRING", "int": "BIGINT", "num": "DECIMAL(18,2)", "date": "DATE", "time": "TIMESTAMP"}[
        "text" if "text" in each.kinds else min(each.kinds)
    ]
    found = judge(each.phrases[0].text.replace(" ", "_"), kind, table="people", knowledge=compose((overlay,)))
    assert (found.label, found.subtype) == (each.label, each.subtype)
    assert found.protect is (Protect.NO if each.open else Protect.YES)


@pytest.mark.parametrize("pair", IDENTIFIERS, ids=_ids)
def test_samples_have_the_format_and_a_changed_last_character_breaks_a_check_digit(pair: tuple[Overlay, Identifier]) -> None:
    each = pair[1]
    if each.format is None:
        return
    assert all(each.format.accepts(s) for s in each.samples)
    if each.format.check in {
        "mykad",
        "nik",
        "cccd",
        "pan_india",
        "nino",
        "au_medicare",
        "us_npi",
        "stdnum.us.itin",
        "stdnum.us.ein",
    }:
        return  # no check digit at the end
    if each.format.check in {"stdnum.us.ssn", "stdnum.vn.mst", "stdnum.gb.utr", "nhi"} or not each.format.check:
        return
    for sample in each.samples:
        last = sample[-1]
        others = "0123456789" if last.isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        accepted = [c for c in others if c != last and each.format.accepts(sample[:-1] + c)]
        assert len(accepted) <= len(others) // 5, (each.name, sample, accepted)


def test_every_function_of_the_library_is_used_by_the_vocabulary_or_a_overlay() -> None:
    used = {t.function for t in EVERY.vocabulary.protections()}
    assert used | {unreviewed.FILTER} == set(load_library().functions)


def test_a_tag_value_has_one_function_in_every_combination() -> None:
    for size in (1, 2, len(OVERLAYS)):
        for chosen in combinations(OVERLAYS, size):
            bound: dict[tuple[str, str], str] = {}
            for protection in compose(chosen).vocabulary.protections():
                assert bound.setdefault((protection.key, protection.value), protection.function) == protection.function


NAMES = (
    "tfn",
    "medicare_number",
    "pan",
    "aadhaar",
    "nik",
    "iban",
    "ssn",
    "dob",
    "tin",
    "company_name",
    "c1",
    "bsb",
    "npi",
    "fin",
    "epic",
)


@law(25)
@given(st.permutations(OVERLAYS))
def test_the_order_of_overlays_changes_nothing(shuffled: list[Overlay]) -> None:
    other = compose(tuple(shuffled))
    assert other.vocabulary == EVERY.vocabulary
    assert other.lexicon.terms == EVERY.lexicon.terms
    assert other.templates == EVERY.templates
    assert [(s.name, s.score) for s in other.schemes] == [(s.name, s.score) for s in EVERY.schemes]
    fields = [Field(name=n, type="STRING") for n in NAMES]
    assert classify_table("people", fields, knowledge=other) == classify_table("people", fields, knowledge=EVERY)


def test_overlays_only_add_protection_to_what_names_say_alone() -> None:
    names = [
        t for p in ("first_name", "email", "card_number", "passport", "salary", "diagnosis", "password") for t in (p, f"old_{p}")
    ]
    for name in names:
        before = judge(name, knowledge=default_knowledge(), table="patients")
        assert judge(name, table="patients").protect is Protect.YES or before.protect is not Protect.YES


# What looks alike


def test_an_indian_pan_is_a_tax_number_and_a_card_pan_a_card_with_every_overlay_loaded() -> None:
    for knowledge in (EVERY, only("IN"), only("IN", "financial_services")):
        assert judge("pan", table="customers", knowledge=knowledge).label is LabelClass.TAX_ID
        assert judge("pan_number", table="customers", knowledge=knowledge).subtype == "pan_india"
        assert judge("pan", table="credit_cards", knowledge=knowledge).label is LabelClass.PAYMENT_CARD
        assert judge("pan", table="payments", beside="cvv", knowledge=knowledge).label is LabelClass.PAYMENT_CARD
        assert judge("card_pan", table="customers", knowledge=knowledge).label is LabelClass.PAYMENT_CARD
    assert judge("pan", table="payments", knowledge=only("financial_services"), beside="cvv").label is LabelClass.PAYMENT_CARD


@pytest.mark.parametrize(
    "column",
    ["company", "company_name", "company_website", "CompanyName", "companyid", "description", "destination",
     "finance", "fin_year", "third_party", "quantity", "abnormal", "assessment", "occupied", "crnt", "japan_office",
     "span", "pan_status", "zip_file", "vintage", "veins", "protein", "ninon", "tinting", "uanalysis",
     "unique_id", "pantry", "expansion"],
)  # fmt: skip
def test_words_that_hold_a_hint_inside_stay_open_with_every_overlay_loaded(column: str) -> None:
    for table in ("things", "orders", "projects"):
        assert judge(column, table=table).protect is Protect.NO


LOOK_ALIKES = {
    "epoch milliseconds": tuple(str(1_700_000_000_000 + 7919 * i) for i in range(40)),
    "12-digit waybills": tuple(f"{381_000_000_000 + 104_729 * i}" for i in range(40)),
    "16-digit orders": tuple(f"{4_000_000_000_000_000 + 15_485_863 * i}" for i in range(40)),
    "10-digit tickets": tuple(f"{1_900_000_000 + 7_919 * i}" for i in range(40)),
    "9-digit invoices": tuple(f"{700_000_000 + 104_729 * i}" for i in range(40)),
    "11-digit parcels": tuple(f"{50_000_000_000 + 1_299_709 * i}" for i in range(40)),
    "8-digit days": tuple(f"2024{1 + i // 28:02d}{1 + i % 28:02d}" for i in range(56)),
}


def verdicts(values: tuple[str, ...]) -> tuple[Verdict, Verdict]:
    """Return the verdicts on a column that is understood and on one that nobody understands, both of these values."""
    columns = [Field(name=n, type="STRING", values=values) for n in ("waybill", "c1")]
    understood, opaque = classify_table("shipments", columns, knowledge=EVERY)
    return understood, opaque


def is_no_identifier(understood: Verdict, opaque: Verdict) -> bool:
    """Say whether values open what is understood, and leave the opaque name undecided for its name alone."""
    waits = opaque.label is LabelClass.UNDECIDED and opaque.evidence == ("perhaps free_text", "unknown name 'c 1'")
    return understood.label is LabelClass.NONE and understood.protect is Protect.NO and waits


@pytest.mark.parametrize("values", LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_numbers_that_look_alike_are_no_identifier_with_every_overlay_loaded(values: tuple[str, ...]) -> None:
    found = verdicts(values)
    assert is_no_identifier(*found), found


@law(40)
@given(st.integers(6, 16), st.integers(0, 2**32))
def test_random_digits_of_any_length_are_no_identifier(length: int, seed: int) -> None:
    draw = random.Random(seed)
    values = tuple(f"{draw.randrange(10 ** (length - 1), 10**length)}" for _ in range(60))
    found = verdicts(values)
    assert is_no_identifier(*found), (found, values[:3])


@pytest.mark.parametrize("code", ["tfn", "aadhaar", "nric", "thai_id", "pesel", "nhs"])
def test_valid_numbers_in_a_column_without_a_name_are_found(code: str) -> None:
    shape = next(i.format for _, i in IDENTIFIERS if i.subtype == code and i.format is not None)
    pattern = {"tfn": "{:09d}", "aadhaar": "2{:011d}", "thai_id": "1{:012d}", "pesel": "440514{:05d}", "nhs": "9{:09d}"}
    draw = random.Random(1)
    values: list[str] = []
    while len(values) < 30:
        if code == "nric":
            text = f"S{draw.randrange(10**7):07d}{draw.choice('ABCDEFGHIZJ')}"
        else:
            text = pattern[code].format(draw.randrange(10 ** int(re.findall(r":0(\d+)d", pattern[code])[0])))
        if shape is not None and shape.accepts(text):
            values.append(text)
    found = classify_table("t", [Field(name="c1", type="STRING", values=tuple(values))], knowledge=EVERY)[0]
    assert (found.protect, found.subtype) == (Protect.YES, code)


# Treatments


def test_a_type_that_a_overlay_says_nothing_about_is_treated_as_the_class_is() -> None:
    name = ColumnName(TableName("c", "s", "t"), "x")
    label = Label(column=name, label=LabelClass.NATIONAL_ID, subtype="aadhaar", protect=Protect.YES, confidence=1.0)
    for type_text in ("BIGINT", "DECIMAL(12,0)", "BINARY", "VARCHAR(12)", "ARRAY<STRING>"):
        protection = mask_protection(label, Column(name="x", type=type_text), EVERY.vocabulary)
        assert protection is not None
        assert protection.function.startswith("mask_null_")
    text = mask_protection(label, Column(name="x", type="STRING"), EVERY.vocabulary)
    assert text is not None
    assert (text.key, text.value, text.function) == ("pii_level", "masked_aadhaar", "mask_aadhaar")


def test_a_label_of_a_overlay_that_is_no_longer_chosen_stays_protected() -> None:
    name = ColumnName(TableName("c", "s", "t"), "x")
    label = Label(column=name, label=LabelClass.TAX_ID, subtype="tfn", protect=Protect.YES, confidence=1.0)
    protection = mask_protection(label, Column(name="x", type="STRING"), load_vocabulary())
    assert protection is not None
    assert protection.function == "mask_redact_string"


# Groups


def test_templates_give_the_clearance_that_their_access_says_and_unknown_names_none() -> None:
    knowledge = only("financial_services")
    picked = {s.group.name: s for s in knowledge.pick_groups(["fraud_team", "analyst", "somebody_else", "senior_analyst"])}
    assert picked["fraud_team"].clearance == (ALL_FAMILIES,)
    assert picked["analyst"].clearance == picked["somebody_else"].clearance == ()
    assert picked["senior_analyst"].clearance == ("financial_sensitivity",)


def test_a_template_of_two_overlays_is_the_one_that_sees_less() -> None:
    marketing = next(t for t in EVERY.templates if t.name == "marketing")
    assert marketing.access is AccessLevel.MASKED


# Choosing


def test_an_unknown_code_names_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no country overlay 'ATLANTIS' \(there are: ANZ, EU, GB, IN, SEA, US\)"):
        choose_overlays(["ATLANTIS"])
    with pytest.raises(UsageError, match="no industry overlay 'ANZ'"):
        choose_overlays([], ["ANZ"])


def test_codes_are_chosen_in_any_case_and_once() -> None:
    assert [p.code for p in choose_overlays(["in", "anz", "IN"], ["Retail"])] == ["ANZ", "IN", "retail"]
    assert len(choose_overlays(["all"], ["all"])) == len(OVERLAYS)


def test_a_overlay_of_ones_own_may_not_take_a_code_that_is_taken() -> None:
    own = read_overlay(GOOD.replace("code: XX", "code: ANZ"), "mine.yaml").overlay
    assert own is not None
    with pytest.raises(UsageError, match=r"mine\.yaml: a country overlay 'ANZ' exists already"):
        choose_overlays([], [], [own])


def test_two_overlays_that_want_different_things_of_one_sub_are_refused() -> None:
    clash = GOOD.replace("subtype: example", "subtype: aadhaar")
    own = read_overlay(clash, "mine.yaml").overlay
    assert own is not None
    with pytest.raises(UsageError, match="national_id/aadhaar as STRING"):
        compose((*OVERLAYS, own))


# Files


def test_a_overlay_written_by_hand_works_without_any_code() -> None:
    own = read_overlay(GOOD, "mine.yaml").overlay
    assert own is not None
    knowledge = compose(choose_overlays(["XX"], [], [own]))
    assert judge("example_number", knowledge=knowledge).subtype == "example"
    assert judge("example_number", knowledge=default_knowledge()).protect is Protect.NO


@pytest.mark.parametrize(
    ("old", "new", "location", "message"),
    [
        ("code: XX", "code: 'X X'", ":2", "not a code"),
        ("kind: country", "kind: planet", ":3", "unknown kind 'planet'"),
        ("class: national_id", "class: natonal_id", ":7", "unknown class"),
        ("class: national_id", "class: none", ":7", "not a class of an identifier"),
        ("subtype: example", "subtype: Example!", ":8", "not a valid name"),
        ("sensitivity: restricted", "sensitivity: secret", ":9", "unknown sensitivity"),
        ("names: [example number]", "names: [example-number]", ":10", "not a phrase"),
        ("names: [example number]", "names: [x]", ":10", "too short"),
        ("names: [example number]", "names: example", ":10", "list of texts"),
        ("names: [example number]", "names: [no, 12]", ":10", "list of texts"),
        ("'[0-9]{6}'", "'[0-9'", ":11", "not a regular expression"),
        ("'[0-9]{6}'", "'([0-9]+)+'", ":11", "unbounded repeat"),
        ("modulus: 11", "modulus: eleven", ":12", "whole numbers"),
        ("check: {weights: [6, 5, 4, 3, 2, 1], modulus: 11}", "check: stdnum.os.system", ":12", "no check"),
        ("check: {weights: [6, 5, 4, 3, 2, 1], modulus: 11}", "check: os.system", ":12", "no check"),
        ("mask_redact_string", "mask_everything", ":13", "no function 'mask_everything'"),
        ("STRING: mask_redact_string", "STRING: mask_null_date", ":13", "takes DATE, not STRING"),
        ("masks: {STRING: mask_redact_string}", "masks: {STRING: filter_aml_level}", ":13", "not a mask"),
        ("masks: {STRING: mask_redact_string}", "masks: {TEXT: mask_redact_string}", ":13", "unknown type 'TEXT'"),
        ("samples: ['000051']", "samples: ['000052']", ":14", "does not have the format"),
        ("counterexamples: ['123456']", "counterexamples: ['000051']", ":15", "has the format"),
        ("name: Example Number", "name: Example Number\n    colour: red", ":7", "unknown field 'colour'"),
    ],
)
def test_a_mistake_in_a_overlay_is_named_with_its_line(old: str, new: str, location: str, message: str) -> None:
    read = read_overlay(GOOD.replace(old, new, 1), "mine.yaml")
    assert read.overlay is None
    assert any(f.location.startswith(f"mine.yaml{location}") and message in f.message for f in read.findings), read.findings


@pytest.mark.parametrize(
    "text",
    ["", "- a", "a: [", "42", "a: &x [*x, *x]", "\x00", "!!python/object/apply:os.system ['true']", "a: b: c", "- " * 90_000],
)
def test_what_is_no_overlay_is_a_finding_and_never_a_traceback(text: str) -> None:
    read = read_overlay(text, "mine.yaml")
    assert read.overlay is None
    assert all(f.location.startswith("mine.yaml:") and f.fix for f in read.findings)


@given(st.text(max_size=300))
@law(150)
def test_no_value_makes_a_format_fail(text: str) -> None:
    for _, each in IDENTIFIERS:
        if each.format is not None:
            assert each.format.accepts(text) in (True, False)


def test_weights_are_a_check_as_data() -> None:
    shape = Format(pattern="[0-9]{9}", check=Weights(weights=(1, 4, 3, 7, 5, 8, 6, 9, 10), modulus=11))
    assert shape.accepts("123 456 782")
    assert not shape.accepts("123 456 789")


def test_bounded_repeats_inside_groups_are_fine() -> None:
    assert pattern_problem("([0-9]{3}-?){2,4}[A-Z]*") == ""
    assert pattern_problem("(a*)*") != ""
    assert pattern_problem("((ab)+c){3,}") != ""
