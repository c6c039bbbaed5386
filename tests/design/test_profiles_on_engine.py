"""Value profiles on the real engine: SQL and Python read every scheme alike, and only counts come back."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

from lampkeeper.design.classify.profiles_sql import profile_counts, profile_query, read_counts
from lampkeeper.design.knowledge.formats import Format, Weights
from lampkeeper.design.knowledge.identifiers import SCHEMES, Scheme
from lampkeeper.design.knowledge.knowledge import Knowledge, compose
from lampkeeper.design.knowledge.overlay import Identifier, Overlay, OverlayKind, Sensitivity
from lampkeeper.design.knowledge.overlays import built_in_overlays
from lampkeeper.design.knowledge.profiles_predicates import PREDICATES, TEXT_PREDICATES
from lampkeeper.design.knowledge.value_shapes import SHAPES as HARMLESS
from lampkeeper.model.labels import LabelClass
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Column, Table
from lampkeeper.text.sql_quoting import quote_string
from support.sql_workspace import SqlWorkspace

pytestmark = pytest.mark.spark

# `#` is a digit, `@` a letter, `&` an at sign.
SHAPES: dict[str, tuple[str, ...]] = {
    "payment card number": ("4###############", "3##############", "5#### ##### #####", "36############", "4444444444444444"),
    "IBAN": ("DE####################", "GB##ABCD##############", "de## #### #### #### #### ##"),
    "US social security number": ("###-##-####", "000-##-####", "#########"),
    "British national insurance number": ("AB######C", "BG######A", "ab ## ## ## d"),
    "Aadhaar number": ("############", "#### #### ####"),
    "Indian PAN": ("ABCP@####@", "ABCX@####@"),
    "NRIC or FIN": ("S#######@", "T#######@", "F#######@", "G#######@", "M#######@"),
    "Thai citizen number": ("#############", "#-####-#####-##-#"),
    "Indonesian NIK": ("################", "31#####10190####"),
    "Malaysian MyKad number": ("############", "######-##-####"),
    "Vietnamese citizen number": ("0###########", "############"),
    "Indonesian NPWP": ("##.###.###.#-###.###", "###############"),
    "Australian TFN": ("#########", "### ### ###"),
    "Australian Medicare number": ("##########", "###########"),
    "New Zealand IRD number": ("########", "#########", "##-###-###"),
    "New Zealand NHI number": ("@@@####", "@@@##@@"),
    "IMEI": ("35#############", "86#############"),
    "phone number": ("+61 4## ### ###", "0# #### ####", "(###) ###-####", "####"),
    "email address": ("a#&x#.example", "@&@", "a b&c.d"),
    "IP address": ("##.##.##.##", "2##.#.#.###", "fe80::#", "1:2"),
    "MAC address": ("A#:##:##:##:##:##", "##-##-##-##-##-##", "##:##"),
    "ICD-10 code": ("E##.#", "Z##", "E#"),
    "blood group": ("A+", "AB-", "C+"),
    "pair of coordinates": ("-##.####, ###.####", "##.#, #.#"),
    "digest or random token": ("a" * 16 + "#" * 16, "#" * 31),
    "password hash or token": ("$2b$##$" + "a" * 53, "sk-" + "a" * 20, "eyJ#.a.b"),
}
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIRT = ("", " ", "-", "0", "0000000000000000", "ÄÖÜ", "🙂" * 9, "a'b\\c`d", "٣٤٥٦٧٨٩٠١٢٣٤", "1" * 400, "NaN", "null")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlWorkspace]:
    workspace = SqlWorkspace(tmp_path_factory.mktemp("profiles"))
    workspace.sql("CREATE SCHEMA main.profiles")
    yield workspace
    workspace.close()


def _drawn(scheme: Scheme, rng: random.Random) -> list[str]:
    """Return texts of the scheme's shapes; among them, where chance allows, some that the scheme accepts."""
    texts: list[str] = []
    for shape in SHAPES[scheme.name]:
        made = [
            "".join(
                rng.choice("0123456789") if c == "#" else rng.choice(LETTERS) if c == "@" else "@" if c == "&" else c
                for c in shape
            )
            for _ in range(400)
        ]
        accepted = [t for t in made if scheme.accepts(t)]
        texts += accepted[:6] + [t for t in made if t not in accepted][:6]
    return texts


OWN = Overlay(
    code="own", kind=OverlayKind.INDUSTRY, name="Own", location="own.yaml", regulations=(),
    identifiers=tuple(
        Identifier(
            name=name, label=LabelClass.PERSON_REF, subtype=name.lower().replace(" ", "_"), sensitivity=Sensitivity.RESTRICTED,
            format=shape, samples=samples, alone=True,
        )
        for name, shape, samples in (
            ("Customer number", Format(pattern="[0-9]{4}", check=Weights(weights=(3, 2, 1, 1), modulus=11)), ("1231", "12-31")),
            ("Locker", Format(pattern="K[0-9]{2}(A|B)?", separators="_^]"), ("K_12a", "k^12]B")),
            ("Badge", Format(pattern="[0-9]{8,10}", check="luhn", separators=""), ("12345674",)),
        )
    ),
)  # fmt: skip


def _of_overlays(overlays: Knowledge, rng: random.Random) -> set[str]:
    """Return the samples of the overlays, and what a slip makes of them."""
    samples = [s for p in overlays.overlays for i in p.identifiers for s in (*i.samples, *i.counterexamples)]
    slips = ("".join(rng.choice("0123456789AB x-") if rng.random() < 0.15 else c for c in s) for s in samples for _ in range(2))
    return {t.strip(" ") for t in (*samples, *slips)}


def test_every_scheme_in_sql_is_a_scheme_and_has_shapes_here() -> None:
    assert set(PREDICATES) <= {s.name for s in SCHEMES}
    assert set(SHAPES) == set(PREDICATES)


def test_sql_and_python_accept_the_same_texts(engine: SqlWorkspace) -> None:
    rng = random.Random(7)
    always = [s for s in SCHEMES if s.name in PREDICATES]
    overlays = compose((*built_in_overlays(), OWN))
    schemes = [*always, *(s for s in overlays.schemes if s.overlay and s.sql)]
    assert {"Customer number", "Locker"} <= {s.name for s in schemes}
    texts = sorted({t.strip(" ") for s in always for t in _drawn(s, rng)} | set(DIRT) | _of_overlays(overlays, rng))
    rows = ", ".join(f"({n}, {quote_string(t)})" for n, t in enumerate(texts))
    tests = ", ".join(f"coalesce({s.sql or PREDICATES[s.name]}, FALSE)" for s in schemes)
    answer = engine.sql(
        f"SELECT n, {tests} FROM (SELECT n, v, upper(v) AS u, regexp_replace(v, '[-./ ]', '') AS x,"
        f" regexp_replace(upper(v), '[ ]', '') AS g, regexp_replace(v, '[- ]', '') AS y FROM VALUES {rows} AS t(n, v)) AS p"
    )
    wrong = []
    accepted = dict.fromkeys((s.name for s in schemes), 0)
    for row in answer.rows:
        text = texts[int(row[0])]  # type: ignore[arg-type]
        for scheme, said in zip(schemes, row[1:], strict=True):
            accepted[scheme.name] += scheme.accepts(text)
            if scheme.accepts(text) != (str(said).lower() == "true"):
                wrong.append(f"{scheme.name}: {text!r}: Python {scheme.accepts(text)}, SQL {said}")
    assert wrong == []
    assert [name for name, count in accepted.items() if count == 0] == []


def test_a_profile_of_a_table_is_one_query_of_counts(engine: SqlWorkspace) -> None:
    engine.sql(
        "CREATE TABLE main.profiles.people (`odd ``name` STRING, k BIGINT, born DATE, grp STRING, note STRING, empty STRING)"
    )
    rows = ", ".join(
        f"('p{n}@bank.example', {n}, DATE'{1930 + n}-02-03', '{'AB'[n % 2]}', 'call or mail p{n}@bank.example about it', NULL)"
        for n in range(60)
    )
    engine.sql(f"INSERT INTO main.profiles.people VALUES {rows}")
    table = Table(
        name=TableName("main", "profiles", "people"),
        columns=tuple(
            Column(name=n, type=t)
            for n, t in (
                ("odd `name", "STRING"),
                ("k", "BIGINT"),
                ("born", "DATE"),
                ("grp", "STRING"),
                ("note", "STRING"),
                ("empty", "STRING"),
            )
        ),
    )
    query = profile_query(table)
    assert query is not None
    answer = engine.sql(query.sql)
    found = [dict(zip([c[0] for c in answer.columns], row, strict=True)) for row in answer.rows]
    assert all(str(v).lower() in ("true", "false") or str(v).isdigit() for row in found for v in row.values())
    counts = read_counts(query, [{k: None if v is None else str(v) for k, v in row.items()} for row in found])
    assert set(counts) == {"odd `name", "k", "born", "grp", "note"}
    labels = {
        c.name: [s.label for s in profile.evidence]
        for c in table.columns
        if c.name in counts and (profile := profile_counts(counts[c.name], c.type)) is not None
    }
    assert labels == {
        "odd `name": [LabelClass.EMAIL], "k": [], "born": [LabelClass.DOB], "grp": [], "note": [LabelClass.FREE_TEXT],
    }  # fmt: skip
    assert counts["grp"].distinct == 2


def test_sql_and_python_read_the_shapes_of_harmless_values_alike(engine: SqlWorkspace) -> None:
    texts = ("12", "12.5", "0.1234567", "-1.5", "2020", "12345", "1.2.3", "0000123", "ORD-00000012", "1700000000", "240105123456",
             "1700000000000", "2026-01-02 10:11:12", "2026-01-02 00:00:00", "00000001-1111-4222-a333-444455556666", "abc", "1E5",
             *(d for d in DIRT if d.strip()))  # fmt: skip
    rows = ", ".join(f"({quote_string(t)})" for t in texts)
    counts = ", ".join(f"count_if({TEXT_PREDICATES[name]})" for name in HARMLESS)
    found = engine.sql(f"SELECT {counts} FROM VALUES {rows} AS t(v)").rows[0]
    assert [int(n) for n in found] == [sum(1 for t in texts if re.fullmatch(p, t)) for p in HARMLESS.values()]
