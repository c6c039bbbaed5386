"""The checklist on the real engine: every mask of the library passes, and a mask that leaks in any way does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from lampkeeper.design.knowledge.library import Library, LibraryFunction, load_library, parse_library_file
from lampkeeper.design.knowledge.overlays import built_in_overlays
from lampkeeper.maskcheck.checks import NUMBERS, EngineRefusedError, Item, check_masks
from lampkeeper.maskcheck.keyed import with_a_key
from lampkeeper.maskcheck.mask_sets import SET_NUMBERS, check_set
from lampkeeper.maskcheck.mutants import mutants
from lampkeeper.maskcheck.rows import SCHEMA, check_rows
from lampkeeper.model.masks import FunctionRole
from localspace.core.statement_runner import SqlError
from support.nightly import sampled
from support.sql_workspace import SqlWorkspace

pytestmark = [pytest.mark.spark, pytest.mark.timeout(400)]

MASKS = load_library().of_role(FunctionRole.MASK)


class Checks:
    """An engine for the checks without HTTP."""

    def __init__(self, workspace: SqlWorkspace) -> None:
        self.workspace = workspace
        self.last: dict[str, str] = {}
        workspace.sql(f"CREATE SCHEMA {SCHEMA}")

    def __call__(self, function: LibraryFunction, literals: Sequence[str]) -> list[str | None]:
        create, kind = function.at(*SCHEMA.split(".")).create_sql(), function.function.parameters[0].type
        values = ", ".join(f"({i}, {text})" for i, text in enumerate(literals))
        if self.last.get(function.name) != create:
            self.sql(create)
            self.last[function.name] = create
        found = {
            int(i or 0): v
            for i, v in self.sql(
                f"SELECT i, CAST({SCHEMA}.{function.name}(CAST(v AS {kind})) AS STRING) FROM VALUES {values} AS t(i, v)"
            )
        }
        return [found[i] for i in range(len(literals))]

    def sql(self, statement: str) -> Sequence[Sequence[str | None]]:
        try:
            return self.workspace.rows(statement)
        except SqlError as error:
            raise EngineRefusedError(error.error_class) from None


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checks]:
    """Yield one engine for all."""
    workspace = SqlWorkspace(tmp_path_factory.mktemp("checklist"))
    yield Checks(workspace)
    workspace.close()


def mask(
    body: str, *, name: str = "mask_own", label: str = "national_id", example: str = "NULL -> NULL", kind: str = "STRING"
) -> LibraryFunction:
    """Return a mask of one's own."""
    text = f"-- {name}(value {kind}) RETURNS {kind}\n-- class: {label}\n-- reveals: x\n-- example: {example}\n{body}"
    return parse_library_file(text, FunctionRole.MASK, location="own.sql")


def failed(ask: Checks, function: LibraryFunction) -> set[Item]:
    """Return the items that a function fails."""
    return {v.item for v in check_masks([function], built_in_overlays(), ask) if v.good is False}


KEYED = tuple(m for m in MASKS if m.function.keyed)


def test_every_thirty_second_mask_passes_every_item(ask: Checks) -> None:
    some = [*MASKS[::32], *KEYED[:1]]
    found = [*check_masks(some, built_in_overlays(), ask), *check_rows(some, ask, ask.sql, rows=1000)]
    assert [v for v in found if v.good is False] == []


@pytest.mark.heavy
def test_every_mask_of_the_library_passes_every_item(ask: Checks) -> None:
    verdicts = [*check_masks(MASKS, built_in_overlays(), ask), *check_rows(MASKS, ask, ask.sql, rows=20_000)]
    assert [v for v in verdicts if v.good is False] == []
    assert {v.function for v in verdicts} == {m.name for m in MASKS}
    assert {v.item for v in verdicts if v.good} == set(Item)


def test_every_item_about_sets_of_masks_passes(ask: Checks) -> None:
    lines = check_set(load_library(), built_in_overlays(), ask, ask.sql)
    assert [line for line in lines if not line.good] == []


@pytest.mark.parametrize(
    ("body", "item"),
    [
        ("value", Item.IDENTITY),
        ("CASE WHEN value IS NULL THEN NULL ELSE concat('x-', value) END", Item.IDENTITY),
        ("CASE WHEN value IS NULL THEN NULL ELSE concat('***', right(value, 4)) END", Item.IDENTITY),
        ("CASE WHEN value IS NULL THEN NULL WHEN length(value) > 4 THEN concat('*', right(value, 4)) ELSE '*' END", Item.BUDGET),
        ("CASE WHEN value IS NULL THEN NULL WHEN value LIKE '%@%' THEN value ELSE '***' END", Item.DIRT),
        ("coalesce(left(value, 0), 'empty')", Item.NULLS),
        ("CASE WHEN value IS NULL THEN NULL ELSE CAST(CAST(value AS INT) AS STRING) END", Item.TOTAL),
        ("CASE WHEN value IS NULL THEN NULL ELSE sha2(value, 256) END", Item.INVERSION),
        ("CASE WHEN value IS NULL THEN NULL ELSE md5(value) END", Item.INVERSION),
        ("CASE WHEN value IS NULL THEN NULL ELSE CAST(rand() AS STRING) END", Item.SAME),
        ("CASE WHEN value IS NULL THEN NULL WHEN is_account_group_member('admins') THEN '***' ELSE '***' END", Item.PURE),
        ("CASE WHEN value = '123-45-6789' THEN raise_error(value) ELSE CAST(NULL AS STRING) END", Item.MESSAGES),
    ],
)  # fmt: skip
def test_a_mask_that_leaks_fails_the_item_that_says_so(ask: Checks, body: str, item: Item) -> None:
    assert item in failed(ask, mask(body, example="'123456789' -> '***789'" if item is Item.BUDGET else "NULL -> NULL"))


def test_an_example_that_does_not_hold_fails(ask: Checks) -> None:
    assert Item.EXAMPLES in failed(ask, mask("CASE WHEN value IS NULL THEN NULL ELSE '***' END", example="'a' -> 'b'"))


def test_an_amount_that_comes_back_whole_or_far_off_fails(ask: Checks) -> None:
    for body in ("round(value, -2)", "CAST(value * 2 AS DECIMAL(18,2))"):
        function = mask(body, label="financial_amount", kind="DECIMAL(18,2)", name="mask_own_amount")
        assert Item.BOUND in failed(ask, function)


@pytest.mark.parametrize(
    "name",
    sampled(["mask_tfn", "mask_aadhaar", "mask_iban", "mask_phone", "mask_npwp", "mask_card_last4", "mask_ssn"], every=3),
)
def test_no_mutant_of_a_mask_survives(ask: Checks, name: str) -> None:
    library = load_library()
    made = mutants(library[name])
    # Examples are left out: a mutant must be caught by what it shows.
    alive = [m.name for m in made if not failed(ask, m) - {Item.EXAMPLES}]
    assert made
    assert alive == []


def test_two_masks_of_one_value_that_add_up_are_found(ask: Checks) -> None:
    library = load_library()
    head = mask(
        "CASE WHEN value IS NULL THEN NULL WHEN char_length(value) = 9 THEN concat(left(value, 8), '*') ELSE '***' END",
        name="mask_nric",
    )
    lines = check_set(Library(functions={**library.functions, "mask_nric": head}), built_in_overlays(), ask, ask.sql)
    assert [line.item for line in lines if not line.good] == ["masks of one value do not combine"]


INNER = "unhex('{{hash_key.inner}}')"
HASHED = f"sha2(concat({INNER}, CAST(value AS BINARY)), 256)"


@pytest.mark.parametrize(
    ("body", "item"),
    [
        (f"CASE WHEN length(value) < 4 THEN sha2(value, 256) ELSE {HASHED} END", Item.INVERSION),
        (f"sha2(concat(coalesce({INNER}, X''), CAST(value AS BINARY)), 256)", Item.INVERSION),
        (f"left({HASHED}, 8)", Item.JOINS),
        (HASHED.replace("value", "left(value, 3)"), Item.JOINS),
        (f"concat(left(value, 5), {HASHED})", Item.BUDGET),
    ],
)
def test_a_keyed_mask_that_leaks_or_joins_too_much_fails_the_item_that_says_so(ask: Checks, body: str, item: Item) -> None:
    assert item in failed(ask, mask(body, name="mask_own_keyed", label="any", example="'ABCDEFGHIJKL' -> NULL"))


@pytest.mark.parametrize(
    "body",
    [
        "value",
        "CAST(trunc(value, 'MONTH') AS DATE)",
        "CASE WHEN value < add_months(current_date(), -1080) THEN value ELSE CAST(trunc(value, 'YEAR') AS DATE) END",
    ],
)
def test_a_date_mask_that_shows_more_than_the_year_fails_on_some_day(ask: Checks, body: str) -> None:
    assert Item.DATES in failed(ask, mask(body, name="mask_own_date", label="dob", kind="DATE"))


def test_every_number_of_the_checklist_is_a_column_or_a_row() -> None:
    assert sorted({*NUMBERS.values(), *SET_NUMBERS}) == list(range(1, 26))


def test_a_column_whose_mask_is_not_applied_is_an_oracle(ask: Checks) -> None:
    quiet = mask("CASE WHEN value IS NULL THEN NULL ELSE '***' END", name="mask_quiet", example="'123456789' -> '***'")

    def unmasked(statement: str) -> Sequence[Sequence[str | None]]:
        return [] if "SET MASK" in statement else ask.sql(statement)

    for sql, good in ((ask.sql, True), (unmasked, False)):
        found = {v.item: v.good for v in check_rows([quiet], ask, sql, rows=1000)}
        assert (found[Item.ORACLE], found[Item.SPEED]) == (good, True)


@pytest.mark.heavy
def test_a_million_keys_do_not_collide(ask: Checks) -> None:
    for keyed, kind in (("mask_hash", "STRING"), ("mask_hash_bigint", "BIGINT")):
        function = with_a_key(load_library()[keyed])
        ask(function, ["NULL"])
        numbers = "SELECT explode(sequence(1, 1000000)) AS i"
        query = f"SELECT count(DISTINCT {SCHEMA}.{keyed}(CAST(i AS {kind}))) FROM ({numbers})"
        assert [list(r) for r in ask.sql(query)] == [["1000000"]]
