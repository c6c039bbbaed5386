"""From labels to the desired state: a pipeline of pure steps, each adding one kind of object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from lampkeeper.design.genie.space_sql import bound_space
from lampkeeper.design.genie.spaces import SpaceRequest, draft_space
from lampkeeper.design.knowledge.knowledge import Knowledge, default_knowledge
from lampkeeper.design.knowledge.vocabulary import Protection, filter_protection, find_function, load_vocabulary, mask_protection
from lampkeeper.design.synthesis.packing import PlannedPolicy, RemainingQuota, crowded, pack_policies
from lampkeeper.design.synthesis.pilot import bound_to
from lampkeeper.design.synthesis.stored_tables import masked_refreshes
from lampkeeper.design.synthesis.unreviewed import (
    closable_catalogs,
    closable_reaches,
    columns_fallback,
    only_reviewed,
    protections_by_catalog,
    review_tag_policy,
    reviewed_columns,
    reviewed_tables,
    rows_fallback,
)
from lampkeeper.model.desired import Desired
from lampkeeper.model.exemptions import Exemption, exempt_principals
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.genie import GenieSpace, Warehouse, WorkspaceAssignment
from lampkeeper.model.groups import GroupSpec
from lampkeeper.model.labels import Label
from lampkeeper.model.masks import Function, FunctionRole
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.policies import Grant, SecurableType
from lampkeeper.model.schema import Column, Snapshot, Table, TableKind
from lampkeeper.model.tags import EntityType, TagAssignment, TagPermission, TagPolicy
from lampkeeper.model.unreviewed import UNREVIEWED_FAMILY, Reach, Unreviewed

FUNCTION_SCHEMA = "lampkeeper"
CONSUMER = "workspace-consume"
ASSIGNER = "roles/tagPolicy.assigner"
UNREACHABLE = frozenset({TableKind.VIEW, TableKind.FOREIGN})
"""Kinds to whose rows policies do not apply (source: platform docs, ABAC requirements: views enforce only the policies of
their base tables, unless the workspace has the Beta of policies on views, which no API reports)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisRequest:
    """The input of the synthesis. `tag_assigners`: further principals that may assign the governed tags; empty: no permissions.

    `unreviewed` and `unreviewed_columns`: whether tables and columns without a review are hidden. `covered` are the catalogs and
    schemas that the environment covers whole: only there are other tables hidden. None: the snapshot's catalogs. `pilot`: the
    group that the policies bind alone; empty: all principals.
    """

    snapshot: Snapshot
    labels: tuple[Label, ...]
    groups: tuple[GroupSpec, ...]
    spaces: tuple[SpaceRequest, ...] = ()
    warehouse: Warehouse | None = None
    function_schema: str = FUNCTION_SCHEMA
    limits: RemainingQuota = field(default_factory=RemainingQuota)
    tag_assigners: tuple[str, ...] = ()
    knowledge: Knowledge = field(default_factory=default_knowledge)
    unreviewed: Unreviewed = Unreviewed.DENY
    unreviewed_columns: Unreviewed = Unreviewed.ALLOW
    exemptions: tuple[Exemption, ...] = ()
    covered: tuple[Reach, ...] | None = None
    pilot: str = ""

    @property
    def closed_reaches(self) -> tuple[Reach, ...]:
        """Return the catalogs and schemas in which unreviewed tables show no rows."""
        return closable_reaches(self.snapshot.tables, self.covered) if self.unreviewed is Unreviewed.DENY else ()

    @property
    def reviewed_catalogs(self) -> tuple[str, ...]:
        """Return the catalogs in which reviewed tables have the review tag."""
        if self.unreviewed is Unreviewed.DENY and self.unreviewed_columns is Unreviewed.DENY:
            return closable_catalogs(self.snapshot.tables)
        return tuple(sorted({p[0] for p in self.closed_reaches}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """The desired state, and findings about the request."""

    desired: Desired
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The intermediate result of the steps: the state, the protection of each column, tables without a grant, findings."""

    desired: Desired
    protections: Mapping[ColumnName, Protection]
    not_granted: frozenset[TableName] = frozenset()
    findings: tuple[Finding, ...] = ()

    def but(self, *findings: Finding, **changes: object) -> Draft:
        """Return the draft with fields of the desired state replaced and findings added."""
        return replace(self, desired=replace(self.desired, **changes), findings=(*self.findings, *findings))  # type: ignore[arg-type]


def synthesize(request: SynthesisRequest) -> Synthesis:
    """Return the desired state for the labels; equal input in any order gives an equal state."""
    tables = tuple(t.name for t in request.snapshot.tables)
    draft = _choose_protections(request, Draft(desired=Desired(tables=tables), protections={}))
    for step in STEPS:
        draft = step(request, draft)
    families = {t.family for t in draft.protections.values()} | ({UNREVIEWED_FAMILY} if request.closed_reaches else set())
    stored = masked_refreshes(request.snapshot.tables, families, request.exemptions, request.groups)
    return Synthesis(desired=draft.desired, findings=sort_findings([*draft.findings, *stored]))


def _choose_protections(request: SynthesisRequest, draft: Draft) -> Draft:
    """Choose the protection of each protected column; tables to which policies do not apply are not granted."""
    labels = {x.column: x for x in request.labels}
    words = request.knowledge.vocabulary
    chosen: dict[ColumnName, Protection] = {}
    not_granted: set[TableName] = set()
    findings: list[Finding] = []
    for table in request.snapshot.tables:
        filtered = False
        for name, column in zip(table.column_names(), table.columns, strict=True):
            label = labels.get(name)
            if label is None:
                not_granted.add(table.name)
                fix = "classify it; until then the table is not granted"
                findings.append(_finding("LK010", name, "the column has no label", fix))
                continue
            if not label.protected:
                continue
            protection = None if filtered else filter_protection(label, column, words)
            filtered = filtered or protection is not None
            protection = protection or mask_protection(label, column, words)
            if protection is None:
                not_granted.add(table.name)
                problem = f"type {column.type!r} cannot be masked"
                findings.append(_finding("LK011", name, problem, "drop or retype the column"))
                continue
            chosen[name] = protection
        if table.kind in UNREACHABLE and any(c in chosen for c in table.column_names()):
            not_granted.add(table.name)
            chosen = {c: t for c, t in chosen.items() if c.table != table.name}
            findings.append(_not_granted(table))
    return replace(draft, protections=chosen, not_granted=frozenset(not_granted), findings=(*draft.findings, *findings))


def _finding(code: str, location: object, message: str, fix: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(code=code, severity=severity, location=str(location), message=message, fix=fix)


def _not_granted(table: Table) -> Finding:
    message = f"policies do not apply to a {table.kind}, and it has sensitive columns, so no group gets access"
    return _finding("LK012", table.name, message, "add its base tables to the scope instead", Severity.WARNING)


def make_tags(request: SynthesisRequest, draft: Draft) -> Draft:
    """Add tag policies with the values in use, assignments, and the permissions to assign."""
    values: dict[str, set[str]] = defaultdict(set)
    assignments = []
    for column, protection in draft.protections.items():
        values[protection.key].add(protection.value)
        assignments.append(
            TagAssignment(entity_type=EntityType.COLUMNS, entity_name=column.plain, key=protection.key, value=protection.value)
        )
    descriptions = load_vocabulary().descriptions
    theirs = request.knowledge.taxonomy.keys
    policies = tuple(
        TagPolicy(key=k, description=descriptions.get(k, ""), values=tuple(v - {""}), external=k in theirs)
        for k, v in values.items()
    )
    if request.reviewed_catalogs:
        policies = (*policies, review_tag_policy())
    permissions = tuple(
        TagPermission(key=p.key, role=ASSIGNER, principals=tuple(sorted(set(request.tag_assigners))))
        for p in policies
        if not p.external
    )
    return draft.but(
        tag_policies=policies, tag_assignments=tuple(assignments), tag_permissions=permissions if request.tag_assigners else ()
    )


def make_masks(request: SynthesisRequest, draft: Draft) -> Draft:
    """Add the functions in use, once per catalog, and their schemas."""
    columns = _columns(request.snapshot)
    made: dict[tuple[str, str], Function] = {}
    for name, protection in draft.protections.items():
        made_key = (name.table.catalog, protection.function)
        if made_key not in made:
            made[made_key] = find_function(protection, columns[name], request.knowledge.library).at(
                name.table.catalog, request.function_schema
            )
    schemas = {(catalog, request.function_schema) for catalog, _ in made}
    return draft.but(functions=tuple(made.values()), schemas=tuple(schemas))


def make_policies(request: SynthesisRequest, draft: Draft) -> Draft:
    """Add one policy per catalog and protection, packed losslessly if the quota requires it."""
    seeds = {
        PlannedPolicy(catalog=name.table.catalog, protection=t, exempt=_exempt(request, t.family))
        for name, t in draft.protections.items()
    }
    whole = any(len(reach) == 1 for reach in request.closed_reaches)
    reserved = whole + (request.unreviewed is request.unreviewed_columns is Unreviewed.DENY)
    policies, findings = pack_policies(seeds, request.function_schema, request.limits, reserved)
    return draft.but(*findings, policies=policies)


def close_unreviewed(request: SynthesisRequest, draft: Draft) -> Draft:
    """Add the fallback policies of catalogs and schemas covered whole, and the review tags of granted tables (and columns)."""
    catalogs = request.reviewed_catalogs
    if not catalogs:
        return draft
    before = draft.desired
    seen = [t for t in request.snapshot.tables if t.name.catalog in catalogs and t.name not in draft.not_granted]
    reaches = request.closed_reaches
    made = [rows_fallback(p, request.function_schema, request.knowledge.library, request.exemptions) for p in reaches]
    tags = reviewed_tables(t.name for t in seen)
    if request.unreviewed_columns is Unreviewed.DENY:
        used = protections_by_catalog(draft.protections)
        made += [columns_fallback(c, request.function_schema, used.get(c, ()), request.exemptions) for c in catalogs]
        tags += reviewed_columns(seen, draft.protections)
    fallbacks = tuple(p for p, _ in made)
    return draft.but(
        *crowded(fallbacks, request.limits),
        policies=(*only_reviewed(before.policies, catalogs), *fallbacks),
        functions=(*before.functions, *{f.name: f for _, f in made}.values()),
        schemas=tuple({*before.schemas, *((c, request.function_schema) for c in catalogs)}),
        tag_assignments=(*before.tag_assignments, *tags),
    )


def bind_pilot(request: SynthesisRequest, draft: Draft) -> Draft:
    """Bind the policies to the group of the pilot, if there is one."""
    return draft.but(policies=bound_to(draft.desired.policies, request.pilot)) if request.pilot else draft


def make_groups(request: SynthesisRequest, draft: Draft) -> Draft:
    """Add the groups, and the members of managed ones, if given."""
    members = {s.group.name: s.members for s in request.groups if s.members and not s.group.external}
    return draft.but(groups=tuple(s.group for s in request.groups), members=members)


def make_grants(request: SynthesisRequest, draft: Draft) -> Draft:
    """Add the least privileges: catalogs, schemas and tables in scope for each group, workspace assignments, the warehouse."""
    tables = [t for t in draft.desired.tables if t not in draft.not_granted]
    grants: list[Grant] = []
    for spec in request.groups:
        given: set[tuple[SecurableType, tuple[str, ...], str]] = set()
        given |= {(SecurableType.CATALOG, (t.catalog,), "USE_CATALOG") for t in tables}
        given |= {(SecurableType.SCHEMA, (t.catalog, t.schema), "USE_SCHEMA") for t in tables}
        given |= {(SecurableType.TABLE, t.parts, "SELECT") for t in tables}
        grants.extend(
            Grant(securable_type=kind, securable=parts, principal=spec.group.name, privileges=(privilege,))
            for kind, parts, privilege in given
        )
    names = tuple(sorted(s.group.name for s in request.groups))
    workspace_assignments = tuple(WorkspaceAssignment(group=n, entitlements=(CONSUMER,)) for n in names)
    warehouse = request.warehouse
    warehouses = (replace(warehouse, users=tuple(sorted({*warehouse.users, *names}))),) if warehouse else ()
    return draft.but(grants=tuple(grants), workspace_assignments=workspace_assignments, warehouses=warehouses)


def make_genie(request: SynthesisRequest, draft: Draft) -> Draft:
    """Add the spaces with content from the schema; every group may use them."""
    masked = frozenset(c for c, t in draft.protections.items() if t.role is FunctionRole.MASK)
    groups = tuple(sorted(s.group.name for s in request.groups))
    findings: list[Finding] = []
    spaces = []
    for space in request.spaces:
        usable = tuple(sorted({t for t in space.tables if t in request.snapshot.index and t not in draft.not_granted}))
        for gone in sorted(set(space.tables) - set(usable)):
            why = "is not granted" if gone in draft.not_granted else "is not in the snapshot"
            problem = f"table of space {space.name!r} {why}"
            findings.append(_finding("LK013", gone, problem, "remove it from the space", Severity.WARNING))
        tables = tuple(request.snapshot.index[t] for t in usable)
        drafted, left_out = bound_space(_draft_space(request, space, tables, masked), tables)
        findings.extend(left_out)
        if drafted.functions:
            message = f"may call {', '.join(drafted.functions)}: its users need EXECUTE on them"
            fix = "have their owner grant it, or remove them from sql_functions"
            findings.append(_finding("LK026", f"space {space.name}", message, fix, Severity.INFO))
        spaces.append(replace(drafted, acl_groups=groups))
    return draft.but(*findings, spaces=tuple(spaces))


def _draft_space(
    request: SynthesisRequest, space: SpaceRequest, tables: tuple[Table, ...], masked: frozenset[ColumnName]
) -> GenieSpace:
    return draft_space(space, tables, masked, request.limits.space_tables, request.snapshot.functions)


def _exempt(request: SynthesisRequest, family: str) -> tuple[str, ...]:
    cleared = {s.group.name for s in request.groups if s.cleared_for(family)}
    return tuple(sorted({*cleared, *exempt_principals(request.exemptions, family)}))


def _columns(snapshot: Snapshot) -> dict[ColumnName, Column]:
    return dict(snapshot.columns())


Step = Callable[[SynthesisRequest, Draft], Draft]
STEPS: tuple[Step, ...] = (
    make_tags,
    make_masks,
    make_policies,
    close_unreviewed,
    bind_pilot,
    make_groups,
    make_grants,
    make_genie,
)
"""The steps in order; protections are chosen before the first."""
