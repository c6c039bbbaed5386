"""Finding and running the program: clear errors and exit codes, no secret in a message, no stray variable in its environment."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from lampkeeper.cli.main import main
from lampkeeper.deploy.terraform.layer_folder import LayerFolder
from lampkeeper.deploy.terraform.program import Program, find_program
from lampkeeper.deploy.terraform.sign_in import address_variables, environment_for
from lampkeeper.model.desired import Desired
from lampkeeper.model.errors import RemoteError, UnsafePlanError, UsageError
from lampkeeper.model.layers import Layer

pytestmark = pytest.mark.unit


def script(folder: Path, name: str, *lines: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    return str(path)


def program(path: str, **environment: str) -> Program:
    return Program(path=path, environment={"PATH": os.defpath, **environment}, secrets=("dapi-secret",))


def test_terraform_is_preferred_and_opentofu_is_found(tmp_path: Path) -> None:
    tofu = script(tmp_path, "tofu")
    assert find_program({"PATH": str(tmp_path)}) == tofu
    terraform = script(tmp_path, "terraform")
    assert find_program({"PATH": str(tmp_path)}) == terraform
    assert find_program({"PATH": str(tmp_path), "LAMPKEEPER_TERRAFORM": tofu}) == tofu


@pytest.mark.parametrize("more", [{}, {"LAMPKEEPER_TERRAFORM": "no-such-program"}])
def test_without_a_program_the_error_names_both_and_is_a_wrong_use(tmp_path: Path, more: dict[str, str]) -> None:
    with pytest.raises(UsageError) as error:
        find_program({"PATH": str(tmp_path), **more})
    assert error.value.exit_code == 2
    assert "no-such-program" in error.value.message if more else "neither terraform nor tofu" in error.value.message
    assert "leave out --engine terraform" in error.value.fix


def test_a_failure_shows_the_error_alone_and_no_secret(tmp_path: Path) -> None:
    path = script(tmp_path, "terraform", "echo noise >&2", "echo '│ Error: token dapi-secret was refused' >&2", "exit 1")
    with pytest.raises(RemoteError) as error:
        program(path).run(tmp_path, "plan")
    assert error.value.message == "terraform plan ended with 1:\n  Error: token (secret) was refused"
    assert (error.value.code, error.value.exit_code) == ("TERRAFORM_FAILED", 4)


def test_a_saved_plan_that_is_stale_is_an_unsafe_plan(tmp_path: Path) -> None:
    path = script(tmp_path, "terraform", "echo 'Error: Saved plan is stale' >&2", "exit 1")
    with pytest.raises(UnsafePlanError, match="state has changed"):
        program(path).run(tmp_path, "apply")


def test_a_layer_is_planned_with_relative_paths_and_its_files_stay(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = [
        f'echo "$PWD $*" >>{log}', 'case "$1" in', "plan) echo saved >lampkeeper.tfplan;;",
        "show) echo '{\"format_version\": \"1.2\"}';;", "apply) cat lampkeeper.tfplan >applied;;", "esac",
    ]  # fmt: skip
    state = tmp_path / "envs/dev/data_access/terraform.tfstate"
    ran = program(script(tmp_path / "bin", "terraform", *lines))
    folder = LayerFolder(root=tmp_path, layer=Layer.DATA_ACCESS, state=state, program=ran)
    content, document = folder.plan(Desired(), {"environment": "dev"}, destroys=False)
    assert (content, document) == (b"saved\n", {"format_version": "1.2"})
    folder.apply(b"other\n")
    assert (folder.work / "applied").read_text() == "other\n"
    said = log.read_text().replace(str(folder.work), "WORK")
    assert str(tmp_path) not in said
    assert "-backend-config=path=../../../../../envs/dev/data_access/terraform.tfstate" in said
    assert "-var-file=abac.tfvars -var-file=lampkeeper.tfvars.json" in said
    assert (folder.work / "abac.tfvars").read_text().endswith("groups = {}\n")
    assert "-parallelism" not in said
    assert not [p for p in (tmp_path / "envs").rglob("*") if p.is_file()]
    assert not list(folder.work.glob("*.tfplan"))


def test_the_account_layer_is_written_one_by_one(tmp_path: Path) -> None:
    log = tmp_path / "log"
    path = script(
        tmp_path / "bin", "terraform", f'echo "$*" >>{log}', 'test "$1" != plan || echo x >lampkeeper.tfplan', "echo {}"
    )
    folder = LayerFolder(
        root=tmp_path, layer=Layer.ACCOUNT, state=tmp_path / "envs/account/terraform.tfstate", program=program(path)
    )
    folder.plan(Desired(), {}, destroys=True)
    planned = next(line for line in log.read_text().splitlines() if line.startswith("plan"))
    assert "-parallelism=1" in planned
    assert "-destroy" in planned


class Config:
    """The part of the SDK's configuration that a sign-in needs."""

    host = "https://accounts.example"
    auth_type = "pat"
    token = "dapi-secret"
    account_id = "acc"

    @staticmethod
    def attributes() -> list[SimpleNamespace]:
        names = {"host": "DATABRICKS_HOST", "account_id": "DATABRICKS_ACCOUNT_ID", "token": "DATABRICKS_TOKEN",
                 "auth_type": "DATABRICKS_AUTH_TYPE", "profile": "DATABRICKS_CONFIG_PROFILE"}  # fmt: skip
        return [SimpleNamespace(name=n, env=e) for n, e in names.items()]

    def authenticate(self) -> dict[str, str]:
        return {"Authorization": "Bearer of-the-moment"}


def workspace(config: Config) -> object:
    return SimpleNamespace(
        w=SimpleNamespace(config=config), account=SimpleNamespace(config=config), host="https://ws.example", account_id="acc"
    )


def test_a_run_gets_credentials_in_its_environment_and_addresses_as_variables() -> None:
    environ = {
        "PATH": "/bin", "HOME": "/h", "LAMPKEEPER_HASH_KEY": "key", "MY_KEY": "key", "TF_VAR_unmanaged": "[]",
        "TF_CLI_ARGS": "-x", "TF_CLI_CONFIG_FILE": "rc", "DATABRICKS_TOKEN": "of another",
        "DATABRICKS_HOST": "https://other", "HTTPS_PROXY": "p",
    }  # fmt: skip
    found = environment_for(workspace(Config()), environ)  # type: ignore[arg-type]
    assert found == {
        "PATH": "/bin", "HOME": "/h", "TF_CLI_CONFIG_FILE": "rc", "HTTPS_PROXY": "p", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0",
        "DATABRICKS_TOKEN": "dapi-secret", "DATABRICKS_AUTH_TYPE": "pat",
    }  # fmt: skip
    variables = address_variables(workspace(Config()))  # type: ignore[arg-type]
    assert variables == {
        "databricks_workspace_host": "https://ws.example", "databricks_account_host": "https://accounts.example",
        "databricks_account_id": "acc",
    }  # fmt: skip


def test_a_sign_in_that_only_python_has_becomes_the_token_of_the_moment() -> None:
    config = Config()
    config.auth_type = "runtime"
    found = environment_for(workspace(config), {})  # type: ignore[arg-type]
    assert found["DATABRICKS_TOKEN"] == "of-the-moment"
    assert found["DATABRICKS_AUTH_TYPE"] == "pat"


def test_the_option_is_on_the_three_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("plan", "apply", "destroy"):
        assert main([command, "--help"]) == 0
        assert "--engine [direct|terraform]" in capsys.readouterr().out
    assert main(["plan", "--engine", "pulumi"]) == 2
