"""Made-up rows of the samples: the same in every workspace, with keys that join.

TPC-H follows the shapes of the specification at a scale of about 1/1000 (150 customers, 1500 orders, 6000 items).
"""

from __future__ import annotations

import datetime as dt
import random
import shutil
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from localspace.governance.samples import columns_of
from localspace.sql.types import parse_type

_TRIPS, _SUPPLIERS, _CUSTOMERS, _PARTS, _ORDERS = 2000, 10, 150, 200, 1500
_REGIONS = ("AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST")
_NATIONS = (
    ("ALGERIA", 0), ("ARGENTINA", 1), ("BRAZIL", 1), ("CANADA", 1), ("EGYPT", 4), ("ETHIOPIA", 0), ("FRANCE", 3), ("GERMANY", 3),
    ("INDIA", 2), ("INDONESIA", 2), ("IRAN", 4), ("IRAQ", 4), ("JAPAN", 2), ("JORDAN", 4), ("KENYA", 0), ("MOROCCO", 0),
    ("MOZAMBIQUE", 0), ("PERU", 1), ("CHINA", 2), ("ROMANIA", 3), ("SAUDI ARABIA", 4), ("VIETNAM", 2), ("RUSSIA", 3),
    ("UNITED KINGDOM", 3), ("UNITED STATES", 1),
)  # fmt: skip
_SEGMENTS = ("AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY")
_PRIORITIES = ("1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW")
_WORDS = ("quick", "silent", "careful", "final", "bold", "deposits", "requests", "accounts", "packages", "ideas", "sleep", "wake")
_FIRST_ORDER = dt.date(1992, 1, 1)
Row = tuple[Any, ...]


def ensure(folder: Path, schema: str, table: str) -> None:
    """Write the rows of a sample into its folder unless they are there; a folder is complete as soon as it has its name."""
    if folder.exists():
        return
    columns = columns_of(schema, table)
    rows = list(_MAKERS[f"{schema}.{table}"](random.Random(f"{schema}.{table}")))  # noqa: S311 - the same rows everywhere
    arrays = [pa.array([row[at] for row in rows], parse_type(kind).arrow) for at, (_, kind) in enumerate(columns)]
    made = pa.Table.from_arrays(arrays, names=[f"c{at + 1}" for at in range(len(columns))])
    half = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}")
    half.mkdir(parents=True)
    pq.write_table(made, half / "rows.parquet")
    try:
        half.rename(folder)
    except OSError:
        # Another statement made them meanwhile.
        shutil.rmtree(half)


def _trips(chance: random.Random) -> Iterator[Row]:
    zips = [10001, 10002, 10003, 10011, 10018, 10023, 10028, 10103, 10119, 10282, 11101, 11217, 11371, 11422]
    for _ in range(_TRIPS):
        miles = round(min(chance.lognormvariate(0.6, 0.9), 40), 2)
        minutes = 3 + miles * chance.uniform(2.5, 6)
        start = dt.datetime(2016, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=chance.randrange(60 * 86_400))
        fare = round((2.5 + miles * 2.5 + minutes * 0.3) * 2) / 2
        yield start, start + dt.timedelta(minutes=round(minutes)), miles, fare, chance.choice(zips), chance.choice(zips)


def _regions(chance: random.Random) -> Iterator[Row]:
    for key, name in enumerate(_REGIONS):
        yield key, name, _comment(chance)


def _nations(chance: random.Random) -> Iterator[Row]:
    for key, (name, region) in enumerate(_NATIONS):
        yield key, name, region, _comment(chance)


def _suppliers(chance: random.Random) -> Iterator[Row]:
    for key in range(1, _SUPPLIERS + 1):
        nation = chance.randrange(len(_NATIONS))
        yield key, f"Supplier#{key:09d}", _address(chance), nation, _phone(chance, nation), _balance(chance), _comment(chance)


def _customers(chance: random.Random) -> Iterator[Row]:
    for key in range(1, _CUSTOMERS + 1):
        nation = chance.randrange(len(_NATIONS))
        yield (
            key, f"Customer#{key:09d}", _address(chance), nation, _phone(chance, nation), _balance(chance),
            chance.choice(_SEGMENTS), _comment(chance),
        )  # fmt: skip


def _parts(chance: random.Random) -> Iterator[Row]:
    for key in range(1, _PARTS + 1):
        maker = chance.randint(1, 5)
        yield (
            key, " ".join(chance.sample(("almond", "azure", "beige", "coral", "ivory", "khaki", "linen", "olive", "plum"), 5)),
            f"Manufacturer#{maker}", f"Brand#{maker}{chance.randint(1, 5)}",
            f"{chance.choice(('STANDARD', 'SMALL', 'LARGE', 'ECONOMY', 'PROMO'))} {chance.choice(('ANODIZED', 'PLATED'))}"
            f" {chance.choice(('TIN', 'NICKEL', 'BRASS', 'STEEL', 'COPPER'))}",
            chance.randint(1, 50), f"{chance.choice(('SM', 'MED', 'LG'))} {chance.choice(('BOX', 'BAG', 'PACK', 'DRUM'))}",
            _price(key), _comment(chance),
        )  # fmt: skip


def _part_suppliers(chance: random.Random) -> Iterator[Row]:
    for part in range(1, _PARTS + 1):
        for supplier in _suppliers_of(part):
            yield part, supplier, chance.randint(1, 9999), _money(chance, 1, 1000), _comment(chance)


def _orders(chance: random.Random) -> Iterator[Row]:
    for key, items in _order_items():
        total = sum((item[5] * (1 + item[7]) * (1 - item[6]) for item in items), Decimal(0))
        flags = {item[9] for item in items}
        status = flags.pop() if len(flags) == 1 else "P"
        yield (
            key, chance.randint(1, _CUSTOMERS), status, total.quantize(Decimal("0.01")), _ordered(key),
            chance.choice(_PRIORITIES), f"Clerk#{chance.randint(1, 20):09d}", 0, _comment(chance),
        )  # fmt: skip


def _line_items(_: random.Random) -> Iterator[Row]:
    for _key, items in _order_items():
        yield from items


def _order_items() -> Iterator[tuple[int, list[Row]]]:
    """Yield each order's key with its items: both tables are made of the same."""
    chance = random.Random("samples.tpch.items")  # noqa: S311
    for key in range(1, _ORDERS + 1):
        yield key, [_item(chance, key, number) for number in range(1, chance.randint(1, 7) + 1)]


def _item(chance: random.Random, order: int, number: int) -> Row:
    part = chance.randint(1, _PARTS)
    quantity = chance.randint(1, 50)
    shipped = _ordered(order) + dt.timedelta(days=chance.randint(1, 121))
    received = shipped + dt.timedelta(days=chance.randint(1, 30))
    returned = chance.choice("RA") if received <= dt.date(1995, 6, 17) else "N"
    return (
        order, part, chance.choice(_suppliers_of(part)), number, Decimal(quantity), _price(part) * quantity,
        Decimal(chance.randint(0, 10)) / 100, Decimal(chance.randint(0, 8)) / 100, returned,
        "O" if shipped > dt.date(1995, 6, 17) else "F", shipped, _ordered(order) + dt.timedelta(days=chance.randint(30, 90)),
        received, chance.choice(("DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN")),
        chance.choice(("REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB")), _comment(chance),
    )  # fmt: skip


def _suppliers_of(part: int) -> list[int]:
    return sorted((part + step * 3) % _SUPPLIERS + 1 for step in range(4))


def _ordered(order: int) -> dt.date:
    return _FIRST_ORDER + dt.timedelta(days=order * 7919 % 2406)


def _price(part: int) -> Decimal:
    return Decimal(90000 + part // 10 % 20001 + 100 * (part % 1000)) / 100


def _money(chance: random.Random, least: int, most: int) -> Decimal:
    return Decimal(chance.randint(least * 100, most * 100)) / 100


def _balance(chance: random.Random) -> Decimal:
    return _money(chance, -999, 9999)


def _phone(chance: random.Random, nation: int) -> str:
    return f"{nation + 10}-{chance.randint(100, 999)}-{chance.randint(100, 999)}-{chance.randint(1000, 9999)}"


def _address(chance: random.Random) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789 ,", k=chance.randint(10, 30))).strip()


def _comment(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=chance.randint(3, 7)))


_MAKERS: dict[str, Callable[[random.Random], Iterator[Row]]] = {
    "nyctaxi.trips": _trips, "tpch.region": _regions, "tpch.nation": _nations, "tpch.supplier": _suppliers,
    "tpch.customer": _customers, "tpch.part": _parts, "tpch.partsupp": _part_suppliers, "tpch.orders": _orders,
    "tpch.lineitem": _line_items,
}  # fmt: skip
