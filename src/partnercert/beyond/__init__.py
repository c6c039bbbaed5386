"""Checks beyond the 21 cases; those about the whole run come last."""

from partnercert.beyond.access import ACCESS
from partnercert.beyond.bodies import BODIES
from partnercert.beyond.check import Check
from partnercert.beyond.fuzz import FUZZING
from partnercert.beyond.repeats import REPEATS
from partnercert.beyond.stateful import STATEFUL
from partnercert.beyond.whole import WHOLE

CHECKS: tuple[Check, ...] = (*ACCESS, *BODIES, *REPEATS, *FUZZING, *STATEFUL, *WHOLE)

__all__ = ["CHECKS", "Check"]
