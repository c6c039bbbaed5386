"""The checklist on the real engine: every mask of the library passes, and a mask that leaks in any way does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from lampkeeper.design.library import Library, LibraryFunction, load_library, parse_library_file
from lampkeeper.design.packs import built_in_packs
from lampkeeper.launch.mask_checks import Ask, EngineRefusedError, Item, check_masks
from lampkeeper.launch.mask_sets import check_set
from lampkeeper.model.masks import FunctionRole
from localspace.statement_runner import SqlError
from support.sql_workspace import SqlWorkspace

pytestmark = [pytest.mark.spark, pytest.mark.timeout(400)]

MASKS = load_library().of_role(FunctionRole.MASK)


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Yield one engine for all."""
    workspace = SqlWorkspace(tmp_path_factory.mktemp("checklist"))
    workspace.sql("CREATE SCHEMA main.checks")
    last: dict[str, str] = {}

    def answer(function: LibraryFunction, literals: Sequence[str]) -> list[str | None]:
        create, kind = function.at("main", "checks").create_sql(), function.function.parameters[0].type
        values = ", ".join(f"({i}, {text})" for i, text in enumerate(literals))
        query = f"SELECT i, CAST(main.checks.{function.name}(CAST(v AS {kind})) AS STRING) FROM VALUES {values} AS t(i, v)"
        try:
            if last.get(function.name) != create:
                workspace.sql(create)
                last[function.name] = create
            found = {int(i or 0): v for i, v in workspace.rows(query)}
        except SqlError as error:
            raise EngineRefusedError(error.error_class) from None
        return [found[i] for i in range(len(literals))]

    yield answer
    workspace.close()


def mask(
    body: str, *, name: str = "mask_own", label: str = "national_id", example: str = "NULL -> NULL", kind: str = "STRING"
) -> LibraryFunction:
    """Return a mask of one's own."""
    text = f"-- {name}(value {kind}) RETURNS {kind}\n-- class: {label}\n-- reveals: x\n-- example: {example}\n{body}"
    return parse_library_file(text, FunctionRole.MASK, place="own.sql")


def failed(ask: Ask, function: LibraryFunction) -> set[Item]:
    """Return the items that a function fails."""
    return {v.item for v in check_masks([function], built_in_packs(), ask) if v.good is False}


def test_every_ninth_mask_passes_every_item(ask: Ask) -> None:
    assert [v for v in check_masks(MASKS[::9], built_in_packs(), ask) if v.good is False] == []


@pytest.mark.heavy
def test_every_mask_of_the_library_passes_every_item(ask: Ask) -> None:
    verdicts = check_masks(MASKS, built_in_packs(), ask)
    assert [v for v in verdicts if v.good is False] == []
    assert {v.function for v in verdicts} == {m.name for m in MASKS}
    assert {v.item for v in verdicts if v.good} == set(Item)


def test_every_item_about_sets_of_masks_passes(ask: Ask) -> None:
    lines = check_set(load_library(), built_in_packs(), ask)
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
def test_a_mask_that_leaks_fails_the_item_that_says_so(ask: Ask, body: str, item: Item) -> None:
    assert item in failed(ask, mask(body, example="'123456789' -> '***789'" if item is Item.BUDGET else "NULL -> NULL"))


def test_an_example_that_does_not_hold_fails(ask: Ask) -> None:
    assert Item.EXAMPLES in failed(ask, mask("CASE WHEN value IS NULL THEN NULL ELSE '***' END", example="'a' -> 'b'"))


def test_an_amount_that_comes_back_whole_or_far_off_fails(ask: Ask) -> None:
    for body in ("round(value, -2)", "CAST(value * 2 AS DECIMAL(18,2))"):
        function = mask(body, label="financial_amount", kind="DECIMAL(18,2)", name="mask_own_amount")
        assert Item.BOUND in failed(ask, function)


def mutants(function: LibraryFunction) -> list[LibraryFunction]:
    """Return the function broken in the usual ways: more shown, the other end shown, NULL lost, the rest let through."""
    body = function.function.body
    swaps = [
        ("WHEN value IS NULL THEN NULL", "WHEN value IS NULL THEN 'none'"),
        ("ELSE '[REDACTED]'", "ELSE value"),
        ("ELSE '[REDACTED]'", "ELSE right(value, 4)"),
        ("ELSE '***'", "ELSE value"),
    ]
    swaps += [(f", {n}))", f", {n + 3}))") for n in (1, 2, 3, 4)]
    found = []
    for index, (old, new) in enumerate(swaps):
        if old in body:
            text = body.replace(old, new)
            name = f"mutant_{index}_{function.name}"
            examples = "\n".join(f"-- example: {e.arguments[0]} -> NULL" for e in function.function.examples)
            header = f"-- {name}(value STRING) RETURNS STRING\n-- class: {function.label}\n-- reveals: x\n{examples}\n"
            found.append(parse_library_file(header + text, FunctionRole.MASK, place="mutant.sql"))
    return found


@pytest.mark.parametrize(
    "name", ["mask_tfn", "mask_aadhaar", "mask_iban", "mask_phone", "mask_npwp", "mask_card_last4", "mask_ssn"]
)
def test_no_mutant_of_a_mask_survives(ask: Ask, name: str) -> None:
    library = load_library()
    made = mutants(library[name])
    # Examples are left out: a mutant must be caught by what it shows.
    alive = [m.name for m in made if not failed(ask, m) - {Item.EXAMPLES}]
    assert made
    assert alive == []


def test_two_masks_of_one_value_that_add_up_are_found(ask: Ask) -> None:
    library = load_library()
    head = mask(
        "CASE WHEN value IS NULL THEN NULL WHEN char_length(value) = 9 THEN concat(left(value, 8), '*') ELSE '***' END",
        name="mask_nric",
    )
    lines = check_set(Library(functions={**library.functions, "mask_nric": head}), built_in_packs(), ask)
    assert [line.item for line in lines if not line.good] == ["masks of one value do not add up"]
