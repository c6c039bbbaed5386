"""`abac.auto.tfvars`: a draft with all sections, and one file per layer; converts desired states to text and back.

The format is the usual one of such tools (groups, group_members, tag_policies, tag_assignments, fgac_policies,
genie_space_configs), extended by the rest of a desired state: tag_permissions, schemas, tables, grants, workspace_assignments,
warehouses, and in fgac_policies securable_type, securable, match_columns, on_column and using. A policy's `name` is its exact
name in the catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lampkeeper.files import governance_sections as governance
from lampkeeper.files import workspace_sections as workspace
from lampkeeper.files.hcl import Value, read_hcl, render_hcl
from lampkeeper.files.record import Record
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity, sort_findings
from lampkeeper.model.layers import LAYERS, Layer
from lampkeeper.model.masks import Function


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One key of the files: the layers that may hold it, its field of `Desired`, its reader and its writer."""

    key: str
    field: str
    layers: tuple[Layer, ...]
    read: Callable[[Record], Any]
    values: Callable[[Any], Value]


_ACCOUNT, _DATA, _WORKSPACE = ((layer,) for layer in LAYERS)

SECTIONS: tuple[Section, ...] = (
    # Data access and workspace refer to groups by name, so every layer lists them; only the account layer creates them.
    Section(key="groups", field="groups", layers=LAYERS, read=governance.read_groups, values=governance.group_values),
    Section(key="group_members", field="members", layers=_ACCOUNT, read=lambda r: r.lists("group_members"), values=dict),
    Section(
        key="tag_policies", field="tag_policies", layers=_ACCOUNT,
        read=governance.read_tag_policies, values=governance.tag_policy_values,
    ),
    Section(
        key="tag_permissions", field="tag_permissions", layers=_ACCOUNT,
        read=governance.read_tag_permissions, values=governance.tag_permission_values,
    ),
    Section(key="tables", field="tables", layers=_DATA, read=governance.read_tables, values=governance.table_values),
    Section(key="schemas", field="schemas", layers=_DATA, read=governance.read_schemas, values=governance.schema_values),
    Section(
        key="tag_assignments", field="tag_assignments", layers=_DATA,
        read=governance.read_tag_assignments, values=governance.tag_assignment_values,
    ),
    Section(key="fgac_policies", field="policies", layers=_DATA, read=governance.read_policies, values=governance.policy_values),
    Section(key="grants", field="grants", layers=_DATA, read=governance.read_grants, values=governance.grant_values),
    Section(key="workspace_assignments", field="workspace_assignments", layers=_WORKSPACE,
            read=workspace.read_workspace_assignments, values=workspace.workspace_assignment_values),
    Section(
        key="warehouses", field="warehouses", layers=_WORKSPACE,
        read=workspace.read_warehouses, values=workspace.warehouse_values,
    ),
    Section(
        key="genie_space_configs", field="spaces", layers=_WORKSPACE, read=workspace.read_spaces, values=workspace.space_values,
    ),
)  # fmt: skip

_HEADERS = {
    None: "Draft of the whole environment: groups, governed tags, policies, grants, Genie spaces.\n"
    "Functions are in masking_functions.sql. Edit it, then validate and plan: plan splits it into the layer files.",
    Layer.ACCOUNT: "Account layer, shared by all environments: groups, members, governed tags.",
    Layer.DATA_ACCESS: "Data access layer: tag assignments, policies, grants. Functions are in masking_functions.sql.",
    Layer.WORKSPACE: "Workspace layer: workspace assignments, warehouses, Genie spaces.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRead:
    """The content of a file, the known keys that it sets, and findings."""

    desired: Desired
    keys: tuple[str, ...]
    findings: tuple[Finding, ...]


def sections(layer: Layer | None) -> tuple[Section, ...]:
    """Return the sections that a layer's file may hold; all of them for a draft (None)."""
    return tuple(s for s in SECTIONS if layer is None or layer in s.layers)


def part_of(desired: Desired, layer: Layer) -> Desired:
    """Return the part of a desired state that a layer's files hold; functions belong to data access."""
    fields: dict[str, Any] = {s.field: getattr(desired, s.field) for s in sections(layer)}
    return Desired(**fields, functions=desired.functions if layer is Layer.DATA_ACCESS else ())


def render_layer(desired: Desired, layer: Layer | None = None) -> str:
    """Return the text of one layer's file, or of the draft (None). Functions are not in it: see masks_sql."""
    values: dict[str, Value] = {s.key: s.values(getattr(desired, s.field)) for s in sections(layer)}
    return render_hcl({k: v for k, v in values.items() if v or k == "groups"}, header=_HEADERS[layer])


def read_layer(text: str, path: Path | str, layer: Layer | None = None, functions: Iterable[Function] = ()) -> LayerRead:
    """Read one layer's file, or a draft (None); `functions` are added to the desired state.

    Keys of other layers, unknown keys, objects given twice and conditions that do not parse (their policies are left out) are
    returned as findings; raise UsageError with file, line and column if the text cannot be read.
    """
    document = read_hcl(text, str(path))
    record = Record.of(document)
    fields: dict[str, Any] = {}
    for section in sections(layer):
        read = section.read(record)
        fields[section.field] = read if isinstance(read, Mapping) else tuple(read)
    desired = Desired(**fields, functions=tuple(functions))
    findings = [*record.problems, *_of_other_layer(record, document.values, layer), *_doubles(desired, str(path))]
    taken = {f.location for f in findings}
    findings += [f for f in record.unknown() if f.location not in taken]
    keys = tuple(s.key for s in sections(layer) if record.has(s.key))
    return LayerRead(desired=desired, keys=keys, findings=sort_findings(findings))


def _of_other_layer(record: Record, values: Mapping[str, Value], layer: Layer | None) -> Iterator[Finding]:
    for key in values:
        homes = next((s.layers for s in SECTIONS if s.key == key), _WORKSPACE if key.startswith("genie_") else ())
        if layer is not None and homes and layer not in homes:
            yield Finding(
                code="FILE_WRONG_LAYER", severity=Severity.ERROR, location=record.location_of(key),
                message=f"{key!r} must not be in the {layer} layer",
                fix=f"move it to the abac.auto.tfvars of the {homes[0]} layer",
            )  # fmt: skip
        elif key.startswith("genie_") and key != "genie_space_configs":
            yield Finding(
                code="FILE_OLD_KEY", severity=Severity.ERROR, location=record.location_of(key),
                message=f"{key!r} is the old form for a single space",
                fix="write genie_space_configs = { \"<space name>\" = { ... } }",
            )  # fmt: skip


def _doubles(desired: Desired, path: str) -> Iterator[Finding]:
    """Yield a finding for every object that the file gives twice, so that neither is used silently."""
    kinds: tuple[tuple[str, list[tuple[str, ...]]], ...] = (
        ("tag policy", [(t.key,) for t in desired.tag_policies]),
        ("tag permission", [(t.key, t.role) for t in desired.tag_permissions]),
        ("tag assignment", [(str(t.entity_type), t.entity_name, t.key) for t in desired.tag_assignments]),
        ("policy", [p.key for p in desired.policies]),
        ("grant", [g.key for g in desired.grants]),
        ("workspace_assignment", [(s.group,) for s in desired.workspace_assignments]),
        ("warehouse", [(w.name,) for w in desired.warehouses]),
        ("file name of Genie space", [(s.key,) for s in desired.spaces]),
    )
    for what, keys in kinds:
        seen: set[tuple[str, ...]] = set()
        for key in keys:
            if key in seen:
                yield Finding(
                    code="FILE_GIVEN_TWICE", severity=Severity.ERROR, location=path,
                    message=f"{what} {' '.join(repr(k) for k in key)} is given twice", fix="keep one of them",
                )  # fmt: skip
            seen.add(key)
