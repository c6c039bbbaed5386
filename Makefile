# A thin face: one CLI call a target. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JAVA_GROUP := $(shell command -v java >/dev/null 2>&1 || echo --group java)

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z][a-zA-Z0-9_-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  %-22s %s\n", $$1, $$2}'

# The stamp is newer than the lock when the environment is whole.
$(VENV)/.ready: uv.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --quiet --frozen --inexact --extra local --extra partner $(JAVA_GROUP)
	@touch $@

.PHONY: setup
setup: $(VENV)/.ready ## Make the project's own environment in .venv.
