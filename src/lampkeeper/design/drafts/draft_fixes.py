"""Fixes for drafts that people or models wrote: from text to text, or from state to state, with a list of all changes.

A fix may only narrow access: each is checked by the matrix, and one that would widen access, or make a query fail, is not
made but reported. Nothing is removed to make a draft valid: a problem that cannot be fixed is an error.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from lampkeeper.design.drafts.draft_answer import DraftFix, split_answer
from lampkeeper.design.drafts.draft_text import FixedText, fix_hcl_syntax
from lampkeeper.design.drafts.exposure import open_access, tables_of, widened
from lampkeeper.design.drafts.policy_merging import merge_policies
from lampkeeper.design.drafts.tag_renames import named_values, renamed_key, renamed_value
from lampkeeper.design.knowledge.near_words import near_word
from lampkeeper.design.knowledge.vocabulary import Protection, find_function, load_vocabulary
from lampkeeper.design.rules.rule_context import PUBLIC_VALUES
from lampkeeper.design.synthesis.packing import PlannedPolicy, RemainingQuota, pack_policies
from lampkeeper.design.synthesis.synthesize import FUNCTION_SCHEMA
from lampkeeper.model.access import CellState
from lampkeeper.model.conditions import tag_references
from lampkeeper.model.desired import Desired
from lampkeeper.model.effective import OUTSIDER
from lampkeeper.model.errors import InternalError
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.masks import FunctionRole
from lampkeeper.model.names import ColumnName
from lampkeeper.model.policies import PolicyKind
from lampkeeper.model.schema import Column, Snapshot, TypeFamily, type_family
from lampkeeper.model.tags import EntityType, TagPolicy
from lampkeeper.model.unreviewed import REVIEW_KEY

__all__ = [
    "FIXES",
    "DraftFix",
    "FixedDraft",
    "FixedText",
    "autofix_fgac_policy_count",
    "autofix_invalid_tag_values",
    "autofix_missing_fgac_policies",
    "autofix_tag_policies",
    "autofix_undefined_tag_refs",
    "fix_draft",
    "fix_hcl_syntax",
    "split_answer",
]  # fmt: skip

_MAX_ROUNDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedDraft:
    """A state after a fix, its changes, and the problems that could not be fixed."""

    desired: Desired
    changes: tuple[DraftFix, ...] = ()
    findings: tuple[Finding, ...] = ()


def fix_draft(desired: Desired, snapshot: Snapshot | None = None, limits: RemainingQuota | None = None) -> FixedDraft:
    """Return the draft after the fixes of FIXES, in order, repeated until none changes anything.

    `snapshot` has the columns' types, if given.
    """
    changes: list[DraftFix] = []
    for _ in range(_MAX_ROUNDS):
        before = desired
        findings: list[Finding] = []
        for fix in FIXES:
            made = fix(desired, snapshot=snapshot, limits=limits or RemainingQuota())
            desired = made.desired
            changes += made.changes
            findings += made.findings
        if desired == before:
            return FixedDraft(desired=desired, changes=tuple(changes), findings=sort_findings(findings))
    raise InternalError(f"the fixes of a draft do not terminate: {changes[-1]}")


def autofix_undefined_tag_refs(
    desired: Desired, *, snapshot: Snapshot | None = None, limits: RemainingQuota | None = None
) -> FixedDraft:
    """Fix tag keys that no tag policy defines, and values in conditions that no column carries and no policy allows.

    A key takes the only near one; one that assignments and conditions use alike is defined. Else an error (LK702).
    """
    work = _Work(desired, "autofix_undefined_tag_refs", snapshot)
    used = {(t.key, t.value) for t in desired.tag_assignments}
    named = {reference for p in desired.policies for c in p.conditions for reference in tag_references(c)}
    defined = {p.key for p in desired.tag_policies}
    for key in sorted({k for k, _ in used | named} - defined):
        near = near_word(key, defined)
        if near is not None and work.try_change(f"tag {key}", f"key written as {near!r}", renamed_key(work.now, key, near)):
            continue
        both = key in {k for k, _ in used} and key in {k for k, _ in named}
        if near is None and both:
            values = {v for k, v in used if k == key} | {v for k, v in named if k == key and v is not None}
            policy = TagPolicy(key=key, values=tuple(values))
            work.change(f"tag {key}", "tag policy added", replace(work.now, tag_policies=(*work.now.tag_policies, policy)))
        else:
            work.report("LK702", f"tag {key}", f"tag key {key!r} is not defined", "define it in tag_policies, or correct it")
    allowed = {p.key: set(p.values) for p in work.now.tag_policies}
    for key, value in sorted(named_values(work.now)):
        if value in allowed.get(key, {value}) or (key, value) in {(t.key, t.value) for t in work.now.tag_assignments}:
            continue
        near = near_word(value, allowed[key])
        changed = renamed_value(work.now, key, value, near) if near else work.now
        if near is None or not work.try_change(f"tag {key}", f"value {value!r} in conditions written as {near!r}", changed):
            message = f"a condition names the value {value!r} that tag {key!r} does not allow and no column carries"
            work.report("LK702", f"tag {key}", message, "add the value to the tag policy, or correct the condition")
    return work.done()


def autofix_invalid_tag_values(
    desired: Desired, *, snapshot: Snapshot | None = None, limits: RemainingQuota | None = None
) -> FixedDraft:
    """Fix misspelt values of assignments: the only near value that the tag policy allows, if no condition names this one.

    An assignment that is written twice counts once.
    """
    work = _Work(desired, "autofix_invalid_tag_values", snapshot)
    once = tuple(dict.fromkeys(desired.tag_assignments))
    if once != desired.tag_assignments:
        twice = len(desired.tag_assignments) - len(once)
        work.change("tag_assignments", f"{twice} assignments written twice left out", replace(desired, tag_assignments=once))
    allowed = {p.key: set(p.values) for p in desired.tag_policies}
    named = named_values(desired)
    for key, value in sorted({(t.key, t.value) for t in desired.tag_assignments if t.value}):
        if value in allowed.get(key, {value}) or (key, value) in named:
            continue
        near = near_word(value, allowed[key])
        if near is None:
            continue
        if near.casefold() in PUBLIC_VALUES:
            message = f"value {value!r} looks like {near!r}, which is not sensitive: a person must decide"
            work.report("LK702", f"tag {key}", message, "correct the assignment")
            continue
        fixed = tuple(
            dict.fromkeys(replace(t, value=near) if (t.key, t.value) == (key, value) else t for t in work.now.tag_assignments)
        )
        work.try_change(f"tag {key}", f"value {value!r} written as {near!r}", replace(work.now, tag_assignments=fixed))
    return work.done()


def autofix_tag_policies(
    desired: Desired, *, snapshot: Snapshot | None = None, limits: RemainingQuota | None = None
) -> FixedDraft:
    """Bring tag policies up to what assignments use: values added (LK702 where the tag is external), one policy for a key."""
    work = _Work(desired, "autofix_tag_policies", snapshot)
    merged: dict[str, TagPolicy] = {}
    for policy in desired.tag_policies:
        first = merged.get(policy.key)
        merged[policy.key] = policy if first is None else replace(
            first, description=first.description or policy.description, values=(*first.values, *policy.values),
            external=first.external or policy.external,
        )  # fmt: skip
    for key, count in sorted(Counter(p.key for p in desired.tag_policies).items()):
        if count > 1:
            others = tuple(p for p in work.now.tag_policies if p.key != key)
            work.change(f"tag {key}", f"{count} tag policies made one", replace(work.now, tag_policies=(*others, merged[key])))
    for key in sorted(merged):
        used = {t.value for t in desired.tag_assignments if t.key == key and t.value}
        missing = sorted(used - set(merged[key].values))
        for value in missing:
            near = near_word(value, merged[key].values)
            if near is not None and near.casefold() in PUBLIC_VALUES:
                continue
            if merged[key].external:
                work.report("LK702", f"tag {key}", f"the external tag has no value {value!r}", "have its owner add it")
                continue
            merged[key] = replace(merged[key], values=(*merged[key].values, value))
            policies = tuple(merged[key] if p.key == key else p for p in work.now.tag_policies)
            work.change(f"tag {key}", f"value {value!r} added: assignments use it", replace(work.now, tag_policies=policies))
    return work.done()


def autofix_missing_fgac_policies(
    desired: Desired, *, snapshot: Snapshot | None = None, limits: RemainingQuota | None = None
) -> FixedDraft:
    """Add a policy for each tag value whose columns all principals see raw, with the library's mask for it.

    It applies to `account users` except the principals that every policy of that tag exempts. A value outside of the vocabulary
    gets the mask that redacts the columns' type; if the types are unknown or differ, or a table has the tag, it is an error
    (LK703).
    """
    work = _Work(desired, "autofix_missing_fgac_policies", snapshot)
    types = {n.plain.casefold(): c for n, c in snapshot.columns()} if snapshot else {}
    for (catalog, key, value), columns in sorted(_uncovered(desired, snapshot).items()):
        location = f"{catalog}: {key}={value}"
        protection = _protection(key, value, tuple(types.get(c.plain.casefold()) for c in columns))
        if protection is None:
            message = f"no policy covers {', '.join(str(c) for c in columns[:3])}, and the mask cannot be determined"
            work.report("LK703", location, message, "write the policy, or take a snapshot so that the columns' types are known")
            continue
        changed, function = _with_policy(work.now, catalog, protection, limits or RemainingQuota())
        if changed is not None:
            work.try_change(location, f"policy added with {function}", changed)
    return work.done()


def autofix_fgac_policy_count(
    desired: Desired, *, snapshot: Snapshot | None = None, limits: RemainingQuota | None = None
) -> FixedDraft:
    """Fit the policies of each catalog into its quota by merging equivalent ones, never by removing one.

    If no lossless merge fits, the policies do not change and there is an error (LK704).
    """
    quota = (limits or RemainingQuota()).policies_per_catalog
    most = (limits or RemainingQuota()).principals_per_policy
    work = _Work(desired, "autofix_fgac_policy_count", snapshot)
    for securable, count in sorted(Counter(p.securable for p in desired.policies if len(p.securable) == 1).items()):
        if count <= quota:
            continue
        own = [p for p in work.now.policies if p.securable == securable]
        merged = merge_policies(own, most)
        if len(merged) > quota:
            message = f"{count} policies, {len(merged)} after merging equivalent ones; the quota is {quota}"
            work.report("LK704", ".".join(securable), message, "give groups the same clearances, or split the catalog")
            continue
        others = tuple(p for p in work.now.policies if p.securable != securable)
        what = f"{count} policies merged into {len(merged)}"
        work.try_change(".".join(securable), what, replace(work.now, policies=(*others, *merged)))
    return work.done()


Fix = Callable[..., FixedDraft]
FIXES: tuple[Fix, ...] = (
    autofix_undefined_tag_refs,
    autofix_invalid_tag_values,
    autofix_tag_policies,
    autofix_missing_fgac_policies,
    autofix_fgac_policy_count,
)
"""The fixes of a state, in the order in which one builds on another."""


class _Work:
    """A state during one fix: changes are made one by one, each checked by the matrix."""

    def __init__(self, desired: Desired, by: str, snapshot: Snapshot | None) -> None:
        self.now = desired
        self._by, self._snapshot = by, snapshot
        self._changes: list[DraftFix] = []
        self._findings: list[Finding] = []

    def change(self, location: str, what: str, to: Desired) -> None:
        """Make a change without effect on access."""
        self.now = to
        self._changes.append(DraftFix(by=self._by, location=location, what=what))

    def try_change(self, location: str, what: str, to: Desired) -> bool:
        """Make a change if it widens no access and breaks no query, else report it (LK705); return whether it was made."""
        if to == self.now:
            return False
        worse = widened(self.now, to, tables_of((self.now, to), self._snapshot))
        worse += tuple(f"{e}: several values of {k}" for e, k in sorted(_torn(to) - _torn(self.now)))
        if worse:
            message = f"not fixed ({what}): it would widen access or break a query: {worse[0]}"
            self.report("LK705", location, message, "fix it by hand")
            return False
        self.change(location, what, to)
        return True

    def report(self, code: str, location: str, message: str, fix: str) -> None:
        self._findings.append(Finding(code=code, severity=Severity.ERROR, location=location, message=message, fix=fix))

    def done(self) -> FixedDraft:
        return FixedDraft(desired=self.now, changes=tuple(self._changes), findings=sort_findings(self._findings))


def _torn(desired: Desired) -> set[tuple[str, str]]:
    """Return the (entity, key) with several values, of which the platform would keep one."""
    counts = Counter((t.entity_name.casefold(), t.key) for t in set(desired.tag_assignments))
    return {location for location, count in counts.items() if count > 1}


def _uncovered(desired: Desired, snapshot: Snapshot | None) -> Mapping[tuple[str, str, str], list[ColumnName]]:
    """Return by (catalog, key, value) the columns with a protecting tag and without a policy for any principal."""
    tables = tables_of((desired,), snapshot)
    names = {c.plain.casefold(): c for t in tables for c in t.column_names()}
    defined = {(p.key, v) for p in desired.tag_policies for v in p.values}
    everybody = replace(
        desired,
        policies=tuple(replace(p, to_principals=(OUTSIDER.name,), except_principals=()) for p in desired.policies),
        functions=(),
    )
    access = open_access(everybody, tables)
    bound = {c for t in tables for c in _bound(access.table(OUTSIDER, t.name).masks, access.table(OUTSIDER, t.name).filters)}
    raw = {c for t in tables for c, cell in access.table(OUTSIDER, t.name).cells.items() if cell.state is CellState.RAW}
    found: dict[tuple[str, str, str], list[ColumnName]] = defaultdict(list)
    torn = _torn(desired)
    for tag in desired.tag_assignments:
        if (tag.entity_name.casefold(), tag.key) in torn or tag.key == REVIEW_KEY:
            continue
        column = names.get(tag.entity_name.casefold()) if tag.entity_type is EntityType.COLUMNS else None
        if column is None or (tag.key, tag.value) not in defined or tag.value.casefold() in PUBLIC_VALUES:
            continue
        if column in raw and column not in bound:
            found[(column.table.catalog, tag.key, tag.value)].append(column)
    return found


def _bound(masks: Mapping[ColumnName, object], filters: Iterable[object]) -> set[ColumnName]:
    arguments = (a for use in filters for a in getattr(use, "arguments", ()))
    return {*masks, *(a for a in arguments if isinstance(a, ColumnName))}


def _protection(key: str, value: str, columns: tuple[Column | None, ...]) -> Protection | None:
    """Return the protection of a tag value's columns: from the vocabulary if it fits their types, else by type alone."""
    known = {c.family for c in columns if c is not None}
    written = next((t for t in load_vocabulary().protections() if (t.key, t.value) == (key, value)), None)
    if written is not None:
        takes = type_family(find_function(written, Column(name="", type="STRING")).function.parameters[0].type)
        if known <= {takes}:
            return written
    if len(known) != 1 or None in columns or TypeFamily.COMPLEX in known:
        return None
    (family,) = known
    return Protection(key=key, value=value, function=load_vocabulary().masks[("undecided", str(family))].function)


def _with_policy(desired: Desired, catalog: str, protection: Protection, limits: RemainingQuota) -> tuple[Desired | None, str]:
    """Return the state with a policy for the protection, its function and schema, and the function's name."""
    homes = Counter(f.name.schema for f in desired.functions if f.name.catalog == catalog)
    schema = min(homes, key=lambda s: (-homes[s], s)) if homes else FUNCTION_SCHEMA
    function = find_function(protection, Column(name="", type="STRING")).at(catalog, schema)
    there = desired.function(function.name)
    if there is not None and there.digest != function.digest:
        function = replace(function, name=replace(function.name, schema=FUNCTION_SCHEMA))
        there = desired.function(function.name)
    wanted = PolicyKind.ROW_FILTER if protection.role is FunctionRole.FILTER else PolicyKind.COLUMN_MASK
    same = [set(p.except_principals) for p in desired.policies if p.kind is wanted and protection.key in p.tag_keys]
    exempt = tuple(sorted(set.intersection(*same))) if same else ()
    seed = PlannedPolicy(catalog=catalog, protection=protection, exempt=exempt)
    (policy,), _ = pack_policies((seed,), function.name.schema, limits)
    taken = {p.key for p in desired.policies}
    names = (policy.name, *(f"{policy.name}_{n}" for n in range(2, len(taken) + 3)))
    policy = next(replace(policy, name=n) for n in names if replace(policy, name=n).key not in taken)
    home = (function.name.catalog, function.name.schema)
    return (
        replace(
            desired,
            policies=(*desired.policies, policy),
            functions=desired.functions if there is not None else (*desired.functions, function),
            schemas=tuple({*desired.schemas, home}),
        ),
        str(function.name),
    )
