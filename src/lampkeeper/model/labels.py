"""Labels: the class of a column, whether to protect it, the confidence and the evidence. A closed schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lampkeeper.model.names import ColumnName


class LabelClass(StrEnum):
    """The kind of data in a column."""

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
    """Whether to protect a column. Undecided columns stay masked until a steward decides."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"


class LabelSource(StrEnum):
    """The source of a label. A steward overrides all others; the other sources may only add protection to the offline rules'.

    `tag`: an existing governed tag on the column, by the environment's taxonomy. `lineage`: a protected column from which the
    column was written.
    """

    STEWARD = "steward"
    TAG = "tag"
    MODEL = "model"
    LINEAGE = "lineage"
    PLATFORM = "platform"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The label of one column.

    `subtype` narrows the class (`ssn`, `icd10`, …; empty if unknown). `confidence` is 0 to 1.
    `evidence` are short reasons; they contain text from a catalog only in quotes.
    """

    column: ColumnName
    label: LabelClass
    protect: Protect
    confidence: float
    evidence: tuple[str, ...] = ()
    source: LabelSource = LabelSource.OFFLINE
    subtype: str = ""

    @property
    def kind(self) -> str:
        """Return `class/subtype`, or the class alone."""
        return f"{self.label}/{self.subtype}" if self.subtype else str(self.label)

    @property
    def protected(self) -> bool:
        """Return whether the column is masked, which is true for yes and undecided."""
        return self.protect is not Protect.NO


def count_labels(labels: Iterable[Label]) -> dict[str, int]:
    """Return `columns = protected + not_sensitive + undecided`, in that order of keys."""
    found = {"columns": 0, "protected": 0, "not_sensitive": 0, "undecided": 0}
    names = {Protect.YES: "protected", Protect.NO: "not_sensitive", Protect.UNDECIDED: "undecided"}
    for label in labels:
        found["columns"] += 1
        found[names[label.protect]] += 1
    return found


def counted_words(counts: Mapping[str, int]) -> list[str]:
    """Return `3 protected`, `2 not sensitive` and so on: the counts of `count_labels` as people read them."""
    return [f"{number} {what.replace('_', ' ')}" for what, number in counts.items()]
