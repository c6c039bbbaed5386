"""An organisation's own tags in place of ours: what a mapping may say, what it makes, and who wins over tags that are there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lampkeeper.design.classify.existing_tags import label_tags, tag_conflicts, tags_of_others, unmapped_columns
from lampkeeper.design.classify.merge import merge_labels
from lampkeeper.design.classify.offline import classify
from lampkeeper.design.classify.strictness import looser_in
from lampkeeper.design.knowledge.knowledge import Knowledge, default_knowledge
from lampkeeper.design.knowledge.taxonomy_file import read_taxonomy
from lampkeeper.design.synthesis.groups import minimal_groups
from lampkeeper.design.synthesis.synthesize import SynthesisRequest, synthesize
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Column, Snapshot, Table
from lampkeeper.model.tags import EntityType, TagAssignment
from support.demo_tables import demo_snapshot

pytestmark = pytest.mark.unit

PLAIN = """\
tags:
  - {label: email, key: data_class, value: email}
  - {label: name, key: data_class, value: person}
  - {label: national_id, key: data_class, value: gov_id}
  - {label: dob, types: [DATE], key: data_class, value: birth}
  - {label: phone, key: class.phone_number}
  - {label: none, key: data_class, value: public}
"""
TABLE = TableName("c", "s", "people")


def mapped(text: str = PLAIN) -> Knowledge:
    read = read_taxonomy(text, "taxonomy.yaml", default_knowledge().vocabulary)
    made, findings = default_knowledge().mapped(read.taxonomy)
    assert not [*read.findings, *findings]
    return made


def problems(text: str) -> list[Finding]:
    read = read_taxonomy(text, "taxonomy.yaml", default_knowledge().vocabulary)
    return [*read.findings, *default_knowledge().mapped(read.taxonomy)[1]]


def tag(column: str, value: str, key: str = "data_class", table: TableName = TABLE) -> TagAssignment:
    return TagAssignment(entity_type=EntityType.COLUMNS, entity_name=f"{table.plain}.{column}", key=key, value=value)


def people(*tags: TagAssignment, **columns: str) -> Snapshot:
    table = Table(name=TABLE, columns=tuple(Column(name=n, type=t) for n, t in columns.items()))
    return Snapshot(tables=(table,), tags=tags)


def made(snapshot: Snapshot, knowledge: Knowledge, ours: tuple[TagAssignment, ...] = ()) -> tuple[Desired, dict[str, Label]]:
    rules = classify(snapshot, knowledge=knowledge)
    tags = label_tags(snapshot, tags_of_others(snapshot, knowledge.taxonomy, ours), knowledge.taxonomy, rules)
    labels = merge_labels(rules, tags, looser=looser_in(snapshot, knowledge))
    request = SynthesisRequest(snapshot=snapshot, labels=labels, groups=minimal_groups(), knowledge=knowledge)
    return synthesize(request).desired, {x.column.column: x for x in labels}


def conflicts(snapshot: Snapshot, knowledge: Knowledge) -> list[str]:
    state, _ = made(snapshot, knowledge)
    found = tag_conflicts(snapshot, tags_of_others(snapshot, knowledge.taxonomy, ()), state, knowledge.taxonomy)
    return [f.code for f in found]


def test_the_tags_of_a_mapping_stand_where_ours_would_and_are_external() -> None:
    knowledge = mapped()
    snapshot = demo_snapshot()
    request = SynthesisRequest(snapshot=snapshot, labels=classify(snapshot), groups=minimal_groups(), knowledge=knowledge)
    state = synthesize(request).desired
    ours = synthesize(replace(request, knowledge=default_knowledge())).desired
    tags = {t.entity_name: (t.key, t.value) for t in state.tag_assignments}
    assert tags["dev_fin.finance.customers.email"] == ("data_class", "email")
    assert tags["dev_fin.finance.customers.ssn"] == ("data_class", "gov_id")
    assert tags["dev_fin.finance.customers.date_of_birth"] == ("data_class", "birth")
    assert tags["dev_fin.finance.customers.phone"] == ("class.phone_number", "")
    assert tags.keys() == {t.entity_name for t in ours.tag_assignments}
    external = {p.key: p.values for p in state.tag_policies if p.external}
    assert external == {"class.phone_number": (), "data_class": ("birth", "email", "gov_id", "person")}
    phone = next(p for p in state.policies if p.name.startswith("lk_class_phone_number"))
    assert str(phone.match_columns[0].condition) == "has_tag('class.phone_number')"
    # Who is cleared stays a matter of our families.
    assert phone.except_principals == ("compliance_officers",)


def test_the_order_of_a_mapping_does_not_matter() -> None:
    head, *lines = PLAIN.splitlines(keepends=True)
    turned = mapped(head + "".join(reversed(lines)))
    assert made(demo_snapshot(), turned) == made(demo_snapshot(), mapped())


@pytest.mark.parametrize(
    ("lines", "line", "says"),
    [
        (["{label: email, key: k, value: v}", "{label: name, key: k, value: v}"], 3, "means name as STRING"),
        (["{label: email, key: k, value: v}", "{label: card_security_code, key: k, value: v, mask: mask_email}"], 3, "pci_level"),
        (["{label: dob, types: [STRING, DATE], key: k, value: v}"], 2, "mask_date_to_year"),
        (["{label: none, key: k, value: v}", "{label: name, key: k, value: v}"], 3, "columns that are not sensitive"),
        (["{label: email, key: k, value: a}", "{label: email, key: k, value: b}"], 3, "mapped to k=b here and to k=a"),
        (["{label: email, key: k}", "{label: name, key: k, value: b}"], 2, "without a value here"),
        (["{label: emailx, key: k, value: a}"], 2, "unknown label 'emailx'"),
        (["{label: email, types: [TEXT], key: k, value: a}"], 2, "unknown type 'TEXT'"),
        (["{label: email, key: k, value: a, mask: mask_nothing}"], 2, "unknown mask 'mask_nothing'"),
        (["{label: email, key: k, value: a, mask: mask_null_bigint}"], 2, "takes BIGINT, not STRING"),
        (["{label: email, types: [SHORT], key: k, value: a, mask: mask_email}"], 2, "longer than a short text"),
        (["{label: compliance/aml_flag, types: [BOOLEAN], key: k, value: a, mask: mask_null_boolean}"], 2, "hides rows"),
        (["{label: email, key: my.key, value: a}"], 2, "cannot be a governed tag's key"),
        (["{label: email, key: k, value: 1}"], 2, "expected a text"),
        (["{label: email, kye: k, key: k}"], 2, "unknown field 'kye'"),
        (["{label: none, key: k, types: [DATE]}"], 2, "neither types nor mask"),
    ],
)
def test_a_mapping_that_cannot_hold_is_an_error_with_its_line(lines: list[str], line: int, says: str) -> None:
    text = "tags:\n" + "".join(f"  - {each}\n" for each in lines)
    found = [f for f in problems(text) if f.severity is Severity.ERROR]
    assert any(f.location == f"taxonomy.yaml:{line}" and says in f.message for f in found), found


@pytest.mark.parametrize("text", ["tags: 3", "- a", "tags: [", "a: &x 1\ntags: *x", "unmapped: maybe\ntags: []", "\x00"])
def test_a_file_that_is_no_mapping_is_an_error(text: str) -> None:
    assert problems(text)


def test_two_labels_may_share_a_value_under_one_mask_and_a_mask_of_another_class_is_pointed_at() -> None:
    same = "tags:\n" + "".join(
        f"  - {{label: {x}, key: k, value: contact, mask: mask_redact_string}}\n" for x in ("email", "phone")
    )
    assert problems(same) == []
    (finding,) = problems("tags:\n  - {label: national_id, key: k, value: v, mask: mask_name}\n")
    assert finding.severity is Severity.WARNING
    assert "is for name" in finding.message


def test_an_empty_file_says_nothing() -> None:
    assert problems("") == []
    assert made(demo_snapshot(), mapped("")) == made(demo_snapshot(), default_knowledge())


def test_a_tag_of_others_raises_and_settles_and_never_lowers() -> None:
    tags = (tag("blurb", "email"), tag("email", "public"), tag("ssn", "person"), tag("x1", "person"))
    snapshot = people(*tags, blurb="STRING", email="STRING", ssn="STRING", x1="STRING")
    _, labels = made(snapshot, mapped())
    assert (labels["blurb"].label, labels["blurb"].source) == (LabelClass.EMAIL, LabelSource.TAG)
    assert (labels["email"].label, labels["email"].protect) == (LabelClass.EMAIL, Protect.YES)
    assert labels["ssn"].label is LabelClass.NATIONAL_ID
    assert labels["x1"].label is LabelClass.NAME
    assert any("data_class=person" in e or "tag said name" in e for e in labels["ssn"].evidence)
    undecided = Label(column=ColumnName(TABLE, "x1"), label=LabelClass.UNDECIDED, protect=Protect.UNDECIDED, confidence=0.5)
    tagged = label_tags(snapshot, (tags[3],), mapped().taxonomy, ())
    (settled,) = merge_labels((undecided,), tagged, looser=looser_in(snapshot, mapped()))
    assert settled.label is LabelClass.NAME


def test_what_we_have_tagged_ourselves_is_no_source_of_labels() -> None:
    ours = tag("warehouse", "email")
    snapshot = people(ours, warehouse="STRING")
    assert tags_of_others(snapshot, mapped().taxonomy, (ours,)) == ()
    assert not made(snapshot, mapped(), (ours,))[1]["warehouse"].protected
    assert made(snapshot, mapped())[1]["warehouse"].label is LabelClass.EMAIL
    moved = tag("warehouse", "person")
    assert tags_of_others(people(moved, warehouse="STRING"), mapped().taxonomy, (ours,)) == (moved,)


def test_a_tag_that_says_otherwise_is_a_finding_by_what_it_would_do() -> None:
    knowledge = mapped()
    assert conflicts(people(tag("email", "email"), email="STRING"), knowledge) == []
    assert conflicts(people(tag("ssn", "person"), ssn="STRING", first_name="STRING"), knowledge) == ["tags/other_value"]
    assert conflicts(people(tag("card_number", "email"), card_number="STRING", email="STRING"), knowledge) == ["tags/two_masks"]
    assert conflicts(people(tag("email_id", "email"), email_id="BIGINT", email="STRING"), knowledge) == ["tags/other_type"]
    # No policy of the catalog looks at the value: nothing happens to the column.
    assert conflicts(people(tag("card_number", "email"), card_number="STRING"), knowledge) == []


def test_a_steward_who_opens_a_column_is_reported_that_the_tag_still_masks_it() -> None:
    snapshot = people(tag("notes_email", "email"), notes_email="STRING", email="STRING")
    knowledge = mapped()
    open_ = Label(
        column=ColumnName(TABLE, "notes_email"), label=LabelClass.EMAIL, protect=Protect.NO, confidence=1,
        source=LabelSource.STEWARD,
    )  # fmt: skip
    rules = classify(snapshot, knowledge=knowledge)
    labels = merge_labels(rules, (open_,), looser=looser_in(snapshot, knowledge))
    request = SynthesisRequest(snapshot=snapshot, labels=labels, groups=minimal_groups(), knowledge=knowledge)
    (finding,) = tag_conflicts(snapshot, snapshot.tags, synthesize(request).desired, knowledge.taxonomy)
    assert (finding.code, finding.severity) == ("tags/masked_anyway", Severity.WARNING)


@pytest.mark.parametrize(("said", "severity"), [("own", Severity.INFO), ("error", Severity.ERROR)])
def test_what_no_tag_stands_for_is_reported(said: str, severity: Severity) -> None:
    knowledge = mapped(f"unmapped: {said}\n{PLAIN}")
    snapshot = people(email="STRING", cvv="STRING")
    rules = classify(snapshot, knowledge=knowledge)
    state, _ = made(snapshot, knowledge)
    (finding,) = unmapped_columns(snapshot, rules, state, knowledge)
    assert (finding.severity, finding.location) == (severity, "card_security_code as STRING")
