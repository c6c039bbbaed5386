"""A run with `-m` imports the modules whose tests it can choose, and no test is lost by that."""

from __future__ import annotations

from itertools import chain, combinations
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.marks_by_text import Marks, MarksByText, MarksDifferError, chooses, marks_of

pytestmark = pytest.mark.unit

KNOWN = frozenset({"unit", "server", "spark", "heavy", "nightly", "sampled"})
some_marks = st.frozensets(st.sampled_from(sorted(KNOWN)))
expressions = st.recursive(
    st.sampled_from(sorted(KNOWN)),
    lambda inner: st.one_of(
        inner.map(lambda one: f"not {one}"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda three: f"({' '.join(three)})"),
    ),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("text", "of_all", "of_some"),
    [
        ("pytestmark = pytest.mark.unit\n", {"unit"}, set()),
        ("pytestmark = [\n    pytest.mark.server,\n    pytest.mark.timeout(400),\n]\n", {"server"}, set()),
        ("@pytest.mark.unit\ndef test_it(): ...\n", set(), {"unit"}),
        ("pytestmark = pytest.mark.server\n@pytest.mark.heavy\ndef test_it(): ...\n", {"server"}, {"heavy"}),
        ("def test_it(): ...\n", set(), set()),
        ("from support.nightly import sampled\npytestmark = pytest.mark.spark\n", {"spark"}, {"sampled", "nightly"}),
        ("from hypothesis import given\n", set(), {"sampled"}),
    ],
)
def test_the_marks_of_a_module_are_read_from_its_text(text: str, of_all: set[str], of_some: set[str]) -> None:
    assert marks_of(text, KNOWN) == Marks(frozenset(of_all), frozenset(of_some))


@given(of_all=some_marks, of_some=some_marks, expression=expressions)
def test_a_module_is_left_out_exactly_when_no_marks_of_a_test_could_fit(
    of_all: frozenset[str], of_some: frozenset[str], expression: str
) -> None:
    each = chain.from_iterable(combinations(sorted(of_some), n) for n in range(len(of_some) + 1))
    assert Marks(of_all, of_some).may_fit(expression) is any(chooses(expression, of_all.union(some)) for some in each)


def run_of(*args: str, expression: str) -> MarksByText:
    lines = [f"{name}: meaning" for name in sorted(KNOWN)]
    config = SimpleNamespace(args=list(args), option=SimpleNamespace(markexpr=expression), getini=lambda _: lines)
    return MarksByText(config)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("args", "expression", "imported"),
    [
        ((), "", True),
        ((), "unit", False),
        ((), "server and not nightly", True),
        (("tests/test_it.py",), "unit", False),
        (("tests/test_it.py::test_it",), "unit", True),
    ],
)
def test_a_run_of_tests_by_name_imports_their_module(
    tmp_path: Path, args: tuple[str, ...], expression: str, imported: bool
) -> None:
    module = tmp_path / "test_it.py"
    module.write_text("pytestmark = pytest.mark.server\n", encoding="utf-8")
    assert run_of(*args, expression=expression).could_be_chosen(module) is imported


@pytest.mark.parametrize(
    ("text", "marks", "agrees"),
    [
        ("pytestmark = pytest.mark.unit\n", ["unit"], True),
        ("pytestmark = pytest.mark.unit\n", ["unit", "parametrize"], True),
        ("pytestmark = pytest.mark.unit\n", ["unit", "heavy"], False),
        ("pytestmark = pytest.mark.unit if False else []\n", [], False),
        ("from support.helper import MARKED\n", ["unit"], False),
        ("@pytest.mark.unit\n", [], True),
    ],
)
def test_a_test_whose_marks_its_module_does_not_show_ends_the_run(
    tmp_path: Path, text: str, marks: list[str], agrees: bool
) -> None:
    module = tmp_path / "test_it.py"
    module.write_text(text, encoding="utf-8")
    item = SimpleNamespace(path=module, nodeid="test_it", iter_markers=lambda: [SimpleNamespace(name=m) for m in marks])
    check = run_of(expression="").check
    if agrees:
        check([item])  # type: ignore[list-item]
        return
    with pytest.raises(MarksDifferError, match="test_it has the marks"):
        check([item])  # type: ignore[list-item]
