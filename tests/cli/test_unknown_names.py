"""A name that a person gives and nobody knows is refused, never ignored: exit 2, and the nearest names."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from lampkeeper.cli.program import every_command
from lampkeeper.model.known_names import nearest_names
from support.env_folders import Run, bank_folder

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
COLUMN = "dev_fin.finance.customers.email"

NAMES: dict[tuple[str, str], tuple[tuple[str, ...], str]] = {
    ("", "command"): (("genrate",), "generate"),
    ("overlays", "command"): (("overlays", "lst"), "list"),
    ("masks", "command"): (("masks", "chek"), "check"),
    ("labels", "command"): (("labels", "revew"), "review"),
    ("matrix", "env"): (("matrix", "--env", "dve"), "dev"),
    ("matrix", "only"): (("matrix", "--table", "custmers"), "dev_fin.finance.customers"),
    ("why", "principal"): (("why", "anna@bank.example", COLUMN), "ana@bank.example"),
    ("why", "column"): (("why", "outsider", "customers.emial"), COLUMN),
    ("diff", "a"): (("diff", "dve", "dev"), "dev"),
    ("diff", "b"): (("diff", "dev", "live:dve"), "dev"),
    ("diff", "catalog_map"): (("diff", "dev", "dev", "--catalog-map", "dev_fni=dev_fin"), "dev_fin"),
    ("generate", "space"): (("generate", "--offline", "--space", "Finanse"), "Finance"),
    ("generate", "country"): (("generate", "--offline", "--country", "AZN"), "ANZ"),
    ("generate", "industry"): (("generate", "--offline", "--industry", "healtcare"), "healthcare"),
    ("generate", "groups"): (("generate", "--offline", "--groups", "data_analists"), "data_analysts"),
    ("generate-delta", "groups"): (("generate-delta", "--offline", "--groups", "data_analists"), "data_analysts"),
    ("demo", "country"): (("demo", "--country", "AZN"), "ANZ"),
    ("demo", "industry"): (("demo", "--industry", "healtcare"), "healthcare"),
    ("overlays list", "code"): (("overlays", "list", "AZN"), "ANZ"),
    ("labels set", "column"): (("labels", "set", "dev_fin.finance.customers.emial", "email", "--protect", "yes", "--reason", "x"),
                               COLUMN),
    ("labels set", "subtype"): (("labels", "set", COLUMN, "national_id", "--protect", "yes", "--reason", "x",
     "--subtype", "snn"), "ssn"),
    ("testdata", "bank"): (("testdata", "--bank", "AZN"), "ANZ"),
    ("testdata", "overlay_columns"): (("testdata", "--overlay-columns", "contry"), "country"),
    ("outcome", "steps"): (("outcome", "--run-id", "7", "--steps", "snapshto"), "snapshot"),
    ("outcome", "then"): (("outcome", "--run-id", "7", "--steps", "snapshot", "--then", "aply"), "apply"),
    ("conform", "env"): (("conform", "--place", "existing", "--sandbox", "main", "--env", "dve"), "dev"),
    ("history", "named"): (("history", "dve"), "dev"),
    ("restore", "named"): (("restore", "dve"), "dev"),
    ("promote", "source"): (("promote", "--from", "dve", "--env", "prod", "--catalog-map", "dev_fin=a"), "dev"),
    ("pilot", "group"): (("pilot", "data_analists"), "data_analysts"),
    ("plan", "profile"): (("plan", "--profile", "WROK"), "WORK"),
}  # fmt: skip
"""What a person may name, by command and parameter: a call with a slip in it, and the name that was meant."""

MAKES = "makes a thing of that name"
PLATFORM = "only the workspace knows it: its answer is the refusal (tests/acceptance/test_one_gate.py)"
FREE = "a text, a number or an address, not the name of a thing that is there"
NOT_NAMES = {
    ("setup", "env"): MAKES,
    ("setup", "cloud"): "the clouds are the examples in scripts (tests/cli/test_scaffolding.py)",
    ("init", "env"): MAKES,
    ("promote", "destination"): MAKES,
    ("promote", "catalog_map"): "refused with all catalogs that were found (tests/app/test_promoting.py)",
    ("init", "catalogs"): "checked against the workspace (tests/cli/test_scaffolding.py)",
    ("make-history", "schema"): PLATFORM,
    ("seed", "what"): "refused with all that can be seeded (tests/cli/test_seed_command.py)",
    ("*", "warehouse"): PLATFORM,
    ("testdata", "warehouse_id"): PLATFORM,
    ("testdata", "suffix"): FREE,
    ("scenarios", "warehouse_id"): PLATFORM,
    ("*", "account_secret_scope"): PLATFORM,
    ("*", "history"): PLATFORM,
    ("launch", "job"): "the bundle tells its jobs (tests/bundle/test_launcher.py)",
    ("launch", "params"): "the job tells its parameters (tests/bundle/test_launcher.py)",
    ("launch", "variables"): "the bundle's CLI refuses it (tests/clients/test_product_bundle.py)",
    ("launch", "target"): "the bundle's CLI refuses it (tests/clients/test_product_bundle.py)",
    ("conform", "sandbox"): PLATFORM,
    ("approve", "plan_hash"): "a hash is nothing that is near another",
    ("apply", "plan_hash"): "a hash is nothing that is near another",
    ("*", "hiding"): "the plan knows the tables that it hides (tests/deploy/test_unreviewed_plans.py)",
    ("*", "run_id"): "the platform's number of a run",
    ("scenarios", "names"): "refused with the nearest scenarios (tests/scenarios/test_running.py)",
    ("setup", "host"): FREE,
    ("setup", "account_id"): FREE,
    ("generate", "unreviewed"): "deny or allow; anything else is refused by these words",
    ("generate", "unreviewed_columns"): "deny or allow; anything else is refused by these words",
    ("*", "model"): FREE,
    ("*", "model_endpoint"): FREE,
    ("*", "model_price"): FREE,
    ("labels set", "reason"): FREE,
    ("labels set", "by"): FREE,
}
"""Parameters of free text that name nothing which is there, with the reason."""


def commands(group: Mapping[str, click.Command], prefix: str = "") -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name, command in sorted(group.items()):
        if isinstance(command, click.Group):
            found += commands(command.commands, f"{prefix}{name} ")
        else:
            found.append((f"{prefix}{name}", command))
    return found


COMMANDS = commands(every_command())


def texts_of(command: click.Command) -> list[str]:
    """Return the parameters that take any text: paths, numbers and choices refuse what they do not know by themselves."""
    return [str(p.name) for p in command.params if isinstance(p.type, click.types.StringParamType)]


@pytest.fixture
def bank(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    folder = bank_folder(tmp_path)
    space = 'genie_spaces = [{ name = "Finance", uc_tables = ["dev_fin.finance.*"] }]\n'
    folder.settings_path.write_text(space + folder.settings_path.read_text())
    assert run("generate", "--offline")[0] == 0
    (tmp_path / "profiles").write_text("[WORK]\nhost = https://x.example\ntoken = dapi-secret\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "profiles"))
    return run


def test_every_text_that_a_command_takes_is_a_name_that_is_checked_or_named_as_free() -> None:
    shared = {"env", "profile"}  # one option, one mechanism: `matrix --env` and `plan --profile` stand for all
    shared |= {"country", "industry"}
    missing = [
        f"{name} {parameter}"
        for name, command in COMMANDS
        for parameter in texts_of(command)
        if (name, parameter) not in NAMES
        and (name, parameter) not in NOT_NAMES
        and ("*", parameter) not in NOT_NAMES
        and parameter not in shared
    ]
    assert missing == []


@pytest.mark.parametrize("of", list(NAMES), ids=" ".join)
def test_a_slip_in_a_name_is_exit_2_with_the_name_that_was_meant(bank: Run, tmp_path: Path, of: tuple[str, str]) -> None:
    arguments, meant = NAMES[of]
    before = {p: p.read_bytes() for p in sorted((tmp_path / "envs" / "dev").rglob("*")) if p.is_file()}
    code, out, err = bank(*arguments)
    assert (code, out) == (2, "")
    assert re.search(rf"\(nearest: ([^)]*, )?{re.escape(meant)}[,)]", err), err
    assert "dapi-secret" not in err
    assert before == {p: p.read_bytes() for p in sorted((tmp_path / "envs" / "dev").rglob("*")) if p.is_file()}


EVERY_ENV = [name for name, command in COMMANDS if "env" in texts_of(command)]


@pytest.mark.parametrize("name", [n for n in EVERY_ENV if n not in ("setup", "init", "conform")])
def test_every_command_refuses_an_environment_that_is_not_there(bank: Run, name: str) -> None:
    needed = {
        "labels set": (COLUMN, "email", "--protect", "yes", "--reason", "x"), "why": ("outsider", COLUMN), "approve": ("0" * 64,),
        "outcome": ("--steps", "plan", "--run-id", "7"),
    }  # fmt: skip
    code, _, err = bank(*name.split(), *needed.get(name, ()), "--env", "dve")
    assert code == 2
    assert "no environment 'dve'" in err
    assert "nearest: dev" in err


def test_a_table_outside_the_environment_is_asked_about_unless_it_is_a_slip_of_one_inside(bank: Run) -> None:
    assert bank("why", "outsider", "dev_fin.finance.custmers.email")[0] == 2
    code, _, err = bank("why", "outsider", "dev_fin.finance.payroll.salary")
    assert code == 0, err
    assert bank("why", "outsider", "dev_fin.hr.payroll.salary")[0] == 2  # no pattern of the environment covers that schema


ENTRY = '{ principal = "etl", kind = "pipeline", reason = "r", owner = "o", expires = "2999-12-31", families = ["pii_levle"] }'


@pytest.mark.parametrize("code", ["CLEARANCE_FAMILY", "EXEMPTION_FAMILY"])
def test_a_family_in_the_settings_that_no_policy_has_is_an_error_of_every_gate(bank: Run, tmp_path: Path, code: str) -> None:
    settings = tmp_path / "envs/dev/env.auto.tfvars"
    cleared = settings.read_text().replace('clearance = ["*"]', 'clearance = ["pii_levle"]', 1)
    settings.write_text(cleared if code == "CLEARANCE_FAMILY" else f"{settings.read_text()}exemptions = [{ENTRY}]\n")
    for command in (("generate", "--offline"), ("validate",), ("promote",)):
        status, _, err = bank(*command)
        assert status == 1
        assert f"error {code} " in err
        assert "fix: use one of pii_level" in err


def test_a_member_may_be_named_as_the_matrix_names_it(bank: Run) -> None:
    assert bank("why", "member of data_analysts", COLUMN)[1] == bank("why", "data_analysts", COLUMN)[1]


def test_a_matrix_of_some_tables_is_of_these_in_every_form(bank: Run) -> None:
    assert "transactions" not in bank("matrix", "--table", "customers")[1]
    assert "transactions" not in bank("matrix", "--table", "customers", "--json")[1]


def test_without_a_near_name_those_that_are_there_are_named(bank: Run) -> None:
    assert (
        "no table 'zzz' in scope (there are: dev_fin.finance.customers, dev_fin.finance.transactions)"
        in bank("matrix", "--table", "zzz")[2]
    )
    assert nearest_names("zzz", ["customers"]) == ()


# make: a variable that a target does not take would be ignored

TARGETS = sorted(set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.M)))
OWN = {"BIN", "PYTHON", "VENV", "WORKERS", "JAVA_GROUP", "MAKEFILE_LIST"}


def recipe(target: str) -> str:
    found = re.search(rf"^{target}:[^\n]*\n((?:\t[^\n]*\n)*)", MAKEFILE, re.M)
    assert found is not None
    flags = re.search(r"^SCENARIO_FLAGS = (.*)$", MAKEFILE, re.M)
    said = (
        found[1]
        .replace("$(SCENARIO_FLAGS)", flags[1] if flags else "")
        .replace("$(OVERLAYS)", "$(COUNTRY)$(INDUSTRY)")
        .replace("$(SOURCE_ENV)", "$(SOURCE_ENV)$(ENV)")
    )
    # Targets of an environment that only read files accept a profile too, so that a script can give it to each.
    return said.replace("$(SIGN_IN)", "$(PROFILE)") + ("$(PROFILE)" if "$(ENV)" in said else "")


def taken(target: str) -> set[str]:
    found = re.search(rf"^TAKES_{target} := (.*)$", MAKEFILE, re.M)
    every = re.search(r"^SCENARIO_SETTINGS := (.*)$", MAKEFILE, re.M)
    taken = found[1].replace("$(SCENARIO_SETTINGS)", every[1] if every else "") if found else ""
    return set(taken.replace("$(OVERLAY_NAMES)", "COUNTRY INDUSTRY").split())


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_takes_the_variables_of_its_recipe_and_no_others(target: str) -> None:
    assert taken(target) == set(re.findall(r"\$\((?:if |or )?(?:\$\()?([A-Z][A-Z_]*)", recipe(target))) - OWN


def make(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/"}
    return subprocess.run(
        ["make", "-n", *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("target", TARGETS)
def test_make_refuses_a_variable_that_the_target_does_not_take(target: str) -> None:
    done = make(target, "EVN=prod")
    assert done.returncode == 2
    assert f"{target} takes no variable EVN (there are: {' '.join(sorted(taken(target))) or 'none'})" in done.stderr
    assert make(target, *(f"{name}=x" for name in taken(target))).returncode == 0


def test_make_promote_carries_to_another_environment() -> None:
    done = make("promote", "SOURCE_ENV=dev", "DEST_ENV=prod", "DEST_CATALOG_MAP=dev_fin=prod_fin,`a-b`=c")
    assert done.returncode == 0
    assert "promote --env dev --to \"prod\" --catalog-map 'dev_fin=prod_fin,`a-b`=c'" in done.stdout


CALLS = [
    (target, command, options)
    for target in TARGETS
    for command, options in re.findall(r"\$\(BIN\)/lampkeeper ([a-z-]+)([^\n]*)", recipe(target))
]


@pytest.mark.parametrize(("target", "command", "options"), CALLS)
def test_a_target_gives_its_command_options_that_exist(target: str, command: str, options: str) -> None:
    known = {name for parameter in every_command()[command].params for name in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", options)) <= known, target
