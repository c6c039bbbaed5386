"""Where an environment's hash key comes from, who is told when there is none, and that no two environments share one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.app.hash_keys import ExistingKey, KeySources, key_for, shared_key
from lampkeeper.demo.local_jobs import seed_account_scope
from lampkeeper.deploy.kinds import FUNCTION
from lampkeeper.deploy.plan import Plan
from lampkeeper.deploy.planner import make_plan
from lampkeeper.deploy.state import Owned, States
from lampkeeper.files.folder import EnvFolder
from lampkeeper.files.settings import HashKeySettings, Settings, read_settings, render_settings
from lampkeeper.model.errors import UsageError
from lampkeeper.model.hash_key import HashKey
from lampkeeper.model.layers import Layer
from lampkeeper.model.masks import Function, FunctionRole
from lampkeeper.model.names import FunctionName
from support.governed_configs import ANA
from support.governed_places import Place, light_place
from support.keyed_places import keyed_desired, make_people

pytestmark = pytest.mark.server

TEXT = secrets.token_hex(32)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with light_place(tmp_path_factory.mktemp("keys")) as found:
        make_people(found)
        yield found


def sources(environ: dict[str, str] | None = None, settings: HashKeySettings | None = None, **more: object) -> KeySources:
    return KeySources(settings=settings or HashKeySettings(), env="dev", environ=environ or {}, **more)  # type: ignore[arg-type]


def put(place: Place, scope: str, key: str, text: str) -> None:
    place.workspace.write("secret", "POST", "/api/2.0/secrets/scopes/create", {"scope": scope})
    place.workspace.write("secret", "POST", "/api/2.0/secrets/put", {"scope": scope, "key": key, "string_value": text})


def test_the_variable_is_read_and_a_bad_one_is_refused(place: Place) -> None:
    found = sources({"LAMPKEEPER_HASH_KEY": TEXT}).find(place.workspace)
    assert found.key == HashKey.parse(TEXT, "here")
    with pytest.raises(UsageError):
        sources({"LAMPKEEPER_HASH_KEY": "secret"}).find(place.workspace)
    own = HashKeySettings(env="PROD_KEY")
    assert sources({"LAMPKEEPER_HASH_KEY": TEXT}, own).find(place.workspace).key is None
    assert sources({"PROD_KEY": TEXT}, own).find(place.workspace).key is not None


def test_the_scope_of_the_settings_comes_before_everything(place: Place) -> None:
    put(place, "governance", "pseudonyms", TEXT)
    named = HashKeySettings(scope="governance", name="pseudonyms")
    assert sources({"LAMPKEEPER_HASH_KEY": secrets.token_hex(32)}, named).find(place.workspace).key == HashKey.parse(TEXT, "here")
    missing = sources({}, HashKeySettings(scope="governance", name="other")).find(place.workspace)
    assert (missing.key, missing.why) == (None, "there is no secret governance/other")


def test_a_secret_that_may_not_be_read_is_no_key_and_no_failure(place: Place) -> None:
    put(place, "closed", "hash_key", TEXT)
    acl = {"scope": "closed", "principal": ANA, "permission": "READ"}
    place.workspace.write("secret", "POST", "/api/2.0/secrets/acls/put", acl)
    ana = place.enter(ANA)
    named = HashKeySettings(scope="closed")
    assert sources({}, named).find(ana).key is not None
    place.workspace.write("secret", "POST", "/api/2.0/secrets/acls/delete", {"scope": "closed", "principal": ANA})
    found = sources({}, named).find(ana)
    assert found.key is None
    assert "may not be read" in found.why


def test_a_job_finds_the_key_beside_the_account_and_the_local_workspace_makes_its_own(place: Place) -> None:
    seed_account_scope(place.workspace, "jobs")
    job = sources(job_scope="jobs").find(place.workspace).key
    made, again = sources(local=True).find(place.workspace).key, sources(local=True).find(place.workspace).key
    assert job is not None
    assert made is not None
    assert made == again != job


def test_without_a_key_the_error_says_where_it_was_looked_for_and_how_to_make_one(place: Place, tmp_path: Path) -> None:
    made: Plan = make_plan(keyed_desired(place, None), place.workspace, place.states())
    folder = EnvFolder(tmp_path, "prod")
    with pytest.raises(UsageError) as reported:
        key_for(made, lambda: sources().find(place.workspace), folder)
    assert "LAMPKEEPER_HASH_KEY is not set" in reported.value.message
    assert "openssl rand -hex 32" in reported.value.fix
    assert reported.value.exit_code == 2
    assert key_for(Plan(env="prod", state_versions=()), lambda: ExistingKey(), folder) is None


def test_two_environments_with_one_key_are_reported(tmp_path: Path) -> None:
    key = HashKey.parse(TEXT, "here")
    name = FunctionName("dev", "governance", "pseudonym")
    body = "sha2(concat({{hash_key.inner}}, s), 256)"
    made = Function(name=name, role=FunctionRole.MASK, parameters=(), returns="STRING", body=body, key_id=key.id)
    state = States.in_folder(tmp_path, "dev")[Layer.DATA_ACCESS]
    state.objects[(FUNCTION.name, "f")] = Owned(spec=made)
    state.begin()
    state.save()
    (found,) = shared_key(EnvFolder(tmp_path, "prod"), key)
    assert (found.code, found.severity, found.location) == ("HASH_KEY_SHARED", "error", "environment dev")
    assert shared_key(EnvFolder(tmp_path, "dev"), key) == ()
    assert shared_key(EnvFolder(tmp_path, "prod"), HashKey.parse(secrets.token_hex(32), "here")) == ()


def test_settings_name_the_source_of_the_key_and_never_hold_it() -> None:
    settings = Settings(hash_key=HashKeySettings(scope="governance", name="pseudonyms", env="PROD_KEY"))
    assert read_settings(render_settings(settings), "env.auto.tfvars").settings.hash_key == settings.hash_key
    assert "hash_key" not in render_settings(Settings())
    with pytest.raises(UsageError) as refused:
        read_settings(f'hash_key_env = "{TEXT}"', "env.auto.tfvars")
    assert TEXT not in str(refused.value)
