"""Protection follows lineage: what inherits, what does not, and what a query tells of its columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lampkeeper.design.classify.derivations import model_derivations, recorded_derivations
from lampkeeper.design.classify.lineage import inherited_labels
from lampkeeper.design.classify.merge import merge_labels
from lampkeeper.design.classify.query_sources import schema_of, trace_query
from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.lineage import Derivation
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Snapshot, Table
from support.demo_tables import CUSTOMERS, demo_snapshot, table
from support.nightly import law

pytestmark = pytest.mark.unit

SSN = ColumnName.parse("m.s.people.ssn")
CHAIN = Snapshot(
    tables=(
        table("m.s.people", "ssn STRING, name STRING, note STRING"),
        table("m.s.copy", "key_1 STRING, n BIGINT"),
        table("m.s.mart", "tail STRING, more STRING"),
    )
)


def column(text: str) -> ColumnName:
    return ColumnName.parse(f"m.s.{text}")


def label(text: str, kind: LabelClass, protect: Protect, source: LabelSource = LabelSource.OFFLINE) -> Label:
    return Label(column=column(text), label=kind, protect=protect, confidence=0.9, source=source)


BASE = (
    label("people.ssn", LabelClass.NATIONAL_ID, Protect.YES),
    label("people.name", LabelClass.NAME, Protect.YES),
    label("people.note", LabelClass.UNDECIDED, Protect.UNDECIDED),
    label("copy.key_1", LabelClass.NONE, Protect.NO),
    label("copy.n", LabelClass.NONE, Protect.NO),
    label("mart.tail", LabelClass.NONE, Protect.NO),
    label("mart.more", LabelClass.UNDECIDED, Protect.UNDECIDED),
)


def edges(*pairs: str) -> list[Derivation]:
    """Read `people.ssn > copy.key_1`, with `~>` for an edge of figures alone."""
    found = []
    for pair in pairs:
        source, _, target = pair.replace("~", "").partition(" > ")
        found.append(Derivation(source=column(source), target=column(target), aggregated="~" in pair))
    return found


def inherited(*pairs: str, base: tuple[Label, ...] = BASE, snapshot: Snapshot = CHAIN) -> dict[str, tuple[str, str, str]]:
    return {
        f"{x.column.table.table}.{x.column.column}": (str(x.label), str(x.protect), x.evidence[0])
        for x in inherited_labels(snapshot, base, edges(*pairs))
    }


class TestInheritance:
    """Labels along the edges."""

    def test_a_derived_column_inherits_whatever_it_is_called(self) -> None:
        assert inherited("people.ssn > copy.key_1") == {"copy.key_1": ("national_id", "yes", "derived from m.s.people.ssn")}

    def test_it_is_transitive_also_through_tables_outside_the_scope(self) -> None:
        assert inherited("people.ssn > staging.x", "staging.x > mart.tail") == {
            "mart.tail": ("national_id", "yes", "derived from m.s.people.ssn through m.s.staging.x")
        }

    def test_figures_inherit_nothing_and_end_the_chain(self) -> None:
        assert inherited("people.ssn ~> copy.n", "copy.n > mart.tail") == {}
        assert set(inherited("people.ssn ~> copy.n", "people.ssn > copy.n")) == {"copy.n"}

    def test_an_undecided_column_passes_on_that_it_is_undecided(self) -> None:
        assert inherited("people.note > copy.key_1")["copy.key_1"][:2] == ("undecided", "undecided")
        assert inherited("people.note > copy.key_1", "people.ssn > copy.key_1")["copy.key_1"][:2] == ("national_id", "yes")

    def test_what_is_protected_keeps_its_class_and_what_is_undecided_learns_it(self) -> None:
        found = inherited("people.ssn > people.name", "people.ssn > mart.more")
        assert found == {"mart.more": ("national_id", "yes", "derived from m.s.people.ssn")}
        (merged,) = merge_labels([BASE[6]], inherited_labels(CHAIN, BASE, edges("people.ssn > mart.more")))
        assert (merged.label, merged.protect, merged.source) == (LabelClass.NATIONAL_ID, Protect.YES, LabelSource.LINEAGE)

    def test_a_release_by_a_steward_stands_and_passes_nothing_on(self) -> None:
        released = label("copy.key_1", LabelClass.NONE, Protect.NO, LabelSource.STEWARD)
        base = tuple(released if x.column == released.column else x for x in BASE)
        assert inherited("people.ssn > copy.key_1", "copy.key_1 > mart.tail", base=base) == {}
        assert set(inherited("people.ssn > copy.key_1", "copy.key_1 > mart.tail", "people.ssn > mart.tail", base=base)) == {
            "mart.tail"
        }

    def test_names_are_compared_without_case(self) -> None:
        shouted = replace(edges("people.ssn > copy.key_1")[0], source=ColumnName.parse("M.S.PEOPLE.SSN"))
        assert len(inherited_labels(CHAIN, BASE, [shouted])) == 1

    NODES = ("people.ssn", "people.name", "people.note", "copy.key_1", "copy.n", "mart.tail", "mart.more", "out.a", "out.b")

    @law(200)
    @given(st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from([">", "~>"]), st.sampled_from(NODES)), max_size=14))
    def test_cycles_end_and_order_does_not_matter_and_the_reached_are_exactly_the_reachable(
        self, pairs: list[tuple[str, str, str]]
    ) -> None:
        texts = [f"{a} {mark} {b}" for a, mark, b in pairs]
        found = inherited(*texts)
        assert found == inherited(*reversed(texts))
        reachable, grown = {"people.ssn", "people.name"}, True
        while grown:
            new = {b for a, mark, b in pairs if mark == ">" and a in reachable} - reachable
            reachable, grown = reachable | new, bool(new)
        expected = {n for n in reachable if not n.startswith("out") and n not in ("people.ssn", "people.name")}
        assert {n for n, (_, protect, _) in found.items() if protect == "yes"} == expected

    @law(60)
    @given(st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=10))
    def test_a_further_edge_takes_no_protection_away(self, pairs: list[tuple[str, str]]) -> None:
        texts = [f"{a} > {b}" for a, b in pairs]
        rank = {"undecided": 1, "yes": 2}
        for count in range(len(texts)):
            before, after = inherited(*texts[:count]), inherited(*texts[: count + 1])
            assert all(rank[after[n][1]] >= rank[before[n][1]] for n in before)


FIGURE_CASES = [
    ("count(ssn)", True), ("count(DISTINCT ssn)", True), ("sum(length(ssn))", True), ("avg(length(ssn))", True),
    ("count(ssn) FILTER (WHERE ssn > '1')", True), ("approx_count_distinct(ssn)", True), ("count_if(ssn = '1')", True),
    ("stddev(length(ssn))", True), ("sum(CASE WHEN ssn IS NULL THEN 1 ELSE 0 END)", True), ("count(ssn) + 1", True),
    ("max(ssn)", False), ("min(ssn)", False), ("first(ssn)", False), ("any_value(ssn)", False), ("mode(ssn)", False),
    ("collect_list(ssn)", False), ("collect_set(ssn)", False), ("max_by(ssn, city)", False), ("array_agg(ssn)", False),
    ("listagg(ssn, ',')", False), ("percentile_approx(length(ssn), 0.5)", False), ("median(length(ssn))", False),
    ("bool_or(ssn = '1')", False), ("sha2(ssn, 256)", False), ("substr(ssn, 8)", False), ("ssn", False), ("*", False),
    ("sum(length(ssn)) OVER (ORDER BY city)", False), ("count(ssn) || max(ssn)", False), ("my_own_count(ssn)", False),
    ("(SELECT max(ssn) FROM people)", False), ("CASE WHEN max(ssn) > '5' THEN count(ssn) END", False),
]  # fmt: skip


def shown(text: str, source: ColumnName, target: ColumnName, snapshot: Snapshot) -> bool:
    """Return whether the text shows that the column is a figure."""
    edge = WrittenBy(source, target, "1")
    (found,) = recorded_derivations(snapshot, [edge], {"1": text})
    return found.aggregated


class TestFigures:
    """Aggregates that are figures over many rows, and all that is not."""

    @pytest.mark.parametrize(("item", "figure"), FIGURE_CASES, ids=lambda one: str(one)[:40])
    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE OR REPLACE TABLE m.s.t AS SELECT city, {} AS n FROM people GROUP BY city",
            "INSERT INTO m.s.t SELECT city, {} FROM people GROUP BY city",
            "INSERT INTO m.s.t (n, x) SELECT {}, 1 FROM people",
            "CREATE VIEW m.s.t AS WITH a AS (SELECT * FROM people), b AS (SELECT {} AS k FROM a) SELECT k n FROM b",
        ],
        ids=["ctas", "insert", "insert into columns", "view over CTEs"],
    )
    def test_only_an_aggregate_that_shows_no_value_is_a_figure(self, item: str, figure: bool, statement: str) -> None:
        snapshot = Snapshot(tables=(*demo_snapshot().tables, table("m.s.t", "city STRING, n STRING")))
        text = statement.format(item).replace("people", CUSTOMERS)
        source, target = ColumnName.parse(f"{CUSTOMERS}.ssn"), ColumnName.parse("m.s.t.n")
        assert shown(text, source, target, snapshot) is figure

    @pytest.mark.parametrize(
        "text",
        [
            "", "no SQL (", "UPDATE m.s.t SET n = (SELECT count(ssn) FROM people)",
            "MERGE INTO m.s.t USING people c ON t.n = c.ssn WHEN MATCHED THEN UPDATE SET n = c.ssn",
            "CREATE TABLE m.s.t AS SELECT * FROM somewhere.else.unknown",
            "CREATE TABLE m.s.t AS SELECT count(ssn) AS n FROM people UNION ALL SELECT ssn FROM people",
            "WITH RECURSIVE r AS (SELECT ssn AS n FROM people UNION ALL SELECT n FROM r) SELECT n FROM r",
        ],
    )  # fmt: skip
    def test_what_cannot_be_shown_to_be_a_figure_is_none(self, text: str) -> None:
        assert not shown(
            text.replace("people", CUSTOMERS), ColumnName.parse(f"{CUSTOMERS}.ssn"), ColumnName.parse("m.s.t.n"), demo_snapshot()
        )

    def test_star_and_qualified_names_are_traced(self) -> None:
        traced = trace_query(
            "SELECT c.*, t.amount AS a FROM dev_fin.finance.customers c JOIN dev_fin.finance.transactions t USING (customer_id)",
            schema_of(demo_snapshot()),
        )
        assert traced is not None
        assert traced["ssn"].values == {(("dev_fin", "finance", "customers"), "ssn")}
        assert traced["a"].values == {(("dev_fin", "finance", "transactions"), "amount")}


@dataclass(frozen=True)
class WrittenBy:
    source: ColumnName
    target: ColumnName
    statement_id: str = ""


def test_an_edge_of_the_platform_is_a_figure_only_where_its_statement_shows_that() -> None:
    written = WrittenBy(SSN, column("copy.n"), "7")
    counting = "CREATE TABLE m.s.copy AS SELECT name AS key_1, count(ssn) AS n FROM m.s.people GROUP BY name"
    for texts, figure in (({"7": counting}, True), ({}, False), ({"8": counting}, False), ({"7": "SELECT 1"}, False)):
        assert [d.aggregated for d in recorded_derivations(CHAIN, [written], texts)] == [figure]


@dataclass(frozen=True)
class Model:
    unique_id: str
    relation: TableName
    query: str
    reads: tuple[TableName, ...]


class TestModels:
    """dbt's models: traced through each other, and by name where they cannot be traced."""

    PEOPLE, STAGED, MART = (TableName.parse(f"m.s.{n}") for n in ("people", "staged", "mart"))

    def test_models_are_traced_through_models_that_the_workspace_does_not_have(self) -> None:
        models = [
            Model(
                "mart", self.MART, "with s as (select * from `m`.`s`.`staged`) select k as tail, n as more from s", (self.STAGED,)
            ),
            Model("staged", self.STAGED, "select ssn as k, count(name) as n from `m`.`s`.`people` group by 1", (self.PEOPLE,)),
        ]
        derived, findings = model_derivations(CHAIN, models)
        assert findings == ()
        found = {x.column.column: x.evidence for x in inherited_labels(CHAIN, BASE, derived)}
        assert found == {"tail": ("derived from m.s.people.ssn through m.s.staged.k (dbt)",)}

    def test_a_model_that_cannot_be_traced_derives_by_name_and_is_reported(self) -> None:
        snapshot = Snapshot(tables=(CHAIN.index[SSN.table], table("m.s.mart", "ssn STRING, other STRING")))
        for query in ("", "{{ not compiled }}", "select * from a.b.unknown"):
            derived, (finding,) = model_derivations(snapshot, [Model("mart", self.MART, query, (self.PEOPLE,))])
            assert {(d.source.column, d.target.column) for d in derived} == {("ssn", "ssn")}
            assert (finding.code, finding.location) == ("lineage/untraced", "m.s.mart")


def test_hostile_names_are_quoted_in_the_evidence() -> None:
    name = TableName("m", "s", "we`ird\n\"'; --")
    snapshot = Snapshot(tables=(*CHAIN.tables, Table(name=name, columns=CHAIN.index[SSN.table].columns)))
    edge = Derivation(source=SSN, target=ColumnName(name, "note"))
    (found,) = inherited_labels(snapshot, BASE, [edge, Derivation(source=edge.target, target=SSN)])
    assert found.evidence == ("derived from m.s.people.ssn",)
