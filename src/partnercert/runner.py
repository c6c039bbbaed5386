"""Run the cases one after another and compute their verdicts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from partnercert.cases import CASES, Case
from partnercert.exchange import Exchange
from partnercert.extended import CHECKS, Check
from partnercert.session import Session
from partnercert.signoff import SignOff, Standing, standing
from partnercert.verdicts import (
    ACCEPTED,
    BlockedError,
    CheckOutcome,
    FailedError,
    Judge,
    NotApplicableError,
    Outcome,
    Verdict,
)

Progress = Callable[[Outcome | CheckOutcome], None]
_LINE = (Verdict.PASS, Verdict.NOT_APPLICABLE, Verdict.MANUAL_PENDING, Verdict.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOffs:
    """The recorded sign-offs and the time at which they are evaluated."""

    records: tuple[SignOff, ...] = ()
    now: datetime
    folder: Path = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A whole run."""

    partner: str
    config_sha256: str
    api_version: str
    base_url: str
    seed: int
    started: str
    automated_only: bool
    outcomes: tuple[Outcome, ...]
    checks: tuple[CheckOutcome, ...]
    exchanges: tuple[Exchange, ...]
    optional_fails: bool = False

    @property
    def certified(self) -> bool:
        """Return whether the partner can be certified."""
        return not self.blocking and not self.failed_checks

    @property
    def blocking(self) -> list[Outcome]:
        """Return the outcomes that prevent certification; an optional case does if it failed and `optional_fails`."""
        accepted = ACCEPTED | {Verdict.MANUAL_PENDING} if self.automated_only else ACCEPTED
        mandatory = [o for o in self.outcomes if not o.optional and o.verdict not in accepted]
        return [o for o in self.outcomes if o in mandatory or (self.optional_fails and o in self.failed[1])]

    @property
    def failed(self) -> tuple[list[Outcome], list[Outcome]]:
        """Return the mandatory and the optional cases that failed or were blocked."""
        bad = [o for o in self.outcomes if o.verdict in (Verdict.FAIL, Verdict.BLOCKED)]
        return [o for o in bad if not o.optional], [o for o in bad if o.optional]

    @property
    def whole(self) -> bool:
        """Return whether every case was run; a part of them is not a certification."""
        return len(self.outcomes) == len(CASES)

    @property
    def failed_checks(self) -> list[CheckOutcome]:
        """Return the extended checks that failed or could not be judged."""
        return [c for c in self.checks if c.verdict in (Verdict.FAIL, Verdict.BLOCKED)]

    @property
    def waiting(self) -> list[Outcome]:
        """Return the cases that still wait for a person."""
        return [o for o in self.outcomes if o.waits_for_a_person]

    def summary(self) -> str:
        """Return `21 cases: PASS a NOT_APPLICABLE b MANUAL_PENDING c FAIL d`, rarer verdicts after it.

        A part of the cases starts with `3 of 21 cases run`.
        """
        counts = {verdict: sum(o.verdict is verdict for o in self.outcomes) for verdict in Verdict}
        rare = [v for v in Verdict if v not in _LINE and counts[v]]
        count = f"{len(CASES)} cases" if self.whole else f"{len(self.outcomes)} of {len(CASES)} cases run"
        return f"{count}: " + " ".join(f"{v} {counts[v]}" for v in (*_LINE, *rare))

    def failures(self) -> str:
        """Return `mandatory 0 failed, optional 3 failed (P500, P501, P502)`, failed extended checks after it."""
        shown = []
        for word, cases in zip(("mandatory", "optional"), self.failed, strict=True):
            names = f" ({', '.join(o.case for o in cases)})" if cases else ""
            shown.append(f"{word} {len(cases)} failed{names}")
        if self.failed_checks:
            shown.append(f"extended {len(self.failed_checks)} failed ({', '.join(c.check for c in self.failed_checks)})")
        return ", ".join(shown)

    def conclusion(self) -> str:
        """Return the verdict in one sentence."""
        if self.blocking or self.failed_checks:
            return f"not certified: {', '.join([o.case for o in self.blocking] + [c.check for c in self.failed_checks])}"
        if not self.whole:
            return f"nothing failed; {len(self.outcomes)} of {len(CASES)} cases alone are not a certification"
        return "nothing prevents certification"

    def as_json(self) -> dict[str, Any]:
        """Return the run as a JSON object, transcripts apart."""
        return {
            "partner": self.partner,
            "base_url": self.base_url,
            "config_sha256": self.config_sha256,
            "api_version": self.api_version,
            "seed": self.seed,
            "started": self.started,
            "automated_only": self.automated_only,
            "certified": self.certified,
            "summary": self.summary(),
            "failures": self.failures(),
            "cases_run": len(self.outcomes),
            "failed_mandatory": [o.case for o in self.failed[0]],
            "failed_optional": [o.case for o in self.failed[1]],
            "blocking": [o.case for o in self.blocking] + [c.check for c in self.failed_checks],
            "waiting": [o.case for o in self.waiting],
            "cases": [o.as_json() for o in self.outcomes],
            "checks": [c.as_json() for c in self.checks],
        }


def run_cases(
    session: Session,
    *,
    only: Sequence[str] = (),
    sign_offs: SignOffs,
    automated_only: bool = False,
    progress: Progress = lambda outcome: None,
) -> tuple[Outcome, ...]:
    """Run the chosen cases (all by default) and return their outcomes in order."""
    outcomes = []
    for case in CASES:
        if only and case.id not in only:
            continue
        outcome = run_case(session, case, sign_offs=sign_offs, automated_only=automated_only)
        progress(outcome)
        outcomes.append(outcome)
    return tuple(outcomes)


def run_case(session: Session, case: Case, *, sign_offs: SignOffs, automated_only: bool) -> Outcome:
    """Run one case: the gate, the automated part if there is one, then the sign-offs."""
    session.case = case.id
    session.client.begin()
    first, start = len(session.client.exchanges), time.monotonic()
    judge, automated, reason = Judge(), None, case.gate(session.config)
    guided = ""
    if reason:
        automated = Verdict.NOT_APPLICABLE
    else:
        guided = case.guided(session.config, session.workspace is not None)
        reason = guided
        if not guided:
            automated, reason = _judged(judge, lambda: case.run(session, judge))
    manual = case.points(guided=bool(guided))
    verdict, said = _with_people(session, case, automated, manual, sign_offs, automated_only)
    return Outcome(
        case=case.id,
        title=case.title,
        verdict=verdict,
        automated=automated,
        reason=session.client.redactor.text(reason or ("" if said.signed else said.text)),
        optional=case.optional,
        problems=tuple(
            type(p)(code=p.code, severity=p.severity, message=session.client.redactor.text(p.message)) for p in judge.problems
        ),
        manual=() if automated is Verdict.NOT_APPLICABLE else manual,
        sign_off=said.text if said.signed else "",
        seconds=time.monotonic() - start,
        exchanges=tuple(e.number for e in session.client.exchanges[first:]),
    )


def run_checks(session: Session, *, examples: int, progress: Progress = lambda outcome: None) -> tuple[CheckOutcome, ...]:
    """Run the extended checks. `examples` bounds each fuzzed operation; 0 leaves fuzzing out."""
    return tuple(_each_check(session, CHECKS, examples, progress))


def _each_check(session: Session, checks: Iterable[Check], examples: int, progress: Progress) -> Iterable[CheckOutcome]:
    for check in checks:
        session.case = check.id
        session.client.begin()
        judge, start = Judge(), time.monotonic()
        reason = check.gate(session, examples)
        verdict = Verdict.NOT_APPLICABLE
        if not reason:
            run = check.run
            verdict, reason = _judged(judge, lambda run=run, judge=judge: run(session, judge, examples))  # type: ignore[misc]
        redact = session.client.redactor.text
        outcome = CheckOutcome(
            check=check.id,
            title=check.title,
            verdict=verdict,
            reason=redact(reason),
            problems=tuple(type(p)(code=p.code, severity=p.severity, message=redact(p.message)) for p in judge.problems),
            seconds=time.monotonic() - start,
        )
        progress(outcome)
        yield outcome


def _judged(judge: Judge, run: Callable[[], None]) -> tuple[Verdict, str]:
    """Run to the end or to the first error that ends a case; return verdict and reason."""
    try:
        run()
    except FailedError:
        return Verdict.FAIL, _first_failure(judge)
    except NotApplicableError as reason:
        return Verdict.NOT_APPLICABLE, str(reason)
    except BlockedError as reason:
        return (Verdict.FAIL, _first_failure(judge)) if judge.failed else (Verdict.BLOCKED, str(reason))
    except Exception as error:
        # A bug of partnercert must not end the run of the other cases, nor let this one pass: it blocks, with its name.
        return Verdict.BLOCKED, f"internal error of partnercert: {type(error).__name__}: {error}"
    return judge.verdict, _first_failure(judge)


def _first_failure(judge: Judge) -> str:
    wanted = ("FAIL", "WARN")
    return next((p.message for severity in wanted for p in judge.problems if p.severity == severity), "")


def _with_people(
    session: Session,
    case: Case,
    automated: Verdict | None,
    manual: tuple[str, ...],
    sign_offs: SignOffs,
    automated_only: bool,
) -> tuple[Verdict, Standing]:
    if automated not in (None, Verdict.PASS, Verdict.WARN) or not manual:
        return automated or Verdict.PASS, Standing()
    said = standing(
        list(sign_offs.records),
        case.id,
        config_sha256=session.config.fingerprint,
        now=sign_offs.now,
        folder=sign_offs.folder,
        questions=len(manual),
    )
    if automated_only and automated is not None:
        return automated, Standing(signed=said.signed, text=said.text)
    if said.failed:
        return Verdict.FAIL, said
    if said.signed:
        return Verdict.SIGNED_OFF, said
    return Verdict.MANUAL_PENDING, said
