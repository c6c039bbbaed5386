"""Tasks that need no process: conditions, and the inputs of loops."""

from __future__ import annotations

import json

from localspace.core.stored_documents.kind import Document
from localspace.jobs.operators import compare
from localspace.jobs.references import JsonValue, UnresolvedError
from localspace.jobs.terminal_states import SUCCESS, TerminalState, failed

MAX_INPUTS = 5_000


def run_condition(body: Document) -> tuple[TerminalState, Document]:
    """Return the end of a condition task and its outcome, "true" or "false"."""
    try:
        held = compare(str(body["op"]), str(body["left"]), str(body["right"]))
    except UnresolvedError as error:
        return failed(str(error), "INVALID_RUN_CONFIGURATION"), {}
    return SUCCESS, {"outcome": "true" if held else "false"}


def read_inputs(text: object) -> list[JsonValue] | str:
    """Return the inputs of a loop, or in words what is wrong with them."""
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return "for_each_task.inputs is not valid JSON."
    if not isinstance(found, list):
        return "for_each_task.inputs must be a JSON array."
    if len(found) > MAX_INPUTS:
        return f"for_each_task.inputs has {len(found)} entries; the limit is {MAX_INPUTS}."
    return found
