"""Scenarios on a workspace that exists: where they may start, the people they need, and what they have left, by the run's id."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lampkeeper.demo.people import ANALYSTS, OFFICER
from lampkeeper.model.errors import UsageError
from lampkeeper.remote.clients import Workspace, encode
from lampkeeper.remote.spaces import list_spaces, trash_space
from lampkeeper.scenarios.results import CheckResult, StepResult
from lampkeeper.testdata.seeded_catalogs import drop_catalogs

_PROVISIONED = ".test_env_state*.json"
NOTHING_OF_THE_RUN = "nothing that carries the run's id is left"


def require_test_workspace(workspace: Workspace, records: Path, *, sandbox: bool) -> None:
    """Raise UsageError unless the workspace was provisioned for tests, by a record in this folder, or is called a sandbox."""
    if sandbox:
        return
    for path in sorted(records.glob(_PROVISIONED)):
        try:
            host = json.loads(path.read_text()).get("workspace_host", "")
        except ValueError:
            continue
        if host and host.rstrip("/") == workspace.host.rstrip("/"):
            return
    raise UsageError(
        f"{workspace.host} was not provisioned for tests: scenarios create catalogs, groups and policies there",
        fix="give --sandbox if that is intended; what they create carries the run's ID",
    )


@dataclass(kw_only=True)
class Guests:
    """The user and the group that a scenario expects of the identity provider, and a look for what carries the run's id."""

    workspace: Workspace
    run_id: str

    def move_in(self) -> None:
        """Create the group of analysts and the officer, named for the run."""
        for resource, body in (
            ("Groups", {"displayName": f"{ANALYSTS}_{self.run_id}"}),
            ("Users", {"userName": OFFICER.replace("@", f"+{self.run_id}@")}),
        ):
            path, level = self.workspace.scim(resource)
            self.workspace.write("scenario", "POST", path, body, api_level=level)

    def foreign_spaces(self) -> frozenset[str]:
        """Return the ids of the spaces that do not carry the run's id."""
        return frozenset(str(s["space_id"]) for s in list_spaces(self.workspace) if self.run_id not in str(s["title"]))

    def proofs(self) -> Sequence[Callable[[], StepResult]]:
        """Return none: the objects of others in a real workspace change while the scenario runs."""
        return ()

    def nothing_left(self) -> CheckResult:
        """Remove the guests, and look for anything else that carries the run's id."""
        for name, remove in self.left():
            if name.startswith(f"group {ANALYSTS}_") or name.startswith("user "):
                remove()
        return CheckResult(name=NOTHING_OF_THE_RUN, failures=tuple(name for name, _ in self.left()))

    def left(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield what carries the run's id, with what removes it: spaces and catalogs first, then principals."""
        workspace = self.workspace
        for space in list_spaces(workspace):
            if self.run_id in str(space["title"]):
                yield f"space {space['title']}", partial(trash_space, workspace, str(space["space_id"]))
        for catalog in list(workspace.pages("catalog", "/api/2.1/unity-catalog/catalogs", "catalogs")):
            if str(catalog["name"]).endswith(f"_{self.run_id}"):
                yield f"catalog {catalog['name']}", partial(drop_catalogs, workspace, [str(catalog["name"])])
        for resource, noun, key in (
            ("Groups", "group", "displayName"), ("Users", "user", "userName"), ("ServicePrincipals", "principal", "displayName"),
        ):  # fmt: skip
            path, level = workspace.scim(resource)
            for found in list(workspace.scim_pages("scenario", path, None, level)):
                if self.run_id in str(found.get(key)):
                    one = f"{path}/{encode(str(found['id']))}"
                    yield f"{noun} {found[key]}", partial(workspace.write, "scenario", "DELETE", one, api_level=level)
