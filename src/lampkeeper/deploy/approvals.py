"""Separation of duties: a saved plan is identified by its hash, and a principal other than its proposer approves it.

Plans are kept in `<env>/plans/<hash>.json`, each with a `<hash>.proposal.json`. Approvals are kept in a separate folder to
which only approvers may write: on Databricks a volume with its own grants.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from lampkeeper.deploy.plan import Plan
from lampkeeper.model.errors import UnsafePlanError, UsageError
from lampkeeper.text.digest import digest_of

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_APPLICATION_ID = re.compile(r"\s*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*\Z", re.IGNORECASE)
"""The form of a service principal's name, its application id; a user's name is an e-mail address."""
_SHORT = re.compile(r"[0-9a-f]{8,64}\Z")


VOLUME = "approvals"
"""The volume of approvals, in the schema of the volume that holds the environments (resources/storage.yml)."""


def approvals_beside(envs: str) -> str:
    """Return the folder of approvals for environments at `/Volumes/<catalog>/<schema>/<volume>/envs`."""
    return "/".join([*envs.split("/")[:4], VOLUME])


class Files(Protocol):
    """The storage of plans, proposals and approvals: a folder in a volume or on this machine."""

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, or None if it does not exist."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Create or replace a file."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Create a file; return False if it exists already."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A proposal or an approval: the principal and the time (UTC)."""

    plan_hash: str
    env: str
    by: str
    at: str
    shown: tuple[str, ...] = ()
    """The lines that were shown to the approver."""


def plan_hash(plan: Plan) -> str:
    """Return the SHA-256 of the plan as it is saved: the same plan on the same state has the same hash."""
    return digest_of(plan.to_json())


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBook:
    """The saved plans of an environment with their proposals and approvals."""

    plans: Files
    approvals: Files
    env: str
    approvers: tuple[str, ...] = ()
    """Application ids of the service principals that may approve; for people, the privileges on the folder decide."""
    options: str = ""
    """The options that `lampkeeper approve` needs besides hash and environment to find these approvals."""

    def how_to_approve(self, wanted: str) -> str:
        """Return the command that approves a plan."""
        return " ".join(word for word in ("lampkeeper approve", wanted, f"--env {self.env}", self.options) if word)

    def propose(self, plan: Plan, by: str, at: str) -> str:
        """Save a plan with its proposer; return its hash. A plan that is proposed already keeps its proposer."""
        found = plan_hash(plan)
        record = Record(plan_hash=found, env=self.env, by=by, at=at)
        self.plans.write(f"{self.env}/plans/{found}.json", plan.to_json().encode())
        self.plans.create(f"{self.env}/plans/{found}.proposal.json", _content(record))
        return found

    def load(self, wanted: str) -> Plan:
        """Return the saved plan of this hash; raise if there is none, or if the content of its file has another hash."""
        _require_hash(wanted)
        raw = self.plans.read(f"{self.env}/plans/{wanted}.json")
        if raw is None:
            raise UsageError(
                f"no plan {wanted[:12]}… was proposed for {self.env!r}", fix="propose one, and take the hash it prints"
            )
        plan = Plan.from_json(raw.decode("utf-8", "replace"))
        if digest_of(raw) != wanted or plan_hash(plan) != wanted:
            raise UnsafePlanError(f"the saved plan {wanted[:12]}… was changed after it was proposed", fix="propose it again")
        return plan

    def proposal(self, wanted: str) -> Record:
        """Return the proposal of a plan."""
        _require_hash(wanted)
        return _record(self.plans.read(f"{self.env}/plans/{wanted}.proposal.json"), wanted, "proposal")

    def approve(self, wanted: str, by: str, at: str, shown: tuple[str, ...] = ()) -> Record:
        """Write the approval of a plan; raise UnsafePlanError if the approver is its proposer.

        A valid approval is kept; an invalid one is replaced.
        """
        self.load(wanted)
        self.require_another(wanted, by)
        record = Record(plan_hash=wanted, env=self.env, by=by, at=at, shown=shown)
        name = f"{self.env}/{wanted}.approval.json"
        if not self.approvals.create(name, _content(record)) and self.approval(wanted) is None:
            self.approvals.write(name, _content(record))
        return self.approval(wanted) or record

    def require_another(self, wanted: str, by: str) -> None:
        """Raise UnsafePlanError for the plan's proposer, and for a service principal that is not listed as approver."""
        if not by or _same(self.proposal(wanted).by, by):
            raise UnsafePlanError(f"{by} proposed this plan and cannot approve it too", fix="let another principal approve it")
        if not self._may_approve(by):
            raise UnsafePlanError(
                f"{by} is a service principal that env.auto.tfvars of {self.env!r} does not list as an approver",
                fix=f'let a person approve, or write approvers = ["{by}"] there, commit it and propose again',
            )

    def _may_approve(self, by: str) -> bool:
        return not _APPLICATION_ID.match(by) or any(_same(by, listed) for listed in self.approvers)

    def approval(self, wanted: str) -> Record | None:
        """Return the valid approval of this plan, by an allowed principal other than its proposer, or None."""
        _require_hash(wanted)
        raw = self.approvals.read(f"{self.env}/{wanted}.approval.json")
        if raw is None:
            return None
        found = _record(raw, wanted, "approval")
        counts = found.env == self.env and not _same(found.by, self.proposal(wanted).by) and self._may_approve(found.by)
        return found if counts else None

    def require_approval(self, wanted: str) -> Record:
        """Return the approval; raise UnsafePlanError without a valid one."""
        found = self.approval(wanted)
        if found is None:
            raise UnsafePlanError(
                f"plan {wanted[:12]}… has no approval by another principal than {self.proposal(wanted).by}",
                fix=self.how_to_approve(wanted),
            )
        return found


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _require_hash(text: str) -> None:
    if not _HASH.match(text):
        short = ", all of them" if _SHORT.match(text) else ""
        raise UsageError(
            f"{text!r} is not the hash of a plan", fix=f"give the 64 hex digits that `plan --propose` printed{short}"
        )


def _content(record: Record) -> bytes:
    return json.dumps(asdict(record), sort_keys=True, indent=1).encode() + b"\n"


def _record(raw: bytes | None, wanted: str, noun: str) -> Record:
    if raw is None:
        raise UnsafePlanError(f"plan {wanted[:12]}… has no {noun}", fix="propose it again")
    try:
        data: Mapping[str, Any] = json.loads(raw)
        found = Record(
            plan_hash=str(data["plan_hash"]),
            env=str(data["env"]),
            by=str(data["by"]),
            at=str(data["at"]),
            shown=tuple(map(str, data.get("shown") or ())),
        )
    except (ValueError, KeyError, TypeError):
        raise UnsafePlanError(f"the {noun} of plan {wanted[:12]}… is damaged", fix="remove it and repeat it") from None
    if found.plan_hash != wanted or not found.by:
        raise UnsafePlanError(f"the {noun} for plan {wanted[:12]}… belongs to another plan", fix="remove it and repeat it")
    return found
