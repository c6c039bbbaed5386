"""Labels: what a column holds, whether to protect it, how sure we are and why. A closed schema."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lampkeeper.model.names import ColumnName


class LabelClass(StrEnum):
    """What the values of a column hold."""

    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    DOB = "dob"
    NATIONAL_ID = "national_id"
    TAX_ID = "tax_id"
    BANK_ACCOUNT = "bank_account"
    PAYMENT_CARD = "payment_card"
    CARD_SECURITY_CODE = "card_security_code"
    CREDENTIALS = "credentials"
    IP_DEVICE = "ip_device"
    GEO = "geo"
    HEALTH = "health"
    INSURANCE_ID = "insurance_id"
    BIOMETRIC = "biometric"
    FINANCIAL_AMOUNT = "financial_amount"
    FREE_TEXT = "free_text"
    DEMOGRAPHIC = "demographic"
    PERSON_REF = "person_ref"
    COMPLIANCE = "compliance"
    NONE = "none"
    UNDECIDED = "undecided"


class Protect(StrEnum):
    """Undecided is protected until a person has reviewed it."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"


class LabelSource(StrEnum):
    """Who said so; a steward overrides, the others may only raise what the offline rules found.

    `tag`: a governed tag of the environment's own taxonomy that somebody has put on the column.
    """

    STEWARD = "steward"
    TAG = "tag"
    MODEL = "model"
    PLATFORM = "platform"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One column's label.

    `subtype` narrows the class (`ssn`, `icd10`, …; empty when nothing narrower is known). `confidence` is 0 to 1.
    `evidence` are short reasons in our own words; text from a catalog appears in them only quoted.
    """

    column: ColumnName
    label: LabelClass
    protect: Protect
    confidence: float
    evidence: tuple[str, ...] = ()
    source: LabelSource = LabelSource.OFFLINE
    subtype: str = ""

    @property
    def protected(self) -> bool:
        """Return whether the column is masked: yes and undecided both are."""
        return self.protect is not Protect.NO


def count_labels(labels: Iterable[Label]) -> dict[str, int]:
    """Return `columns = protected + open + undecided`, in that order of keys."""
    found = {"columns": 0, "protected": 0, "open": 0, "undecided": 0}
    names = {Protect.YES: "protected", Protect.NO: "open", Protect.UNDECIDED: "undecided"}
    for label in labels:
        found["columns"] += 1
        found[names[label.protect]] += 1
    return found
