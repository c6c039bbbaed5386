"""An environment for the notebooks to show: a draft with labels, a proposed plan, a history, evidence of a certification."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lampkeeper.cli.main import main
from lampkeeper.deploy.approvals import PlanBook
from lampkeeper.deploy.change import Change
from lampkeeper.deploy.kinds import FUNCTION
from lampkeeper.deploy.plan import Plan, StateVersion
from lampkeeper.deploy.stages import Action, Stage
from lampkeeper.files.local_files import LocalFiles
from lampkeeper.model.layers import Layer
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName
from support.env_folders import bank_folder

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
OPS = "main.lampkeeper_ops"

SHOWN = {
    "quickstart": ("Environment dev", "2 tables", "8 columns"),
    "who_sees_what": ("masked for at least one principal", "dev_fin.finance.customers", "masked by dev_fin.lampkeeper.", "<svg"),
    "labels": ("8 columns", "dev_fin.finance.customers.email", "<svg", ">email<"),
    "review_plan": (
        "1 writes; cells: widened 0",
        "+ function dev_fin.lampkeeper.mask_email",
        "+ RETURN concat(left(v, 1), '***')",
        "<svg",
    ),
    "verify_report": ("2 rows; last: 3 mismatches, 40 cells", "2026-01-02", "<svg"),
    "drift_report": ("1 rows; last: 2 forward, 0 reverse", "<svg", ">2<"),
    "partner_connect": ("<h1>the report of P100</h1>", "blocks the certification", "P100", "nobody waits: 1 of 21"),
}
"""What each notebook must have shown of this world: every notebook has an entry."""

VERIFICATIONS = (
    {"recorded_at": "2026-01-02 00:00:00", "env": "dev", "ok": "false", "mismatches": "3", "cells": "40"},
    {"recorded_at": "2026-01-01 00:00:00", "env": "dev", "ok": "true", "mismatches": "0", "cells": "40"},
)
DRIFT = ({"recorded_at": "2026-01-02 00:00:00", "env": "dev", "forward": "2", "reverse": "0"},)
HISTORY = {f"{OPS}.verifications": VERIFICATIONS, f"{OPS}.drift": DRIFT}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWorld:
    """The folders of the world."""

    envs: Path
    evidence: Path

    def inputs(self, page: str) -> dict[str, str]:
        """Return the widgets' values for a notebook."""
        return {"evidence": str(self.evidence)} if page == "partner_connect" else {"envs": str(self.envs), "env": "dev"}


def make_page_world(root: Path) -> PageWorld:
    """Make everything below a folder."""
    bank_folder(root)
    assert main(("generate", "--offline", "--envs", str(root / "envs"))) == 0
    function = Function(
        name=FunctionName("dev_fin", "lampkeeper", "mask_email"), role=FunctionRole.MASK, returns="STRING",
        parameters=(Parameter(name="v", type="STRING"),), body="concat(left(v, 1), '***')",
    )  # fmt: skip
    change = Change(
        kind=FUNCTION, key="dev_fin|lampkeeper|mask_email", action=Action.CREATE, stage=Stage.PREPARE, after=function,
    )  # fmt: skip
    plan = Plan(env="dev", state_versions=(StateVersion(layer=Layer.DATA_ACCESS, lineage="l", serial=1),), changes=(change,))
    files = LocalFiles(root / "envs")
    PlanBook(plans=files, approvals=files, env="dev").propose(plan, "ana", "2026-01-01")
    evidence = root / "evidence"
    evidence.mkdir()
    (evidence / "report.html").write_text("<h1>the report of P100</h1>")
    (evidence / "report.json").write_text(json.dumps({"summary": "nobody waits: 1 of 21", "blocking": ["P100"], "waiting": []}))
    return PageWorld(envs=root / "envs", evidence=evidence)


class FakeSpark:
    """A session that knows the history tables and fails for others as Spark does."""

    def sql(self, query: str, args: dict[str, Any]) -> FakeSpark:
        """Answer the one query of the pages."""
        assert "IDENTIFIER(:t)" in query
        if args["t"] not in HISTORY:
            where = "[INSUFFICIENT_PERMISSIONS]" if args["t"].startswith("secret.") else "[TABLE_OR_VIEW_NOT_FOUND]"
            raise RuntimeError(f"{where} The table {args['t']}. SQLSTATE: 42501\nmany\nlines")
        self._rows = [row for row in HISTORY[args["t"]] if row["env"] == args["env"]]
        return self

    def collect(self) -> list[Any]:
        """Return rows with asDict."""
        return [type("Row", (), {"asDict": lambda self, row=row: dict(row)})() for row in self._rows]
