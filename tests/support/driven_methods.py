"""Which methods of the unmodified SDK the suite drives: each client of a local workspace notes the calls of tests.

A method counts when a test called it on the SDK's client and passed: the test has checked the answer or the error. Calls
that the SDK makes inside, and calls of other code, do not count.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

_COUNTED: dict[type, type] = {}
_DRIVEN: set[str] = set()


def count_calls(client: Any) -> Any:
    """Return the client itself, whose services, and the services in them, note which of their methods are called."""
    for service in list(vars(client).values()):
        kind = type(service)
        if kind.__module__.startswith("databricks.sdk.") and kind.__name__.endswith(("API", "Ext")):
            if kind not in _COUNTED.values():
                service.__class__ = _counted(kind)
            count_calls(service)
    return client


def driven() -> frozenset[str]:
    """Return the methods that the test that runs, and its fixtures, have called so far."""
    return frozenset(_DRIVEN)


def take_driven() -> set[str]:
    """Return the methods that were called since the last call, as `Service.method` with the SDK's class name without `API`."""
    found = set(_DRIVEN)
    _DRIVEN.clear()
    return found


def _counted(kind: type) -> type:
    if kind not in _COUNTED:
        service = kind.__name__.removesuffix("Ext").removesuffix("API")

        def noting(self: Any, name: str) -> Any:
            value = object.__getattribute__(self, name)
            if name.startswith("_") or not callable(value) or not _asked_by_a_test():
                return value

            @functools.wraps(value)
            def called(*args: Any, **options: Any) -> Any:
                _DRIVEN.add(f"{service}.{name}")
                return value(*args, **options)

            return called

        _COUNTED[kind] = type(kind.__name__, (kind,), {"__getattribute__": noting, "__module__": kind.__module__})
    return _COUNTED[kind]


def _asked_by_a_test() -> bool:
    caller = sys._getframe(2).f_globals.get("__name__", "")
    return not caller.startswith(("databricks.", "lampkeeper.", "localspace."))
