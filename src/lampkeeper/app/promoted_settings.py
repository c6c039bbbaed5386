"""The settings and decisions of a promotion: at the destination's names, with what people set there kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from lampkeeper.design.promotion.desired_renaming import renamed_column
from lampkeeper.design.promotion.renaming import CatalogRenaming
from lampkeeper.files.decisions import Decision
from lampkeeper.files.settings import Settings, SpaceSettings
from lampkeeper.model.desired import Desired
from lampkeeper.model.genie import GenieSpace, space_key

_UNNAMED = frozenset(
    {
        "country", "industry", "function_schema", "identities", "operators", "approvers", "limits", "hash_key",
        "sql_warehouse_id", "spaces", "uc_tables", "groups", "pilot",
    }
)  # fmt: skip
"""Settings without names of catalogs in prose; tables, spaces and groups are renamed by their own rules."""

OF_A_WORKSPACE = frozenset({"sql_warehouse_id", "state_table", "identities", "operators", "approvers", "limits", "hash_key"})
"""Settings about one workspace: what a destination that was never promoted to has of them stays."""


def renamed_settings(renaming: CatalogRenaming, settings: Settings, envs: tuple[str, str], place: str) -> Settings:
    """Return the settings at the destination. Spaces lose their IDs: a space of the destination is created, or its own.

    `envs` are the names of both environments, for the locations of waivers.
    """
    spaces = tuple(
        SpaceSettings(
            name=renaming.prose(s.name, place), warehouse_id=s.warehouse_id, tables=tuple(map(renaming.pattern, s.tables))
        )
        for s in settings.spaces
    )
    groups = settings.groups and tuple(
        replace(g, group=replace(g.group, description=renaming.prose(g.group.description, place))) for g in settings.groups
    )
    found: dict[str, Any] = {"spaces": spaces, "groups": groups, "uc_tables": tuple(map(renaming.pattern, settings.uc_tables))}
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if field.name in _UNNAMED:
            continue
        found[field.name] = _renamed(renaming, value, envs, place)
    return replace(settings, **found)


def _renamed(renaming: CatalogRenaming, value: Any, envs: tuple[str, str], place: str) -> Any:
    """Return a setting with the names in its texts at the destination."""
    if type(value) is str:
        return re.sub(rf"(?<![\w-])envs/{re.escape(envs[0])}/", f"envs/{envs[1]}/", renaming.prose(value, place))
    if isinstance(value, tuple):
        return tuple(_renamed(renaming, v, envs, place) for v in value)
    if isinstance(value, Mapping):
        return {k: _renamed(renaming, v, envs, place) for k, v in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        own = (f for f in fields(value) if f.init and f.compare)
        changes = {f.name: _renamed(renaming, getattr(value, f.name), envs, place) for f in own}
        return replace(value, **changes)
    return value


@dataclass(frozen=True, slots=True)
class MergedSettings:
    """The settings of the destination, and the names of those that people set there and that stay."""

    settings: Settings
    kept: tuple[str, ...]


def merge_settings(new: Settings, own: Settings | None, before: Sequence[Settings]) -> MergedSettings:
    """Return the promoted settings with what people set at the destination since the last promotion, which wrote `before`.

    Without an earlier promotion, the destination keeps its spaces' IDs, and its settings about its workspace.
    """
    if own is None:
        return MergedSettings(new, ())
    usual, kept, found = Settings(), [], {}
    for field in fields(Settings):
        if field.name == "spaces":
            continue
        mine, fresh = getattr(own, field.name), getattr(new, field.name)
        if before:
            by_hand = all(mine != getattr(b, field.name) for b in before)
        else:
            by_hand = field.name in OF_A_WORKSPACE and mine != getattr(usual, field.name)
        if by_hand and mine != fresh:
            kept.append(field.name)
            found[field.name] = mine
    spaces = tuple(_merged_space(s, own, before) for s in new.spaces)
    written = {s.key for b in before for s in b.spaces}
    added = tuple(s for s in own.spaces if s.key not in {n.key for n in new.spaces} | written)
    kept += [f"genie_spaces {s.name!r}" for s in (*_different(spaces, new.spaces), *added)]
    return MergedSettings(replace(new, **found, spaces=(*spaces, *added)), tuple(kept))


def _merged_space(new: SpaceSettings, own: Settings, before: Sequence[Settings]) -> SpaceSettings:
    mine = next((s for s in own.spaces if s.key == new.key), None)
    if mine is None:
        return new
    earlier = [s for b in before for s in b.spaces if s.key == new.key]
    warehouse, tables = new.warehouse_id, new.tables
    if mine.warehouse_id and all(mine.warehouse_id != e.warehouse_id for e in earlier):
        warehouse = mine.warehouse_id
    if earlier and all(mine.tables != e.tables for e in earlier):
        tables = mine.tables
    return replace(new, space_id=mine.space_id, warehouse_id=warehouse, tables=tables)


def _different(spaces: Iterable[SpaceSettings], new: Iterable[SpaceSettings]) -> Iterable[SpaceSettings]:
    return (s for s, n in zip(spaces, new, strict=True) if s != n)


def at_destination(desired: Desired, source: Settings, settings: Settings) -> Desired:
    """Return a renamed desired state with the warehouses and space IDs of the destination's settings."""
    there = {s.key: s for s in settings.spaces}
    sources = {space_key(n.name): s for n, s in zip(settings.spaces, source.spaces, strict=False)}

    def space(space: GenieSpace) -> GenieSpace:
        setting, before = there.get(space.key), sources.get(space.key)
        if setting is None:
            return replace(space, space_id="")
        warehouse = space.warehouse_id
        if warehouse == ((before.warehouse_id if before is not None else "") or source.sql_warehouse_id):
            warehouse = setting.warehouse_id or settings.sql_warehouse_id or warehouse
        return replace(space, space_id=setting.space_id, warehouse_id=warehouse)

    own = settings.sql_warehouse_id
    houses = tuple(replace(w, id=own) if own and w.id and w.id == source.sql_warehouse_id else w for w in desired.warehouses)
    if own and not source.sql_warehouse_id:
        houses = tuple(replace(w, name="", id=own) if not w.id else w for w in houses)
    return replace(desired, spaces=tuple(map(space, desired.spaces)), warehouses=houses)


def merge_decisions(
    renaming: CatalogRenaming, decisions: Iterable[Decision], own: Iterable[Decision], before: Iterable[Decision], place: str
) -> tuple[tuple[Decision, ...], tuple[Decision, ...]]:
    """Return the decisions at the destination as promoted, and with those that stewards made there since."""
    new = tuple(
        sorted(replace(d, column=renamed_column(renaming, d.column), reason=renaming.prose(d.reason, place)) for d in decisions)
    )
    written = set(before)
    mine = {(d.column, d.by): d for d in own if d not in written}
    return new, tuple(sorted(({(d.column, d.by): d for d in new} | mine).values()))
