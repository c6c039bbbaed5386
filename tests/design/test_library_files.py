"""The library's files and the vocabulary: complete, one protection one mask, types that fit."""

from __future__ import annotations

import pytest

from lampkeeper.design.knowledge.library import load_library, parse_library_file, parse_parameters
from lampkeeper.design.knowledge.vocabulary import FAMILIES, complex_mask, filter_protection, load_vocabulary, mask_protection
from lampkeeper.model.errors import InternalError
from lampkeeper.model.labels import Label, LabelClass, Protect
from lampkeeper.model.masks import FunctionExample, FunctionRole
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Column, TypeFamily, type_family

NAME = ColumnName(TableName("c", "s", "t"), "x")
TYPES = {
    TypeFamily.STRING: "STRING",
    TypeFamily.INTEGER: "INT",
    TypeFamily.DECIMAL: "DECIMAL(18,2)",
    TypeFamily.DOUBLE: "DOUBLE",
    TypeFamily.BOOLEAN: "BOOLEAN",
    TypeFamily.DATE: "DATE",
    TypeFamily.TIMESTAMP: "TIMESTAMP",
    TypeFamily.BINARY: "BINARY",
    TypeFamily.COMPLEX: "ARRAY<STRUCT<a: STRING>>",
}
PROTECTING = tuple(c for c in LabelClass if c is not LabelClass.NONE)


def _label(label: LabelClass, subtype: str = "") -> Label:
    return Label(column=NAME, label=label, protect=Protect.YES, confidence=1.0, subtype=subtype)


@pytest.mark.parametrize("label", PROTECTING)
def test_every_class_has_a_mask_of_the_right_type_for_every_type_family(label: LabelClass) -> None:
    library = load_library()
    for family, type_text in TYPES.items():
        protection = mask_protection(_label(label), Column(name="x", type=type_text))
        assert protection is not None
        assert protection.key in FAMILIES
        function = library.functions.get(protection.function) or complex_mask(type_text)
        assert function is not None
        assert type_family(function.function.parameters[0].type) is family
        assert type_family(function.function.returns) is family


def test_a_protection_has_one_function_and_no_two_protections_share_a_tag_value() -> None:
    protections = load_vocabulary().protections()
    assert len({(t.key, t.value) for t in protections}) == len(protections)
    assert {t.function for t in protections} <= set(load_library().functions)


def test_every_family_of_the_vocabulary_has_a_description_and_is_known() -> None:
    assert tuple(sorted(load_vocabulary().descriptions)) == FAMILIES
    assert {t.key for t in load_vocabulary().protections()} == set(FAMILIES)


def test_an_aml_flag_gets_a_row_filter_only_where_it_is_a_boolean() -> None:
    label = _label(LabelClass.COMPLIANCE, "aml_flag")
    assert filter_protection(label, Column(name="x", type="BOOLEAN")) is not None
    assert filter_protection(label, Column(name="x", type="STRING")) is None
    assert filter_protection(_label(LabelClass.EMAIL), Column(name="x", type="BOOLEAN")) is None


@pytest.mark.parametrize("type_text", ["VARCHAR(2)", "CHAR(10)", "varchar( 23 )"])
def test_text_too_short_for_a_constant_becomes_null(type_text: str) -> None:
    protection = mask_protection(_label(LabelClass.ADDRESS), Column(name="x", type=type_text))
    assert protection is not None
    assert protection.function == "mask_null_string"


@pytest.mark.parametrize("type_text", ["DECIMAL(38,0)", "SMALLINT", "TINYINT"])
def test_an_amount_whose_type_cannot_hold_the_rounding_becomes_null(type_text: str) -> None:
    protection = mask_protection(_label(LabelClass.FINANCIAL_AMOUNT), Column(name="x", type=type_text))
    assert protection is not None
    assert protection.function.startswith("mask_null_")


def test_a_complex_type_gets_a_function_of_exactly_that_type_and_hostile_type_text_none() -> None:
    made = complex_mask("MAP<STRING, ARRAY<INT>>")
    assert made is not None
    assert made.function.returns == "MAP<STRING, ARRAY<INT>>"
    assert complex_mask("STRUCT<a: INT>) RETURN 1; DROP TABLE t; --") is None
    assert complex_mask("STRUCT<a: 'x'>") is None
    assert complex_mask("INT) RETURNS INT RETURN f(1") is None
    assert complex_mask("STRUCT<`a  b, c``>`: INT -- x") is None
    odd = complex_mask("STRUCT<`a  b, c``>`:\n  INT>")
    assert odd is not None
    assert odd.function.returns == "STRUCT<`a  b, c``>`: INT>"
    assert complex_mask("") is None
    assert mask_protection(_label(LabelClass.EMAIL), Column(name="x", type="GEOMETRY;")) is None


def test_a_header_that_is_wrong_names_file_and_line() -> None:
    with pytest.raises(InternalError, match=r"f\.sql:1"):
        parse_library_file("SELECT 1", FunctionRole.MASK, location="f.sql")
    with pytest.raises(InternalError, match=r"f\.sql:2"):
        parse_library_file("-- f(a STRING) RETURNS STRING\n-- hello\na", FunctionRole.MASK, location="f.sql")
    with pytest.raises(InternalError, match=r"f\.sql:4"):
        parse_library_file(
            "-- f(a STRING) RETURNS STRING\n-- class: x\n-- reveals: y\n-- example: 1\na", FunctionRole.MASK, location="f.sql"
        )


def test_parameters_and_lists_split_only_outside_brackets_and_quotes() -> None:
    assert [p.type for p in parse_parameters("a STRING, b DECIMAL(18, 2)")] == ["STRING", "DECIMAL(18, 2)"]
    assert parse_parameters("") == ()
    example = FunctionExample.parse("'a,b', f(1, 2), transform(c, x -> x) -> 'd, e'")
    assert example == FunctionExample(arguments=("'a,b'", "f(1, 2)", "transform(c, x -> x)"), returns="'d, e'")
    assert FunctionExample.parse("() -> true") == FunctionExample(arguments=(), returns="true")
