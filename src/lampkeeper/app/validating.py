"""Validation: what is wrong with a draft or with the layers' files, before anything is planned."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.unreviewed import unknown_families
from lampkeeper.app.waiving import exceptions_ending, gated
from lampkeeper.design.rules.check import check
from lampkeeper.files.governance_sections import BAD_CONDITION
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, has_errors, sort_findings


def validate(inputs: EnvInputs, *, drafted: bool = True, now: datetime | None = None) -> tuple[Finding, ...]:
    """Return what is wrong with the draft, or with the layers' files: how they are written, and what they mean."""
    settings, today = inputs.settings, (now or datetime.now(UTC)).date()
    knowledge = inputs.knowledge()
    ends = (*exceptions_ending(settings, today), *unknown_families(settings, knowledge))
    judge = partial(findings_of, inputs)
    if drafted:
        read = inputs.draft_file
        if any(f.code == BAD_CONDITION for f in read.findings):
            # What the unread policies protect cannot be judged.
            return read.findings
        return sort_findings([*read.findings, *ends, *gated(settings, judge(read.desired), today)])
    written = inputs.layers.findings
    if has_errors(written):
        return written
    return sort_findings([*written, *ends, *gated(settings, judge(inputs.layers.desired), today)])


def findings_of(inputs: EnvInputs, desired: Desired) -> tuple[Finding, ...]:
    """Return what every rule finds in a desired state, with the settings, the snapshot and the labels of an environment."""
    settings = inputs.settings
    return check(
        desired, snapshot=inputs.snapshot, limits=inputs.remaining_quota, labels=inputs.labels, pilot=settings.pilot,
        exempt=tuple(e.principal for e in settings.exemptions), vocabulary=inputs.knowledge().vocabulary,
    )  # fmt: skip
