"""information_schema: the rows that a principal may see, as relations for the engine."""

from __future__ import annotations

from localspace.governance.books import Books
from localspace.governance.identity import Principal
from localspace.sql import failures
from localspace.sql.storage import Storage, ViewSpec


class InformationSchema:
    """Makes the views of information_schema for a principal."""

    def __init__(self, books: Books, storage: Storage) -> None:
        """Read from `books`; rows go to scratch files of `storage`."""
        self._books = books
        self._storage = storage

    def relation(self, path: tuple[str, str, str], principal: Principal) -> ViewSpec:
        """Return the relation of one view; raises TABLE_OR_VIEW_NOT_FOUND."""
        raise failures.table_missing(path)
