"""Names of systems that the classifier was not made from: laws about spelling, language, place in a table and weak signs."""

from __future__ import annotations

import pytest

from lampkeeper.design.classify.offline import Field, Verdict, classify_table
from lampkeeper.design.knowledge.lexicon import load_lexicon
from lampkeeper.model.labels import LabelClass, Protect


def table(name: str, *columns: str, kind: str = "STRING") -> dict[str, Verdict]:
    """Return the verdicts of a table by column name."""
    fields = [Field(name=c, type=kind) for c in columns]
    return dict(zip(columns, classify_table(name, fields), strict=True))


@pytest.mark.parametrize(
    "spelling", ["first_name", "firstName", "FirstName", "FIRST_NAME", "firstname", "fname", "FirstNm", "first-name"]
)
def test_every_spelling_of_a_name_is_the_same_words(spelling: str) -> None:
    assert load_lexicon().tokenize(spelling) == ("first", "name")


@pytest.mark.parametrize("name", ["dealname", "timezone", "username", "hostname", "assignee", "pipeline", "notification"])
def test_a_word_is_never_cut_inside_another(name: str) -> None:
    assert "last" not in load_lexicon().tokenize(name)
    assert "name" not in load_lexicon().tokenize(name)[:1]


@pytest.mark.parametrize("prefix", ["emp_", "per_", "if_", "Member_", "x7_"])
def test_a_prefix_of_a_whole_table_hides_nothing(prefix: str) -> None:
    found = table("t1", *(prefix + c for c in ("fname", "lname", "dob", "address", "tel", "code")))
    for column in ("fname", "lname", "dob", "address", "tel"):
        assert found[prefix + column].protect is Protect.YES, column
    assert found[prefix + "code"].protect is Protect.NO


@pytest.mark.parametrize(
    "column", ["email", "phone", "first_name", "address", "iban", "password_hash", "passport_no", "nama_lengkap"]
)
def test_a_yes_or_no_is_never_a_contact_or_an_identifier(column: str) -> None:
    assert table("customers", column, kind="BOOLEAN")[column].protect is Protect.NO


@pytest.mark.parametrize(
    "column",
    [
        "tipo_documento",
        "jenis_rekening",
        "loai_tai_khoan",
        "estado_cuenta",
        "fecha_diagnostico",
        "tgl_diagnosa",
        "kode_penyakit_status",
    ],
)
def test_where_the_noun_comes_first_it_makes_the_rest_an_attribute(column: str) -> None:
    assert table("persona", column)[column].label in {LabelClass.NONE, LabelClass.UNDECIDED, LabelClass.HEALTH}
    assert table("persona", column, "id")[column].label is not LabelClass.BANK_ACCOUNT


@pytest.mark.parametrize(
    ("people", "column"),
    [
        ("tbl_anggota", "nama"), ("nhan_vien", "ten_nv"), ("pracownicy", "imie"), ("Mitglied", "Nachname"), ("alumnos", "nombre"),
        ("utilisateurs", "mdp"), ("padroni", "cognome"), ("leden", "voornaam"), ("calon", "NAMA_CALON"), ("siswa", "nisn"),
    ],
)  # fmt: skip
def test_people_are_people_in_every_language(people: str, column: str) -> None:
    assert table(people, "id", column)[column].protect is Protect.YES


@pytest.mark.parametrize(
    "things", ["divisi", "jurusan", "phong_ban", "Standort", "materia", "pharmacie", "kategorien", "contact_list"]
)
@pytest.mark.parametrize("column", ["name", "nama", "nombre", "nom"])
def test_the_name_of_a_thing_stays_open(things: str, column: str) -> None:
    assert table(things, "id", column)[column].protect is Protect.NO


def test_an_unknown_word_waits_for_review_among_people_and_among_things() -> None:
    for others in (("karyawan", "nama_lengkap", "alamat"), ("barang", "harga", "satuan"), ("employees", "first_name", "address")):
        assert table(*others, "qwzrty")["qwzrty"].protect is Protect.UNDECIDED


def test_the_parts_of_a_mail_are_addresses_and_the_same_words_elsewhere_are_not() -> None:
    mail = table("email_events", "from", "to", "cc", "bcc", "recipient", "subject")
    assert {c for c, v in mail.items() if v.label is LabelClass.EMAIL} == {"from", "to", "cc", "bcc", "recipient"}
    assert all(v.protect is Protect.NO for v in table("price_periods", "from", "to").values())


def test_a_number_of_a_decimal_type_can_be_an_identifier() -> None:
    found = table("congdan", "cccd", "sdt", kind="NUMBER(12)")
    assert found["cccd"].label is LabelClass.NATIONAL_ID
    assert found["sdt"].label is LabelClass.PHONE


_STAMPS = [f"24{1 + i % 12:02d}{1 + i % 28:02d}{1 + i % 12:02d}{i % 60:02d}{(7 * i) % 60:02d}" for i in range(60)]


@pytest.mark.parametrize(
    "values",
    [
        _STAMPS,
        [f"20{s}{i:02d}" for i, s in enumerate(_STAMPS)],
        [f"{i * 7919:010d}" for i in range(60)],
        [f"{i * 7919:012d}" for i in range(60)],
        [f"ORD-{i:08d}" for i in range(60)],
        [f"{i % 9 + 1}.{i % 7}.{i}" for i in range(60)],
    ],
    ids=["12-digit time stamps", "16-digit time stamps", "padded to 10", "padded to 12", "order numbers", "versions"],
)
def test_numbers_that_machines_count_are_no_identifiers_of_people(values: list[str]) -> None:
    assert classify_table("t1", [Field(name="c1", type="STRING", values=tuple(values))])[0].protect is Protect.NO


@pytest.mark.parametrize("column", ["payload", "raw_json", "request_body", "old_values", "form_data"])
def test_a_column_that_may_hold_anything_waits_for_review(column: str) -> None:
    assert table("events", column)[column].protect is Protect.UNDECIDED
    assert table("events", column, kind="BIGINT")[column].protect is Protect.NO


@pytest.mark.parametrize(
    ("comment", "label"),
    [
        ("姓名", LabelClass.NAME),
        ("手机号码", LabelClass.PHONE),
        ("生年月日", LabelClass.DOB),
        ("주민등록번호", LabelClass.NATIONAL_ID),
        ("Дата рождения", LabelClass.DOB),
        ("τηλέφωνο", LabelClass.PHONE),
        ("رقم الهوية", LabelClass.NATIONAL_ID),
        ("מספר זהות", LabelClass.NATIONAL_ID),
    ],
)
def test_a_comment_in_another_script_tells_what_an_opaque_name_holds(comment: str, label: LabelClass) -> None:
    verdict = classify_table("t1", [Field(name="x1", type="STRING", comment=comment)])[0]
    assert (verdict.label, verdict.protect) == (label, Protect.YES)


def test_a_client_of_a_protocol_is_no_person() -> None:
    assert table("oauth_clients", "name", "redirect_uri")["name"].protect is Protect.NO
    assert table("clients", "name", "phone")["name"].protect is Protect.YES


def seen(name: str, values: list[str], *, table_name: str = "places") -> Verdict:
    """Return the verdict of one text column with these values."""
    return classify_table(table_name, [Field(name=name, type="STRING", values=tuple(values))])[0]


EMAILS = [f"ana{n}@mail.example" for n in range(40)]


def test_values_raise_what_a_name_leaves_open() -> None:
    found = seen("city", EMAILS)
    assert (found.label, found.protect) == (LabelClass.EMAIL, Protect.YES)
    assert seen("city", [f"Town {n}" for n in range(40)]).protect is Protect.NO


def test_few_values_that_are_all_valid_wait_for_review() -> None:
    assert seen("x1", EMAILS[:7]).protect is Protect.UNDECIDED
    assert seen("reference", EMAILS[:7]).protect is Protect.UNDECIDED
    assert seen("reference", [*EMAILS[:7], "no address"]).protect is Protect.NO
    assert seen("reference", EMAILS[:4]).protect is Protect.NO
    assert seen("x1", EMAILS[:20]).protect is Protect.YES


@pytest.mark.parametrize("missing", ["N/A", "null", "", " ", "-", "Unknown"])
def test_what_people_write_for_no_value_is_no_value(missing: str) -> None:
    assert seen("reference", [*EMAILS[:25], *[missing] * 50]).protect is Protect.YES
    assert seen("reference", [*EMAILS[:20], *[f"plain {n}" for n in range(4)]]).protect is Protect.YES
    assert seen("reference", [*EMAILS[:20], *[f"plain {n}" for n in range(6)]]).protect is Protect.NO


@pytest.mark.parametrize("word", ["held", "blocked", "cleared", "prior", "zzq"])
def test_any_kind_of_balance_in_a_wallet_is_somebodys_money(word: str) -> None:
    assert table("wallets", f"{word}_balance", kind="DECIMAL(12,2)")[f"{word}_balance"].protect is Protect.YES
    assert table("wallets", "leave_balance", kind="DECIMAL(12,2)")["leave_balance"].protect is Protect.NO


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("struct<id:bigint,email:string>", LabelClass.EMAIL),
        ("array<struct<phone:string,kind:string>>", LabelClass.PHONE),
        ("STRUCT<`first_name`: STRING, x: INT>", LabelClass.NAME),
        ("struct<id:bigint,card:struct<cvv:string>>", LabelClass.CARD_SECURITY_CODE),
    ],
)
def test_a_struct_holds_what_its_fields_are_called(kind: str, label: LabelClass) -> None:
    found = table("events", "x1", kind=kind)["x1"]
    assert (found.label, found.protect) == (label, Protect.YES)


def test_a_struct_of_harmless_fields_stays_open() -> None:
    assert table("events", "x1", kind="struct<id:bigint,email_status:string>")["x1"].protect is Protect.NO


@pytest.mark.parametrize("kind", ["map<string,string>", "VARIANT", "jsonb"])
def test_an_open_ended_type_waits_for_review_unless_its_name_says_personal_data(kind: str) -> None:
    found = table("events", "properties", "settings", "ssn", kind=kind)
    assert found["properties"].protect is Protect.UNDECIDED
    assert found["settings"].protect is Protect.UNDECIDED
    assert found["ssn"].protect is Protect.YES


@pytest.mark.parametrize(("column", "protect"), [("is_deceased", Protect.YES), ("is_email_sent", Protect.NO)])
def test_a_question_about_a_state_is_answered_by_the_state(column: str, protect: Protect) -> None:
    assert table("patients", "birth_date", column, kind="BOOLEAN")[column].protect is protect
