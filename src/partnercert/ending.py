"""The end of a program with an exit code, and what it said; in a task of a job the exception that says the same."""

from __future__ import annotations


class Ending(SystemExit):
    """The end of the program with an exit code; `said` is its last sentence."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(code)
        self.said = said


class NotCertified(Exception):  # noqa: N818 (its name is shown to people)
    """A run of the job that did not certify the partner: a failed case, or an input that is missing.

    IPython, which runs Python tasks on the platform, asks an exception for `_render_traceback_`; frames would say nothing here.
    """

    def _render_traceback_(self) -> list[str]:
        return ["partnercert did not succeed"]
