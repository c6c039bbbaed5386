"""Compares the live objects with the desired ones, and reports additional ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lampkeeper.deploy.existing_controls import conflict_findings, conflicts_of, not_shown_findings
from lampkeeper.deploy.simulated_access import SimulatedAccess
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.names import ColumnName
from lampkeeper.model.policies import Grant, Policy
from lampkeeper.model.schema import Table
from lampkeeper.model.tags import EntityType, TagPolicy
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.live import Governed
from lampkeeper.text.sql_quoting import quote_identifier

READING = frozenset({"SELECT", "ALL_PRIVILEGES", "MANAGE"})
_MANAGING = frozenset({"MANAGE"})
"""Privileges that allow reading, or granting oneself the privilege to read."""

_QUIET = frozenset({"BROWSE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """Findings, and the numbers of compared objects by kind."""

    findings: tuple[Finding, ...]
    checked: tuple[tuple[str, int], ...]


class StructureCheck:
    """Compares a desired state with the live state; collects findings."""

    def __init__(
        self,
        desired: Desired,
        live: Governed,
        tag_policies: Iterable[TagPolicy],
        me: str = "",
        operators: Iterable[str] = (),
        exempt: Mapping[str, str] | None = None,
    ) -> None:
        """Take both states, and the name of the principal that runs the verification, whose own grants are not reported.

        MANAGE of `operators` is a warning, because they run plans and applies; SELECT is an error, as for all other principals.
        `exempt` are principals with an exemption and its text: their privileges are known and have a reason.
        """
        self._exempt = exempt or {}
        self._desired = desired
        self._live = live
        self._tag_policies = {t.key: t for t in tag_policies}
        self._me = me
        self._operators = frozenset(operators)
        self._found: list[Finding] = []
        self._checked: Counter[str] = Counter()

    def run(self, tables: Iterable[Table]) -> Structure:
        """Compare all objects; `tables` are the tables and columns of the snapshot from which the state was generated."""
        self._tables(tables)
        self._groups()
        self._members()
        self._tag_values()
        self._tags()
        self._functions()
        self._policies()
        self._controls()
        self._grants()
        self._owners()
        return Structure(findings=sort_findings(self._found), checked=tuple(sorted(self._checked.items())))

    def _report(
        self, code: str, location: str, message: str, severity: Severity = Severity.ERROR, fix: str = "run `plan`, then `apply`"
    ) -> None:
        self._found.append(Finding(code=f"verify/{code}", severity=severity, location=location, message=message, fix=fix))

    def _tables(self, tables: Iterable[Table]) -> None:
        there = {t.name.plain.casefold(): {c.name.casefold(): c for c in t.columns} for t in self._live.tables}
        for table in tables:
            self._checked["table"] += 1
            columns = there.get(table.name.plain.casefold())
            if columns is None:
                self._report(
                    "missing_table", str(table.name), "the workspace does not show this table", fix="run `snapshot` again"
                )
                continue
            for each in table.columns:
                column, found = ColumnName(table.name, each.name), columns.get(each.name.casefold())
                if found is None:
                    self._report("missing_column", str(column), "the workspace does not show this column", fix="run `audit`")
                elif found.type.casefold() != each.type.casefold():
                    self._report(
                        "changed_type",
                        str(column),
                        f"its type is {found.type} now and was {each.type} when it was labelled",
                        fix="run `snapshot`, `generate`, then `apply`",
                    )
            known = {c.name.casefold() for c in table.columns}
            for name in sorted(columns[c].name for c in set(columns) - known):
                self._report(
                    "unknown_column",
                    str(ColumnName(table.name, name)),
                    "the column is newer than the last snapshot, so it has no label",
                    fix="run `snapshot`, `generate`, then `apply`",
                )

    def _groups(self) -> None:
        for group in self._desired.groups:
            self._checked["group"] += 1
            if group.name not in self._live.directory.groups:
                self._report("missing_group", group.name, "the account has no group of this name")

    def _members(self) -> None:
        for group, wanted in self._desired.members.items():
            self._checked["member"] += len(wanted)
            held = set(self._live.directory.members.get(group, ()))
            for name in sorted(set(wanted) - held):
                self._report("missing_member", group, f"{name!r} is not in the group")
            for name in sorted(held - set(wanted)):
                self._report(
                    "extra_member",
                    group,
                    f"{name!r} is in the group, but not in its desired members{self._what_exempts(group)}",
                    fix="run `plan`, then `apply`; or add it to the group's members in env.auto.tfvars",
                )

    def _what_exempts(self, group: str) -> str:
        exempt = [p.name for p in self._desired.policies if group in p.except_principals]
        return f"; the group is exempt from {', '.join(exempt)}" if exempt else ""

    def _tag_values(self) -> None:
        for wanted in self._desired.tag_policies:
            self._checked["tag_policy"] += 1
            held = self._tag_policies.get(wanted.key)
            if held is None and wanted.of_platform:
                continue
            if held is None:
                self._report("missing_tag_policy", wanted.key, "the governed tag does not exist")
                continue
            missing = sorted(set(wanted.values) - set(held.values))
            if missing:
                self._report("missing_tag_value", wanted.key, f"the governed tag does not allow {', '.join(map(repr, missing))}")

    def _tags(self) -> None:
        def assignment(kind: EntityType, name: str, key: str) -> tuple[str, str, str]:
            return (str(kind), name.casefold(), key)

        held = {assignment(t.entity_type, t.entity_name, t.key): t for t in self._live.tags}
        wanted = {assignment(t.entity_type, t.entity_name, t.key): t for t in self._desired.tag_assignments}
        for key, tag in wanted.items():
            self._checked["tag"] += 1
            found = held.get(key)
            if found is None:
                self._report("missing_tag", tag.entity_name, f"the tag {tag.key} = {tag.value!r} is missing")
            elif found.value != tag.value:
                self._report("wrong_tag", tag.entity_name, f"the tag {tag.key} is {found.value!r}, not {tag.value!r}")
        ours = {t.key for t in self._desired.tag_policies}
        for key in sorted(set(held) - set(wanted)):
            tag = held[key]
            if tag.key in ours and self._in_scope(tag.entity_name):
                self._report(
                    "extra_tag",
                    tag.entity_name,
                    f"has the tag {tag.key} = {tag.value!r}, which is not in the desired state",
                    Severity.WARNING,
                    "label the column, then `generate`; or remove the tag",
                )

    def _in_scope(self, entity: str) -> bool:
        name = entity.casefold()
        return any(name == t or name.startswith(f"{t}.") for t in (t.plain.casefold() for t in self._desired.tables))

    def _functions(self) -> None:
        held = {f.name: f for f in self._live.functions}
        for wanted in self._desired.functions:
            self._checked["function"] += 1
            found = held.get(wanted.name)
            if found is None:
                self._report("missing_function", str(wanted.name), "the function does not exist")
            elif not found.body:
                self._report(
                    "function_not_shown", str(wanted.name), "the runner cannot read its body, so it was not compared",
                    Severity.WARNING, "run as the function's owner, or as a principal with MANAGE on it",
                )  # fmt: skip
            elif found.digest == wanted.digest and found.key_id != wanted.key_id:
                self._report(
                    "wrong_key", str(wanted.name),
                    f"it has key {found.key_id or 'none'}, not {wanted.key_id or 'a known one'}",
                )  # fmt: skip
            elif found.digest != wanted.digest:
                self._report(
                    "wrong_function",
                    str(wanted.name),
                    f"its signature or body differs (digest {found.digest}, not {wanted.digest})",
                )

    def _policies(self) -> None:
        held = {p.key: p for p in self._live.policies}
        wanted = {p.key: p for p in self._desired.policies}
        for key, policy in wanted.items():
            self._checked["policy"] += 1
            found = held.get(key)
            if found is None:
                self._report("missing_policy", policy.name, f"the policy on {'.'.join(policy.securable)} is missing")
            elif found.policy is None:
                self._report("wrong_policy", policy.name, f"the policy cannot be read: {found.problem or 'another kind'}")
            else:
                differing = policy_differences(policy, found.policy)
                if differing:
                    self._report("wrong_policy", policy.name, "; ".join(differing))
        for key in sorted(set(held) - set(wanted)):
            found = held[key]
            if found.policy is not None and not self._concerns(found.policy):
                continue
            kind, name, label = found.key
            maker = str(found.raw.get("created_by") or "unknown")
            what = f"a policy on {kind.lower()} {name} that is not in the desired state, created by {maker}"
            drop = f"DROP POLICY {quote_identifier(label)} ON {kind} {name}"
            fix = f"have its owner run {drop}; `plan` names the columns where it conflicts with a desired policy"
            self._report("extra_policy", label, what, fix=fix)

    def _controls(self) -> None:
        """Report masks and filters set on the tables themselves: an error if one conflicts with a policy, else a warning."""
        ours = {p.key for p in self._desired.policies}
        met = conflict_findings(conflicts_of(SimulatedAccess(self._live.access.model), ours), self._live, codes="verify/")
        self._found += met
        failing = {f.location for f in met}
        for control in (c for c in self._live.controls if c.securable not in failing):
            what = f"{control.function} is set on the table itself and applies to all principals, outside of the desired state"
            fix = "keep it, or have the table's owner drop it; to replace it by a policy, run `plan --adopt`"
            self._report("table_control", control.securable, what, Severity.WARNING, fix)
        self._found += not_shown_findings(self._live, code="verify/controls_not_shown")

    def _concerns(self, policy: Policy) -> bool:
        prefix = [p.casefold() for p in policy.securable]
        return any([p.casefold() for p in t.parts[: len(prefix)]] == prefix for t in self._desired.tables)

    def _grants(self) -> None:
        held = _privileges(self._live.grants)
        wanted = _privileges(self._desired.grants)
        for key, privileges in wanted.items():
            self._checked["grant"] += 1
            missing = privileges - held.get(key, frozenset())
            if missing and "ALL_PRIVILEGES" not in held.get(key, frozenset()):
                self._report("missing_grant", f"{key[2]} on {key[1]}", f"lacks {', '.join(sorted(missing))}")
        for key, privileges in held.items():
            if key[2] == self._me:
                continue
            extra = privileges - wanted.get(key, frozenset()) - _QUIET
            if not extra or not self._holds_scope(key[1]):
                continue
            reading = extra & READING - (_MANAGING if key[2] in self._operators else frozenset())
            known = f"; {self._exempt[key[2]]}" if key[2] in self._exempt else ""
            reading = frozenset() if known else reading
            self._report(
                "extra_grant",
                f"{key[2]} on {key[1]}",
                f"holds {', '.join(sorted(extra))} on {key[0].lower()} {key[1]}, which is not in the desired state{known}",
                Severity.ERROR if reading else Severity.WARNING,
                "revoke it, or add it to the desired state",
            )

    def _owners(self) -> None:
        for (kind, name), owner in sorted(self._live.owners.items()):
            if owner == self._me or not self._holds_scope(name):
                continue
            can = "reads it" if kind == "TABLE" else "may grant itself access to its tables"
            self._report(
                "owner",
                f"{kind.lower()} {name}",
                f"its owner {owner!r} {can} and may change the policies on it, independent of the desired grants",
                Severity.WARNING,
                "transfer it to a group that may see everything",
            )

    def _holds_scope(self, securable: str) -> bool:
        name = securable.casefold()
        return any(t == name or t.startswith(f"{name}.") for t in (t.plain.casefold() for t in self._desired.tables))


def _privileges(grants: Iterable[Grant]) -> Mapping[tuple[str, str, str], frozenset[str]]:
    found: dict[tuple[str, str, str], frozenset[str]] = {}
    for grant in grants:
        key = (str(grant.securable_type), ".".join(grant.securable).casefold(), grant.principal)
        held = found.get(key, frozenset())
        found[key] = held | {p.replace(" ", "_").upper() for p in grant.privileges}
    return found


def policy_differences(wanted: Policy, held: Policy) -> list[str]:
    """Return the differences between two policies in words, field by field, except the comment."""
    differing = []
    for field, name in (
        ("kind", "type"),
        ("to_principals", "TO"),
        ("except_principals", "EXCEPT"),
        ("function", "function"),
        ("when", "WHEN"),
        ("match_columns", "MATCH COLUMNS"),
        ("on_column", "ON COLUMN"),
        ("using", "USING COLUMNS"),
    ):
        one, two = _shown(getattr(wanted, field)), _shown(getattr(held, field))
        if one != two:
            differing.append(f"{name} is {two or 'empty'}, not {one or 'empty'}")
    return differing


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_shown(v) for v in value)
    if value is None:
        return ""
    condition = getattr(value, "condition", None)
    if condition is not None:
        return f"{condition} AS {getattr(value, 'alias', '')}"
    return str(value)


def read_tag_policies(workspace: Workspace) -> tuple[TagPolicy, ...]:
    """Return the governed tags of the account."""
    listed = workspace.pages("tag_policy", "/api/2.1/tag-policies", "tag_policies")
    return tuple(TagPolicy(key=str(t["tag_key"]), values=tuple(str(v["name"]) for v in t.get("values") or ())) for t in listed)
