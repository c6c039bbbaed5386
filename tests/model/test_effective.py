"""What a change from one matrix to another means."""

import pytest
from hypothesis import given

from lampkeeper.model.access import Access, AccessModel, Cell, CellState
from lampkeeper.model.effective import Direction, Matrix, compare, compute_matrix, standard_principals
from lampkeeper.model.names import ColumnName
from support.access_models import TABLES, access_models
from support.nightly import law

pytestmark = pytest.mark.unit

COLUMN = ColumnName(TABLES[0].name, "a")


def one(cell: Cell | None, row_filter: str = "") -> Matrix:
    return Matrix(
        principals=("ana",),
        cells={("ana", COLUMN): cell} if cell else {},
        filters={("ana", COLUMN.table): row_filter} if row_filter else {},
    )


RAW, HIDDEN = Cell(state=CellState.RAW), Cell(state=CellState.HIDDEN, by="SELECT on main.s.t")
MASK_A, MASK_B = (Cell(state=CellState.MASKED, by=f"main.l.{n}", digest=n) for n in ("a", "b"))
FAILING = Cell(state=CellState.FAILING, by="MULTIPLE_MASKS")


@law(80)
@given(model=access_models())
def test_nothing_changes_from_a_matrix_to_itself(model: AccessModel) -> None:
    access = Access(model)
    matrix = compute_matrix(access, standard_principals(access))
    assert compare(matrix, matrix) == ()


@law(80)
@given(before=access_models(), after=access_models())
def test_a_cell_that_opens_one_way_closes_the_other_way(before: AccessModel, after: AccessModel) -> None:
    first, second = Access(before), Access(after)
    people = standard_principals(first, second)
    one_way, back = (compute_matrix(a, people) for a in (first, second))
    there, again = compare(one_way, back), compare(back, one_way)
    assert {(c.principal, c.table, c.column) for c in there} == {(c.principal, c.table, c.column) for c in again}
    tighter = {(c.principal, c.table, c.column) for c in there if c.direction is Direction.NARROWER}
    assert tighter <= {(c.principal, c.table, c.column) for c in again if c.direction is Direction.WIDER}


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        (MASK_A, RAW, Direction.WIDER),
        (HIDDEN, RAW, Direction.WIDER),
        (HIDDEN, MASK_A, Direction.WIDER),
        (None, RAW, Direction.WIDER),
        (FAILING, MASK_A, Direction.WIDER),
        (MASK_A, MASK_B, Direction.WIDER),
        (RAW, MASK_A, Direction.NARROWER),
        (RAW, HIDDEN, Direction.NARROWER),
        (RAW, None, Direction.NARROWER),
        (MASK_A, FAILING, Direction.NARROWER),
    ],
)
def test_a_change_of_a_cell_has_a_direction(before: Cell | None, after: Cell | None, direction: Direction) -> None:
    assert [c.direction for c in compare(one(before), one(after))] == [direction]


def test_hidden_and_failing_show_the_same_nothing() -> None:
    assert compare(one(HIDDEN), one(FAILING)) == ()


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [("", "f(a)", Direction.NARROWER), ("f(a)", "", Direction.WIDER), ("f(a)", "g(a)", Direction.WIDER)],
)
def test_a_row_filter_dropped_or_replaced_is_looser(before: str, after: str, direction: Direction) -> None:
    changes = compare(one(MASK_A, before), one(MASK_A, after))
    assert [(c.column, c.direction) for c in changes] == [(None, direction)]
