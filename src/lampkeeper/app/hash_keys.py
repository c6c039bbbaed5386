"""Where the key of an environment's keyed masks comes from, and what is done where it may not be read.

The key is in a secret scope of the workspace or in an environment variable. It is held in memory and put into functions on
their way to the platform; files, plans and states hold its id alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lampkeeper.deploy.change import written
from lampkeeper.deploy.kinds import FUNCTION
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.state import LayerState, States
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.settings import HASH_KEY_NAME, HashKeySettings
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.model.hash_key import HOW_TO_MAKE_ONE, HashKey
from lampkeeper.model.layers import Layer
from lampkeeper.remote.clients import Workspace
from lampkeeper.remote.task import read_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingKey:
    """A key, or why there is none."""

    key: HashKey | None = None
    why: str = "nobody said where the hash key is"


KeyFinder = Callable[[], ExistingKey]
"""Looks for an environment's key; asked only where a keyed function is in question."""


def no_key() -> ExistingKey:
    """Return no key, for a caller without a source of keys."""
    return ExistingKey()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySources:
    """Where to look, in this order: the scope that the settings name, the variable, a job's scope, the local workspace's own.

    `local` says that the workspace is this machine's: there a key that is missing is made.
    """

    settings: HashKeySettings
    env: str
    environ: Mapping[str, str]
    job_scope: str = ""
    local: bool = False

    def find(self, workspace: Workspace) -> ExistingKey:
        """Return the key; raise UsageError for one that is too short or too plain."""
        if self.settings.scope:
            return self._in_scope(workspace, self.settings.scope, self.settings.name)
        given = self.environ.get(self.settings.env, "")
        if given:
            return ExistingKey(key=HashKey.parse(given, self.settings.env))
        looked = [f"the environment variable {self.settings.env} is not set"]
        if self.job_scope:
            found = self._in_scope(workspace, self.job_scope, self.settings.name)
            if found.key is not None:
                return found
            looked.append(found.why)
        if self.local:
            return ExistingKey(key=local_key(workspace, self.env))
        return ExistingKey(why=" and ".join(looked))

    @staticmethod
    def _in_scope(workspace: Workspace, scope: str, name: str) -> ExistingKey:
        location = f"secret {scope}/{name}"
        try:
            text = read_secret(workspace, scope, name)
        except RemoteError as error:
            if error.status != 403:
                raise
            return ExistingKey(why=f"the {location} may not be read")
        except UsageError as error:
            # A scope that may not be read looks as if it were missing; only an apply needs the key.
            return ExistingKey(why=error.message)
        return ExistingKey(why=f"there is no {location}") if text is None else ExistingKey(key=HashKey.parse(text, location))


def local_key(workspace: Workspace, env: str) -> HashKey:
    """Return the key that a local workspace keeps for an environment in a secret scope of its own; make it if it is missing."""
    scope = f"lampkeeper-{env}"
    scopes = workspace.get("secret", "/api/2.0/secrets/scopes/list").get("scopes") or ()
    if scope not in {str(s["name"]) for s in scopes}:
        workspace.write("secret", "POST", "/api/2.0/secrets/scopes/create", {"scope": scope})
    text = read_secret(workspace, scope, HASH_KEY_NAME)
    if text is None:
        text = secrets.token_hex(32)
        put_key(workspace, scope, text)
    return HashKey.parse(text, f"secret {scope}/{HASH_KEY_NAME}")


def put_key(workspace: Workspace, scope: str, text: str) -> None:
    """Keep a key in a secret scope."""
    body = {"scope": scope, "key": HASH_KEY_NAME, "string_value": text}
    workspace.write("secret", "POST", "/api/2.0/secrets/put", body)


def with_key(desired: Desired, states: States, find_key: KeyFinder) -> tuple[Desired, ExistingKey]:
    """Return the desired state with the key's id in its keyed functions; without a key, the id of the last apply.

    So an environment whose key may not be read can still be compared with what stands.
    """
    if not any(f.keyed for f in desired.functions):
        return desired, ExistingKey()
    found = find_key()
    recorded = {owned.spec.name: owned.spec.key_id for owned in states.owned(FUNCTION).values()}
    functions = tuple(
        replace(f, key_id=found.key.id if found.key else recorded.get(f.name, "")) if f.keyed else f for f in desired.functions
    )
    return replace(desired, functions=functions), found


def key_for(plan: Plan, find_key: KeyFinder, folder: EnvFolder) -> HashKey | None:
    """Return the key that a plan needs, None where it makes no keyed function; raise UsageError where it is missing."""
    if not _makes_keyed(plan):
        return None
    found = find_key()
    if found.key is None:
        raise UsageError(
            f"{folder.settings_path}: the masks of environment {folder.env!r} need a hash key: {found.why}",
            fix=f"{HOW_TO_MAKE_ONE}; name its place with hash_key_scope or hash_key_env: docs/hash-keys.md",
        )
    return found.key


def _makes_keyed(plan: Plan) -> bool:
    return any(function.keyed for function in written(plan.changes, FUNCTION))


def shared_key(folder: EnvFolder, key: HashKey | None) -> tuple[Finding, ...]:
    """Return a finding for every other environment that uses the same key: who learns it there knows it here."""
    if key is None:
        return ()
    others = sorted(p for p in (folder.root / "envs").glob("*/data_access/state.json") if p.parent.parent.name != folder.env)
    return tuple(
        Finding(
            code="HASH_KEY_SHARED", severity=Severity.ERROR, location=f"environment {path.parent.parent.name}",
            message=f"uses the same hash key as {folder.env}", fix=f"give {folder.env} a key of its own: {HOW_TO_MAKE_ONE}",
        )
        for path in others if key.id in _key_ids(path)
    )  # fmt: skip


def _key_ids(path: Path) -> set[str]:
    return {owned.spec.key_id for owned in LayerState.load(Layer.DATA_ACCESS, path).of_kind(FUNCTION).values()}
