"""Which masks and filters a principal meets on a table: policies of all scopes, manual masks and filters, conflicts.

Pure: documents in, `Protection` or the platform's error out. Nothing here knows SQL text or an engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from localspace.core.ledger import rule
from localspace.core.lexer import quote_path
from localspace.core.statement_runner import SqlError
from localspace.core.stored_documents.catalog import StoredPolicy
from localspace.core.stored_documents.kind import Document
from localspace.governance.conditions import Condition, holds, parse_condition, references

_SYSTEM_PREFIXES = ("class.", "system.")


@dataclass(frozen=True, slots=True)
class ColumnInput:
    """A function argument that is a column of the table; the name is the table's spelling."""

    column: str


@dataclass(frozen=True, slots=True)
class ConstantInput:
    """A function argument that is a constant; None is NULL."""

    value: str | None


Input = ColumnInput | ConstantInput


@dataclass(frozen=True, slots=True)
class Application:
    """A function applied by policies or by hand; `function` is a full name, `origins` say which policy put it there."""

    function: str
    inputs: tuple[Input, ...]
    origins: tuple[str, ...] = field(compare=False)

    @property
    def identity(self) -> tuple[str, tuple[Input, ...]]:
        """Return what makes two applications the same one: function and arguments."""
        return self.function.casefold(), self.inputs


@dataclass(frozen=True, slots=True)
class Protection:
    """What one principal meets on one table: a mask by column (lower case), a row filter."""

    masks: Mapping[str, Application]
    row_filter: Application | None

    @property
    def any(self) -> bool:
        """Return whether anything is masked or filtered."""
        return bool(self.masks) or self.row_filter is not None


OPEN = Protection({}, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """The facts about a table that resolution needs, as they are in effect."""

    path: tuple[str, str, str]
    columns: tuple[str, ...]
    table_tags: Mapping[str, str]
    column_tags: Mapping[str, Mapping[str, str]]
    manual_masks: Mapping[str, tuple[str, tuple[Input, ...]]] = field(default_factory=dict)
    manual_filter: tuple[str, tuple[Input, ...]] | None = None


class Resolver:
    """Applies the policies in scope of one table for one principal."""

    def __init__(
        self, facts: TableFacts, policies: Iterable[StoredPolicy], governed: Iterable[str], names: frozenset[str]
    ) -> None:
        """Take the policies of metastore, catalog, schema and table, governed tag keys, and the principal's names."""
        self._facts = facts
        self._policies = tuple(policies)
        self._governed = frozenset(governed)
        self._names = names
        self._masks: dict[str, list[Application]] = {}
        self._filters: list[Application] = []

    def protection(self) -> Protection:
        """Return what the principal meets; raises the platform's error on a conflict or a broken policy."""
        for policy in self._policies:
            if policy.get("policy_type") in ("POLICY_TYPE_COLUMN_MASK", "POLICY_TYPE_ROW_FILTER"):
                self._apply(policy)
        self._add_manual()
        masks = {column: self._one_mask(column, found) for column, found in self._masks.items()}
        row_filter = self._one_filter()
        self._refuse_masked_inputs(masks, row_filter)
        return Protection(masks, row_filter)

    def exempt(self) -> bool:
        """Return whether no policy on the table could ever apply to the principal: in EXCEPT or not in TO of each."""
        return not any(applies_to(policy, self._names) for policy in self._policies)

    @rule("LS-025")
    def _apply(self, policy: StoredPolicy) -> None:
        when = _parsed(policy.get("when_condition"))
        matches = [(entry["alias"], _parsed(entry["condition"])) for entry in policy.get("match_columns") or ()]
        self._refuse_unknown_tags(policy, [when, *(condition for _, condition in matches)])
        if not applies_to(policy, self._names):
            return
        if when is not None and not table_matches(when, self._facts.table_tags):
            return
        bound: dict[str, tuple[str, ...]] = {}
        for alias, condition in matches:
            found = tuple(
                column
                for column in self._facts.columns
                if condition is None or column_matches(condition, self._facts.column_tags.get(column.casefold(), {}))
            )
            if not found:
                return
            bound[alias.casefold()] = found
        if policy["policy_type"] == "POLICY_TYPE_COLUMN_MASK":
            self._bind_mask(policy, bound)
        else:
            self._bind_filter(policy, bound)

    @rule("LS-016")
    def _bind_mask(self, policy: StoredPolicy, bound: Mapping[str, tuple[str, ...]]) -> None:
        """Put the mask on every column that the ON COLUMN alias matches."""
        spec = policy.get("column_mask") or {}
        targets = bound.get(str(spec.get("on_column", "")).casefold())
        if not targets:
            raise self._invalid(policy, f"ON COLUMN names no alias of MATCH COLUMNS: {spec.get('on_column')}")
        extra = self._inputs(policy, spec.get("using") or (), bound)
        for column in targets:
            application = Application(spec["function_name"], (ColumnInput(column), *extra), (_name(policy),))
            self._masks.setdefault(column.casefold(), []).append(application)

    @rule("LS-063")
    def _bind_filter(self, policy: StoredPolicy, bound: Mapping[str, tuple[str, ...]]) -> None:
        spec = policy.get("row_filter") or {}
        inputs = self._inputs(policy, spec.get("using") or (), bound)
        self._filters.append(Application(spec["function_name"], inputs, (_name(policy),)))

    def _inputs(self, policy: StoredPolicy, using: Iterable[Document], bound: Mapping[str, tuple[str, ...]]) -> tuple[Input, ...]:
        return tuple(self._input(policy, argument, bound) for argument in using)

    @rule("LS-017", "LS-018")
    def _input(self, policy: StoredPolicy, argument: Document, bound: Mapping[str, tuple[str, ...]]) -> Input:
        """Resolve one USING argument: an alias, a constant, or the value of a tag."""
        if argument.get("alias") is not None:
            return ColumnInput(self._single(policy, str(argument["alias"]), bound))
        if "constant" in argument:
            return ConstantInput(argument["constant"])
        introspection = (argument.get("function_arg_expression") or {}).get("tag_introspection") or {}
        if "tag_value" in introspection:
            return ConstantInput(self._facts.table_tags.get(introspection["tag_value"]["tag_key"]))
        if "column_tag_value" in introspection:
            spec = introspection["column_tag_value"]
            column = self._single(policy, str(spec["column_alias"]), bound)
            return ConstantInput(self._facts.column_tags.get(column.casefold(), {}).get(spec["tag_key"]))
        raise self._invalid(policy, "a USING argument is neither an alias, a constant nor a tag value")

    def _single(self, policy: StoredPolicy, alias: str, bound: Mapping[str, tuple[str, ...]]) -> str:
        found = bound.get(alias.casefold(), ())
        if len(found) == 1:
            return found[0]
        if not found:
            raise self._invalid(policy, f"USING COLUMNS names no alias of MATCH COLUMNS: {alias}")
        raise SqlError(
            "INVALID_PARAMETER_VALUE.UC_ABAC_AMBIGUOUS_COLUMN_MATCH",
            f"Policy '{_name(policy)}' on table {quote_path(self._facts.path)}: using alias '{alias}' matches more than"
            f" one column: {', '.join(sorted(found))}.",
            "42KDJ",
            "INVALID_PARAMETER_VALUE",
        )

    @rule("LS-024")
    def _add_manual(self) -> None:
        """Add the masks and the filter that ALTER TABLE set: they bind everybody."""
        for column, (function, using) in self._facts.manual_masks.items():
            inputs = (ColumnInput(self._spelling(column)), *(self._spelled(one) for one in using))
            self._masks.setdefault(column.casefold(), []).append(Application(function, inputs, ("column mask",)))
        if self._facts.manual_filter is not None:
            function, using = self._facts.manual_filter
            inputs = tuple(self._spelled(one) for one in using)
            self._filters.append(Application(function, inputs, ("row filter",)))

    def _spelled(self, given: Input) -> Input:
        return ColumnInput(self._spelling(given.column)) if isinstance(given, ColumnInput) else given

    def _spelling(self, column: str) -> str:
        for one in self._facts.columns:
            if one.casefold() == column.casefold():
                return one
        raise SqlError(
            "UC_DEPENDENCY_DOES_NOT_EXIST",
            f"A mask or filter of {quote_path(self._facts.path)} uses column '{column}', which does not exist.",
            "42704",
            "NOT_FOUND",
        )

    @rule("LS-020", "LS-022")
    def _one_mask(self, column: str, found: list[Application]) -> Application:
        """Return the one mask of a column; the same function with the same arguments counts once."""
        if len({one.identity for one in found}) > 1:
            origins = sorted({origin for one in found for origin in one.origins})
            raise SqlError(
                "COLUMN_MASKS_FEATURE_NOT_SUPPORTED.MULTIPLE_MASKS",
                f"Column masks feature is not supported for table {quote_path(self._facts.path)}: more than one mask"
                f" applies to column {self._spelling(column)} ({', '.join(origins)}).",
                "0A000",
            )
        return Application(found[0].function, found[0].inputs, tuple(o for one in found for o in one.origins))

    @rule("LS-019", "LS-022")
    def _one_filter(self) -> Application | None:
        """Return the one row filter of the table; the same function with the same arguments counts once."""
        if not self._filters:
            return None
        if len({one.identity for one in self._filters}) > 1:
            origins = sorted({origin for one in self._filters for origin in one.origins})
            raise SqlError(
                "INVALID_PARAMETER_VALUE.UC_ABAC_MULTIPLE_ROW_FILTERS",
                f"Multiple row filters apply to table {quote_path(self._facts.path)} for this user: {', '.join(origins)}.",
                "42KDJ",
                "INVALID_PARAMETER_VALUE",
            )
        first = self._filters[0]
        return Application(first.function, first.inputs, tuple(o for one in self._filters for o in one.origins))

    @rule("LS-021")
    def _refuse_masked_inputs(self, masks: Mapping[str, Application], row_filter: Application | None) -> None:
        """Refuse a masked column as the input of another mask or of a row filter."""
        uses = [(column, one) for column, one in masks.items()]
        if row_filter is not None:
            uses.append(("", row_filter))
        for target, application in uses:
            for given in application.inputs:
                if isinstance(given, ColumnInput) and given.column.casefold() in masks:
                    if given.column.casefold() == target:
                        continue
                    raise SqlError(
                        "COLUMN_MASKS_FEATURE_NOT_SUPPORTED.MASKED_COLUMN_AS_INPUT",
                        f"Column masks feature is not supported for table {quote_path(self._facts.path)}: column"
                        f" {given.column} is masked and an input of {', '.join(application.origins)}.",
                        "0A000",
                    )

    @rule("LS-023")
    def _refuse_unknown_tags(self, policy: StoredPolicy, conditions: Iterable[Condition | None]) -> None:
        """Fail every query in the scope of a policy whose condition names a tag that is not governed any more."""
        for condition in conditions:
            for tag in () if condition is None else references(condition):
                if tag.key not in self._governed and not tag.key.startswith(_SYSTEM_PREFIXES):
                    raise SqlError(
                        "INVALID_PARAMETER_VALUE.UC_ABAC_UNKNOWN_TAG_POLICY",
                        f"Policy '{_name(policy)}' in scope of table {quote_path(self._facts.path)} names tag policy key"
                        f" {tag.key}, which does not exist.",
                        "42KDJ",
                        "INVALID_PARAMETER_VALUE",
                    )

    def _invalid(self, policy: StoredPolicy, reason: str) -> SqlError:
        return SqlError(
            "INVALID_PARAMETER_VALUE.UC_INVALID_POLICY_CONDITION",
            f"Policy '{_name(policy)}' on table {quote_path(self._facts.path)}: {reason}.",
            "22023",
            "INVALID_PARAMETER_VALUE",
        )


@rule("LS-010", "LS-011", "LS-012")
def applies_to(policy: StoredPolicy, names: frozenset[str]) -> bool:
    """Return whether a policy is for a principal: one of its names is in TO and none is in EXCEPT."""
    if not names.intersection(policy.get("to_principals") or ()):
        return False
    return not names.intersection(policy.get("except_principals") or ())


@rule("LS-014", "LS-061")
def table_matches(condition: Condition, tags: Mapping[str, str]) -> bool:
    """Evaluate WHEN on the table's tags, those of schema and catalog inherited; column functions have no object here."""
    if any(tag.on_column for tag in references(condition)):
        raise SqlError(
            "INVALID_PARAMETER_VALUE.UC_INVALID_POLICY_CONDITION",
            "A WHEN condition looks at the table: has_column_tag and has_column_tag_value are not allowed in it.",
            "22023",
            "INVALID_PARAMETER_VALUE",
        )
    return holds(condition, tags)


@rule("LS-015", "LS-062")
def column_matches(condition: Condition, tags: Mapping[str, str]) -> bool:
    """Evaluate a MATCH COLUMNS condition on the column's own tags: columns inherit none."""
    return holds(condition, tags)


def _name(policy: StoredPolicy) -> str:
    return str(policy.get("name", ""))


@lru_cache(maxsize=4096)
def _parsed_text(text: str) -> Condition:
    return parse_condition(text)


def _parsed(text: str | None) -> Condition | None:
    return None if text is None or not text.strip() else _parsed_text(text)
