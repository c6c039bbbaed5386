"""A plan: the changes, their effect on access, and the state versions that it is for. A value that JSON can represent."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lampkeeper.deploy.change import Change
from lampkeeper.deploy.existing_controls import REFUSED
from lampkeeper.deploy.owners import OwnerPlan
from lampkeeper.model.effective import Direction, MatrixChange
from lampkeeper.model.errors import UsageError
from lampkeeper.model.findings import Finding, Severity, has_errors
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import TableName

_FORMAT = 5


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class StateVersion:
    """The lineage and serial of a layer's state at the time of a plan."""

    layer: Layer
    lineage: str
    serial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedLayer:
    """A saved plan of Terraform for one layer: the bytes that `terraform apply` takes."""

    layer: Layer
    content: bytes = field(repr=False)

    def as_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"layer": str(self.layer), "content": base64.b64encode(self.content).decode("ascii")}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SavedLayer:
        """Read the JSON form; raise KeyError or ValueError if it is malformed."""
        return cls(layer=Layer(data["layer"]), content=base64.b64decode(data["content"], validate=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The changes in the order of the apply.

    `widening`: access gained on tables that were governed before (must be allowed). `first_access`: access gained on tables that
    were not. `narrowing`: access lost. `exposures`: transient exposures (refused like widening). `restoring`: access gained that
    the state files record, so that it repairs drift.
    `already_there`: live objects that equal the desired ones but belong to others. `tables` are those governed after the apply. A
    plan with a finding of severity error cannot be applied. `files` are the environment's files that people write, with their
    digests; `undeployed` the names of those that differ from the deployed bundle. `owners`: the environment's owner files after
    the apply. `examples`: function, the arguments of one of its examples, and its result. `desired`: the digest of the layer
    files that the plan is for, empty for a destroy. `terraform`: the saved plans that hold the changes with an address.
    """

    env: str
    state_versions: tuple[StateVersion, ...]
    changes: tuple[Change[Any], ...] = ()
    widening: tuple[MatrixChange, ...] = ()
    first_access: tuple[MatrixChange, ...] = ()
    narrowing: tuple[MatrixChange, ...] = ()
    exposures: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    already_there: tuple[str, ...] = ()
    tables: tuple[TableName, ...] = ()
    destroys: bool = False
    restoring: tuple[MatrixChange, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    undeployed: tuple[str, ...] = ()
    owners: OwnerPlan = field(default_factory=OwnerPlan)
    examples: tuple[tuple[str, str, str], ...] = ()
    desired: str = ""
    terraform: tuple[SavedLayer, ...] = ()

    @property
    def empty(self) -> bool:
        """Return whether there is nothing to do, not even in the state files or owner files."""
        return not self.changes and not self.owners.stale

    @property
    def writes(self) -> int:
        """Return the number of writes that the apply will send."""
        return sum(1 for c in self.changes if c.action.writes)

    @property
    def blocked(self) -> bool:
        """Return whether findings forbid the apply."""
        return has_errors(self.findings)

    @property
    def refused(self) -> bool:
        """Return whether after the apply every query of a column or table would fail, which makes the plan unsafe."""
        return any(f.severity is Severity.ERROR and f.code in REFUSED for f in self.findings)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Return the layers that the plan covers."""
        return tuple(s.layer for s in self.state_versions)

    def of_layer(self, layer: Layer) -> tuple[Change[Any], ...]:
        """Return the changes of one layer, in order."""
        return tuple(c for c in self.changes if c.layer is layer)

    def counts(self, layer: Layer) -> dict[str, int]:
        """Return the number of changes of a layer by action."""
        return dict(sorted(Counter(str(c.action) for c in self.of_layer(layer)).items()))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        document = {
            "format": _FORMAT,
            "env": self.env,
            "state_versions": [{"layer": str(s.layer), "lineage": s.lineage, "serial": s.serial} for s in self.state_versions],
            "changes": [c.as_dict() for c in self.changes],
            "widening": [_matrix_dict(c) for c in self.widening],
            "first_access": [_matrix_dict(c) for c in self.first_access],
            "narrowing": [_matrix_dict(c) for c in self.narrowing],
            "exposures": list(self.exposures),
            "findings": [f.as_dict() for f in self.findings],
            "already_there": list(self.already_there),
            "tables": [list(t.parts) for t in self.tables],
            "destroys": self.destroys,
            "restoring": [_matrix_dict(c) for c in self.restoring],
            "files": [list(f) for f in self.files],
            "undeployed": list(self.undeployed),
            "owners": self.owners.as_dict(),
            "examples": [list(e) for e in self.examples],
            "desired": self.desired,
        }
        return document | ({"terraform": [s.as_dict() for s in self.terraform]} if self.terraform else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """Read the JSON form; raise UsageError if it is not a plan of this version."""
        if data.get("format") != _FORMAT:
            raise UsageError(f"not a saved plan of format {_FORMAT}", fix="run `plan` again")
        try:
            return cls(
                env=data["env"],
                state_versions=tuple(
                    StateVersion(layer=Layer(s["layer"]), lineage=s["lineage"], serial=s["serial"])
                    for s in data["state_versions"]
                ),
                changes=tuple(Change.from_dict(c) for c in data["changes"]),
                widening=tuple(_matrix_change(c) for c in data["widening"]),
                first_access=tuple(_matrix_change(c) for c in data["first_access"]),
                narrowing=tuple(_matrix_change(c) for c in data["narrowing"]),
                exposures=tuple(data["exposures"]),
                findings=tuple(Finding(**(f | {"severity": Severity(f["severity"])})) for f in data["findings"]),
                already_there=tuple(data["already_there"]),
                tables=tuple(TableName(*t) for t in data["tables"]),
                destroys=bool(data["destroys"]),
                restoring=tuple(_matrix_change(c) for c in data["restoring"]),
                files=tuple((str(name), str(digest)) for name, digest in data["files"]),
                undeployed=tuple(str(name) for name in data["undeployed"]),
                owners=OwnerPlan.from_dict(data["owners"]),
                examples=tuple((str(name), str(given), str(returned)) for name, given, returned in data["examples"]),
                desired=str(data["desired"]),
                terraform=tuple(SavedLayer.from_dict(s) for s in data.get("terraform", ())),
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"the saved plan is damaged: {error}", fix="run `plan` again") from None

    def to_json(self) -> str:
        """Return the plan as JSON text, keys sorted."""
        return json.dumps(self.as_dict(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read the JSON text of `to_json`; raise UsageError for any other text."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise UsageError(f"the saved plan is not JSON: line {error.lineno}, column {error.colno}") from None
        return cls.from_dict(data if isinstance(data, dict) else {})

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a saved plan; raise UsageError if the file cannot be read."""
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"cannot read the plan {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UsageError(f"{path}: the saved plan is not text", fix="run `plan` again") from None
        except UsageError as error:
            raise UsageError(f"{path}: {error.message}", fix=error.fix or "run `plan` again") from None


def _matrix_dict(change: MatrixChange) -> dict[str, Any]:
    return {
        "principal": change.principal,
        "table": list(change.table.parts),
        "column": change.column,
        "before": change.before,
        "after": change.after,
        "direction": str(change.direction),
    }


def _matrix_change(data: Mapping[str, Any]) -> MatrixChange:
    return MatrixChange(
        principal=data["principal"],
        table=TableName(*data["table"]),
        column=data["column"],
        before=data["before"],
        after=data["after"],
        direction=Direction(data["direction"]),
    )
