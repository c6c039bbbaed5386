"""Which functions of a catalog a space may call: those that bind to its tables and touch nothing masked."""

from __future__ import annotations

import pytest

from lampkeeper.design.genie.space_functions import proposed_functions
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import ColumnName, FunctionName, TableName
from lampkeeper.model.schema import Column, Table

pytestmark = pytest.mark.unit

ORDERS = Table(
    name=TableName("c", "s", "orders"),
    columns=tuple(Column(name=n, type=t) for n, t in {"id": "BIGINT", "total": "DOUBLE", "email": "STRING"}.items()),
)
MASKED = frozenset({ColumnName(ORDERS.name, "email")})


def function(body: str, **parameters: str) -> Function:
    return Function(
        name=FunctionName("c", "s", "f"), role=FunctionRole.MASK, returns="DOUBLE", body=body,
        parameters=tuple(Parameter(name=n, type=t) for n, t in parameters.items()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "proposed"),
    [
        ("(SELECT sum(total) FROM c.s.orders)", True),
        ("(SELECT sum(o.total) FROM c.s.orders o WHERE o.id = wanted)", True),
        ("(SELECT count(*) FROM orders)", True),
        ("(SELECT count(email) FROM c.s.orders)", False),
        ("(SELECT sum(total) FROM c.s.orders WHERE EMAIL = wanted)", False),
        ("SELECT * FROM c.s.orders", False),
        ("(SELECT sum(total) FROM c.s.others)", False),
        ("(SELECT sum(totl) FROM c.s.orders)", False),
        ("wanted * 2", False),
        ("(SELECT sum(total FROM", False),
    ],
)
def test_what_reads_only_open_columns_of_the_space_is_proposed(body: str, proposed: bool) -> None:
    found = proposed_functions((function(body, wanted="BIGINT"),), (ORDERS,), MASKED)
    assert found == (("c.s.f",) if proposed else ())


def test_a_star_gives_nothing_away_where_nothing_is_masked() -> None:
    assert proposed_functions((function("SELECT * FROM c.s.orders"),), (ORDERS,), frozenset()) == ("c.s.f",)
