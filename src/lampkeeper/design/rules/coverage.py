"""Rules about the effect of policies: every sensitive column has one mask for all principals without a clearance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lampkeeper.design.rules.rule_context import PUBLIC_VALUES, RuleContext, Violation, policy_location
from lampkeeper.design.synthesis.pilot import binds_pilot
from lampkeeper.model.access import CellState
from lampkeeper.model.conditions import matches, negated_keys
from lampkeeper.model.groups import EVERYBODY
from lampkeeper.model.names import ColumnName
from lampkeeper.model.policies import Policy, PolicyKind
from lampkeeper.model.schema import TableKind
from lampkeeper.model.tags import EntityType
from lampkeeper.model.unreviewed import REVIEW_KEY
from lampkeeper.text.sql_quoting import quote_identifier

_NOT_REACHED = frozenset({TableKind.VIEW, TableKind.FOREIGN})


def unprotected_column(context: RuleContext) -> Iterable[Violation]:
    """A column has a protecting tag, but a person without a clearance gets its raw value: no policy covers the tag.

    Example: `email` tagged `pii_level=masked_email`, and no policy names that value.
    """
    outsider = {name: answers[context.unprivileged][1] for name, answers in context.answers}
    filtered = filter_columns(context)
    for table in context.tables:
        tagged = [n for n in table.column_names() if _protecting(context, n)]
        if not tagged:
            continue
        access = outsider[table.name]
        for name in tagged:
            if access.cells[name].state is CellState.RAW and not (access.filters and name in filtered):
                tags = context.column_tags[name.plain.casefold()]
                shown = ", ".join(f"{k}={v}" for k, v in sorted(tags.items()))
                yield Violation(location=name, message=f"tagged {shown} and covered by no policy", fix="add a policy for the tag")


def _protecting(context: RuleContext, name: ColumnName) -> bool:
    tags = context.column_tags.get(name.plain.casefold(), {})
    said = {k: v for k, v in tags.items() if k in context.allowed_values and k != REVIEW_KEY}
    return any(v.casefold() not in PUBLIC_VALUES for v in said.values())


def _labelled(context: RuleContext, name: ColumnName) -> bool:
    return name.plain.casefold() in context.labels_by_name


def filter_columns(context: RuleContext) -> frozenset[ColumnName]:
    """Return the arguments of row filters: the rows that they mark are hidden, so they need no mask."""
    found: set[ColumnName] = set()
    for policy in context.desired.policies:
        if policy.kind is PolicyKind.ROW_FILTER:
            for argument in policy.using:
                for columns in context.matched(policy, argument.alias or "").values():
                    found.update(name for name, _ in columns)
    return frozenset(found)


def conflicting_masks(context: RuleContext) -> Iterable[Violation]:
    """Two policies put different masks on a column for the same person: every query of the column fails.

    Example: `mask_email` for `account users` and `mask_redact_string` for `analysts` on one column.
    """
    for _, answers in context.answers:
        seen: set[ColumnName] = set()
        for who, access in answers:
            for name, cell in access.cells.items():
                if cell.state is CellState.FAILING and cell.by == "MULTIPLE_MASKS" and name not in seen:
                    seen.add(name)
                    uses = sorted({f"{u.policy} ({u.function.function})" for u in access.masks[name]})
                    yield Violation(
                        location=name, message=f"several masks for {who}: {', '.join(uses)}", fix="give the column one tag"
                    )


def conflicting_filters(context: RuleContext) -> Iterable[Violation]:
    """Two row filters apply to a table for the same person: every query of the table fails.

    Example: `filter_aml` and `filter_region` on one table for `account users`.
    """
    for table, answers in context.answers:
        for who, access in answers:
            if len({(f.function, f.arguments) for f in access.filters}) > 1:
                names = sorted({f.policy for f in access.filters})
                yield Violation(
                    location=table, message=f"several row filters for {who}: {', '.join(names)}", fix="merge them into one"
                )
                break


def ambiguous_filter(context: RuleContext) -> Iterable[Violation]:
    """A row filter's argument matches more than one column of a table: every query of the table fails.

    Example: two columns of one table tagged `compliance_scope=aml_restricted`.
    """
    for policy in context.desired.policies:
        if policy.kind is not PolicyKind.ROW_FILTER:
            continue
        for argument in policy.using:
            for table, columns in context.matched(policy, argument.alias or "").items():
                if len(columns) > 1:
                    names = ", ".join(sorted(n.column for n, _ in columns))
                    message = f"{argument.alias} of {policy.name} matches {names}"
                    yield Violation(location=table, message=message, fix="tag one of them only")


def masked_argument(context: RuleContext) -> Iterable[Violation]:
    """A column that one policy masks is an argument of another: the platform refuses the query.

    Example: `aml_flag` masked, and read by the AML row filter.
    """
    masked: dict[ColumnName, str] = {}
    for policy in context.desired.policies:
        if policy.kind is PolicyKind.COLUMN_MASK:
            for columns in context.matched(policy, policy.on_column or "").values():
                masked.update((name, policy.name) for name, _ in columns)
    for policy in context.desired.policies:
        for argument in policy.using:
            for columns in context.matched(policy, argument.alias or "").values():
                for name, _ in columns:
                    if name in masked and masked[name] != policy.name:
                        message = f"masked by {masked[name]} and an argument of {policy.name}"
                        yield Violation(location=name, message=message, fix="remove one of the two tags")


def out_of_reach(context: RuleContext) -> Iterable[Violation]:
    """A sensitive column belongs to a view or a foreign table, to which policies do not apply.

    Example: `c.s.customers_v.email` tagged; or an untagged one in a foreign table that a group may read.
    """
    granted = {g.securable for g in context.desired.grants if "SELECT" in g.privileges or "ALL_PRIVILEGES" in g.privileges}
    for table in context.tables:
        if table.kind not in _NOT_REACHED:
            continue
        tagged = [n.column for n in table.column_names() if _protecting(context, n)]
        if table.name.parts in granted and table.kind is not TableKind.VIEW:
            # A view only shows its base tables; tables of these kinds have rows of their own.
            tagged = [n.column for n in table.column_names() if _protecting(context, n) or _labelled(context, n)]
        if tagged:
            message = f"policies do not apply to a {table.kind}: {', '.join(tagged)} are as in the base tables"
            reachable = table.name.parts in granted
            yield Violation(
                location=table.name,
                message=message,
                fix="tag the base tables, and revoke the grant" if reachable else "tag the base tables",
            )


def unprotected_table(context: RuleContext) -> Iterable[Violation]:
    """A table has a protecting tag, and no policy tests it in WHEN, so the tag has no effect.

    Example: `c.s.orders` tagged `compliance_scope=aml_restricted`, and policies that test tags of columns only.
    """
    for tag in context.desired.tag_assignments:
        if tag.entity_type is not EntityType.TABLES or tag.key not in context.allowed_values:
            continue
        if tag.value.casefold() in PUBLIC_VALUES:
            continue
        home = tuple(p.casefold() for p in tag.entity_name.split("."))
        if not any(_bound_by_when(p, home, {tag.key: tag.value}) for p in context.desired.policies):
            message = f"table tagged {tag.key}={tag.value}, and no policy tests the tag"
            yield Violation(location=tag.entity_name, message=message, fix="add a policy with WHEN, or remove the tag")


def _bound_by_when(policy: Policy, table: tuple[str, ...], tags: Mapping[str, str]) -> bool:
    prefix = tuple(p.casefold() for p in policy.securable)
    if policy.when is None or table[: len(prefix)] != prefix:
        return False
    return matches(policy.when, tags) or bool(negated_keys(policy.when) & set(tags))


_PATHS = frozenset({"READ_FILES", "WRITE_FILES", "READ_VOLUME", "WRITE_VOLUME", "EXTERNAL_USE_SCHEMA", "EXTERNAL_USE_LOCATION"})


def path_access(context: RuleContext) -> Iterable[Violation]:
    """A grant allows a group to read files by their path, or with another engine, where policies do not apply.

    Example: EXTERNAL_USE_SCHEMA on a schema with masked tables.
    """
    for grant in context.desired.grants:
        found = sorted(_PATHS & {p.replace(" ", "_").upper() for p in grant.privileges})
        if found:
            location = f"grant on {'.'.join(grant.securable)} to {grant.principal}"
            yield Violation(
                location=location, message=f"{', '.join(found)} reads past the policies", fix="take the privilege away"
            )


def people_left_out(context: RuleContext) -> Iterable[Violation]:
    """A policy names groups in TO instead of `account users`: people in none of them see raw values.

    Example: `TO analysts` leaves a newcomer who is in no group unmasked.
    """
    for policy in context.desired.policies:
        if EVERYBODY not in policy.to_principals and not binds_pilot(policy, context.pilot):
            message = f"applies to {', '.join(policy.to_principals)} only"
            yield Violation(
                location=policy_location(policy),
                message=message,
                fix=f"write TO {quote_identifier(EVERYBODY)} EXCEPT the cleared groups",
            )
