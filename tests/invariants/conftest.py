"""Collects which law was tried on which configuration at how many kill points, and prints it as a table at the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_TRIED: dict[tuple[str, str], int] = {}


@pytest.fixture
def tried() -> Callable[[str, str, int], None]:
    """Return the function that notes a law, a configuration, and how many points were tried."""

    def note(law: str, config: str, points: int = 1) -> None:
        _TRIED[(law, config)] = _TRIED.get((law, config), 0) + points

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if not _TRIED:
        return
    laws = sorted({law for law, _ in _TRIED})
    configs = sorted({config for _, config in _TRIED})
    width = max(len(c) for c in configs)
    terminalreporter.write_sep("-", "laws x configurations: points tried")
    terminalreporter.write_line(" " * width + "  " + "  ".join(laws))
    for config in configs:
        cells = [str(_TRIED.get((law, config), "")).rjust(len(law)) for law in laws]
        terminalreporter.write_line(config.ljust(width) + "  " + "  ".join(cells))
