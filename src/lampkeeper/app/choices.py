"""What a command says in place of the settings."""

from __future__ import annotations

from dataclasses import dataclass

from lampkeeper.app.space_content import SpaceWriter
from lampkeeper.files.settings import Settings
from lampkeeper.model.errors import UsageError
from lampkeeper.model.unreviewed import Unreviewed


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a command says in place of the settings; empty says nothing. `settle`: undecided columns take the model's class.
    `space_content`: whether what a model wrote of spaces counts.

    `unreviewed` and `unreviewed_columns` are `deny` or `allow`.
    """

    country: tuple[str, ...] = ()
    industry: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    settle: bool = False
    unreviewed: str = ""
    unreviewed_columns: str = ""
    space_content: SpaceWriter = SpaceWriter.MODEL

    def closing(self, settings: Settings) -> tuple[Unreviewed, Unreviewed]:
        """Return what becomes of unreviewed tables and of unreviewed columns; raise UsageError for a pair that cannot be."""
        for flag, text in (("--unreviewed", self.unreviewed), ("--unreviewed-columns", self.unreviewed_columns)):
            if text and text not in set(Unreviewed):
                raise UsageError(f"{flag} {text!r} is neither deny nor allow")
        tables = Unreviewed(self.unreviewed or settings.unreviewed)
        columns = Unreviewed(self.unreviewed_columns or settings.unreviewed_columns)
        if tables is Unreviewed.ALLOW and columns is Unreviewed.DENY:
            raise UsageError(
                "unreviewed columns cannot be hidden while unreviewed tables are visible: their columns would all be NULL",
                fix="leave --unreviewed at deny, or set --unreviewed-columns allow",
            )
        return tables, columns
