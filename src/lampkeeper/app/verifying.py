"""The verification of an environment: what is asked for held against the workspace, and how it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from lampkeeper.app.access import tables_in_scope
from lampkeeper.app.attaching import lay_over_live
from lampkeeper.app.hash_keys import KeyFinder, no_key, with_key
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.progress import Progress
from lampkeeper.deploy.live_reading import read_live_state, scope_of
from lampkeeper.deploy.planner import make_plan
from lampkeeper.deploy.required_privileges import require_sight
from lampkeeper.deploy.verify.identities import NamedIdentity
from lampkeeper.deploy.verify.verification import VerifyOptions, VerifyReport, prepare, verify
from lampkeeper.files.settings import Settings
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.findings import Finding, Severity
from lampkeeper.remote.clients import Workspace


def verify_env(
    inputs: EnvInputs,
    workspace: Workspace,
    options: VerifyOptions,
    progress: Progress | None = None,
    *,
    find_key: KeyFinder = no_key,
) -> VerifyReport:
    """Verify an environment against its layers' files; what a fresh plan would still write is a finding too."""
    desired, states = inputs.layers.desired, inputs.states
    if desired == Desired():
        raise UsageError(f"environment {inputs.env!r} has nothing applied to verify", fix=f"lampkeeper apply --env {inputs.env}")
    require_sight(workspace, (t.catalog for t in desired.tables))
    desired, found = with_key(desired, states, find_key)
    options = replace(options, key_known=found.key is not None)
    prepare(workspace, options)
    try:
        view = read_live_state(workspace, scope_of(desired, states), states)
    except RemoteError as error:
        if error.code not in SHOWS_LESS:
            raise
        return _shown_less(error)
    attached = lay_over_live(inputs.folder, workspace, desired, states)
    plan = make_plan(attached.desired, workspace, states, view=view, known=attached.known)
    tables = tables_in_scope(inputs, desired)
    return verify(desired, workspace, tables, options, live=view.governed, pending=plan.changes, progress=progress)


SHOWS_LESS = frozenset({"TABLE_OR_VIEW_NOT_FOUND", "INFORMATION_SCHEMA_INCOMPLETE"})
"""Codes of a catalog that shows less than it should: for a verification a failure, not a reason to stop without a result."""


def _shown_less(error: RemoteError) -> VerifyReport:
    finding = Finding(
        code="verify/missing_table",
        severity=Severity.ERROR,
        location="the workspace",
        message=error.message,
        fix="if it is gone for good: `generate` and `apply`; else give the runner the right to see it",
    )
    return VerifyReport(principals=(), cells=(), rows=(), findings=(finding,))


def verify_options(
    settings: Settings, tokens: Mapping[str, str], *, create_test_principals: bool, local: bool, now: datetime | None = None
) -> VerifyOptions:
    """Return how to verify: identities with their tokens (raise UsageError for one whose variable is not set)."""
    identities = []
    for each in settings.identities:
        if not tokens.get(each.token_env):
            raise UsageError(
                f"verify_identities: {each.name!r} needs a token in the environment variable {each.token_env}",
                fix=f"export {each.token_env}=…",
            )
        identities.append(NamedIdentity(name=each.name, token=tokens[each.token_env], groups=each.groups))
    # On a local workspace only one verification runs at a time, so leftovers of a dead run are removed at once.
    return VerifyOptions(
        create_test_principals=create_test_principals,
        identities=tuple(identities),
        operators=settings.operators,
        stale_after=0.0 if local else 3600.0,
        membership_wait=60.0 if local else 300.0,
        exemptions=tuple(e for e in settings.exemptions if not e.expired((now or datetime.now(UTC)).date())),
    )
