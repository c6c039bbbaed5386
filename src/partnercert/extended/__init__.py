"""Extended checks; those about the whole run come last."""

from partnercert.extended.access import ACCESS
from partnercert.extended.bodies import BODIES
from partnercert.extended.check import Check
from partnercert.extended.fuzz import FUZZING
from partnercert.extended.repeats import REPEATS
from partnercert.extended.stateful import STATEFUL
from partnercert.extended.whole import WHOLE

CHECKS: tuple[Check, ...] = (*ACCESS, *BODIES, *REPEATS, *FUZZING, *STATEFUL, *WHOLE)

__all__ = ["CHECKS", "Check"]
