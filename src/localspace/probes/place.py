"""A place as probes use it: it runs SQL as a principal, makes people and groups. Nothing here depends on localspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a statement gave: rows of strings, or the error's class and text."""

    rows: tuple[tuple[str | None, ...], ...] = ()
    columns: tuple[str, ...] = ()
    error_class: str | None = None
    error: str = ""


class ProbePlace(Protocol):
    """A workspace in which probes may work: a thin client is enough."""

    def run(self, statement: str, persona: str | None = None) -> Answer:
        """Run a statement as a persona, or as the administrator; a failed statement is an answer, not an exception."""
        ...

    def run_spark(self, statement: str, persona: str | None, claimed: str) -> Answer:
        """Run a statement through Spark Connect with the persona's token, in messages that claim to be `claimed`'s."""
        ...

    @property
    def warehouse(self) -> str:
        """Return the id of the warehouse that runs the statements."""
        ...

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None, persona: str | None) -> tuple[int, dict[str, Any]]:
        """Call the REST API as a persona, or as the administrator; return status and body, of a refusal too."""
        ...

    def make_persona(self, label: str) -> str:
        """Make a service principal that may use SQL; return the name by which grants and policies know it."""
        ...

    def make_group(self, name: str, members: Sequence[str]) -> None:
        """Make an account group with personas and groups as members, by name."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Remove personas and groups that this run made."""
        ...

    def settle(self) -> None:
        """Return when tag, policy and membership changes made so far have taken effect."""
        ...


class ProbeError(Exception):
    """A rule does not hold at the place; the message says what was expected and what was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One probe: a name that ledger rows refer to, and the function."""

    name: str
    check: Callable[[Stage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOutcome:
    """What a probe found: `passed`, and what was seen otherwise."""

    name: str
    passed: bool
    seen: str = ""


TAG = "lampkeeper_probe"
"""The governed tag of the probes, with the values a, b and c."""

GONE_TAG = "lampkeeper_probe_gone"
"""A governed tag that a probe deletes while a policy refers to it."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """A schema with functions, people and groups, shared by all probes of a run.

    `reader` is in group `readers`; `nested` is in `inner`, which is in `outer`; `exempt` is in `exempts`; `stranger` has no
    grant at all.
    """

    place: ProbePlace
    schema: str
    reader: str = ""
    nested: str = ""
    exempt: str = ""
    stranger: str = ""
    groups: dict[str, str] = field(default_factory=dict)
    _made: list[str] = field(default_factory=list)

    # Statements

    def admin(self, statement: str) -> list[tuple[str | None, ...]]:
        """Run as the administrator; raises ProbeError when it fails."""
        return self.rows(statement, None)

    def rows(self, statement: str, persona: str | None) -> list[tuple[str | None, ...]]:
        """Return the rows that a persona gets; raises ProbeError when it fails."""
        answer = self.place.run(statement, persona)
        if answer.error_class is not None:
            raise ProbeError(f"{statement}: expected rows, got {answer.error_class}: {answer.error}")
        return list(answer.rows)

    def expect(self, statement: str, persona: str | None, rows: Sequence[Sequence[str | None]]) -> None:
        """Demand exactly these rows, in any order."""
        found = sorted(self.rows(statement, persona), key=repr)
        wanted = sorted((tuple(row) for row in rows), key=repr)
        if found != wanted:
            raise ProbeError(f"{statement}: expected {wanted}, got {found}")

    def refused(self, statement: str, persona: str | None, *classes: str) -> Answer:
        """Demand a failure, of one of the classes if any are given."""
        answer = self.place.run(statement, persona)
        if answer.error_class is None:
            raise ProbeError(f"{statement}: expected a refusal, got {len(answer.rows)} row(s)")
        if classes and not any(one in f"{answer.error_class} {answer.error}" for one in classes):
            raise ProbeError(f"{statement}: expected {' or '.join(classes)}, got {answer.error_class}: {answer.error}")
        return answer

    # Things

    def table(self, name: str, rows: str = "(1,'a','raw-1'),(2,'b','raw-2'),(3,'c','raw-3')") -> str:
        """Make a table (id, kind, secret) that the groups may read; return its full name."""
        full = f"{self.schema}.{name}"
        self.admin(f"DROP TABLE IF EXISTS {full}")
        self.admin(f"CREATE TABLE {full} (id INT, kind STRING, secret STRING)")
        self.admin(f"INSERT INTO {full} VALUES {rows}")
        return full

    def tag(self, column: str, value: str = "a", key: str = TAG) -> None:
        """Put a governed tag on a column."""
        self.admin(f"SET TAG ON COLUMN {column} `{key}` = `{value}`")

    @contextmanager
    def policy(self, name: str, on: str, clause: str) -> Iterator[None]:
        """Have a policy while the block runs."""
        self.admin(f"CREATE OR REPLACE POLICY {name} ON {on} {clause}")
        try:
            self.place.settle()
            yield
        finally:
            self.admin(f"DROP POLICY {name} ON {on}")

    def mask(
        self,
        table: str,
        *,
        to: str = "`account users`",
        but: str = "",
        value: str = "a",
        function: str = "mask_x",
        extra: str = "",
    ) -> str:
        """Return the clause of a column mask on the columns that carry the tag's value."""
        exempt = f" EXCEPT {but}" if but else ""
        return (
            f"COLUMN MASK {self.schema}.{function} TO {to}{exempt} FOR TABLES {extra}"
            f" MATCH COLUMNS has_tag_value('{TAG}', '{value}') AS m ON COLUMN m"
        )

    def row_filter(
        self, *, to: str = "`account users`", but: str = "", value: str = "b", function: str = "only_a", extra: str = ""
    ) -> str:
        """Return the clause of a row filter over the column that carries the tag's value."""
        exempt = f" EXCEPT {but}" if but else ""
        return (
            f"ROW FILTER {self.schema}.{function} TO {to}{exempt} FOR TABLES {extra}"
            f" MATCH COLUMNS has_tag_value('{TAG}', '{value}') AS f USING COLUMNS (f)"
        )

    # Set-up

    def open(self, prefix: str) -> None:
        """Make people, groups, the schema, the functions and the governed tag."""
        self.reader, self.nested, self.exempt, self.stranger = (
            self._persona(f"{prefix}-{label}") for label in ("reader", "nested", "exempt", "stranger")
        )
        self._group(prefix, "readers", [self.reader])
        self._group(prefix, "inner", [self.nested])
        self._group(prefix, "outer", [self.groups["inner"]])
        self._group(prefix, "exempts", [self.exempt])
        catalog = self.schema.split(".")[0]
        self.admin(f"CREATE SCHEMA IF NOT EXISTS {self.schema}")
        for group in ("readers", "outer", "exempts"):
            self.admin(f"GRANT USE CATALOG ON CATALOG {catalog} TO `{self.groups[group]}`")
            self.admin(f"GRANT USE SCHEMA, SELECT ON SCHEMA {self.schema} TO `{self.groups[group]}`")
        for key in (TAG, GONE_TAG):
            self.place.run(f"CREATE GOVERNED TAG {key} VALUES ('a', 'b', 'c')")
        self.admin(f"CREATE OR REPLACE FUNCTION {self.schema}.mask_x(s STRING) RETURNS STRING RETURN 'XXX'")
        self.admin(f"CREATE OR REPLACE FUNCTION {self.schema}.mask_y(s STRING) RETURNS STRING RETURN 'YYY'")
        self.admin(f"CREATE OR REPLACE FUNCTION {self.schema}.mask_with(s STRING, w STRING) RETURNS STRING RETURN w")
        self.admin(f"CREATE OR REPLACE FUNCTION {self.schema}.only_a(k STRING) RETURNS BOOLEAN RETURN k = 'a'")
        self.admin(f"CREATE OR REPLACE FUNCTION {self.schema}.not_c(k STRING) RETURNS BOOLEAN RETURN k <> 'c'")
        self.place.settle()

    def close(self) -> None:
        """Remove what the run made."""
        catalog = self.schema.split(".")[0]
        for group in ("readers", "outer", "exempts"):
            if group in self.groups:
                self.place.run(f"REVOKE USE CATALOG ON CATALOG {catalog} FROM `{self.groups[group]}`")
        self.place.run(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")
        for key in (TAG, GONE_TAG):
            self.place.run(f"DROP GOVERNED TAG {key}")
        self.place.remove(tuple(reversed(self._made)))

    def _persona(self, label: str) -> str:
        name = self.place.make_persona(label)
        self._made.append(name)
        return name

    def temporary_group(self, label: str, members: Sequence[str]) -> str:
        """Make a group for one probe, removed with the others at the end; return its name."""
        prefix = self.groups["readers"].removesuffix("-readers")
        self._group(prefix, label, members)
        return self.groups[label]

    def _group(self, prefix: str, label: str, members: Sequence[str]) -> None:
        self.groups[label] = f"{prefix}-{label}"
        self.place.make_group(self.groups[label], members)
        self._made.append(self.groups[label])
