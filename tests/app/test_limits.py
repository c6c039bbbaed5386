"""Quotas: the platform's own where it tells them, the settings' where they are smaller, else the documented ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from lampkeeper.app.generating import generate
from lampkeeper.app.inputs import EnvInputs
from lampkeeper.app.planning import make_env_plan
from lampkeeper.app.snapshots import take_snapshot
from lampkeeper.app.validating import validate
from lampkeeper.deploy.direct import apply_plan
from lampkeeper.deploy.preflight import preflight
from lampkeeper.deploy.wait import PropagationWait
from lampkeeper.design.synthesis.packing import RemainingQuota
from lampkeeper.files.quotas_file import FILE, read_quotas, render_quotas
from lampkeeper.model.errors import RemoteError, UsageError
from lampkeeper.model.quotas import LIMIT_NAMES, PolicyQuotas, Quota
from lampkeeper.remote import quotas as live
from support.env_folders import bank_folder
from support.governed_places import Place, light_place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with light_place(tmp_path / "place") as running:
        running.sql(
            "CREATE CATALOG dev_fin",
            "CREATE SCHEMA dev_fin.finance",
            "CREATE TABLE dev_fin.finance.customers (id BIGINT, first_name STRING, ssn STRING, email STRING)",
            "CREATE FUNCTION dev_fin.finance.f(v STRING) RETURNS STRING RETURN NULL",
        )
        for name in ("ana@bank.example", "olga@bank.example", "fay@bank.example"):
            running.user(name)
        yield running


def theirs(place: Place, count: int) -> None:
    """Let another team make policies on the catalog."""
    place.workspace.write("test", "POST", "/api/2.1/tag-policies", {"tag_key": "other"})
    for number in range(count):
        column = {"function_name": "dev_fin.finance.f", "on_column": "m"}
        body = {
            "name": f"theirs{number}", "policy_type": "POLICY_TYPE_COLUMN_MASK", "on_securable_type": "CATALOG",
            "on_securable_fullname": "dev_fin", "to_principals": ["account users"], "for_securable_type": "TABLE",
            "match_columns": [{"alias": "m", "condition": "has_tag('other')"}], "column_mask": column,
        }  # fmt: skip
        place.workspace.write("test", "POST", "/api/2.1/unity-catalog/policies", body)


@pytest.mark.server
def test_what_others_use_of_a_quota_is_no_room_for_us(place: Place, tmp_path: Path) -> None:
    theirs(place, 4)
    folder = bank_folder(tmp_path)
    take_snapshot(EnvInputs(folder), place.workspace)
    assert EnvInputs(folder).remaining_quota.others == {"dev_fin": 4}
    assert (EnvInputs(folder).remaining_quota.elsewhere, EnvInputs(folder).remaining_quota.policies_per_metastore) == (4, 10_000)
    made = generate(EnvInputs(folder))
    ours, here = len(made.desired.policies), sum(p.securable == ("dev_fin",) for p in made.desired.policies)
    assert here == ours - 1  # the fallback stands on the schema
    plan, states = make_env_plan(EnvInputs(folder), place.workspace)
    apply_plan(plan, place.workspace, states, wait=PropagationWait(seconds=0))
    take_snapshot(EnvInputs(folder), place.workspace)
    # Ours are counted by the platform too, and are not others'.
    assert EnvInputs(folder).remaining_quota.others == {"dev_fin": 4}
    tight, tight_here = (Quota(count=n + 4, limit=n + 3) for n in (ours, here))
    (folder.path / FILE).write_text(render_quotas(PolicyQuotas(metastore=tight, catalogs={"dev_fin": tight_here})))
    assert len(generate(EnvInputs(folder)).desired.policies) == ours
    found = {f.code: f for f in validate(EnvInputs(folder))}
    assert f"{here + 4} policies (4 of others), the quota of a catalog is {here + 3}" in found["LK304"].message
    assert f"{ours + 4} policies (4 of others), the quota of a metastore is {ours + 3}" in found["LK309"].message
    full = Quota(count=ours + 4, limit=5)
    (folder.path / FILE).write_text(render_quotas(PolicyQuotas(metastore=full, catalogs={"dev_fin": full})))
    assert "LK020" in {f.code for f in generate(EnvInputs(folder)).findings}


@pytest.mark.server
def test_policies_that_find_no_room_are_refused_before_the_first_write(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bank_folder(tmp_path)
    take_snapshot(EnvInputs(folder), place.workspace)
    generate(EnvInputs(folder))
    plan, _ = make_env_plan(EnvInputs(folder), place.workspace)
    assert preflight(plan, place.workspace) == ()
    monkeypatch.setattr(live, "_quota", lambda workspace, kind, parent: Quota(count=98, limit=100))
    assert {(f.code, f.location) for f in preflight(plan, place.workspace)} == {
        ("QUOTA_EXCEEDED", "catalog dev_fin"), ("QUOTA_EXCEEDED", "metastore"),
    }  # fmt: skip


class Silent:
    """A workspace that tells no quota."""

    def __init__(self, status: int) -> None:
        self.status = status

    def get(self, kind: str, path: str) -> dict[str, str]:
        raise RemoteError("no", status=self.status)


@pytest.mark.unit
@pytest.mark.parametrize("status", [400, 403, 404, 501])
def test_a_platform_that_does_not_tell_leaves_the_documented_limits(status: int) -> None:
    assert live.read_policy_quotas(Silent(status), ["c"]) == PolicyQuotas()  # type: ignore[arg-type]


@pytest.mark.unit
def test_a_platform_that_fails_is_no_platform_that_does_not_tell() -> None:
    with pytest.raises(RemoteError):
        live.read_policy_quotas(Silent(500), ["c"])  # type: ignore[arg-type]


@pytest.mark.unit
def test_the_settings_make_limits_smaller_and_never_larger_than_the_live_ones(tmp_path: Path) -> None:
    folder = bank_folder(tmp_path)
    said = folder.settings_path.read_text()
    folder.settings_path.write_text(said + "limits = { policies_per_catalog = 10, principals_per_policy = 5 }\n")
    assert (EnvInputs(folder).remaining_quota.policies_per_catalog, EnvInputs(folder).remaining_quota.principals_per_policy) == (
        10,
        5,
    )
    quotas = PolicyQuotas(catalogs={"a": Quota(count=1, limit=8), "b": Quota(count=0, limit=100)})
    (folder.path / FILE).write_text(render_quotas(quotas))
    assert read_quotas((folder.path / FILE).read_text(), folder.path / FILE) == quotas
    assert EnvInputs(folder).remaining_quota == RemainingQuota(policies_per_catalog=8, principals_per_policy=5, others={"a": 1})
    (folder.path / FILE).write_text('{"catalogs": []}')
    with pytest.raises(UsageError, match="damaged"):
        _ = EnvInputs(folder).remaining_quota


@pytest.mark.unit
@pytest.mark.parametrize("said", ["limits = { policies_per_catalog = 0 }", "limits = { tables = 3 }", "limits = 3"])
def test_a_limit_that_is_none_is_an_error_with_its_location(tmp_path: Path, said: str) -> None:
    folder = bank_folder(tmp_path)
    folder.settings_path.write_text(f"{said}\n")
    with pytest.raises(UsageError, match=r"env.auto.tfvars:1:\d+"):
        folder.settings()


@pytest.mark.unit
def test_every_limit_can_be_set() -> None:
    assert set(LIMIT_NAMES) == {f.name for f in fields(RemainingQuota)} - {"others", "elsewhere"}
