"""A plan can be read: every field that a change writes is printed, like changes on one line, and nothing printed can lie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import KINDS, kind_named
from lampkeeper.deploy.plan import Plan, StateVersion
from lampkeeper.deploy.printed_plan import WIDTH, Tone, plan_lines
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.files.space_json import render_space
from lampkeeper.model.codecs import Document
from lampkeeper.model.effective import Direction, MatrixChange, unreviewed_table
from lampkeeper.model.errors import UsageError
from lampkeeper.model.genie import GenieSpace
from lampkeeper.model.layers import LAYERS
from lampkeeper.model.names import TableName

pytestmark = pytest.mark.unit

MARK = "[managed by lampkeeper: dev]"


def content(instructions: str) -> str:
    return render_space(GenieSpace(name="Finance", tables=(TableName("main", "shop", "orders"),), instructions=instructions))


DOCUMENTS: Mapping[str, Document] = {
    "group": {"name": "analysts"},
    "tag_policy": {
        "tag_key": "pii", "description": f"who reads {MARK}", "values": [{"name": "email"}, {"name": "name"}],
    },
    "tag_permission": {"tag_key": "pii", "role": "tagPolicy.assigner", "principals": ["groups/stewards"]},
    "schema": {"catalog_name": "main", "name": "lampkeeper", "comment": f"Masks and filters {MARK}"},
    "function": {
        "catalog": "main", "schema": "lampkeeper", "name": "mask_email", "parameters": [["v", "STRING"]], "returns": "STRING",
        "body": "CASE\n  WHEN v IS NULL THEN NULL\n  ELSE sha2({{hash_key.inner}}, 256) END", "comment": MARK, "key_id": "a1b2",
    },
    "policy": {
        "name": "lk_email", "on_securable_type": "CATALOG", "on_securable_fullname": "main",
        "policy_type": "POLICY_TYPE_COLUMN_MASK", "for_securable_type": "TABLE", "to_principals": ["account users"],
        "except_principals": ["officers"], "when_condition": "has_tag('reviewed')",
        "match_columns": [{"alias": "m", "condition": "has_tag_value('pii', 'email')"}], "comment": MARK,
        "column_mask": {
            "function_name": "main.lampkeeper.mask_email", "using": [{"alias": "region"}, {"constant": "3"}], "on_column": "m",
        },
    },
    "tag": {"entity_type": "columns", "entity_name": "main.shop.people.email", "tag_key": "pii", "tag_value": "email"},
    "table_control": {
        "catalog": "main", "schema": "shop", "table": "people", "column": "email", "function": ["main", "old", "mask"],
        "arguments": ["region"],
    },
    "workspace_assignment": {"group": "analysts", "permissions": ["USER"]},
    "entitlement": {"group": "analysts", "entitlement": "workspace-consume"},
    "warehouse": {"name": "governed", "size": "Small", "mark": "dev"},
    "warehouse_acl": {"warehouse": "governed", "group": "analysts", "level": "CAN_USE"},
    "grant": {
        "securable_type": "TABLE", "securable": ["main", "shop", "people"], "principal": "analysts", "privileges": ["SELECT"],
        "shared": True,
    },
    "genie_space": {
        "key": "finance", "title": "Finance", "description": f"About money {MARK}", "warehouse": "governed", "attached": "01f0",
        "warehouse_name": "",
        "content": content("Amounts are in euro."),
    },
    "genie_acl": {"space": "finance", "space_id": "01f0", "group": "analysts", "level": "CAN_RUN"},
    "member": {"group": "analysts", "member": "ana@bank.example"},
}  # fmt: skip
"""An object of each kind with every field that it can have."""


def change(name: str, before: Document | None, after: Document | None, **more: Any) -> Change[Any]:
    action = Action.CREATE if before is None else Action.DELETE if after is None else Action.UPDATE
    kind = kind_named(name)
    old, new = (None if document is None else kind.codec.read(document) for document in (before, after))
    return Change(kind=kind, key="k", action=action, stage=Stage.PREPARE, before=old, after=new, **more)


def readable(name: str, document: Document) -> bool:
    """Say whether a document is one of the kind: only such ones come out of a plan file."""
    try:
        kind_named(name).codec.read(document)
    except ValueError:
        return False
    return True


def plan(*changes: Change[Any], **more: Any) -> Plan:
    state_versions = tuple(StateVersion(layer=layer, lineage="l", serial=1) for layer in LAYERS)
    return Plan(env="dev", state_versions=state_versions, changes=changes, **more)


def text(made: Plan, *, full: bool = False) -> str:
    return "\n".join(line.text for line in plan_lines(made, full=full))


def leaves(value: Any) -> Iterator[Any]:
    """Yield a value over and over, each time with one leaf of it changed."""
    if isinstance(value, Mapping):
        for key in value:
            if key == "parameters":
                pairs = ([["w", "STRING"]], [["v", "INT"]], [], [["v", "STRING"], ["w", "INT"]])
                yield from ({**value, key: other} for other in pairs)
                continue
            yield from ({**value, key: other} for other in leaves(value[key]))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from ([*value[:at], other, *value[at + 1 :]] for other in leaves(each))
        yield [*value, value[-1]] if isinstance(value[-1], dict) else [*value, "one more"]
        yield value[:-1]
    elif isinstance(value, bool):
        yield not value
    elif value.startswith("{"):
        yield content("Amounts are in dollars.")
        yield content("")
    else:
        yield f"{value}x"
        yield ""


@pytest.mark.parametrize("kind", [k.name for k in KINDS])
def test_every_field_that_a_change_writes_is_printed(kind: str) -> None:
    body = DOCUMENTS[kind]
    made, removed = text(plan(change(kind, None, body)), full=True), text(plan(change(kind, body, None)), full=True)
    others = [other for other in leaves(body) if other != body and readable(kind, other) and not _unwritten(kind, other)]
    assert len(others) >= len(body)
    for other in others:
        assert text(plan(change(kind, None, other)), full=True) != made, other
        assert text(plan(change(kind, other, None)), full=True) != removed, other
    updates = {text(plan(change(kind, body, other)), full=True) for other in [body, *others]}
    assert len(updates) == len({repr(other) for other in [body, *others]}), "two different updates print the same"


def _unwritten(kind: str, body: Document) -> bool:
    """Say whether a space has a field empty that stands for `leave it as it is`, or a name that is read and never written."""
    return kind == "genie_space" and [name for name, value in body.items() if not value] != ["warehouse_name"]


def test_every_kind_has_a_body_here_with_the_fields_that_it_writes() -> None:
    assert set(DOCUMENTS) == {kind.name for kind in KINDS}


def test_an_update_shows_before_and_after() -> None:
    tag = DOCUMENTS["tag"]
    assert "~ tag pii = email → name on column main.shop.people.email" in text(
        plan(change("tag", tag, {**tag, "tag_value": "name"}))
    )
    grant = DOCUMENTS["grant"]
    reported = text(plan(change("grant", grant, {**grant, "privileges": ["MODIFY", "SELECT"]})))
    assert "~ grant SELECT, +MODIFY to analysts" in reported
    policy = DOCUMENTS["policy"]
    reported = text(plan(change("policy", policy, {**policy, "except_principals": ["auditors"], "when_condition": ""})))
    assert "EXCEPT +auditors, -officers" in reported
    assert "      - WHEN has_tag('reviewed')\n      + WHEN (none)" in reported
    space = DOCUMENTS["genie_space"]
    after = {**space, "content": content("Amounts are in dollars.")}
    lines = plan_lines(plan(change("genie_space", space, after)))
    removed, added = ([line.text for line in lines if line.tone is tone] for tone in (Tone.REMOVED, Tone.ADDED))
    assert ["euro" in line for line in removed] == ["dollars" in line for line in added] == [True]


def test_six_hundred_tags_are_a_few_lines_and_all_of_them_in_full() -> None:
    tags = [
        change("tag", None, DOCUMENTS["tag"] | {"entity_name": f"main.shop.t{n // 10}.c{n}", "tag_value": f"v{n % 20}"})
        for n in range(600)
    ]
    short, long = plan_lines(plan(*tags)), plan_lines(plan(*tags), full=True)
    grouped = [line.text for line in short if " tag pii " in line.text]
    assert (len(grouped), max(map(len, grouped)) <= WIDTH) == (20, True)
    assert grouped[0].startswith("  + tag pii = v0 on 30 columns of 30 tables: main.shop.t0 (c0), ")
    assert grouped[0].endswith(" more")
    assert sum(" tag pii " in line.text for line in long) == 600


def test_changes_that_differ_in_more_than_their_object_stay_apart() -> None:
    one, two = DOCUMENTS["member"], DOCUMENTS["member"] | {"member": "bob@bank.example"}
    assert "+ membership of group analysts for 2 members: ana@bank.example, bob@bank.example" in text(
        plan(change("member", None, one), change("member", None, two))
    )
    reported = text(
        plan(change("member", one, None, reasons=("no longer desired",)), change("member", two, None, temporary=True))
    )
    assert "for member ana@bank.example  (no longer desired)" in reported
    assert "for member bob@bank.example  (for the time of the apply)" in reported


def cell(principal: str, column: str, before: str, after: str) -> MatrixChange:
    table = TableName("main", "shop", column.partition(".")[0])
    way = Direction.WIDER if after == "raw" else Direction.NARROWER
    return MatrixChange(
        principal=principal, table=table, column=column.partition(".")[2], before=before, after=after, direction=way
    )


def test_effects_on_people_come_first_in_sentences_and_each_mask_with_its_example() -> None:
    mask = "masked by main.lampkeeper.mask_email"
    cells = [
        cell(who, c, "raw", mask) for who in ("member of analysts", "ana@bank.example")
        for c in ("customers.email", "customers.iban", "orders.payer")
    ]  # fmt: skip
    made = plan(
        change("tag", None, DOCUMENTS["tag"]), narrowing=tuple(cells),
        widening=(cell("(outsider)", "people.ssn", "hidden", "raw"),),
        examples=(("main.lampkeeper.mask_email", "'ana@bank.example'", "'a***'"),),
    )  # fmt: skip
    lines = text(made).splitlines()
    reported = " ".join(" ".join(lines).split())
    assert lines[0] == "widens access: 1 cell"
    assert "Principals in no group: column main.shop.people.ssn: hidden -> raw" in reported
    assert (
        "Members of analysts, ana@bank.example: 3 columns of main.shop: raw -> masked; customers (email, iban), orders (payer)"
    ) in reported
    assert "mask_email: 'ana@bank.example' → 'a***' in main.shop.customers (email, iban) and 1 more" in reported
    assert "mask_email: 'ana@bank.example' → 'a***'  in main.shop.customers (email, iban), main.shop.orders (payer)" in text(
        made, full=True
    )
    assert (
        reported.index("widens access")
        < reported.index("narrows access")
        < reported.index("masks:")
        < reported.index("layer account")
    )


def test_rows_of_unreviewed_tables_are_reported_by_catalog_or_schema() -> None:
    places = (unreviewed_table(("main",)), unreviewed_table(("dev", "shop")))
    cells = [
        MatrixChange(
            principal="(outsider)", table=t, column=None, before="all rows", after="no rows", direction=Direction.NARROWER
        )
        for t in places
    ]
    reported = " ".join(text(plan(narrowing=tuple(cells))).split())
    assert (
        "Principals in no group: rows of unreviewed tables of main, unreviewed tables of dev.shop: all rows -> no rows"
        in reported
    )


HOSTILE = (
    'x\n  + grant SELECT to "account users"',
    "\x1b[2K\rplan: nothing to do",
    "pay\u202egnp",
    "a\u200bb",
    "a\u3164b",
    'q" on b',
)


CLOSED = frozenset({"entity_type", "securable_type", "on_securable_type", "key"})
"""Fields that hold a word of a list, or a key made by us: no other text is read there."""


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", [k.name for k in KINDS])
def test_text_of_a_catalog_cannot_add_a_line_or_hide(kind: str, name: str) -> None:
    def spoil(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {k: v if k in CLOSED else spoil(v) for k, v in value.items()}
        if isinstance(value, list):
            return [spoil(v) for v in value]
        return f"{value}{name}" if isinstance(value, str) and not value.startswith("{") else value

    quiet, loud = DOCUMENTS[kind], spoil(DOCUMENTS[kind])
    for full in (False, True):
        made = plan(
            change(kind, None, loud),
            change(kind, loud, quiet),
            widening=(cell(f"member of {name}", f"{name}.{name}", "raw", "raw"),),
        )
        lines = [line.text for line in plan_lines(made, full=full)]
        assert not [line for line in lines if not line.isprintable() or "\u3164" in line]
        assert not [line for line in lines if re.match(r" *\+ grant SELECT to \"account users\"|plan: nothing", line)]


def test_a_kind_that_nobody_knows_is_refused() -> None:
    document = plan(change("group", None, DOCUMENTS["group"])).as_dict()
    document["changes"][0]["kind"] = "mask"
    with pytest.raises(UsageError, match="no objects of kind mask"):
        Plan.from_dict(document)


@pytest.mark.parametrize("kind", [k.name for k in KINDS])
def test_a_plan_file_says_nothing_that_is_not_printed_and_applied(kind: str) -> None:
    made = plan(change(kind, None, DOCUMENTS[kind]))
    assert Plan.from_json(made.to_json()).to_json() == made.to_json()
    document = made.as_dict()
    document["changes"][0]["after"] = {**DOCUMENTS[kind], "surprise": "x"}
    if kind == "policy":  # The API may add fields one day: such a policy is kept, and printed, as a whole.
        assert "surprise: x" in text(Plan.from_dict(document))
    else:
        with pytest.raises(UsageError, match="surprise"):
            Plan.from_dict(document)
