"""What a mask leaves of a value, as a scenario describes it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from lampkeeper.model.errors import UsageError
from lampkeeper.scenarios.shown_values import fits, seeded_rows

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("shown", "raw", "description"),
    [
        ("*** *** 782", "123 456 782", "*** *** {-3:}"),
        ("AB*******D", "ABCPX1234D", "{:2}*******{-1:}"),
        ("e***@example.org", "e.h@example.org", "{:1}***{@}"),
        ("[REDACTED]", "1 Mill Road", "[REDACTED]"),
        (None, None, "*** *** {-3:}"),
        ("17", 17, "raw"),
        ("true", True, "raw"),
        ("12.50", Decimal("12.50"), "raw"),
        ("1250.000000", Decimal("1234.56"), "hundred"),
        ("1970-01-01", date(1970, 5, 4), "year"),
    ],
)
def test_a_value_that_is_masked_as_described_fits(shown: str | None, raw: object, description: str) -> None:
    assert fits(shown, raw, description)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "raw", "description"),
    [
        ("123 456 782", "123 456 782", "*** *** {-3:}"),
        ("*** *** 783", "123 456 782", "*** *** {-3:}"),
        (None, "123 456 782", "*** *** {-3:}"),
        ("*** *** 782", None, "*** *** {-3:}"),
        ("[REDACTED]", "SAVINGS", "raw"),
        ("1234.56", Decimal("1234.56"), "hundred"),
        ("1350", Decimal("1234.56"), "hundred"),
        ("1970-05-04", date(1970, 5, 4), "year"),
    ],
)
def test_a_raw_value_and_another_mask_do_not_fit(shown: str | None, raw: object, description: str) -> None:
    assert not fits(shown, raw, description)  # type: ignore[arg-type]


def test_seeded_rows_have_the_columns_of_the_overlays_and_of_the_banks() -> None:
    assert {"ssn", "tax_file_number", "loyalty_number"} <= set(seeded_rows("dev_fin.finance.customers")["1001"])
    assert set(seeded_rows("prod_bank.retail.customers")) == set()
    assert len(seeded_rows("dev_asean_bank.retail.customers")) == 12
    with pytest.raises(UsageError, match="is not a table of the test data"):
        seeded_rows("main.default.t")
