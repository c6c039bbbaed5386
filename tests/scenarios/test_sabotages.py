"""Each scenario bites: what is broken on purpose is caught by the unmodified scenario, in the check named beforehand."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lampkeeper.cli.main import main
from lampkeeper.places.local import LocalPlace
from lampkeeper.places.place import Address
from lampkeeper.scenarios.neighbour import NOTHING_LEFT, UNTOUCHED
from lampkeeper.scenarios.scenario import Step, scenario_named, scenario_names
from lampkeeper.scenarios.suite import SuiteOptions, Task, run_task
from lampkeeper.scenarios.world import World
from support.scenario_sabotages import (
    EXIT,
    Break,
    Sabotage,
    add,
    copy,
    drop_policies,
    edit,
    edit_space,
    leak,
    make_space,
    remove,
    remove_group,
    replace_space,
    statement,
    trash,
    untag,
    write,
)

DRAFT = "envs/dev/generated/abac.auto.tfvars"
APPLY = "make apply ENV=dev"
GENERATE = "make generate ENV=dev"
OUTSIDER = "otto.outsider@lampkeeper.example"
OPEN = f"GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG dev_fin TO `{OUTSIDER}`"  # what a careless admin types
LESS = "DELETE FROM dev_fin.finance.customers WHERE customer_id = 1001"
FINANCE = "Finance Analytics"
CLINICAL = "Clinical Analytics"
PROMOTED = "make promote SOURCE_ENV=dev DEST_ENV=prod DEST_CATALOG_MAP=dev_fin=prod_fin,dev_clinical=prod_clinical"
ATTACHED = "make promote SOURCE_ENV=dev DEST_ENV=prod DEST_CATALOG_MAP=dev_fin=prod_fin"
ALONE = "make promote SOURCE_ENV=import_noabac DEST_ENV=import_noabac_prod DEST_CATALOG_MAP=dev_fin=prod_fin"
ONE_KIND = '{"format": 9, "objects": {"group": {"a": {}}}}'


def of_a_bank(catalog: str, key: str, identifier: str) -> tuple[tuple[str, str, Break, str, str], ...]:
    """Return the sabotages of a bank's demo, by its catalog without the prefix, its space's key, and a national identifier."""
    promoted = f"make promote SOURCE_ENV=dev DEST_ENV=prod DEST_CATALOG_MAP=dev_{catalog}=prod_{catalog}"
    id_file = f"envs/dev/.genie_space_id_{key}"
    return (
        ("a space is created instead", APPLY, write(id_file, "01ef"), APPLY, "no id file says that lampkeeper made a space"),
        (
            "an identifier has no tag",
            APPLY,
            untag(f"dev_{catalog}.retail.customers.{identifier}"),
            APPLY,
            "every sensitive column carries a tag",
        ),
        ("the space is trashed", APPLY, trash("bank"), APPLY, "the space of the UI is the only one"),
        (
            "the masks are gone",
            "verify the test data of dev",
            drop_policies(f"dev_{catalog}"),
            "ask as the five people",
            "a teller reads of customers what the role may",
        ),
        (
            "a name of dev is left in prod",
            promoted,
            add("envs/prod/abac.auto.tfvars", f"# dev_{catalog}\n"),
            promoted,
            "no file of prod names the catalog of dev",
        ),
        (
            "prod has no policy",
            "verify the test data of prod, tables without rows",
            drop_policies(f"prod_{catalog}"),
            "the bank serves its first customer",
            "a marketing analyst reads masks in prod",
        ),
    )


def of_overlays(word: str, tagged: str, name: str) -> tuple[tuple[str, str, Break, str, str], ...]:
    """Return the sabotages of an overlay's cycle: the option of make, a column that gets a tag, and what the steps are named."""
    generate = f"make generate ENV=dev {word}"
    return (
        (
            "the masks of the overlay are not written",
            generate,
            write("envs/dev/generated/masking_functions.sql", "SELECT 1"),
            generate,
            f"the masking functions are those of the overlays for {name}",
        ),
        (
            "a column of the overlay has no tag",
            f"apply for {name}",
            untag(f"dev_fin.finance.customers.{tagged}"),
            f"apply for {name}",
            f"the columns of the overlays carry tags for {name}",
        ),
        (
            "the masks of the overlay are gone",
            f"verify the test data for {name}",
            drop_policies("dev_fin"),
            f"ask as people for {name}",
            f"the analyst reads what the masks leave for {name}",
        ),
    )


TABLE: dict[str, tuple[tuple[str, str, Break, str, str], ...]] = {
    "quickstart": (
        ("the draft loses the space", GENERATE, edit(DRAFT, FINANCE, "Fin"), GENERATE, "the draft names Finance Analytics"),
        ("an access list leaks", APPLY, leak(f"dev:{FINANCE}"), APPLY, "both groups may use the space"),
        ("the policies are dropped", APPLY, drop_policies("dev_fin"), "verify the test data", EXIT),
        ("a row is missing", "create the test data", statement(LESS), "verify the test data", EXIT),
        (
            "the outsider reads",
            "verify the test data",
            statement(OPEN),
            "ask as people",
            "the analyst reads masks, the officer values, the outsider nothing",
        ),
        (
            "a policy of others is dropped",
            "apply again",
            drop_policies("dev_others"),
            "compare the objects of others",
            UNTOUCHED,
        ),
        ("a group of others is removed", "apply again", remove_group("Sales_Team"), "compare the objects of others", UNTOUCHED),
        (
            "a space is forgotten",
            "apply again",
            make_space("Forgotten", "dev_others.desk.visitors"),
            "look for what is left",
            NOTHING_LEFT,
        ),
    ),
    "multi-catalog": (
        ("a second space is made", APPLY, make_space("Extra"), APPLY, "only one space is deployed"),
        (
            "one catalog has no tag",
            APPLY,
            untag("dev_clinical.clinical.patients.ssn"),
            APPLY,
            "columns of both catalogs carry tags",
        ),
        ("one catalog has no policy", APPLY, drop_policies("dev_clinical"), "verify the test data of dev", EXIT),
        (
            "one catalog has no policy after the verification",
            "verify the test data of dev",
            drop_policies("dev_clinical"),
            "ask as people (dev_fin, dev_clinical)",
            "people read what they may",
        ),
    ),
    "multi-space": (
        (
            "an access list leaks",
            APPLY,
            leak(f"dev:{CLINICAL}"),
            APPLY,
            "exactly the groups may use Clinical Analytics",
        ),
        (
            "an id file is lost",
            APPLY,
            remove("envs/dev/.genie_space_id_clinical_analytics"),
            APPLY,
            "both spaces that were created have id files",
        ),
        (
            "a draft is lost",
            GENERATE,
            remove("envs/dev/generated/spaces/clinical_analytics/abac.auto.tfvars"),
            GENERATE,
            "each space has a draft of its own",
        ),
    ),
    "per-space": (
        (
            "the first draft is rewritten",
            'make generate ENV=dev SPACE="Clinical Analytics"',
            add("envs/dev/generated/spaces/finance_analytics/abac.auto.tfvars", "\n"),
            'make generate ENV=dev SPACE="Clinical Analytics"',
            "the draft of the first space keeps its bytes",
        ),
        (
            "the first space is made again",
            "apply both",
            replace_space("dev", FINANCE),
            "apply both",
            "the first space is the same one",
        ),
        (
            "the second space comes too early",
            GENERATE,
            add(DRAFT, f"# {CLINICAL}\n"),
            GENERATE,
            "the draft has Finance Analytics alone",
        ),
    ),
    "promote": (
        (
            "a name of dev is left in prod",
            PROMOTED,
            add("envs/prod/generated/masking_functions.sql", "-- dev_fin.x\n"),
            PROMOTED,
            "no file of prod names a catalog of dev",
        ),
        (
            "a column of prod has no tag",
            "make apply ENV=prod",
            untag("prod_fin.finance.customers.ssn"),
            "make apply ENV=prod",
            "columns of prod carry tags",
        ),
        ("prod has no policy", "make apply ENV=prod", drop_policies("prod_fin"), "verify the test data of prod", EXIT),
        (
            "dev loses its policies",
            "verify the test data of prod",
            drop_policies("dev_clinical"),
            "ask as people (dev_fin, dev_clinical)",
            "people read in dev what they did",
        ),
    ),
    "multi-env": (
        (
            "the environments share a state",
            "make apply ENV=bu2",
            copy("envs/dev/state.json", "envs/bu2/state.json"),
            "make apply ENV=bu2",
            "the workspace states differ",
        ),
        (
            "the other governance state is rewritten",
            "make apply ENV=bu2",
            add("envs/dev/data_access/state.json", "\n"),
            "make apply ENV=bu2",
            "the governance state of dev is as it was",
        ),
        (
            "the other space is drafted too",
            "make generate ENV=bu2",
            add("envs/bu2/generated/abac.auto.tfvars", f"# {FINANCE}\n"),
            "make generate ENV=bu2",
            "the draft of bu2 has Clinical Analytics alone",
        ),
        (
            "the other environment loses its policies",
            "make apply ENV=bu2",
            drop_policies("dev_fin"),
            "verify the test data of dev again",
            EXIT,
        ),
    ),
    "attach-promote": (
        (
            "a space is created instead",
            APPLY,
            write("envs/dev/.genie_space_id_finance_analytics", "01ef"),
            APPLY,
            "no id file says that lampkeeper made a space",
        ),
        ("the space is made twice", APPLY, make_space(FINANCE), APPLY, "the space of the UI is the only one"),
        ("the space is rewritten", APPLY, edit_space("finance"), APPLY, "the space is as it was built"),
        (
            "a name of dev is left in prod",
            ATTACHED,
            add("envs/prod/abac.auto.tfvars", "# dev_fin\n"),
            ATTACHED,
            "no file of prod names the catalog of dev",
        ),
        ("prod has no policy", "make apply ENV=prod", drop_policies("prod_fin"), "verify the test data of prod", EXIT),
    ),
    "self-service-genie": (
        (
            "the governance state is rewritten",
            "make apply-genie ENV=bu_clin",
            add("envs/governance/data_access/state.json", "\n"),
            "make apply-genie ENV=bu_clin",
            "the governance state is unchanged after the second team",
        ),
        (
            "a team gets masking functions",
            "make generate ENV=bu_fin MODE=genie",
            write("envs/bu_fin/generated/masking_functions.sql", "SELECT 1"),
            "make generate ENV=bu_fin MODE=genie",
            "bu_fin has no masking functions",
        ),
        (
            "a team gets a governance state",
            "make apply-genie ENV=bu_fin_prod",
            write("envs/bu_fin_prod/data_access/state.json", "{}"),
            "make apply-genie ENV=bu_fin_prod",
            "bu_fin_prod has a workspace state and no governance state",
        ),
        (
            "a team gets a governance state of Terraform",
            "make apply-genie ENV=bu_fin",
            write("envs/bu_fin/data_access/terraform.tfstate", "{}"),
            "make apply-genie ENV=bu_fin",
            "bu_fin has a workspace state and no governance state",
        ),
        (
            "the governance loses its policies",
            "make apply-genie ENV=bu_fin_prod",
            drop_policies("dev_fin"),
            "make verify ENV=governance",
            "make verify ENV=governance says verify: 0 mismatches",
        ),
    ),
    "abac-only": (
        ("a space is made", APPLY, make_space(FINANCE), APPLY, "no space is there"),
        ("a state is lost", APPLY, remove("envs/dev/data_access/state.json"), APPLY, "all three layers were applied"),
        (
            "the governance state is rewritten",
            "apply with the space",
            add("envs/dev/data_access/state.json", "\n"),
            "apply with the space",
            "the governance is not disturbed",
        ),
        (
            "the draft loses the governance",
            'make generate ENV=dev SPACE="Finance Analytics"',
            edit(DRAFT, "fgac_policies", "other_policies"),
            'make generate ENV=dev SPACE="Finance Analytics"',
            "the draft keeps the governance",
        ),
    ),
    "multi-space-import": (
        (
            "a space is created instead",
            APPLY,
            write("envs/dev/.genie_space_id_clinical_analytics", "01ef"),
            APPLY,
            "no id file says that lampkeeper made a space",
        ),
        ("a space is rewritten", APPLY, edit_space("clinical"), APPLY, "Clinical Analytics is as it was built"),
        ("an access list leaks", APPLY, leak("clinical"), APPLY, "the groups may use Clinical Analytics"),
        (
            "one catalog has no tag",
            APPLY,
            untag("dev_clinical.clinical.patients.ssn"),
            APPLY,
            "columns of both catalogs carry tags",
        ),
    ),
    "schema-drift": (
        (
            "the delta misses the column",
            "classify the new column",
            edit(DRAFT, "emergency_ssn", "other"),
            "classify the new column",
            "the draft protects the new column",
        ),
        (
            "the tag is not set",
            "apply the tag of the new column",
            untag("dev_fin.finance.customers.emergency_ssn"),
            "apply the tag of the new column",
            "the new column carries a tag",
        ),
        (
            "the old name stays",
            "follow the rename in the draft",
            add(DRAFT, "# dev_fin.finance.customers.email\n"),
            "follow the rename in the draft",
            "the draft names the new column and not the old one",
        ),
        (
            "the mask is gone",
            "audit after the delta of RENAME COLUMN",
            drop_policies("dev_fin"),
            "ask about the renamed column",
            "the analyst does not read an address in the renamed column",
        ),
    ),
    "genie-only": (
        (
            "a governance state is written",
            "make apply-genie ENV=genie_only",
            write("envs/genie_only/data_access/state.json", "{}"),
            "make apply-genie ENV=genie_only",
            "there is a workspace state and no other",
        ),
        (
            "the state has a group",
            "make apply-genie ENV=genie_only",
            edit("envs/genie_only/state.json", '"genie_space": {', '"group": {"a": {}}, "genie_space": {'),
            "make apply-genie ENV=genie_only",
            "the state has a space and nothing of the account",
        ),
        (
            "the space is gone",
            "make apply-genie ENV=genie_only",
            trash(f"genie_only:{FINANCE}"),
            "make apply-genie ENV=genie_only",
            "the service principal can read the space",
        ),
    ),
    "genie-import-no-abac": (
        (
            "a space is created instead",
            "make apply-genie ENV=import_noabac",
            write("envs/import_noabac/.genie_space_id_finance_analytics", "01ef"),
            "make apply-genie ENV=import_noabac",
            "no id file says that lampkeeper made a space",
        ),
        (
            "the space is rewritten",
            "make apply-genie ENV=import_noabac",
            edit_space("finance"),
            "make apply-genie ENV=import_noabac",
            "the space is as it was built",
        ),
        (
            "prod gets governance",
            ALONE,
            add("envs/import_noabac_prod/generated/abac.auto.tfvars", 'tag_assignments = [{ tag_key = "a" }]\n'),
            ALONE,
            "the draft of prod has the space and no governance",
        ),
    ),
    "country-overlay": of_overlays("COUNTRY=ANZ", "tax_file_number", "ANZ"),
    "industry-overlay": of_overlays("INDUSTRY=financial_services", "tax_file_number", "financial_services"),
    "aus-bank-demo": of_a_bank("bank", "kookaburra_bank_analytics", "tfn"),
    "india-bank-demo": of_a_bank("lakshmi", "lakshmi_bank_analytics", "aadhaar"),
    "asean-bank-demo": of_a_bank("asean_bank", "asean_regional_banking_analytics", "nric"),
    "model": (
        (
            "a refusal changes the draft",
            "generate with a model that refuses",
            add(DRAFT, "\n"),
            "generate with a model that refuses",
            "the draft of the rules stays after a refusal",
        ),
        (
            "stolen SQL reaches a draft",
            "generate with a model that names a foreign table",
            add("envs/dev/generated/spaces/finance_analytics/abac.auto.tfvars", "# hr.pay.salaries\n"),
            "generate with a model that names a foreign table",
            "no file of the draft names a foreign table or address",
        ),
        (
            "the label of the model is lost",
            "generate with a good model",
            edit(DRAFT, "dev_fin.finance.customers.city", "dev_fin.finance.customers.town"),
            "generate with a good model",
            "the model raises the protection of the city",
        ),
        ("the tag of the model is lost", APPLY, untag("dev_fin.finance.customers.city"), APPLY, "the city carries a tag"),
    ),
    "integration": (
        (
            "the other draft is rewritten",
            'make generate ENV=dev SPACE="Finance Analytics"',
            add("envs/dev/generated/spaces/clinical_analytics/abac.auto.tfvars", "\n"),
            'make generate ENV=dev SPACE="Finance Analytics"',
            "the draft of the other space keeps its bytes",
        ),
        (
            "the account's apply goes further",
            "make apply ENV=account",
            write("envs/dev/state.json", ONE_KIND),
            "make apply ENV=account",
            "the account layer alone was applied",
        ),
        (
            "a name of dev is left in prod",
            PROMOTED,
            add("envs/prod/snapshot.json", " dev_clinical"),
            PROMOTED,
            "no file of prod names a catalog of dev",
        ),
        ("prod has no policy", "make apply ENV=prod", drop_policies("prod_clinical"), "verify the test data of prod", EXIT),
    ),
}
"""What, after which step, how, and the step and the check that catch it."""

SABOTAGES = [
    Sabotage(scenario=scenario, what=what, after=after, breaks=breaks, caught_at=caught_at, caught_by=caught_by)
    for scenario, rows in TABLE.items()
    for what, after, breaks, caught_at, caught_by in rows
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """Return a local workspace for all sabotages; each starts with a new account in it."""
    place = LocalPlace(folder=tmp_path_factory.mktemp("workspace"))
    try:
        yield place.up()
    finally:
        place.down()


@pytest.mark.unit
def test_every_scenario_has_three_sabotages_of_steps_and_checks_that_it_has() -> None:
    assert {name for name in scenario_names() if Counter(s.scenario for s in SABOTAGES)[name] < 3} == set()
    for each in SABOTAGES:
        scenario = scenario_named(each.scenario)
        assert each.after in {s.title for s in scenario.steps}, str(each)
        assert each.caught_by in {EXIT, UNTOUCHED, NOTHING_LEFT, *scenario.check_names} or " says " in each.caught_by, str(each)


@pytest.mark.spark
@pytest.mark.nightly
@pytest.mark.parametrize("sabotage", SABOTAGES, ids=str)
def test_a_sabotage_is_caught_where_it_was_expected(sabotage: Sabotage, address: Address, tmp_path: Path) -> None:
    done: list[str] = []

    def disturb(step: Step, world: World) -> None:
        if step.title == sabotage.after and not done:
            done.append(step.title)
            sabotage.breaks(world)

    task = Task(
        name=sabotage.scenario, run_id="ab", home=tmp_path, address=address, program=main, disturb=disturb,
        options=SuiteOptions(names=(sabotage.scenario,), folder=tmp_path),
    )  # fmt: skip
    result = run_task(task)
    step, check = next(result.failures())
    assert done, f"{step.title} failed before: {check.failures}\n{step.output}"
    assert (step.title, check.name) == (sabotage.caught_at, sabotage.caught_by), check.failures
    assert os.path.exists(result.kept)
