"""Attached Genie spaces in a plan: of their content only what the files changed since the import is written.

Someone may edit a space in the UI while its files are reviewed. A field that the files left as it was imported follows the space.
A field that the files changed is written over the space as it is now. If both changed a field, the plan is refused, and no change
is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lampkeeper.app.importing import read_base
from lampkeeper.deploy.change import changes_of
from lampkeeper.deploy.kinds import GENIE_SPACE
from lampkeeper.deploy.kinds.base import mark_of
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.stages import Action
from lampkeeper.deploy.state import States
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.space_json import read_space as parse_space
from lampkeeper.model.desired import Desired
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.genie import GenieSpace
from lampkeeper.remote.clients import Json, Workspace
from lampkeeper.remote.spaces import list_spaces, read_space

_FIELDS = {
    "tables": "tables", "description": "description", "instructions": "instructions", "sample_questions": "sample questions",
    "benchmarks": "benchmarks", "filters": "filters", "expressions": "expressions", "measures": "measures", "joins": "joins",
    "examples": "example queries", "functions": "functions", "columns": "column settings",
}  # fmt: skip
"""The fields of a space that lampkeeper manages, with their words."""
_KEPT_IF_EMPTY = frozenset({"description", "examples", "functions", "columns"})
"""Fields that an attached space keeps if they are empty in the files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """The desired state with its attached spaces laid over the live ones, and what prevents a plan of them.

    `known`: object keys of the spaces whose import is known, so that their changes are wanted and reviewed.
    """

    desired: Desired
    known: frozenset[tuple[str, str]] = frozenset()
    findings: tuple[Finding, ...] = ()


def lay_over_live(folder: EnvFolder, workspace: Workspace, desired: Desired, states: States) -> Attached:
    """Lay each attached space over the live one; a few reads, no write.

    What was known of it is the import that its draft was made from, or else what lampkeeper wrote last. Without either it is
    compared as a whole, and a difference needs `adopt`.
    """
    spaces: list[GenieSpace] = []
    known: set[tuple[str, str]] = set()
    findings: list[Finding] = []
    for space in desired.spaces:
        live = read_space(workspace, space.space_id) if space.space_id else None
        if live is None:
            spaces.append(space)
            continue
        record = states.owned(GENIE_SPACE).get(space.key)
        base = read_base(folder, space) or (record.spec if record is not None else None)
        if base is not None:
            known.add((GENIE_SPACE.name, space.key))
            space, found = _laid_over(folder, space, base, live)
            findings += found
        spaces.append(space)
    return Attached(desired=replace(desired, spaces=tuple(spaces)), known=frozenset(known), findings=tuple(findings))


def same_titles(plan: Plan, workspace: Workspace) -> tuple[Finding, ...]:
    """Return a warning for each space that the plan creates beside another one with its title, which lampkeeper did not make."""
    new = {
        c.after.title: c.key for c in changes_of(plan.changes, GENIE_SPACE) if c.action is Action.CREATE and c.after is not None
    }
    if not new:
        return ()
    theirs = [s for s in list_spaces(workspace) if s.get("title") in new and not mark_of(str(s.get("description") or ""))]
    return tuple(
        Finding(
            code="SPACE_TITLE_TAKEN", severity=Severity.WARNING, location=f"space {new[str(space['title'])]}",
            message=f"the workspace has another space with the title {space['title']!r} (id {space['space_id']}); it stays as it"
            " is, and the plan creates a second one",
            fix=f'to manage that one instead, set genie_space_id = "{space["space_id"]}", then generate',
        )
        for space in theirs
    )  # fmt: skip


def _laid_over(folder: EnvFolder, mine: GenieSpace, base: GenieSpace, live: Json) -> tuple[GenieSpace, list[Finding]]:
    asked = [f for f in _FIELDS if _asks(f, mine, base)]
    text = str(live.get("serialized_space") or "")
    if not text:
        bare = GenieSpace(name=mine.name, tables=(), acl_groups=mine.acl_groups, space_id=mine.space_id)
        return bare, list(_no_content(mine, asked))
    there = parse_space(text, name=mine.name, description=str(live.get("description") or ""))
    both = [f for f in asked if not (_same(f, there, base) or _same(f, there, mine))]
    laid = replace(mine, **{f: getattr(there, f) for f in _FIELDS if f not in asked})
    return laid, list(_moved(folder, mine, both))


def _asks(field: str, mine: GenieSpace, base: GenieSpace) -> bool:
    return not _same(field, mine, base) and bool(getattr(mine, field) or field not in _KEPT_IF_EMPTY)


def _same(field: str, one: GenieSpace, other: GenieSpace) -> bool:
    return bool(_sorted(getattr(one, field)) == _sorted(getattr(other, field)))


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, tuple) else value


def _no_content(space: GenieSpace, asked: list[str]) -> Iterator[Finding]:
    if asked:
        yield Finding(
            code="LK031", severity=Severity.ERROR, location=f"space {space.name}",
            message="shows no content, so nothing can be written over it without loss",
            fix="wait some minutes after the space was made, then plan again",
        )  # fmt: skip


def _moved(folder: EnvFolder, space: GenieSpace, both: list[str]) -> Iterator[Finding]:
    if both:
        yield Finding(
            code="LK025", severity=Severity.ERROR, location=f"space {space.name}",
            message="was changed in the workspace and in the files since it was imported: "
            + ", ".join(_FIELDS[f] for f in both),
            fix=f"import it again with `lampkeeper generate --env {folder.env} --mode genie`, then change the draft again",
        )  # fmt: skip
