# Two commands: `make serve` and `make test`. Each sets up all it needs.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKED := install --no-deps --require-hashes --only-binary :all:
# What failed beside others has to pass by itself. A run that was broken off (a status other than 1) is not taken up again.
AGAIN = [ $$? = 1 ] && $(BIN)/python -m pytest --last-failed --last-failed-no-failures none
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install serve test lint check soak bench-install docs lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

install: $(VENV)/.installed ## Set up the virtual environment, mecum and the starter model

$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "mecum needs Python 3.11 or newer: none of python3.11 … python3 is on PATH" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python -m venv failed: install your system's package for it (Debian, Ubuntu: python3-venv)" >&2; exit 1; }
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml requirements/runtime.txt requirements/build.txt requirements/starter.txt requirements/embedder.txt
	@echo "Setting up mecum in $(VENV) (once) ..."
	@$(PIP) $(LOCKED) -r requirements/runtime.txt -r requirements/build.txt -r requirements/starter.txt -r requirements/embedder.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed requirements/test.txt requirements/clients.txt tests/clients/node/package-lock.json
	@echo "Setting up the tests (once) ..."
	@$(PIP) $(LOCKED) -r requirements/test.txt
	@$(BIN)/python -m tests.clients.install
	@touch $@

serve: install ## Start the server on localhost:8002 (ARGS="--port 9000" for options)
	@$(BIN)/mecum serve $(ARGS)

lint: $(VENV)/.tested ## Style, types and the rooms' rule
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Hundreds of tests start the program: its compiled modules are kept, even where the environment says otherwise.
check soak: export PYTHONDONTWRITEBYTECODE =
check: $(VENV)/.tested ## The tests without the linters (ARGS="-k name" to choose)
ifeq ($(ARGS),)
	$(BIN)/python -m pytest -m "not alone" -n 3 --dist loadfile || { $(AGAIN) -m "not alone"; }
	$(BIN)/python -m pytest -m alone -n 2 --dist loadfile || { $(AGAIN) -m alone; }
else
	$(BIN)/python -m pytest $(ARGS)
endif

test: lint check ## All checks and all tests

soak: $(VENV)/.tested ## The tests with their full counts (long)
	MECUM_SOAK=1 $(BIN)/python -m pytest --timeout 3600 $(ARGS)

bench-install: $(VENV)/.installed ## Set up what some benchmarks compare with (.venv-bench, large)
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip --disable-pip-version-check --quiet $(LOCKED) -r requirements/bench.txt

docs: install ## Write the pages that are made from the code
	$(BIN)/python -m mecum.settings.document > docs/settings.md

UV_COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate $(ARGS)
lock: ## Write the locks anew (needs uv; ARGS=--upgrade for newer versions)
	$(UV_COMPILE) pyproject.toml -o requirements/runtime.txt
	$(UV_COMPILE) requirements/build.in -o requirements/build.txt
	$(UV_COMPILE) requirements/test.in -o requirements/test.txt
	$(UV_COMPILE) requirements/clients.in -o requirements/clients.txt
	$(UV_COMPILE) requirements/bench.in -o requirements/bench.txt
	$(UV_COMPILE) --no-deps requirements/starter.in -o requirements/starter.txt
	$(UV_COMPILE) --no-deps requirements/embedder.in -o requirements/embedder.txt

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis
