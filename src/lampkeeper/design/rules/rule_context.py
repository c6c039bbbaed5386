"""The input of rules: a desired state and its catalog, indexed once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from lampkeeper.design.knowledge.vocabulary import Vocabulary, load_vocabulary
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.model.access import Access, AccessModel, Principal, TableAccess
from lampkeeper.model.conditions import matches
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.labels import Label
from lampkeeper.model.masks import Function
from lampkeeper.model.names import ColumnName, FunctionName, TableName
from lampkeeper.model.policies import Grant, Policy, SecurableType
from lampkeeper.model.schema import Column, Snapshot, Table
from lampkeeper.model.tags import EntityType

PUBLIC_VALUES = frozenset({"public", "general", "exact", "standard"})
"""Tag values of columns that need no protection."""


@dataclass(frozen=True, kw_only=True)
class RuleContext:
    """A desired state, the snapshot and the labels (if any), the quotas, the principals of exemptions, a pilot's group."""

    desired: Desired
    snapshot: Snapshot | None
    limits: RemainingQuota
    exempt: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    vocabulary: Vocabulary = field(default_factory=load_vocabulary)
    pilot: str = ""

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """Return the tables of the snapshot; none without one."""
        return self.snapshot.tables if self.snapshot else ()

    @cached_property
    def tables_by_name(self) -> Mapping[str, Table]:
        """Return tables by casefolded plain name."""
        return {t.name.plain.casefold(): t for t in self.tables}

    @cached_property
    def columns_by_name(self) -> Mapping[str, tuple[ColumnName, Column]]:
        """Return columns by casefolded plain name."""
        return {n.plain.casefold(): (n, c) for t in self.tables for n, c in zip(t.column_names(), t.columns, strict=True)}

    @cached_property
    def allowed_values(self) -> Mapping[str, frozenset[str]]:
        """Return the values of each governed tag."""
        return {p.key: frozenset(p.values) for p in self.desired.tag_policies}

    @cached_property
    def functions(self) -> Mapping[FunctionName, Function]:
        """Return the functions by name."""
        return {f.name: f for f in self.desired.functions}

    @cached_property
    def groups(self) -> frozenset[str]:
        """Return the valid names of principals: groups, `account users`, and principals with an exemption."""
        return frozenset({*(g.name for g in self.desired.groups), EVERYBODY, *self.exempt})

    @cached_property
    def column_tags(self) -> Mapping[str, Mapping[str, str]]:
        """Return the tags of each tagged column, by casefolded plain name."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for tag in self.desired.tag_assignments:
            if tag.entity_type is EntityType.COLUMNS:
                found[tag.entity_name.casefold()][tag.key] = tag.value
        return found

    @cached_property
    def labels_by_name(self) -> Mapping[str, Label]:
        """Return the labels of columns that are protected, by casefolded plain name."""
        return {x.column.plain.casefold(): x for x in self.labels if x.protected}

    @cached_property
    def open_access(self) -> Access:
        """Return the access if all principals could read every table, so that policies alone decide."""
        model = AccessModel.of_desired(self.desired, self.tables)
        everywhere = {(SecurableType.CATALOG, (t.name.catalog,)) for t in self.tables}
        everywhere |= {(SecurableType.SCHEMA, (t.name.catalog, t.name.schema)) for t in self.tables}  # type: ignore[misc]
        everywhere |= {(SecurableType.TABLE, t.name.parts) for t in self.tables}  # type: ignore[misc]
        grants = tuple(
            Grant(securable_type=kind, securable=parts, principal=EVERYBODY, privileges=("ALL_PRIVILEGES",))
            for kind, parts in sorted(everywhere)
        )
        return Access(replace(model, grants=grants))

    @cached_property
    def principals(self) -> tuple[Principal, ...]:
        """Return the principals to test: an outsider, a member of each group, and of each pair if there are few groups."""
        names = sorted(g.name for g in self.desired.groups)
        sets: list[tuple[str, ...]] = [(), *((n,) for n in names)]
        if len(names) <= 8:
            sets.extend((a, b) for i, a in enumerate(names) for b in names[i + 1 :])
        else:
            sets.append(tuple(names))
        return tuple(Principal(name="+".join(("probe", *s)), groups=s) for s in sets)

    @cached_property
    def answers(self) -> tuple[tuple[TableName, tuple[tuple[str, TableAccess], ...]], ...]:
        """Return each principal's access to each table, the outsider first, with a description of the principal."""
        named = [(" + ".join(p.groups) or "a person in no group", p) for p in self.principals]
        return tuple((t.name, tuple((who, self.open_access.table(p, t.name)) for who, p in named)) for t in self.tables)

    @cached_property
    def unprivileged(self) -> int:
        """Return the position of the principal whom every policy must protect: a person in no group, or in a pilot's group."""
        return next((n for n, p in enumerate(self.principals) if self.pilot and p.groups == (self.pilot,)), 0)

    def matched(self, policy: Policy, alias: str) -> dict[TableName, list[tuple[ColumnName, Column]]]:
        """Return the tagged columns that an alias of a policy matches, by table."""
        condition = next((m.condition for m in policy.match_columns if m.alias == alias), None)
        found: dict[TableName, list[tuple[ColumnName, Column]]] = defaultdict(list)
        if condition is None:
            return found
        prefix = tuple(p.casefold() for p in policy.securable)
        for plain, tags in self.column_tags.items():
            known = self.columns_by_name.get(plain)
            if known is None or not matches(condition, tags):
                continue
            parts = tuple(p.casefold() for p in known[0].table.parts)
            if policy.securable_type is SecurableType.METASTORE or parts[: len(prefix)] == prefix:
                found[known[0].table].append(known)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A finding of a rule without its code: location, message, fix, and a severity if it differs from the rule's."""

    location: object
    message: str
    fix: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A check with a stable code. The function's docstring describes the problem with an example."""

    code: str
    name: str
    severity: Severity
    look: Callable[[RuleContext], Iterable[Violation]]

    @property
    def text(self) -> str:
        """Return the docstring of the check."""
        return self.look.__doc__ or ""

    def findings(self, context: RuleContext) -> Iterable[Finding]:
        """Yield the findings of the rule."""
        for violation in self.look(context):
            yield Finding(
                code=self.code,
                severity=violation.severity or self.severity,
                location=str(violation.location),
                message=violation.message,
                fix=violation.fix,
            )


def policy_location(policy: Policy) -> str:
    """Return the name of a policy in findings."""
    return f"policy {'.'.join(policy.securable)}.{policy.name}"
