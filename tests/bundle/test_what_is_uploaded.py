"""What a deploy uploads, computed from the bundle's files: all that people write of an environment, and no secret."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lampkeeper.app.bundle_inputs import WRITTEN
from lampkeeper.files.decisions import FILE as DECISIONS
from support.bundle_jobs import ROOT, bundle_document, copy_project
from support.bundle_sync import uploaded

pytestmark = pytest.mark.unit
SYNC = bundle_document()["sync"]
PEOPLE_WRITE = {f"envs/{env}/{p.replace('*', 'own')}" for p in (*WRITTEN, DECISIONS) for env in ("dev", "prod")}
PRIVATE = {
    "auth.auto.tfvars", "overlays/auth.auto.tfvars", "masks/token.txt", "state.json",
    "state.json.journal", "data_access/state.json",
    "data_access/abac.auto.tfvars", "snapshot.json", "generated/labels.jsonl", "generated/abac.auto.tfvars", ".lock",
    "quotas.json", "plans/x.json", "ddl/_fetched.sql", "profiles/x.json", "history/1/abac.auto.tfvars", "env.auto.tfvars.bak",
}  # fmt: skip


@pytest.fixture(params=["with .gitignore", "without it"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = copy_project(tmp_path)
    if request.param == "with .gitignore":
        shutil.copy(ROOT / ".gitignore", folder)
    names = PEOPLE_WRITE | {f"envs/{env}/{n}" for n in PRIVATE for env in ("dev", "prod", "account")}
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_of_envs_what_people_write_is_uploaded_and_nothing_else(project: Path) -> None:
    assert {name for name in uploaded(project, SYNC) if name.startswith("envs/")} == PEOPLE_WRITE


def test_the_list_of_the_bundle_is_the_list_of_the_jobs() -> None:
    named = [p.removeprefix("envs/*/") for p in SYNC["include"] if p.startswith("envs/")]
    assert sorted(named) == sorted((*WRITTEN, DECISIONS))


def test_the_rules_of_git_alone_would_upload_no_environment(tmp_path: Path) -> None:
    # Why there is a list: for the CLI the rule /envs/*/* matches the folder of an environment too.
    (tmp_path / ".gitignore").write_text("/envs/*/*\n!/envs/*/env.auto.tfvars\n")
    (tmp_path / "envs" / "dev").mkdir(parents=True)
    (tmp_path / "envs" / "dev" / "env.auto.tfvars").write_text("")
    assert uploaded(tmp_path, {"paths": ["envs"]}) == ()
    assert uploaded(tmp_path, {"paths": [], "include": SYNC["include"]}) == ("envs/dev/env.auto.tfvars",)


def test_every_file_that_a_resource_names_among_the_bundles_files_is_uploaded(project: Path) -> None:
    texts = "\n".join(p.read_text() for p in (*sorted((ROOT / "resources").glob("*.yml")), ROOT / "databricks.yml"))
    named = set(re.findall(r"\$\{workspace\.file_path\}/([\w./-]+)", texts))
    named |= {n.removeprefix("../") for n in re.findall(r"notebook_path: (\S+)", texts)}
    there = uploaded(project, SYNC)
    assert named >= {"envs", "examples/partner.json", "notebooks/partner_connect.ipynb"}
    assert {n for n in named if not any(name == n or name.startswith(f"{n}/") for name in there)} == set()
