"""A policy in the words of CREATE POLICY: its function and arguments, its principals, and its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lampkeeper.deploy.kinds.description import ARROW, NOTHING, Fields, line_of, quoted, shown

_TYPES = {"POLICY_TYPE_COLUMN_MASK": "column mask", "POLICY_TYPE_ROW_FILTER": "row filter"}


def policy_head(fields: Fields) -> str:
    """Return the type of the policy and its securable."""
    kind = _reported(fields, "policy_type", lambda text: _TYPES.get(str(text), shown(text)))
    securable = _reported(fields, "on_securable_type", lambda text: shown(str(text).lower()))
    return f"{kind} on {securable} {fields('on_securable_fullname')}"


def policy_clauses(fields: Fields) -> tuple[str, ...]:
    """Return function, TO, EXCEPT, WHEN and MATCH COLUMNS, if set before or after."""
    words = [_reported(fields, use, _use) for use in ("column_mask", "row_filter") if _is_there(fields, use)]
    words.append(f"TO {fields('to_principals')}")
    if _is_there(fields, "except_principals"):
        words.append(f"EXCEPT {fields('except_principals')}")
    changed = _changed_conditions(fields)
    words += [
        f"{word} {_reported(fields, name, form)}"
        for name, word, form in _CONDITIONS
        if _is_there(fields, name) and name not in changed
    ]
    protected = fields("for_securable_type")
    return (*words, *([] if protected == "TABLE" else [f"FOR {protected}"]))


def policy_text(fields: Fields) -> tuple[str, ...]:
    """Return the conditions that an update changes, the old one above the new one, because they are long."""
    changed = _changed_conditions(fields)
    before, after = fields.both
    lines = []
    for name, word, form in _CONDITIONS:
        if name in changed and before is not None and after is not None:
            fields.skip(name)
            lines += [f"- {word} {form(before.get(name))}", f"+ {word} {form(after.get(name))}"]
    return tuple(lines)


def _changed_conditions(fields: Fields) -> frozenset[str]:
    names = frozenset(name for name, _, _ in _CONDITIONS) if None not in fields.both else frozenset()
    return frozenset(name for name in names if fields.changed(name) and _is_there(fields, name))


def _is_there(fields: Fields, name: str) -> bool:
    return any(body is not None and body.get(name) for body in fields.both)


def _reported(fields: Fields, name: str, form: Callable[[Any], str]) -> str:
    """Return a field in a form of its own, `old → new` if an update changes it."""
    fields.skip(name)
    return ARROW.join(dict.fromkeys(form(body.get(name)) for body in fields.both if body is not None))


def _condition(text: Any) -> str:
    return line_of(str(text)) if text else NOTHING


def _matches(entries: Any) -> str:
    found = [
        f"{_condition(e.get('condition'))} AS {shown(e.get('alias'))}{_others(e, 'alias', 'condition')}" for e in entries or ()
    ]
    return ", ".join(found) or NOTHING


def _use(use: Any) -> str:
    if not use:
        return NOTHING
    arguments = [*([shown(use["on_column"])] if use.get("on_column") else []), *map(_argument, use.get("using") or ())]
    return f"{shown(use.get('function_name'))}({', '.join(arguments)}){_others(use, 'function_name', 'on_column', 'using')}"


def _argument(argument: Mapping[str, Any]) -> str:
    if set(argument) == {"constant"}:
        return quoted(str(argument["constant"]), "'")
    return shown(argument["alias"]) if set(argument) == {"alias"} else shown(argument)


def _others(value: Mapping[str, Any], *reported: str) -> str:
    """Return the fields of a part that this version does not name."""
    rest = {k: v for k, v in value.items() if k not in reported}
    return f" {shown(rest)}" if rest else ""


_CONDITIONS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("when_condition", "WHEN", _condition),
    ("match_columns", "MATCH COLUMNS", _matches),
)
