"""Reads what Terraform writes: the JSON of a plan (`show -json`, format 1.x) and a state file (version 4). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import GRANT, POLICY, TAG
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.deploy.terraform.resources import IGNORED, Placed, objects_of
from lampkeeper.model.errors import UsageError
from lampkeeper.model.unreviewed import REVIEW_KEY

ObjectKey = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldObject:
    """An object in a state of Terraform, and the address of its resource."""

    placed: Placed
    address: str


def changes_in(document: Mapping[str, Any]) -> tuple[Change[Any], ...]:
    """Return the changes of a plan in its JSON form, each with the address of its resource.

    A replaced resource is a deletion and a creation. Raise UsageError for a plan that is not complete, of another format, or with
    resources that the modules of lampkeeper do not have.
    """
    _require_whole(document)
    return tuple(change for entry in document.get("resource_changes") or () for change in _changes(entry))


def _require_whole(document: Mapping[str, Any]) -> None:
    version = str(document.get("format_version") or "")
    if version.partition(".")[0] != "1":
        raise UsageError(
            f"the JSON of the Terraform plan has format {version or 'unknown'}, not 1", fix="use another version of Terraform"
        )
    if document.get("errored") or document.get("complete") is False or document.get("deferred_changes"):
        raise UsageError("the Terraform plan is not complete", fix="run `plan` again")


def _changes(entry: Mapping[str, Any]) -> Iterator[Change[Any]]:
    change = entry["change"]
    actions = tuple(change["actions"])
    if entry.get("mode") != "managed" or entry["type"] in IGNORED or actions in (("no-op",), ("read",)):
        return
    index, address = str(entry.get("index", "")), str(entry["address"])
    before, after = (
        {p.object_key: p for p in objects_of(entry["type"], index, change[side])} if change.get(side) is not None else {}
        for side in ("before", "after")
    )
    if actions in (("delete", "create"), ("create", "delete")):
        yield from (_change(Action.DELETE, address, p, None) for p in before.values())
        yield from (_change(Action.CREATE, address, None, p) for p in after.values())
        return
    if actions not in (("create",), ("update",), ("delete",)):
        raise UsageError(f"{address}: the Terraform plan has the actions {', '.join(actions)}, which lampkeeper does not know")
    found = [_change(Action.DELETE, address, p, None) for key, p in before.items() if key not in after]
    for key, placed in after.items():
        old = before.get(key)
        reasons = placed.kind.differences(old.spec, placed.spec) if old is not None else ()
        if old is None or reasons:
            found.append(_change(Action.UPDATE if old else Action.CREATE, address, old, placed, reasons))
    yield from found
    if not found and after:
        # A field that lampkeeper does not compare: the write must show, because it is sent.
        names = sorted(n for n, value in change["after"].items() if change["before"].get(n) != value)
        key, placed = next(iter(after.items()))
        why = (f"Terraform sets {', '.join(names) or 'computed fields'}",)
        yield _change(Action.UPDATE, address, before[key], placed, why)


def _change(
    action: Action, address: str, before: Placed | None, after: Placed | None, reasons: tuple[str, ...] = ()
) -> Change[Any]:
    placed = after or before
    if placed is None:
        raise UsageError(f"{address}: a change of nothing")
    return Change(
        kind=placed.kind, key=placed.key, action=action, stage=_stage(action, placed), before=before.spec if before else None,
        after=after.spec if after else None, reasons=reasons, remote_id=before.remote_id if before else "", address=address,
    )  # fmt: skip


def _stage(action: Action, placed: Placed) -> Stage:
    """Return the stage of a change: what gives access waits for what protects, as `depends_on` of the modules says."""
    if action is Action.DELETE:
        return placed.kind.stages.get(action, Stage.CLEAN)
    if placed.kind is GRANT or (placed.kind is TAG and placed.spec.key == REVIEW_KEY):
        return Stage.OPEN
    return Stage.PROTECT if placed.kind in (POLICY, TAG) else placed.kind.stages.get(action, Stage.PREPARE)


def held_in(text: str, path: str) -> tuple[HeldObject, ...]:
    """Return the objects that a state file holds; raise UsageError if it cannot be read."""
    try:
        document: Any = json.loads(text) if text.strip() else {"version": 4, "resources": []}
        if document.get("version") != 4 or not isinstance(document.get("resources"), list):
            raise ValueError("not version 4, or encrypted")
        return tuple(_held(document["resources"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: not a state file that lampkeeper can read: {error}") from None


def _held(resources: list[Mapping[str, Any]]) -> Iterator[HeldObject]:
    for resource in resources:
        if resource["mode"] != "managed":
            continue
        for instance in resource["instances"]:
            index = str(instance.get("index_key", ""))
            address = f"{resource['type']}.{resource['name']}[{json.dumps(index, ensure_ascii=False)}]"
            for placed in objects_of(resource["type"], index, instance["attributes"]):
                yield HeldObject(placed=placed, address=address)
