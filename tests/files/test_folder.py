"""The env folder: layers, merging, whole writes, secrets, names."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from lampkeeper.files.folder import EnvFolder, environments
from lampkeeper.files.folder_texts import README
from lampkeeper.files.settings import Settings
from lampkeeper.files.text import read_text, write_texts
from lampkeeper.model.auth import Auth
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import UsageError
from lampkeeper.model.groups import Group
from lampkeeper.model.labels import Label, LabelClass, Protect
from lampkeeper.model.layers import Layer
from lampkeeper.model.names import ColumnName, TableName
from lampkeeper.model.schema import Column, Snapshot, Table
from lampkeeper.model.tags import TagPolicy
from support.nightly import law
from support.states import desired_states

pytestmark = pytest.mark.unit


def state(*people: str, values: tuple[str, ...] = ("masked",), description: str = "") -> Desired:
    return Desired(
        groups=(Group(name="officers", description=description),),
        members={"officers": people},
        tag_policies=(TagPolicy(key="pii_level", values=values),),
    )


def folder(root: Path, env: str, draft: Desired) -> EnvFolder:
    made = EnvFolder(root, env)
    made.setup(Settings())
    made.write_draft(draft)
    return made


@law(40)
@given(desired_states)
def test_draft_split_and_read_give_the_desired_state(tmp_path_factory, desired):
    env = folder(tmp_path_factory.mktemp("env"), "dev", desired)
    assert env.read_draft() == desired
    assert env.split() == ()
    assert env.read_desired() == desired
    before = {p: p.stat().st_mtime_ns for p in env.root.rglob("*") if p.is_file()}
    env.write_draft(desired)
    env.split()
    assert {p: p.stat().st_mtime_ns for p in env.root.rglob("*") if p.is_file()} == before, "a second run writes nothing"


def test_the_account_file_unites_what_the_environments_ask_for(tmp_path):
    folder(tmp_path, "dev", state("ana", values=("masked", "dev_only"))).split()
    prod = folder(tmp_path, "prod", state("ben", values=("masked", "prod_only")))
    prod.split()
    merged = prod.read_desired()
    assert merged.members == {"officers": ("ana", "ben")}
    assert merged.tag_policies[0].values == ("dev_only", "masked", "prod_only")


def test_what_an_environment_takes_back_goes_and_what_others_or_people_put_there_stays(tmp_path):
    folder(tmp_path, "prod", state("ben", "cleo")).split()
    dev = folder(tmp_path, "dev", state("ana", "cleo"))
    dev.split()
    account = dev.layer_path(Layer.ACCOUNT) / "abac.auto.tfvars"
    account.write_text(account.read_text().replace('"ana"', '"ana", "by_hand"'))
    dev.write_draft(state())
    dev.split()
    assert dev.read_desired().members == {"officers": ("ben", "by_hand", "cleo")}


def test_a_description_that_is_there_stays_and_says_so(tmp_path):
    folder(tmp_path, "prod", state(description="old")).split()
    dev = folder(tmp_path, "dev", state(description="new"))
    (finding,) = dev.split()
    assert finding.code == "ACCOUNT_DESCRIPTION_DIFFERS"
    assert dev.read_desired().groups[0].description == "old"


def test_an_external_group_is_external_for_all(tmp_path):
    folder(tmp_path, "prod", replace(state(), groups=(Group(name="officers", external=True),))).split()
    dev = folder(tmp_path, "dev", state())
    dev.split()
    assert dev.read_desired().groups == (Group(name="officers", external=True),)


def test_a_layer_that_holds_what_it_must_not_is_refused_with_the_location(tmp_path):
    env = folder(tmp_path, "dev", state())
    env.split()
    path = env.path / "abac.auto.tfvars"
    path.write_text(path.read_text() + "\ntag_policies = []\n")
    (finding,) = env.layers().findings
    assert finding.code == "FILE_WRONG_LAYER"
    with pytest.raises(UsageError, match="must not be in the workspace layer"):
        env.read_desired()


def test_a_group_that_the_account_does_not_have_is_found(tmp_path):
    env = folder(tmp_path, "dev", state())
    env.split()
    path = env.path / "abac.auto.tfvars"
    path.write_text("groups = { strangers = {} }")
    (finding,) = env.layers().findings
    assert (finding.code, finding.location) == ("FILE_UNKNOWN_GROUP", str(path))


@pytest.mark.parametrize("name", ["account", "data_access", "", "../x", "a/b", "Ünit", "-x", "a" * 80])
def test_reserved_and_unsafe_names_are_refused(tmp_path, name):
    with pytest.raises(UsageError) as caught:
        EnvFolder(tmp_path, name)
    assert caught.value.fix


def test_an_unknown_environment_is_refused_with_those_there_are(tmp_path):
    folder(tmp_path, "dev", Desired())
    folder(tmp_path, "prod", Desired())
    assert environments(tmp_path) == ("dev", "prod")
    with pytest.raises(UsageError, match=r"no environment 'tset' .*there are: dev, prod"):
        EnvFolder.existing(tmp_path, "tset")
    with pytest.raises(UsageError, match="none yet"):
        EnvFolder.existing(tmp_path / "empty", "dev")


def test_secrets_are_in_one_file_for_its_owner_alone(tmp_path):
    env = folder(tmp_path, "dev", state())
    assert env.auth() == Auth()
    env.write_auth(Auth(workspace_host="https://x", token="dapi-secret"))
    env.split()
    holders = [p for p in tmp_path.rglob("*") if p.is_file() and "dapi-secret" in p.read_text()]
    assert holders == [env.auth_path]
    assert stat.S_IMODE(env.auth_path.stat().st_mode) == 0o600
    env.auth_path.chmod(0o644)
    env.write_auth(Auth(workspace_host="https://x", token="dapi-secret"))
    assert stat.S_IMODE(env.auth_path.stat().st_mode) == 0o600
    assert env.auth().token == "dapi-secret"
    assert "auth.auto.tfvars" in (tmp_path / "envs" / ".gitignore").read_text()


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_files_and_no_rest(tmp_path, monkeypatch, failing):
    paths = [tmp_path / "a", tmp_path / "b"]
    write_texts(dict.fromkeys(paths, "old"))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(UsageError, match="No space left"):
        write_texts(dict.fromkeys(paths, "new"))
    assert [p.read_text() for p in paths] == ["old", "old"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_an_unreadable_draft_leaves_the_layers_alone(tmp_path):
    env = folder(tmp_path, "dev", state("ana"))
    env.split()
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and "generated" not in p.parts}
    (env.generated_path / "abac.auto.tfvars").write_text("groups = {")
    with pytest.raises(UsageError, match=r"abac\.auto\.tfvars:1:10: \{ is never closed"):
        env.split()
    assert {p: p.read_bytes() for p in before} == before


def test_a_symbolic_link_is_written_through(tmp_path):
    target = tmp_path / "real"
    target.write_text("old")
    (tmp_path / "link").symlink_to(target)
    write_texts({tmp_path / "link": "new"})
    assert (target.read_text(), (tmp_path / "link").is_symlink()) == ("new", True)


def test_a_file_that_is_not_utf8_is_named_with_its_location(tmp_path):
    env = folder(tmp_path, "dev", Desired())
    env.settings_path.write_bytes(b'country = ""\nindustry = "\xff"')
    with pytest.raises(UsageError, match=r"env\.auto\.tfvars:2:13: not UTF-8 \(byte 0xff\)"):
        env.settings()


def test_snapshot_and_labels_have_their_paths(tmp_path):
    env = folder(tmp_path, "dev", Desired())
    table = TableName("c", "s", "t")
    snapshot = Snapshot(tables=(Table(name=table, columns=(Column(name="x", type="INT"),)),))
    label = Label(column=ColumnName(table, "x"), label=LabelClass.NONE, protect=Protect.NO, confidence=1.0)
    env.write_snapshot(snapshot)
    env.write_labels((label,))
    assert (env.snapshot(), env.labels()) == (snapshot, (label,))
    assert (env.path / "ddl" / "_fetched.sql").read_text().startswith("CREATE TABLE `c`.`s`.`t`")


def test_a_space_has_a_draft_of_its_own(tmp_path):
    env = folder(tmp_path, "dev", Desired())
    env.write_space_draft("sales", state("ana"))
    assert env.read_space_draft("sales") == state("ana")
    assert env.read_draft() == Desired()
    with pytest.raises(UsageError, match="the space has no draft"):
        env.read_space_draft("other")


def test_the_readme_of_the_repository_is_the_one_that_setup_writes():
    assert (Path(__file__).parents[2] / "envs" / "README.md").read_text() == README


def test_a_file_of_500_mb_is_refused_without_being_read(tmp_path: Path) -> None:
    huge = tmp_path / "env.auto.tfvars"
    with huge.open("wb") as file:
        file.truncate(500 * 1024 * 1024)
    with pytest.raises(UsageError, match=r"env.auto.tfvars: has 524288000 bytes; files above 134217728 are not read"):
        read_text(huge)
