"""Rules: each is a check with a code, a name, and a docstring with the problem and an example."""

from __future__ import annotations

from collections.abc import Mapping

from lampkeeper.design.rules import coverage, functions, people, pilot, policies, spaces, tags
from lampkeeper.design.rules.rule_context import Rule, RuleContext
from lampkeeper.design.rules.sql_signatures import parse_sql_function_arg_counts, parse_sql_functions
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.model.conditions import Condition, matches, parse_condition
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.schema import Snapshot

__all__ = [
    "RULES", "Rule", "RuleContext", "_condition_matches_tags", "parse_sql_function_arg_counts", "parse_sql_functions",
    "validate_fgac_policies", "validate_groups", "validate_tag_assignments", "validate_tag_policies",
]  # fmt: skip

_E, _W = Severity.ERROR, Severity.WARNING

RULES: tuple[Rule, ...] = (
    Rule(code="LK101", name="tag-key-undefined", severity=_E, look=tags.undefined_key),
    Rule(code="LK102", name="tag-value-unknown", severity=_E, look=tags.unknown_value),
    Rule(code="LK103", name="tag-two-values", severity=_E, look=tags.two_values),
    Rule(code="LK104", name="tag-key-duplicate", severity=_E, look=tags.duplicate_key),
    Rule(code="LK105", name="tag-spelling", severity=_E, look=tags.bad_spelling),
    Rule(code="LK106", name="tag-entity-missing", severity=_E, look=tags.missing_entity),
    Rule(code="LK107", name="condition-undefined-tag", severity=_E, look=tags.undefined_reference),
    Rule(code="LK108", name="tag-lookalike", severity=_E, look=tags.lookalikes),
    Rule(code="LK109", name="tag-entity-name", severity=_E, look=tags.malformed_entity),
    Rule(code="LK201", name="function-missing", severity=_E, look=functions.missing_function),
    Rule(code="LK202", name="function-arity", severity=_E, look=functions.wrong_arity),
    Rule(code="LK203", name="function-type", severity=_E, look=functions.wrong_type),
    Rule(code="LK204", name="function-unused", severity=_W, look=functions.unused_function),
    Rule(code="LK205", name="function-impure", severity=_E, look=functions.looks_at_caller),
    Rule(code="LK206", name="function-passes-through", severity=_E, look=functions.passes_through),
    Rule(code="LK207", name="function-nested", severity=_E, look=functions.calls_another),
    Rule(code="LK208", name="function-elsewhere", severity=_W, look=functions.lives_elsewhere),
    Rule(code="LK209", name="function-homeless", severity=_W, look=functions.homeless_function),
    Rule(code="LK210", name="function-class", severity=_W, look=functions.wrong_class),
    Rule(code="LK211", name="function-holds-key", severity=_E, look=functions.key_in_body),
    Rule(code="LK212", name="function-key-in-reach", severity=_E, look=functions.key_within_reach),
    Rule(code="LK301", name="policy-duplicate", severity=_E, look=policies.duplicate_name),
    Rule(code="LK302", name="policy-alias", severity=_E, look=policies.bad_aliases),
    Rule(code="LK303", name="policy-principal-undefined", severity=_E, look=policies.undefined_principal),
    Rule(code="LK304", name="policy-quota", severity=_E, look=policies.over_quota),
    Rule(code="LK305", name="policy-principals-quota", severity=_E, look=policies.too_many_principals),
    Rule(code="LK306", name="policy-columns-quota", severity=_E, look=policies.too_many_matches),
    Rule(code="LK307", name="policy-binds-nobody", severity=_E, look=policies.binds_nobody),
    Rule(code="LK308", name="policy-quota-near", severity=_W, look=policies.near_quota),
    Rule(code="LK309", name="metastore-quota", severity=_W, look=policies.metastore_quota),
    Rule(code="LK401", name="column-naked", severity=_E, look=coverage.unprotected_column),
    Rule(code="LK402", name="column-two-masks", severity=_E, look=coverage.conflicting_masks),
    Rule(code="LK403", name="table-two-filters", severity=_E, look=coverage.conflicting_filters),
    Rule(code="LK404", name="filter-ambiguous", severity=_E, look=coverage.ambiguous_filter),
    Rule(code="LK405", name="argument-masked", severity=_E, look=coverage.masked_argument),
    Rule(code="LK406", name="table-out-of-reach", severity=_E, look=coverage.out_of_reach),
    Rule(code="LK407", name="policy-people-left-out", severity=_W, look=coverage.people_left_out),
    Rule(code="LK408", name="table-naked", severity=_E, look=coverage.unprotected_table),
    Rule(code="LK409", name="path-access", severity=_E, look=coverage.path_access),
    Rule(code="LK410", name="policy-pilot", severity=_W, look=pilot.pilot_only),
    Rule(code="LK501", name="group-none", severity=_E, look=people.no_groups),
    Rule(code="LK502", name="group-duplicate", severity=_E, look=people.duplicate_group),
    Rule(code="LK503", name="group-undefined", severity=_E, look=people.undefined_grantee),
    Rule(code="LK504", name="group-external-members", severity=_E, look=people.members_of_external),
    Rule(code="LK505", name="group-cycle", severity=_E, look=people.membership_cycle),
    Rule(code="LK506", name="group-none-cleared", severity=_W, look=people.nobody_cleared),
    Rule(code="LK507", name="group-all-cleared", severity=_W, look=people.everybody_cleared),
    Rule(code="LK508", name="grant-more-than-least", severity=_W, look=people.more_than_least),
    Rule(code="LK601", name="space-table", severity=_E, look=spaces.unknown_table),
    Rule(code="LK602", name="space-duplicate", severity=_E, look=spaces.duplicate_space),
    Rule(code="LK603", name="space-group-undefined", severity=_E, look=spaces.unknown_askers),
    Rule(code="LK604", name="space-group-without-select", severity=_W, look=spaces.askers_without_select),
    Rule(code="LK605", name="space-sql", severity=_E, look=spaces.unbound_sql),
    Rule(code="LK606", name="space-limits", severity=_E, look=spaces.over_limits),
    Rule(code="LK607", name="space-join", severity=_E, look=spaces.bad_join),
    Rule(code="LK608", name="space-sensitive-values", severity=_E, look=spaces.sensitive_values),
    Rule(code="LK609", name="space-open-to-everybody", severity=_E, look=spaces.open_to_everybody),
    Rule(code="LK610", name="space-literal-person", severity=_E, look=spaces.literal_persons),
)
"""Every rule, by code."""


def validate_groups(desired: Desired, snapshot: Snapshot | None = None) -> tuple[Finding, ...]:
    """Return the findings about groups, members and grants."""
    return _findings(desired, snapshot, {r.code for r in RULES if r.code.startswith("LK5")})


def validate_tag_policies(desired: Desired, snapshot: Snapshot | None = None) -> tuple[Finding, ...]:
    """Return the findings about definitions of governed tags."""
    return _findings(desired, snapshot, _OF_TAG_POLICIES)


def validate_tag_assignments(desired: Desired, snapshot: Snapshot | None = None) -> tuple[Finding, ...]:
    """Return the findings about assignments of tags to tables and columns, and their coverage by policies."""
    codes = {r.code for r in RULES if r.code.startswith("LK1")} - _OF_TAG_POLICIES - {"LK107"}
    return _findings(desired, snapshot, codes | _OF_COVERAGE)


def validate_fgac_policies(desired: Desired, snapshot: Snapshot | None = None) -> tuple[Finding, ...]:
    """Return the findings about policies: their form, principals, conditions, functions, quotas, and effect on columns."""
    codes = {r.code for r in RULES if r.code.startswith(("LK2", "LK3", "LK4"))}
    return _findings(desired, snapshot, (codes | {"LK107"}) - _OF_COVERAGE)


def _condition_matches_tags(condition: Condition | str, tags: Mapping[str, str]) -> bool:
    """Return whether an entity with these tags satisfies a condition; raise ConditionError for a text that does not parse."""
    return matches(parse_condition(condition) if isinstance(condition, str) else condition, tags)


_OF_TAG_POLICIES = frozenset({"LK104", "LK105", "LK108"})
_OF_COVERAGE = frozenset({"LK401", "LK406", "LK408"})


def _findings(desired: Desired, snapshot: Snapshot | None, codes: set[str] | frozenset[str]) -> tuple[Finding, ...]:
    context = RuleContext(desired=desired, snapshot=snapshot, limits=RemainingQuota())
    return sort_findings(f for rule in RULES if rule.code in codes for f in rule.findings(context))
