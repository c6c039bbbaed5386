"""Verifying masks that cannot be computed by another: keyed ones, without the key, and those that change with the day."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from lampkeeper.deploy.verify.asking import TestPrincipal
from lampkeeper.deploy.verify.cells import CellCheck, Comparison
from lampkeeper.deploy.verify.report import Seen, Status
from lampkeeper.model.access import Access, AccessModel, Principal
from lampkeeper.model.conditions import HasTagValue
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.hash_key import HashKey
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName, TableName
from lampkeeper.model.policies import Grant, MatchColumn, Policy, PolicyKind, SecurableType
from lampkeeper.model.schema import Column, Table
from lampkeeper.model.tags import EntityType, TagAssignment
from support.fake_warehouse import FakeQueryRunner, FakeWarehouse

pytestmark = pytest.mark.unit

NAME = TableName("main", "s", "people")
TABLE = Table(name=NAME, columns=(Column(name="ref", type="STRING"), Column(name="born", type="STRING")))
ROWS = [("a", "1990-01-01"), ("a", "1901-01-01"), ("b", "1950-01-01"), (None, None)]
PEOPLE = {"ana": ("analysts",), "ben": ("analysts",), "olga": ("officers",)}


def function(name: str, body: str) -> Function:
    parameters = (Parameter(name="value", type="STRING"),)
    return Function(
        name=FunctionName("main", "l", name), role=FunctionRole.MASK, parameters=parameters, returns="STRING", body=body
    )


KEYED = function("mask_hash", "CASE WHEN value IS NULL THEN NULL ELSE CAST(xxhash64('{{hash_key.inner}}', value) AS STRING) END")
DATED = function("mask_born", "CASE WHEN value < CAST(current_date() AS STRING) THEN substr(value, 1, 4) ELSE current_date() END")


def policy(column: str, brings: Function) -> Policy:
    return Policy(
        name=f"p_{column}", kind=PolicyKind.COLUMN_MASK, securable_type=SecurableType.CATALOG, securable=("main",),
        to_principals=(EVERYBODY,), except_principals=("officers",), function=brings.name,
        match_columns=(MatchColumn(alias="m", condition=HasTagValue("pii", column)),), on_column="m",
    )  # fmt: skip


def model(*functions: Function) -> AccessModel:
    grant = Grant(
        securable_type=SecurableType.CATALOG, securable=("main",), principal=EVERYBODY,
        privileges=("USE_CATALOG", "USE_SCHEMA", "SELECT"),
    )  # fmt: skip
    tags = tuple(
        TagAssignment(entity_type=EntityType.COLUMNS, entity_name=f"{NAME.plain}.{c}", key="pii", value=c)
        for c in ("ref", "born")
    )
    bound = tuple(policy("ref" if f.name.function == "mask_hash" else "born", f) for f in functions)
    return AccessModel(tables=(TABLE,), tags=tags, policies=bound, grants=(grant,), functions=functions)


class Dated:
    """Somebody whose day moves on: `days` are the days of the queries to come, the last one stays."""

    def __init__(self, inner: FakeQueryRunner, days: list[str]) -> None:
        self.inner, self.days = inner, days

    def ask(self, sql: str, parameters: Mapping[str, str]) -> Sequence[Sequence[str | None]]:
        day = self.days.pop(0) if len(self.days) > 1 else self.days[0]
        live = self.inner.warehouse.live
        body = {f.name: f.body.replace("current_date()", f"'{day}'") for f in live.functions}
        then = replace(live, functions=tuple(replace(f, body=body[f.name]) for f in live.functions))
        query_runner = FakeWarehouse(then, self.inner.warehouse.rows).as_(self.inner.principal)
        return query_runner.ask(sql.replace("current_date()", f"'{day}'"), parameters)


def verify(expected: AccessModel, *lives: AccessModel, days: Mapping[str, list[str]] | None = None) -> Comparison:
    """Compare; the first live model answers everybody, a second one the second analyst."""
    found = []
    for name, groups in PEOPLE.items():
        live = lives[1] if len(lives) > 1 and name == "ben" else lives[0]
        principal = Principal(name=name, groups=groups)
        query_runner = FakeWarehouse(live, {NAME: ROWS}).as_(principal)
        found.append(
            TestPrincipal(
                name=name, principal=principal, query_runner=Dated(query_runner, (days or {}).get(name, ["2026-11-22"]))
            )
        )
    return CellCheck(Access(expected), found, "salt").run()


def under(key: HashKey) -> Function:
    return replace(KEYED, body=key.insert(KEYED.body))


def cell(found: Comparison, who: str, column: str) -> tuple[Seen, Status]:
    return next((c.seen, c.status) for c in found.cells if c.principal == who and c.column.column == column)


def fresh() -> HashKey:
    return HashKey.parse(secrets.token_hex(32), "a test")


def test_a_keyed_mask_is_proved_without_its_key() -> None:
    key = fresh()
    found = verify(model(KEYED), model(under(key)))
    assert {c.status for c in found.cells} == {Status.OK}
    assert cell(found, "ana", "ref") == (Seen.MASKED, Status.OK)
    assert cell(found, "olga", "ref") == (Seen.RAW, Status.OK)


@pytest.mark.parametrize(
    "body",
    ["value", "CASE WHEN value IS NULL THEN NULL ELSE '***' END", "CAST(NULL AS STRING)", "coalesce(value, 'none')"],
)
def test_what_is_no_keyed_mask_of_these_values_is_a_mismatch(body: str) -> None:
    found = verify(model(KEYED), model(replace(KEYED, body=body)))
    assert cell(found, "ana", "ref")[1] is Status.MISMATCH


def test_two_keys_for_two_people_are_a_mismatch() -> None:
    found = verify(model(KEYED), model(under(fresh())), model(under(fresh())))
    assert [cell(found, who, "ref")[1] for who in ("ana", "ben", "olga")] == [Status.MISMATCH, Status.MISMATCH, Status.OK]


def test_no_question_holds_a_key_that_anybody_keeps() -> None:
    key = fresh()
    warehouse = FakeWarehouse(model(under(key)), {NAME: ROWS})
    asked: list[str] = []

    class Listening(FakeQueryRunner):
        def ask(self, sql: str, parameters: Mapping[str, str]) -> Sequence[Sequence[str | None]]:
            asked.append(sql)
            return super().ask(sql, parameters)

    everybody = [Principal(name=n, groups=g) for n, g in PEOPLE.items()]
    people = [TestPrincipal(name=p.name, principal=p, query_runner=Listening(warehouse, p)) for p in everybody]
    CellCheck(Access(model(KEYED)), people, "salt").run()
    assert asked
    assert not any(pad in sql for pad in key.pads for sql in asked)


def test_a_mask_that_changes_with_the_day_is_proved_on_one_day() -> None:
    found = verify(model(DATED), model(DATED))
    assert cell(found, "ana", "born") == (Seen.MASKED, Status.OK)


def test_midnight_between_two_questions_is_asked_again() -> None:
    days = {"ana": ["2026-11-23"], "ben": ["2026-11-23"], "olga": ["1940-01-01", "2026-11-23"]}
    once, twice = verify(model(DATED), model(DATED)), verify(model(DATED), model(DATED), days=days)
    assert twice.queries == 2 * once.queries
    assert {c.status for c in twice.cells} == {Status.OK}


def test_people_who_live_on_two_days_do_not_pass() -> None:
    found = verify(model(DATED), model(DATED), days={"ana": ["1940-01-01"]})
    assert cell(found, "ana", "born")[1] is Status.MISMATCH
    assert cell(found, "ben", "born")[1] is Status.OK
