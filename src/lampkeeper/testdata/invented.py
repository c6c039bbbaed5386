"""Invented people and their identifiers, from ranges that are reserved for tests or were never issued."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lampkeeper.testdata import check_digits
from lampkeeper.testdata.deterministic_random import DeterministicRandom

FIRST_NAMES = (
    "Alma", "Bodhi", "Carmen", "Darius", "Elif", "Farid", "Greta", "Hiro", "Ines", "Jonas", "Kavya", "Leon", "Mira", "Nils",
    "Oona", "Pavel", "Quinn", "Rosa", "Samir", "Tuuli", "Uma", "Viktor", "Wanda", "Ximena", "Yusuf", "Zora",
)  # fmt: skip
LAST_NAMES = (
    "Ahlgren", "Bakshi", "Castellan", "Drummond", "Eastvale", "Fairbrook", "Gatewood", "Hallowell", "Ironside", "Jessop",
    "Kestrel", "Larkspur", "Marlowe", "Northgate", "Oakhurst", "Pemberley", "Quillfeather", "Ravenhill", "Silverton", "Thornbury",
)  # fmt: skip
STREETS = ("Willow Lane", "Harbour Street", "Mill Road", "Orchard Avenue", "Station Road", "Cedar Court", "Bridge Street")
CITIES = (
    ("Fairview", "CA", "90001"), ("Lakeside", "NY", "10003"), ("Brookfield", "TX", "73301"), ("Greenville", "WA", "98101"),
    ("Ashland", "OR", "97201"), ("Riverton", "IL", "60601"), ("Millbrook", "MA", "02108"), ("Clearwater", "FL", "33101"),
)  # fmt: skip
DIAGNOSES = (
    ("E11.9", "Type 2 diabetes mellitus without complications"), ("I10", "Essential (primary) hypertension"),
    ("J45.909", "Unspecified asthma, uncomplicated"), ("M54.50", "Low back pain, unspecified"),
    ("F41.1", "Generalized anxiety disorder"), ("K21.9", "Gastro-oesophageal reflux disease without oesophagitis"),
    ("N39.0", "Urinary tract infection, site not specified"), ("S52.501A", "Fracture of the lower end of the radius"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An invented person whose attributes are consistent."""

    first: str
    last: str
    email: str
    phone: str
    street: str
    city: str
    state: str
    postcode: str
    born: date

    @property
    def full(self) -> str:
        """Return given and family name."""
        return f"{self.first} {self.last}"


def person(*words: object) -> Person:
    """Return the person for these words."""
    rng = DeterministicRandom("person", *words)
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    city, state, postcode = rng.choice(CITIES)
    return Person(
        first=first, last=last,
        email=f"{first}.{last}{rng.number(1, 999)}@{rng.choice(('example.com', 'example.org', 'example.net'))}".lower(),
        # 555-0100 to 555-0199 are reserved for fiction in the North American numbering plan.
        phone=f"+1-{rng.choice(('212', '312', '415', '617', '206'))}-555-01{rng.number(0, 99):02d}",
        street=f"{rng.number(1, 980)} {rng.choice(STREETS)}", city=city, state=state, postcode=postcode,
        born=rng.day(date(1948, 1, 1), date(2003, 12, 31)),
    )  # fmt: skip


def social_security_number(rng: DeterministicRandom) -> str:
    """Return a US number of area 9xx with a group below 50, which is neither a social security nor a taxpayer number."""
    return f"9{rng.number(0, 99):02d}-{rng.number(10, 49):02d}-{rng.number(1, 9999):04d}"


def card_number(rng: DeterministicRandom, brand: str = "VISA") -> str:
    """Return a card number with a valid check digit in a test range of the brand."""
    prefix, length = {
        "VISA": ("400000", 16), "MASTERCARD": ("555555", 16), "AMEX": ("378282", 15), "DISCOVER": ("601111", 16),
    }[brand]  # fmt: skip
    body = prefix + rng.digits(length - 1 - len(prefix))
    return body + check_digits.luhn(body)


def aadhaar(rng: DeterministicRandom) -> str:
    """Return twelve digits with a valid check digit, from the authority's test prefix 9999."""
    body = "9999" + rng.digits(7)
    return body + check_digits.verhoeff(body)


def tax_file_number(rng: DeterministicRandom) -> str:
    """Return a nine-digit Australian number with a valid check digit, starting with 0000, a range that is not issued."""
    while True:
        body = "0000" + rng.digits(4)
        digit = check_digits.tfn(body)
        if digit is not None:
            return body + digit


def nhs_number(rng: DeterministicRandom) -> str:
    """Return ten digits with a valid check digit, from the test range that starts with 999."""
    while True:
        body = "999" + rng.digits(6)
        digit = check_digits.nhs(body)
        if digit is not None:
            return body + digit


def nric(rng: DeterministicRandom) -> str:
    """Return a Singapore number with a valid letter, of a year of birth before the register began."""
    digits = "00" + rng.digits(5)
    return f"S{digits}{check_digits.nric(digits)}"


def gstin(rng: DeterministicRandom) -> str:
    """Return an Indian GSTIN with a valid check character, of state code 99 (other countries)."""
    body = f"99{rng.letters(5)}{rng.digits(4)}{rng.letters(1)}1Z"
    return body + check_digits.gstin(body)


def permanent_account_number(rng: DeterministicRandom) -> str:
    """Return an Indian PAN with a holder type (the fourth letter) that is not in use."""
    return f"{rng.letters(3)}X{rng.letters(1)}{rng.digits(4)}{rng.letters(1)}"


def iban(rng: DeterministicRandom) -> str:
    """Return a British IBAN with valid check digits of a bank that does not exist."""
    return check_digits.iban("GB", f"TEST{rng.digits(6)}{rng.digits(8)}")


def routing_number(rng: DeterministicRandom) -> str:
    """Return nine digits with a valid check digit, of a Federal Reserve range that is not in use."""
    body = "99" + rng.digits(6)
    return body + check_digits.routing(body)
