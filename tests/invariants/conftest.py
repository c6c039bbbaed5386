"""Notes which law was tried on which configuration at how many kill points; the run prints it as a table at the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.closing_lines import Record, note_tried


@pytest.fixture
def tried(record_property: Record) -> Callable[[str, str, int], None]:
    """Return the function that notes a law, a configuration, and how many points were tried."""

    def note(law: str, config: str, points: int = 1) -> None:
        note_tried(record_property, law, config, points)

    return note
