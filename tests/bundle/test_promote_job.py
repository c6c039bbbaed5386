"""The step of the job promote, on the shared storage: by the proposer, with the privileges of the table and no others."""

from __future__ import annotations

import json

import pytest
import yaml

from support.bundle_jobs import ROOT
from support.job_flags import task_flags
from support.light_sql import light_runner
from support.role_places import role_place

MAP = ("--catalog-map", "dev_fin=prod_fin")


@pytest.mark.server
def test_the_proposer_carries_an_environment_in_the_volume() -> None:
    with role_place(None, light_runner) as place:
        for words in (("snapshot",), ("generate", "--offline")):
            answer = place.step("proposer", *words)
            assert answer.code == 0, answer.err
        envs = place.jobs.envs
        source = place.jobs.read(f"{envs}/prod/generated/abac.auto.tfvars")

        answer = place.command("proposer", "promote", "--to", "copy", *MAP, "--run-id", "8")
        assert answer.code == 0, answer.err
        settings = place.jobs.read(f"{envs}/copy/env.auto.tfvars")
        draft = place.jobs.read(f"{envs}/copy/generated/abac.auto.tfvars")
        assert "prod_fin.finance.*" in str(settings)
        assert "dev_fin" not in str(draft)
        assert str(draft).replace("prod_fin", "dev_fin") == str(source)
        assert place.jobs.read(f"{envs}/prod/generated/abac.auto.tfvars") == source
        record = json.loads(place.jobs.read(f"{envs}/runs/prod/8/promote.json"))
        assert record["exit_code"] == 0
        refused = place.command("proposer", "promote", "--to", "copy", "--catalog-map", "dev_fn=prod_fin")
        assert (refused.code, "lacks dev_fin" in refused.err) == (2, True)
        outsider = place.command("otto@bank.example", "promote", "--to", "copy", *MAP)
        assert outsider.code == 4


@pytest.mark.unit
def test_the_job_plans_the_destination_after_the_promotion_and_asks_for_an_approval() -> None:
    (job,) = yaml.safe_load((ROOT / "resources" / "promote.job.yml").read_text())["resources"]["jobs"].values()
    steps = [task_flags(t) for t in job["tasks"] if "python_wheel_task" in t]
    assert [command for command, _ in steps] == ["promote", "plan", "outcome"]
    assert all(flags["--env"] == "{{job.parameters.env}}" for _, flags in steps)
    assert {"--propose", "--approvals", "--input"} <= set(steps[1][1])
    assert "apply" not in [command for command, _ in steps]
