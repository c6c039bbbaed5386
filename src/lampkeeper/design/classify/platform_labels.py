"""The platform's own findings as labels: `class.*` tags of Databricks Data Classification, by HIGH or LOW confidence.

A column without a finding is unknown, not harmless: the scans are incremental and late (source: platform docs).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lampkeeper.model.labels import Label, LabelClass, LabelSource, Protect
from lampkeeper.model.names import ColumnName
from lampkeeper.model.schema import Snapshot
from lampkeeper.model.tags import EntityType

PREFIX = "class."


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One row of the platform's results: the class found, how sure it is (HIGH or LOW), the share of values (0 to 1)."""

    column: ColumnName
    class_tag: str
    high: bool
    frequency: float | None = None


CLASSES: Mapping[str, tuple[LabelClass, str]] = {
    "name": (LabelClass.NAME, ""), "person_name": (LabelClass.NAME, ""), "full_name": (LabelClass.NAME, ""),
    "email_address": (LabelClass.EMAIL, ""), "email": (LabelClass.EMAIL, ""),
    "phone_number": (LabelClass.PHONE, ""), "location": (LabelClass.ADDRESS, ""), "address": (LabelClass.ADDRESS, ""),
    "postal_code": (LabelClass.ADDRESS, ""), "date_of_birth": (LabelClass.DOB, ""), "age": (LabelClass.DOB, ""),
    "us_ssn": (LabelClass.NATIONAL_ID, "ssn"), "us_passport": (LabelClass.NATIONAL_ID, ""),
    "us_driver_license": (LabelClass.NATIONAL_ID, ""), "us_itin": (LabelClass.TAX_ID, ""),
    "us_bank_number": (LabelClass.BANK_ACCOUNT, ""), "iban_code": (LabelClass.BANK_ACCOUNT, ""),
    "iban": (LabelClass.BANK_ACCOUNT, ""),
    "credit_card": (LabelClass.PAYMENT_CARD, ""), "credit_card_number": (LabelClass.PAYMENT_CARD, ""),
    "ip_address": (LabelClass.IP_DEVICE, "ip"), "mac_address": (LabelClass.IP_DEVICE, ""),
    "medical_license": (LabelClass.NATIONAL_ID, ""), "health": (LabelClass.HEALTH, ""), "gender": (LabelClass.DEMOGRAPHIC, ""),
}  # fmt: skip
"""The label class of a platform class; any other class.* is sensitive and needs a review."""


def label_detection(found: Detection) -> Label:
    """Return the label of a detection: HIGH is protected, LOW and unknown classes are undecided."""
    name = found.class_tag.strip().removeprefix(PREFIX).lower()
    known = CLASSES.get(name) if found.class_tag.strip().startswith(PREFIX) else None
    share = "" if found.frequency is None else f" in {found.frequency:.0%} of the values"
    evidence = f"the platform found {json.dumps(found.class_tag)}{share}, confidence {'high' if found.high else 'low'}"
    if known is not None and found.high:
        label, subtype, protect, confidence = *known, Protect.YES, 0.9
    else:
        label, subtype, protect, confidence = LabelClass.UNDECIDED, "", Protect.UNDECIDED, 0.5
    return Label(
        column=found.column, label=label, protect=protect, confidence=confidence, evidence=(evidence,),
        source=LabelSource.PLATFORM, subtype=subtype,
    )  # fmt: skip


def label_detections(snapshot: Snapshot, rows: Iterable[Detection]) -> tuple[Label, ...]:
    """Return the labels of detections and of `class.*` tags on columns of the snapshot, sorted; case does not matter."""
    columns = {c.plain.casefold(): c for c, _ in snapshot.columns()}
    tagged = (
        Detection(column=columns[t.entity_name.casefold()], class_tag=t.key, high=True)
        for t in snapshot.tags
        if t.entity_type is EntityType.COLUMNS and t.key.startswith(PREFIX) and t.entity_name.casefold() in columns
    )
    named = (
        Detection(column=columns[r.column.plain.casefold()], class_tag=r.class_tag, high=r.high, frequency=r.frequency)
        for r in rows
        if r.column.plain.casefold() in columns
    )
    labels = {label_detection(d) for d in (*tagged, *named)}
    return tuple(sorted(labels, key=lambda x: (x.column, x.label, x.evidence)))
