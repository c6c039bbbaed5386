"""Whoever writes a file of an environment to the volume: what differs from the deployed one is named, approved, and stays so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support.bank_places import Answer
from support.light_sql import light_runner
from support.role_places import APPROVER, ENV, RolePlace, role_place

pytestmark = pytest.mark.server
GOVERNING = ("/tag-policies", "/entity-tag-assignments", "/policies", "/scim/", "/unity-catalog/permissions/", "/functions")
WRITERS = ("proposer", "runner", "verifier")
OTHERS = {
    "env.auto.tfvars": 'unreviewed = "allow"\n', "taxonomy.yaml": "tags: []\n", "overlays/evil.yaml": "code: EV\n",
    "masks/mask_evil.sql": "-- evil\n",
}  # fmt: skip


VALID = {"env.auto.tfvars": OTHERS["env.auto.tfvars"], "decisions.yaml": "decisions: []\n", "masks/checked.json": "{}\n"}
"""What a plan can be made of; with the others `validate` finds mistakes first."""


class Chain:
    """The bank with its deployed files, proposed and approved plans."""

    def __init__(self, place: RolePlace, bundle_inputs: Path) -> None:
        """Take the settings of the volume as the deployed ones."""
        self.place, self.bundle_inputs = place, bundle_inputs
        self.settings = place.jobs.read(self.path("env.auto.tfvars"))
        (bundle_inputs / ENV).mkdir(parents=True)
        (bundle_inputs / ENV / "env.auto.tfvars").write_text(self.settings)
        for step, words in (("snapshot", ("--input", str(bundle_inputs))), ("generate", ("--offline",)), ("validate", ())):
            answer = place.step("proposer", step, *words)
            assert answer.code == 0, answer.err

    def path(self, name: str) -> str:
        return f"{self.place.jobs.envs}/{ENV}/{name}"

    def put(self, who: str, name: str, text: str) -> int:
        with self.place.space.http(self.place.space.mint(self.place.names.get(who, who))) as http:
            return http.put(f"/api/2.0/fs/files{self.path(name)}?overwrite=true", content=text.encode()).status_code

    def undo(self, name: str) -> None:
        if name == "env.auto.tfvars":
            self.place.jobs.write(self.path(name), self.settings)
        else:
            with self.place.space.http() as http:
                http.delete(f"/api/2.0/fs/files{self.path(name)}")

    def propose(self) -> tuple[str, str]:
        answer = self.place.step("proposer", "plan", "--propose", "--input", str(self.bundle_inputs))
        assert answer.code in (0, 3), answer.err
        return next(line.split()[-1] for line in answer.out.splitlines() if line.startswith("plan hash")), answer.out

    def apply(self, plan_hash: str, *words: str) -> Answer:
        given = ("--plan-hash", plan_hash, "--input", str(self.bundle_inputs), *words)
        return self.place.step("runner", "apply", *given)

    def writes(self) -> list[str]:
        return [f"{w['method']} {w['path']}" for w in self.place.space.writes() if any(part in w["path"] for part in GOVERNING)]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with role_place(None, light_runner) as place:
        yield Chain(place, tmp_path_factory.mktemp("deployed"))


def changed(chain: Chain, name: str, texts: Mapping[str, str]) -> str:
    return (chain.settings + texts[name]) if name == "env.auto.tfvars" else texts[name]


def test_files_that_are_not_as_deployed_need_an_approval_that_names_them(chain: Chain) -> None:
    for name, who in zip(sorted(VALID), itertools.cycle(WRITERS), strict=False):
        assert chain.put(who, name, changed(chain, name, VALID)) == 204
    try:
        plan_hash, said = chain.propose()
        assert [line for line in said.splitlines() if line.startswith("not as deployed")] == [
            f"not as deployed: {name}" for name in sorted(VALID)
        ]
        chain.place.space.control("DELETE", "requests")
        refused = chain.apply(plan_hash)
        assert (refused.code, "no approval by another principal" in refused.err) == (3, True), refused.err
        assert chain.writes() == []
    finally:
        for name in VALID:
            chain.undo(name)


def test_a_first_opening_needs_an_approval_that_names_it_and_files_stay_as_they_were(chain: Chain) -> None:
    plan_hash, said = chain.propose()
    assert "first access (tables governed here for the first time)" in said
    assert "not as deployed" not in said
    chain.place.space.control("DELETE", "requests")
    assert chain.apply(plan_hash, "--approved").code == 3
    approved = chain.place.command(APPROVER, "approve", plan_hash, "--yes")
    assert (approved.code, "first access (tables governed here" in approved.out, "+ policy" in approved.out) == (0, True, True), (
        approved.err
    )
    for name, who in zip(sorted(OTHERS), itertools.cycle(WRITERS), strict=False):
        assert chain.put(who, name, changed(chain, name, OTHERS)) == 204
        refused = chain.apply(plan_hash, "--approved")
        chain.undo(name)
        reported = f"{name} is not as it was when the plan was made"
        assert (refused.code, reported in refused.err) == (3, True), f"{who} {name}: {refused.err}"
    assert chain.writes() == []
    done = chain.apply(plan_hash, "--approved")
    assert done.code == 0, done.err


@pytest.mark.parametrize("who", [*WRITERS, APPROVER, "otto@bank.example"])
def test_nobody_writes_what_is_not_theirs(chain: Chain, who: str) -> None:
    expected = 204 if who in WRITERS else 403
    assert chain.put(who, "overlays/mine.yaml", "x") == expected
    chain.undo("overlays/mine.yaml")
    with chain.place.space.http(chain.place.space.mint(chain.place.names.get(who, who))) as http:
        approval = f"/api/2.0/fs/files{chain.place.jobs.approvals}/{ENV}/{'0' * 64}.approval.json"
        assert (http.put(approval, content=b"{}").status_code == 204) == (who == APPROVER)
        file = f"{chain.place.jobs.files}/envs/{ENV}/env.auto.tfvars"
        answer = http.post(f"/api/2.0/workspace-files/import-file{file}?overwrite=true", content=b"x")
        assert answer.status_code in (403, 404), f"{who}: {answer.status_code}"
