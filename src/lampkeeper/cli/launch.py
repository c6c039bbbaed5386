"""launch: bring up a place, deploy the bundle there, run its job, tell what happens, take everything down."""

from __future__ import annotations

COMMANDS = ()
