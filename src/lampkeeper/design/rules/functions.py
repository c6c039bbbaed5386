"""Rules about the functions of policies."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lampkeeper.design.knowledge.library import load_library
from lampkeeper.design.rules.rule_context import RuleContext, Violation, policy_location
from lampkeeper.model.conditions import tag_references
from lampkeeper.model.hash_key import INNER, OUTER, REACHING, WRITING, holds_key
from lampkeeper.model.masks import Function, called_names, unquoted
from lampkeeper.model.policies import Policy, PolicyKind
from lampkeeper.model.schema import TypeFamily, takes_column, type_family
from lampkeeper.text.sql_quoting import quote_string

_IDENTITY = re.compile(
    r"\b(current_user|session_user|user|is_member|is_account_group_member|current_metastore)\s*\(|\bSELECT\b|\bsecret\s*\(",
    re.IGNORECASE,
)


def missing_function(context: RuleContext) -> Iterable[Violation]:
    """A policy uses a function that is not defined.

    Example: a policy with `c.lampkeeper.mask_mail`, while only `mask_email` is defined.
    """
    for policy in context.desired.policies:
        if policy.function not in context.functions:
            yield Violation(
                location=policy_location(policy),
                message=f"function {policy.function} is not defined",
                fix="define it, or correct the name",
            )


def wrong_arity(context: RuleContext) -> Iterable[Violation]:
    """A policy passes a wrong number of arguments to its function: a mask gets the column first, then USING.

    Example: a row filter without parameters bound with `USING COLUMNS (flag)`.
    """
    for policy in context.desired.policies:
        function = context.functions.get(policy.function)
        if function is None:
            continue
        given = len(policy.using) + (1 if policy.kind is PolicyKind.COLUMN_MASK else 0)
        if len(function.parameters) != given:
            message = f"{function.name.function} takes {len(function.parameters)} arguments, the policy gives {given}"
            yield Violation(location=policy_location(policy), message=message, fix="match parameters and USING")


def wrong_type(context: RuleContext) -> Iterable[Violation]:
    """A mask takes or returns another type family than its column: queries fail or values are corrupted.

    Example: a STRING mask on a DATE column. Filters must return BOOLEAN.
    """
    for policy in context.desired.policies:
        function = context.functions.get(policy.function)
        if function is None:
            continue
        if policy.kind is PolicyKind.ROW_FILTER:
            if type_family(function.returns) is not TypeFamily.BOOLEAN:
                yield Violation(
                    location=policy_location(policy), message=f"a row filter must return BOOLEAN, not {function.returns}"
                )
            continue
        yield from _mismatches(context, policy, function)


def _mismatches(context: RuleContext, policy: Policy, function: Function) -> Iterable[Violation]:
    for columns in context.matched(policy, policy.on_column or "").values():
        for name, column in columns:
            types = [*(p.type for p in function.parameters[:1]), function.returns]
            if not all(takes_column(t, column) for t in types):
                message = f"{function.name.function} is of {' to '.join(types)}, the column is {column.type}"
                yield Violation(location=name, message=message, fix="tag the column for a mask of its type")


def wrong_class(context: RuleContext) -> Iterable[Violation]:
    """A mask of the library that shows a part of the value is used for a column of another class, of which that part may be
    sensitive.

    Example: `mask_name`, which shows first letters, on a column labelled `national_id`.
    """
    library = load_library()
    for policy in context.desired.policies:
        known = library.functions.get(policy.function.function)
        if policy.kind is not PolicyKind.COLUMN_MASK or known is None or known.reveals == "nothing":
            continue
        rows = (row for (row, _), t in context.vocabulary.masks.items() if t.function == known.name)
        made_for = {known.label, *(row.partition("/")[0] for row in rows)}
        for columns in context.matched(policy, policy.on_column or "").values():
            for name, _ in columns:
                label = context.labels_by_name.get(name.plain.casefold())
                if label is not None and str(label.label) not in made_for and "any" not in made_for:
                    message = f"{known.name} is for {' and '.join(sorted(made_for))}, and the column is labelled {label.label}"
                    yield Violation(location=name, message=message, fix="tag it for a mask of its class, or correct the label")


def unused_function(context: RuleContext) -> Iterable[Violation]:
    """A function is defined that no policy uses.

    Example: `mask_iban` in the SQL file and in no policy.
    """
    used = {p.function for p in context.desired.policies}
    for name in context.functions:
        if name not in used:
            yield Violation(location=name, message="no policy uses this function", fix="remove it")


def looks_at_caller(context: RuleContext) -> Iterable[Violation]:
    """A function depends on the caller, or reads a table or a secret: principals belong in the policy, and masks must be pure.

    Example: `CASE WHEN is_account_group_member('hr') THEN value ELSE NULL END`.
    """
    for function in context.desired.functions:
        found = _IDENTITY.search(unquoted(function.body))
        if found:
            message = f"the body uses {found.group().strip()!r}"
            yield Violation(location=function.name, message=message, fix="use TO and EXCEPT of the policy instead")


def calls_another(context: RuleContext) -> Iterable[Violation]:
    """A function calls another function of the state: the platform recommends built-ins only, and a change of that function
    would also change this mask.

    Example: `mask_person` with the body `mask_name(value)`.
    """
    names = {f.name.function.casefold() for f in context.desired.functions}
    for function in context.desired.functions:
        called = names.intersection(called_names(function.body))
        if called:
            yield Violation(location=function.name, message=f"the body calls {', '.join(sorted(called))}", fix="write it out")


def lives_elsewhere(context: RuleContext) -> Iterable[Violation]:
    """A policy uses a function of another catalog: promoting, renaming or dropping that catalog breaks the policy.

    Example: a policy on catalog `prod_fin` with `dev_fin.lampkeeper.mask_email`.
    """
    for policy in context.desired.policies:
        home = policy.securable[0] if policy.securable else ""
        if home and policy.function.catalog.casefold() != home.casefold():
            message = f"function {policy.function} is in another catalog than the policy"
            yield Violation(location=policy_location(policy), message=message, fix=f"define it in catalog {home}")


def homeless_function(context: RuleContext) -> Iterable[Violation]:
    """A function is defined in a schema that is neither created by this state nor known to exist.

    Example: `c.masks.mask_email` without `{ catalog = "c", name = "masks" }` in `schemas`.
    """
    if context.snapshot is None:
        return
    homes = {(c.casefold(), s.casefold()) for c, s in context.desired.schemas}
    homes |= {(t.name.catalog.casefold(), t.name.schema.casefold()) for t in context.tables}
    for function in context.desired.functions:
        home = (function.name.catalog, function.name.schema)
        if (home[0].casefold(), home[1].casefold()) not in homes:
            yield Violation(location=function.name, message=f"schema {'.'.join(home)} may not exist", fix="add it to schemas")


def passes_through(context: RuleContext) -> Iterable[Violation]:
    """A function returns its argument, or a constant TRUE: it protects nothing.

    Example: `RETURN value`.
    """
    for function in context.desired.functions:
        body = function.body.strip().strip("()`").casefold()
        if body in {p.name.casefold() for p in function.parameters} or body == "true":
            yield Violation(
                location=function.name, message=f"the body is just {function.body.strip()[:40]!r}", fix="write a mask"
            )


def key_in_body(context: RuleContext) -> Iterable[Violation]:
    """A function's body may contain a key: keys are inserted by apply and must not be in files.

    Example: `sha2(concat('8f1c…64 hex digits…', value), 256)`.
    """
    for function in context.desired.functions:
        if holds_key(function.body):
            message = "the body holds a literal of 64 hex digits or more"
            inner, outer = quote_string(INNER), quote_string(OUTER)
            fix = f"write unhex({inner}) and unhex({outer}) where the pads of HMAC belong: docs/hash-keys.md"
            yield Violation(location=function.name, message=message, fix=fix)


def key_within_reach(context: RuleContext) -> Iterable[Violation]:
    """A principal with keyed masks could learn the key or compute a dictionary: it has EXECUTE, MANAGE or ALL_PRIVILEGES on
    the function, its schema or catalog, MODIFY on a masked table, or the permission to assign the tag.

    Example: a grant of EXECUTE on schema `c.lampkeeper` to `analysts`, whom the policy of `mask_hash` masks.
    """
    keyed = {f.name for f in context.desired.functions if f.keyed}
    for policy in (p for p in context.desired.policies if p.function in keyed):
        columns = context.matched(policy, policy.on_column or "")
        home = (policy.function.catalog, policy.function.schema, policy.function.function)
        for grant in context.desired.grants:
            held = {p.replace(" ", "_").upper() for p in grant.privileges}
            reached = held & REACHING if _above(grant.securable, home) else set()
            if any(_above(grant.securable, t.parts) for t in columns):
                reached |= held & WRITING
            if reached and grant.principal not in policy.except_principals:
                location = f"grant on {'.'.join(grant.securable)} to {grant.principal}"
                message = f"gives {', '.join(sorted(reached))} to a principal that {policy.name} masks with a keyed hash"
                yield Violation(
                    location=location, message=message, fix=f"revoke it, or exempt {grant.principal} from {policy.name}"
                )
        keys = {key for m in policy.match_columns for key, _ in tag_references(m.condition)}
        for permission in (t for t in context.desired.tag_permissions if t.key in keys):
            for name in sorted(set(permission.principals) - set(policy.except_principals)):
                message = f"{name} may assign the tag, and {policy.name} masks it with a keyed hash"
                yield Violation(location=f"tag {permission.key}", message=message, fix="let only exempt principals assign it")


def _above(securable: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    return [p.casefold() for p in securable] == [p.casefold() for p in parts[: len(securable)]]
