"""A word that names personal data is not argued down to open by what stands around it: a type, a container, a qualifier."""

from __future__ import annotations

from functools import cache

import pytest

from lampkeeper.design.classify.offline import Field, Verdict, classify_table
from lampkeeper.design.knowledge.kinds import Kind
from lampkeeper.design.knowledge.knowledge import Knowledge, compose, default_knowledge
from lampkeeper.design.knowledge.lexicon import Term
from lampkeeper.design.knowledge.overlays import built_in_overlays
from lampkeeper.model.labels import LabelClass, Protect

ANY_TABLE = ("orders", "products", "categories", "settings", "events", "mart", "x", "patients")
TYPES = {
    Kind.TEXT: "STRING", Kind.INT: "BIGINT", Kind.NUM: "DECIMAL(18,2)", Kind.DATE: "DATE", Kind.TIME: "TIMESTAMP",
    Kind.BOOL: "BOOLEAN", Kind.LINK: "uuid", Kind.BINARY: "BINARY",
}  # fmt: skip
WORDS = {
    "email": LabelClass.EMAIL, "phone": LabelClass.PHONE, "ssn": LabelClass.NATIONAL_ID, "iban": LabelClass.BANK_ACCOUNT,
    "passport_number": LabelClass.NATIONAL_ID, "date_of_birth": LabelClass.DOB, "last_name": LabelClass.NAME,
    "home_address": LabelClass.ADDRESS, "api_key": LabelClass.CREDENTIALS,
}  # fmt: skip


def one(
    column: str, kind: str = "STRING", table: str = "orders", comment: str = "", knowledge: Knowledge | None = None
) -> Verdict:
    """Return the verdict of a column between two that say nothing of people."""
    fields = [
        Field(name="id", type="BIGINT"),
        Field(name=column, type=kind, comment=comment),
        Field(name="amount", type="DOUBLE"),
    ]
    return classify_table(table, fields, knowledge=knowledge)[1]


def type_of(term: Term) -> str:
    """Return a type that can hold what the term names."""
    return TYPES[next(kind for kind in TYPES if kind in term.kinds)]


# These words mean two things; what stands here is what else they mean.
TWO_MEANINGS = {
    "company name": "of a firm", "iin": "of a card", "call number": "of a book", "stage name": "of a pipeline",
    "placa": "of a car", "resting hours": "of a crew", "hours bpm": "of a process",
}  # fmt: skip


def test_every_strong_phrase_of_the_lexicon_protects_in_a_table_of_people() -> None:
    terms = {t for same in default_knowledge().lexicon.phrases.values() for t in same}
    strong = sorted({(str(t), type_of(t)) for t in terms if t.strength == "strong" and not t.open and t.label != LabelClass.NONE})
    assert len(strong) > 5_000
    fields = [Field(name=text.replace(" ", "_"), type=kind) for text, kind in strong]
    born = Field(name="birth_date", type="DATE")
    verdicts = [classify_table("patients", [field, born])[0] for field in fields]
    opened = {text for (text, _), verdict in zip(strong, verdicts, strict=True) if verdict.protect is Protect.NO}
    assert opened == set(TWO_MEANINGS)


@pytest.mark.parametrize("kind", ["BINARY", "varbinary(255)", "bytea", "ARRAY<STRING>", "MAP<STRING,STRING>", "text[]"])
@pytest.mark.parametrize("word", sorted(set(WORDS) - {"date_of_birth"}))
def test_bytes_and_containers_hold_what_the_name_says(word: str, kind: str) -> None:
    verdict = one(word, kind)
    assert (verdict.label, verdict.protect) == (WORDS[word], Protect.YES)


@pytest.mark.parametrize(
    "qualifier", ["by_kind", "by_type", "by_id", "per_region", "at_signup", "from_import", "list", "bytes", "json"]
)
@pytest.mark.parametrize("word", sorted(WORDS))
def test_what_tells_values_apart_or_how_they_are_kept_changes_nothing(word: str, qualifier: str) -> None:
    kind = "DATE" if word == "date_of_birth" else "STRING"
    verdict = one(f"{word}_{qualifier}", kind)
    assert (verdict.label, verdict.protect) == (WORDS[word], Protect.YES)


@pytest.mark.parametrize("qualifier", ["zzq", "name", "north", "winner", "batchy", "gold"])
@pytest.mark.parametrize("word", ["email", "phone", "ssn", "passport_number", "iban"])
def test_a_word_that_says_nothing_else_leaves_a_column_undecided_at_least(word: str, qualifier: str) -> None:
    assert one(f"{word}_{qualifier}").protect is not Protect.NO


@pytest.mark.parametrize(
    "head",
    ["type", "status", "count", "length", "subject", "check", "template", "verified", "campaign", "format", "code",
     "domain", "is_valid", "comment", "update", "message"],
)  # fmt: skip
@pytest.mark.parametrize("word", ["email", "phone", "passport"])
def test_what_is_only_said_about_a_word_stays_open(word: str, head: str) -> None:
    assert one(f"{word}_{head}", "STRING", table="things").protect is Protect.NO


def test_a_type_that_cannot_hold_what_a_word_names_keeps_a_column_open() -> None:
    for kind in ("BOOLEAN", "ARRAY<BOOLEAN>", "ARRAY<DATE>"):
        assert one("email", kind).protect is Protect.NO


@pytest.mark.parametrize(
    ("column", "kind", "label", "protect"),
    [
        ("users.home_location_name", "STRING", LabelClass.GEO, Protect.YES),
        ("users.home_location", "STRING", LabelClass.GEO, Protect.YES),
        ("users.signup_address", "inet", LabelClass.IP_DEVICE, Protect.YES),
        ("orders.office_address", "cidr", LabelClass.IP_DEVICE, Protect.YES),
        ("users.preferred_editor", "STRING", LabelClass.NONE, Protect.NO),
        ("users.preferred_name", "STRING", LabelClass.NAME, Protect.YES),
        ("users.first_responder", "STRING", LabelClass.NONE, Protect.NO),
        ("visits.mail", "STRING", LabelClass.UNDECIDED, Protect.UNDECIDED),
        ("orders.mail", "STRING", LabelClass.UNDECIDED, Protect.UNDECIDED),
        ("orders.zzq_mail", "STRING", LabelClass.UNDECIDED, Protect.UNDECIDED),
        ("orders.mail_count", "INT", LabelClass.NONE, Protect.NO),
        ("orders.customer_mail", "STRING", LabelClass.EMAIL, Protect.YES),
        ("event_log.phones_by_kind", "MAP<STRING,STRING>", LabelClass.PHONE, Protect.YES),
        ("event_log.emails_by_type", "MAP<STRING,STRING>", LabelClass.EMAIL, Protect.YES),
        ("users.ssn_by_kind", "STRING", LabelClass.NATIONAL_ID, Protect.YES),
        ("users.can_cuoc", "STRING", LabelClass.NATIONAL_ID, Protect.YES),
    ],
)
def test_columns_of_public_systems(column: str, kind: str, label: LabelClass, protect: Protect) -> None:
    table, name = column.split(".")
    verdict = classify_table(table, [Field(name=name, type=kind), Field(name="email", type="STRING")])[0]
    assert (verdict.label, verdict.protect) == (label, protect)


@pytest.mark.parametrize(
    "kind",
    ["MAP<STRING,STRING>", "MAP<STRING,VARIANT>", "VARIANT", "ARRAY<VARIANT>", "STRUCT<raw: VARIANT, n: INT>", "json", "jsonb",
     "OBJECT", "hstore", "struct<n:int,more:map<string,string>>", "xml"],
)  # fmt: skip
@pytest.mark.parametrize("table", ["ledger", "products", "events", "users"])
def test_what_may_hold_anything_is_undecided_everywhere(table: str, kind: str) -> None:
    for name in ("kv", "attrs", "properties", "status", "tags"):
        assert one(name, kind, table).protect is Protect.UNDECIDED, name


def test_the_name_of_a_field_is_no_type() -> None:
    assert one("position", "STRUCT<map: STRING, json: INT, quantity: INT>").protect is Protect.NO


@pytest.mark.parametrize("table", ["services", "users", "categories", "settings"])
@pytest.mark.parametrize("kind", ["jsonb", "VARIANT", "MAP<STRING,STRING>", "sql_variant", "XMLTYPE"])
def test_a_harmless_name_says_nothing_of_what_may_hold_anything(table: str, kind: str) -> None:
    for name in (
        "settings",
        "permissions",
        "config",
        "roles",
        "options",
        "quantity",
        "company_website",
        "billing_city",
        "is_active",
    ):
        assert one(name, kind, table).protect is not Protect.NO, name


@cache
def knowledge_of(code: str) -> Knowledge:
    """Return what one overlay knows."""
    return compose(tuple(p for p in built_in_overlays() if p.code == code))


@pytest.mark.parametrize("code", [p.code for p in built_in_overlays()])
def test_an_identifier_of_a_chosen_overlay_is_undecided_at_least_in_any_table(code: str) -> None:
    knowledge = knowledge_of(code)
    common = {LabelClass.ADDRESS, LabelClass.DOB}
    terms = {t for same in knowledge.lexicon.phrases.values() for t in same if t.overlay and not t.open and t.label not in common}
    for term in sorted(terms, key=str):
        for table in ANY_TABLE:
            verdict = one("_".join(term.words), type_of(term), table, knowledge=knowledge)
            assert verdict.protect is not Protect.NO, f"{table}.{term}: {verdict.evidence}"


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("IN", ("pan", "epic", "customer_pan", "zz_pan")),
        ("ANZ", ("nhi", "crn", "tfn")),
        ("SEA", ("tin", "can_cuoc", "cpf", "fin")),
    ],
)
def test_short_identifiers_wait_for_review_where_the_overlay_is_chosen(code: str, names: tuple[str, ...]) -> None:
    for name in names:
        for table in ANY_TABLE:
            assert one(name, table=table, knowledge=knowledge_of(code)).protect is not Protect.NO, f"{table}.{name}"
        assert one(f"{name}_status", knowledge=knowledge_of(code)).protect is Protect.NO


@pytest.mark.parametrize(
    ("table", "column", "comment", "label", "protect"),
    [
        ("org_unit", "leader", "负责人", LabelClass.NAME, Protect.YES),
        ("audit_trail", "oper_name", "操作员姓名", LabelClass.NAME, Protect.YES),
        ("audit_trail", "oper_name", "操作人员", LabelClass.NAME, Protect.YES),
        ("audit_trail", "oper_location", "操作员所在地", LabelClass.GEO, Protect.YES),
        ("audit_trail", "login_location", "登录地点", LabelClass.GEO, Protect.YES),
        ("job_slot", "post_code", "职位代码", LabelClass.NONE, Protect.NO),
        ("job_slot", "post_code", "岗位编码", LabelClass.NONE, Protect.NO),
        ("people", "post_code", "邮政编码", LabelClass.ADDRESS, Protect.YES),
        ("people", "post_code", "", LabelClass.ADDRESS, Protect.YES),
        ("gen_table", "gen_path", "生成路径", LabelClass.NONE, Protect.NO),
        ("t", "x1", "ชื่อลูกค้า", LabelClass.NAME, Protect.YES),
        ("t", "x1", "पिता का नाम", LabelClass.NAME, Protect.YES),
        ("t", "x1", "Имя клиента", LabelClass.NAME, Protect.YES),
        ("t", "x1", "رقم الهاتف", LabelClass.PHONE, Protect.YES),
        ("t", "x1", "担当者", LabelClass.NAME, Protect.YES),
        ("t", "x1", "담당자", LabelClass.NAME, Protect.YES),
        ("t", "value", "ответственное лицо", LabelClass.UNDECIDED, Protect.UNDECIDED),
        ("t", "ssn", "岗位编码", LabelClass.NATIONAL_ID, Protect.YES),
        ("t", "email", "status code of the system", LabelClass.EMAIL, Protect.YES),
    ],
)
def test_a_comment_counts_where_the_name_says_nothing_or_something_else(
    table: str, column: str, comment: str, label: LabelClass, protect: Protect
) -> None:
    verdict = one(column, table=table, comment=comment)
    assert (verdict.label, verdict.protect) == (label, protect)
