"""The 21 cases, in the order of their ids."""

from partnercert.cases.accounts import ACCOUNTS
from partnercert.cases.case import Case
from partnercert.cases.core import CORE
from partnercert.cases.creating import CREATING
from partnercert.cases.hooks import HOOKS
from partnercert.cases.recreating import RECREATING
from partnercert.cases.reusing import REUSING
from partnercert.cases.several import DEMO, SEVERAL
from partnercert.cases.trials import TRIALS

CASES: tuple[Case, ...] = (*CREATING, *CORE, *REUSING, *RECREATING, *ACCOUNTS, *TRIALS, *SEVERAL, *DEMO, *HOOKS)

__all__ = ["CASES", "Case"]
