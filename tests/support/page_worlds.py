"""An environment for the notebooks to show: a draft with labels, a proposed plan, a history, evidence of a certification."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
from lampkeeper.model.effective import Direction, MatrixChange
from lampkeeper.model.layers import Layer
from lampkeeper.model.masks import Function, FunctionRole, Parameter
from lampkeeper.model.names import FunctionName, TableName
from support.env_folders import bank_folder, table

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
OPS = "main.lampkeeper_ops"

SHOWN = {
    "tour": ("the name contains email", "1 applied plan changed 2 cells", "'ida@example.com'", "SELECT\n  `id`"),
    "explore": ("see 3 of 5 columns of dev_fin.finance.customers differently", "masked by dev_fin.lampkeeper.", "SELECT\n  `id`"),
    "decide": ("undecided or disputed in dev: 1 column", "dev_fin.finance.events.payload", "fill in reason and decided by"),
    "plan": (
        "1 write; 1 cell: widens access, 1 cell: narrows access",
        "+ RETURN concat(left(v, 1), '***')",
        "lampkeeper approve",
    ),
    "verify": ("2 verifications of dev; the last found 3 mismatches in 40 cells", "masked by f", "<svg"),
    "drift": (
        "1 audit of dev; the last found 2 unprotected columns",
        "dev_fin.finance.customers.city",
        "the backup reads all",
        "<svg",
    ),
    "partner_connect": ("<h1>the report of P100</h1>", "blocks the certification", "P100", "nobody waits: 1 of 21"),
}
"""What each notebook must have shown of this world: every notebook has an entry."""

VERIFICATIONS = (
    {
        "recorded_at": "2026-01-02 00:00:00", "env": "dev", "run_id": "7", "actor": "ana", "ok": "false", "mismatches": "3",
        "cells": "40", "wrong": '["member of data_analysts: dev_fin.finance.customers.email: masked by f, seen raw"]',
    },
    {
        "recorded_at": "2026-01-01 00:00:00", "env": "dev", "run_id": "6", "actor": "ana", "ok": "true", "mismatches": "0",
        "cells": "40", "wrong": "[]",
    },
)  # fmt: skip
DRIFT = (
    {
        "recorded_at": "2026-01-02 00:00:00", "env": "dev", "run_id": "7", "forward": "2", "reverse": "0",
        "entities": '["dev_fin.finance.customers.city: sensitive, and nothing protects it"]',
    },
)  # fmt: skip
APPLIES = (
    {"recorded_at": "2026-01-02 00:00:00", "env": "dev", "outcome": "done", "plan_hash": ""},
    {"recorded_at": "2026-01-02 00:00:00", "env": "dev", "outcome": "began", "plan_hash": ""},
)
HISTORY: dict[str, tuple[dict[str, str], ...]] = {
    f"{OPS}.verifications": VERIFICATIONS,
    f"{OPS}.drift": DRIFT,
    f"{OPS}.applies": APPLIES,
}
"""The history tables; `make_page_world` fills in the hash of its plan."""

EXEMPTIONS = """
exemptions = [
  { principal = "backup", kind = "backup", reason = "the backup reads all", owner = "olga@bank.example", expires = "2099-01-31" },
]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWorld:
    """The folders of the world."""

    envs: Path
    evidence: Path

    def inputs(self, page: str) -> dict[str, str]:
        """Return the widgets' values for a notebook."""
        if page == "partner_connect":
            return {"evidence": str(self.evidence)}
        given = {"envs": str(self.envs), "env": "dev"}
        if page in ("tour", "verify", "drift"):
            given["history"] = OPS
        if page in ("tour", "explore"):
            given |= {"table": "dev_fin.finance.customers"}
        return given | ({"principal_a": "ana@bank.example", "principal_b": "olga@bank.example"} if page == "explore" else {})


def make_page_world(root: Path) -> PageWorld:
    """Make everything below a folder."""
    folder = bank_folder(root, extra=(table("dev_fin", "events", event_id="BIGINT", payload="STRING"),))
    folder.settings_path.write_text(folder.settings_path.read_text() + EXEMPTIONS)
    assert main(("generate", "--offline", "--envs", str(root / "envs"))) == 0
    function = Function(
        name=FunctionName("dev_fin", "lampkeeper", "mask_email"), role=FunctionRole.MASK, returns="STRING",
        parameters=(Parameter(name="v", type="STRING"),), body="concat(left(v, 1), '***')",
    )  # fmt: skip
    change = Change(
        kind=FUNCTION, key="dev_fin|lampkeeper|mask_email", action=Action.CREATE, stage=Stage.PREPARE, after=function,
    )  # fmt: skip
    customers = TableName("dev_fin", "finance", "customers")
    masked = f"masked by {function.name.plain}"
    narrows = MatrixChange(
        principal="ana@bank.example", table=customers, column="email", before="raw", after=masked, direction=Direction.NARROWER
    )
    widens = MatrixChange(
        principal="olga@bank.example", table=customers, column="ssn", before="hidden", after="raw", direction=Direction.WIDER
    )
    plan = Plan(
        env="dev", state_versions=(StateVersion(layer=Layer.DATA_ACCESS, lineage="l", serial=1),), changes=(change,),
        widening=(widens,), narrowing=(narrows,), examples=((function.name.plain, "'ida@example.com'", "'i***'"),),
    )  # fmt: skip
    files = LocalFiles(root / "envs")
    hash_ = PlanBook(plans=files, approvals=files, env="dev").propose(plan, "ana", "2026-01-01")
    HISTORY[f"{OPS}.applies"] = tuple(row | {"plan_hash": hash_} for row in APPLIES)
    evidence = root / "evidence"
    evidence.mkdir()
    (evidence / "report.html").write_text("<h1>the report of P100</h1>")
    (evidence / "report.json").write_text(json.dumps({"summary": "nobody waits: 1 of 21", "blocking": ["P100"], "waiting": []}))
    return PageWorld(envs=root / "envs", evidence=evidence)


class FakeSpark:
    """A session that knows the history tables and temporary views, and fails for others as Spark does."""

    def __init__(self) -> None:
        self._views: dict[str, list[dict[str, Any]]] = {}

    def createDataFrame(self, rows: list[tuple[Any, ...]], schema: str) -> FakeFrame:  # noqa: N802  (Spark's name)
        """Return a data frame of local rows."""
        names = [part.strip().split(" ")[0].strip("`") for part in schema.split(",")]
        return FakeFrame(self._views, [dict(zip(names, row, strict=True)) for row in rows])

    def sql(self, query: str, args: dict[str, Any] | None = None) -> FakeFrame:
        """Answer the queries of the notebooks."""
        given = args or {}
        if "IDENTIFIER(:t)" in query:
            if given["t"] not in HISTORY:
                where = "[INSUFFICIENT_PERMISSIONS]" if given["t"].startswith("secret.") else "[TABLE_OR_VIEW_NOT_FOUND]"
                raise RuntimeError(f"{where} The table {given['t']}. SQLSTATE: 42501\nmany\nlines")
            return FakeFrame(self._views, [row for row in HISTORY[given["t"]] if row["env"] == given["env"]])
        view = next((name for name in self._views if f"FROM {name}" in query), None)
        if view is None:
            return FakeFrame(self._views, [{"statement": query}])
        return FakeFrame(self._views, [row for row in self._views[view] if row["principal"] in given.values()])


class FakeFrame:
    """Rows of a fake session."""

    def __init__(self, views: dict[str, list[dict[str, Any]]], rows: list[dict[str, Any]]) -> None:
        self._views, self._rows = views, rows
        self.columns = list(rows[0]) if rows else []

    def createOrReplaceTempView(self, name: str) -> None:  # noqa: N802  (Spark's name)
        """Keep the rows under a name."""
        self._views[name] = self._rows

    def limit(self, number: int) -> FakeFrame:
        """Return the first rows."""
        return FakeFrame(self._views, self._rows[:number])

    def collect(self) -> list[Any]:
        """Return rows with asDict."""
        return [FakeRow(row) for row in self._rows]

    def __str__(self) -> str:
        return "\n".join(str(sorted(row.items())) for row in self._rows)


class FakeRow:
    """A row: its values in order, and `asDict`."""

    def __init__(self, row: dict[str, Any]) -> None:
        self._row = row

    def __iter__(self) -> Iterator[Any]:
        return iter(self._row.values())

    def asDict(self) -> dict[str, Any]:  # noqa: N802  (Spark's name)
        """Return names and values."""
        return dict(self._row)
