"""Three banks for the demos of country overlays: Australia, India, South-East Asia; invented customers, valid check digits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache

from lampkeeper.design.knowledge.formats import find_check
from lampkeeper.model.names import TableName
from lampkeeper.model.schema import Table
from lampkeeper.testdata import invented
from lampkeeper.testdata.catalogs import columns_of
from lampkeeper.testdata.deterministic_random import DeterministicRandom
from lampkeeper.testdata.rows import Cell
from lampkeeper.testdata.seeding import SeedTable

SCHEMA = "retail"
_FIRST, _LAST = date(2024, 1, 1), date(2026, 6, 30)
_FLAGS = ("CLEAR", "CLEAR", "REVIEW", "CLEAR", "HIGH_RISK", "CLEAR", "CLEAR", "BLOCKED")
Row = tuple[Cell, ...]

_PERSON = """
    customer_id   | BIGINT NOT NULL | Customer number
    first_name    | STRING NOT NULL | Given name
    last_name     | STRING NOT NULL | Family name
    email         | STRING          | Email address
    phone         | STRING          | Phone number
    address       | STRING          | Street and house number
"""
_CARDS = """
    card_id       | BIGINT NOT NULL | Card number in our books
    customer_id   | BIGINT NOT NULL | Customer number
    card_number   | STRING          | Full card number
    cvv           | STRING          | Card verification value
    expiry_date   | STRING          | Month and year of expiry
    credit_limit  | DECIMAL(18,2)   | Credit limit
    card_type     | STRING          | Brand of the card
    status        | STRING          | ACTIVE, BLOCKED or EXPIRED
"""
_TRANSACTIONS = """
    transaction_id   | BIGINT NOT NULL | Transaction number
    account_id       | BIGINT NOT NULL | Account number in our books
    transaction_date | TIMESTAMP       | When it was booked
    amount           | DECIMAL(18,2)   | Amount booked
    merchant         | STRING          | Name of the merchant
    category         | STRING          | Kind of booking
    aml_risk_flag    | STRING          | CLEAR, REVIEW, HIGH_RISK or BLOCKED
    cross_border     | BOOLEAN         | Whether it crossed a border
    country          | STRING          | Country of the other side
"""
_CURRENCIES = {"SG": "SGD", "MY": "MYR", "TH": "THB", "ID": "IDR", "PH": "PHP", "VN": "VND"}


_REGIONAL_CARDS = _CARDS.replace("    card_type ", "    currency      | STRING          | ISO 4217 code\n    card_type ")
_REGIONAL_TRANSACTIONS = """
    transaction_id   | BIGINT NOT NULL | Transaction number
    account_id       | BIGINT NOT NULL | Account number in our books
    transaction_date | TIMESTAMP       | When it was booked
    amount           | DECIMAL(18,2)   | Amount booked
    currency         | STRING          | ISO 4217 code
    merchant         | STRING          | Name of the merchant
    category         | STRING          | Kind of booking
    aml_risk_flag    | STRING          | CLEAR, REVIEW, HIGH_RISK or BLOCKED
    cross_border     | BOOLEAN         | Whether it crossed a border
    source_country   | STRING          | Country that the money came from
    dest_country     | STRING          | Country that the money went to
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """A bank of the demos: its catalog without the variant's prefix, its Genie space, and its country-specific columns.

    `sensitive` are the columns of each table that no one outside the cleared groups may read raw. A bank of several countries
    keeps a currency in each account, booking and card.
    """

    key: str
    catalog: str
    space: str
    customers: str
    accounts: str
    customer: Callable[[DeterministicRandom, int], Row]
    account: Callable[[DeterministicRandom, int], Row]
    shown: tuple[str, ...]
    sensitive: Mapping[str, tuple[str, ...]] = field(hash=False)
    dialling: str
    kinds: tuple[str, ...]
    brands: tuple[str, ...]
    countries: tuple[str, ...]
    size: int = 10
    regional: bool = False

    @property
    def space_tables(self) -> tuple[str, ...]:
        """Return the names of the tables."""
        return ("customers", "accounts", "transactions", "credit_cards")

    def catalog_of(self, *, prod: bool = False) -> str:
        """Return the name of the bank's catalog of development or of production."""
        return f"{'prod' if prod else 'dev'}_{self.catalog}"

    def country_of(self, index: int) -> str:
        """Return the country of a customer, and of that customer's account."""
        return self.countries[index % len(self.countries)]


def _sensitive(customers: tuple[str, ...], accounts: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Return the sensitive columns of the four tables; these are the ones that differ among the banks."""
    return {
        "customers": ("email", "phone", "address", "date_of_birth", *customers),
        "accounts": accounts,
        "transactions": ("aml_risk_flag",),
        "credit_cards": ("card_number", "cvv"),
    }


def _valid(rng: DeterministicRandom, check: str, make: Callable[[DeterministicRandom], str]) -> str:
    """Return the first generated string that passes a check."""
    accepts = find_check(check)
    while not accepts(text := make(rng)):
        pass
    return text


def medicare(rng: DeterministicRandom) -> str:
    """Return an Australian Medicare number with a valid check digit."""
    return _valid(rng, "au_medicare", lambda d: f"2{d.digits(9)}")


def voter_id(rng: DeterministicRandom) -> str:
    """Return an Indian voter number with a valid check digit."""
    return _valid(rng, "stdnum.in_.epic", lambda d: f"{d.letters(3)}{d.digits(7)}")


def thai_id(rng: DeterministicRandom) -> str:
    """Return a Thai citizen number with a valid check digit, of type 8 (registered later)."""
    return _valid(rng, "stdnum.th.pin", lambda d: f"8{d.digits(12)}")


def _born(rng: DeterministicRandom) -> date:
    return rng.day(date(1950, 1, 1), date(2003, 12, 31))


def _australian(rng: DeterministicRandom, index: int) -> Row:
    town, state, code = rng.choice(
        (("Fairhaven", "NSW", "2000"), ("Eastbrook", "VIC", "3000"), ("Ridgeway", "QLD", "4000"), ("Salt Creek", "WA", "6000"))
    )
    bsb = f"06{rng.digits(1)}-{rng.digits(3)}"
    return (town, state, code, invented.tax_file_number(rng), medicare(rng), _born(rng), bsb, rng.digits(9))


def _indian(rng: DeterministicRandom, index: int) -> Row:
    town, state, code = rng.choice(
        (("Nandipur", "MH", "400001"), ("Lakshmigarh", "KA", "560001"), ("Suryanagar", "DL", "110001"))
    )
    gstin = invented.gstin(rng) if index in (2, 7) else None
    name = rng.choice(invented.FIRST_NAMES).lower()
    return (
        town, state, code, invented.aadhaar(rng), invented.permanent_account_number(rng), voter_id(rng),
        _born(rng), f"10{rng.digits(10)}", f"{name}.{rng.number(10, 99)}@okdemo", gstin,
    )  # fmt: skip


def _asean(rng: DeterministicRandom, index: int) -> Row:
    country = tuple(_CURRENCIES)[index % len(_CURRENCIES)]
    born = _born(rng)
    day = f"{born:%y%m%d}"
    ids = {
        "SG": invented.nric(rng),
        "MY": f"{day}14{rng.digits(4)}",
        "TH": thai_id(rng),
        "ID": f"317101{born:%d%m%y}{rng.digits(4)}",
        "PH": rng.digits(12),
        "VN": f"0011{born:%y}{rng.digits(6)}",
    }
    town = {"SG": "Singapore", "MY": "Ipoh", "TH": "Lampang", "ID": "Bogor", "PH": "Baguio", "VN": "Hue"}[country]
    return (town, country, rng.digits(5), *(ids[p] if p == country else None for p in ids), born)


AUSTRALIA = Bank(
    key="ANZ", catalog="bank", space="Kookaburra Bank Analytics",
    customers="""
    suburb          | STRING | Suburb
    state           | STRING | State
    postcode        | STRING | Postal code
    tfn             | STRING | Tax file number
    medicare_number | STRING | Medicare card number
    date_of_birth   | DATE   | Date of birth
    bsb             | STRING | Bank and branch
    account_number  | STRING | Account number
""",
    accounts="bsb | STRING | Bank and branch\naccount_number | STRING | Account number",
    customer=_australian,
    account=lambda d, i: (
        f"06{d.digits(1)}-{d.digits(3)}", d.digits(9), d.choice(("SAVINGS", "EVERYDAY", "TERM_DEPOSIT", "HOME_LOAN"))
    ),
    shown=("tfn", "medicare_number", "bsb"), dialling="+61 4", kinds=("RETAIL", "TRANSFER", "ATM", "INTERNATIONAL"),
    brands=("VISA", "MASTERCARD", "AMEX"), countries=("AU", "AU", "NZ", "SG"),
    sensitive=_sensitive(
        customers=("tfn", "medicare_number", "bsb", "account_number"), accounts=("bsb", "account_number")
    ),
)  # fmt: skip
INDIA = Bank(
    key="IN", catalog="lakshmi", space="Lakshmi Bank Analytics",
    customers="""
    city          | STRING | City
    state         | STRING | State
    pincode       | STRING | Postal code
    aadhaar       | STRING | Aadhaar number
    pan_number    | STRING | Permanent account number (tax)
    voter_id      | STRING | Number of the voter card
    date_of_birth | DATE   | Date of birth
    uan           | STRING | Provident fund number
    upi_id        | STRING | Payment address
    gstin         | STRING | GST number of those in business
""",
    accounts="ifsc | STRING | Code of the branch\naccount_number | STRING | Account number",
    customer=_indian,
    account=lambda d, i: (f"LAKS0{d.digits(6)}", d.digits(12), d.choice(("SAVINGS", "CURRENT", "FD", "RD", "HOME_LOAN"))),
    shown=("aadhaar", "pan_number", "upi_id"), dialling="+91 9", kinds=("UPI", "NEFT", "RTGS", "IMPS", "POS", "ATM"),
    brands=("VISA", "MASTERCARD", "RUPAY"), countries=("IN", "IN", "IN", "AE"),
    # The code of a branch (ifsc) is not listed: the central bank publishes every one, and it does not identify a person.
    sensitive=_sensitive(
        customers=("aadhaar", "pan_number", "voter_id", "uan", "upi_id", "gstin"), accounts=("account_number",)
    ),
)  # fmt: skip
ASEAN = Bank(
    key="SEA", catalog="asean_bank", space="ASEAN Regional Banking Analytics",
    customers="""
    city          | STRING | City
    country       | STRING | SG, MY, TH, ID, PH or VN
    postal_code   | STRING | Postal code
    nric          | STRING | Singapore identity number
    mykad         | STRING | Malaysian identity number
    thai_id       | STRING | Thai identity number
    nik           | STRING | Indonesian identity number
    philsys       | STRING | Philippine identity number
    cccd          | STRING | Vietnamese identity number
    date_of_birth | DATE   | Date of birth
""",
    accounts="account_number | STRING | Account number",
    customer=_asean,
    account=lambda d, i: (d.digits(12), d.choice(("SAVINGS", "CURRENT", "FIXED_DEPOSIT", "MORTGAGE"))),
    shown=("nric", "nik", "thai_id"), dialling="+65 8", kinds=("RETAIL", "TRANSFER", "ATM", "REMITTANCE", "CROSS_BORDER"),
    brands=("VISA", "MASTERCARD", "UNIONPAY", "JCB"), countries=("SG", "MY", "TH", "ID", "PH", "VN"), size=12, regional=True,
    sensitive=_sensitive(
        customers=("nric", "mykad", "thai_id", "nik", "philsys", "cccd"), accounts=("account_number",)
    ),
)  # fmt: skip

BANKS: tuple[Bank, ...] = (AUSTRALIA, INDIA, ASEAN)
"""Every bank, by its country overlay."""


@cache
def bank_tables(bank: Bank, *, prod: bool = False) -> tuple[SeedTable, ...]:
    """Return the four tables of a bank with their rows; production tables are empty."""
    catalog = bank.catalog_of(prod=prod)
    currency = ("currency | STRING | ISO 4217 code",) if bank.regional else ()
    accounts = (
        "account_id | BIGINT NOT NULL | Account number in our books", "customer_id | BIGINT NOT NULL | Customer number",
        bank.accounts, "account_type | STRING | Kind of account", *currency, "balance | DECIMAL(18,2) | Balance",
        "opened_date | DATE | Day of opening", "branch | STRING | Branch",
    )  # fmt: skip
    texts = (
        ("customers", "People who bank with us", _PERSON + bank.customers, _customers(bank)),
        ("accounts", "Accounts of customers", "\n".join(accounts), _accounts(bank)),
        ("transactions", "Bookings on accounts", _REGIONAL_TRANSACTIONS if bank.regional else _TRANSACTIONS, _transactions(bank)),
        ("credit_cards", "Cards issued to customers", _REGIONAL_CARDS if bank.regional else _CARDS, _cards(bank)),
    )
    return tuple(
        SeedTable(
            table=Table(name=TableName(catalog, SCHEMA, name), comment=comment, columns=columns_of(text)),
            rows=() if prod else rows,
        )
        for name, comment, text, rows in texts
    )


def _customers(bank: Bank) -> tuple[Row, ...]:
    rows = []
    for index in range(bank.size):
        who, rng = invented.person(bank.key, index), DeterministicRandom(bank.key, "customer", index)
        phone = f"{bank.dialling}{rng.digits(2)} {rng.digits(3)} {rng.digits(3)}"
        rows.append((1001 + index, who.first, who.last, who.email, phone, who.street, *bank.customer(rng, index)))
    return tuple(rows)


def _accounts(bank: Bank) -> tuple[Row, ...]:
    rows = []
    for index in range(bank.size):
        rng = DeterministicRandom(bank.key, "account", index)
        branch = f"{rng.choice(invented.CITIES)[0]} branch"
        rows.append(
            (
                2001 + index, 1001 + index, *bank.account(rng, index), *_currency(bank, index), rng.amount(100, 90_000),
                rng.day(_FIRST, _LAST), branch,
            )
        )  # fmt: skip
    return tuple(rows)


def _currency(bank: Bank, index: int) -> tuple[str, ...]:
    """Return the currency of the customer with this index; nothing for a bank of one country."""
    return (_CURRENCIES[bank.country_of(index)],) if bank.regional else ()


def _transactions(bank: Bank) -> tuple[Row, ...]:
    rows = []
    for index in range(15):
        rng = DeterministicRandom(bank.key, "transaction", index)
        account = index % bank.size
        home = bank.country_of(account) if bank.regional else bank.countries[0]
        where = rng.choice(bank.countries)
        merchant = rng.choice(("Corner Grocery", "Bluebird Air", "Northside Fuel", "Harbour Pharmacy", "Lantern Cafe"))
        booked, amount = rng.moment(_FIRST, _LAST), rng.amount(5, 9_000)
        kind, flag = rng.choice(bank.kinds), _FLAGS[index % len(_FLAGS)]
        places = (home, where) if bank.regional else (where,)
        rows.append(
            (
                3001 + index, 2001 + account, booked, amount, *_currency(bank, account), merchant, kind, flag, where != home,
                *places,
            )
        )  # fmt: skip
    return tuple(rows)


def _cards(bank: Bank) -> tuple[Row, ...]:
    rows: list[Row] = []
    for index in range(bank.size):
        rng = DeterministicRandom(bank.key, "card", index)
        brand = bank.brands[index % len(bank.brands)]
        number = invented.card_number(rng, brand if brand in ("VISA", "MASTERCARD", "AMEX") else "DISCOVER")
        code = rng.digits(4 if brand == "AMEX" else 3)
        expiry = f"{rng.number(1, 12):02d}/{rng.number(27, 31)}"
        limit = Decimal(rng.number(2, 40) * 500).quantize(Decimal("0.01"))
        status = ("ACTIVE", "ACTIVE", "BLOCKED", "EXPIRED")[index % 4]
        rows.append((4001 + index, 1001 + index, number, code, expiry, limit, *_currency(bank, index), brand, status))
    return tuple(rows)
