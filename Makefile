# Every target makes the virtual environment it needs, once, and again when pyproject.toml or the interpreter changed.
# Another interpreter: make test PYTHON=python3.13; from then on the environment's own is taken.

VENV ?= .venv
BIN := $(VENV)/bin

ifndef PYTHON
PYTHON := $(shell for p in $(BIN)/python python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
endif
VERSION := $(shell $(PYTHON) -c 'import platform, sys; print(platform.python_version() * (sys.version_info >= (3, 11)))' 2>/dev/null)

RUN := $(VENV)/installed-run-$(VERSION)
DEV := $(VENV)/installed-dev-$(VERSION)

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

.PHONY: help demo test check lint layers types wheel bench clean

help:
	@echo "make demo    see two nodes index the standard library while their parts are killed"
	@echo "make test    run the test suite"
	@echo "make check   make lint, layers (import direction), types and wheel"
	@echo "make bench   run the benchmarks"
	@echo "make clean   remove what the other targets made"

demo: $(RUN)
	@$(BIN)/understudy demo

# The tests start some thousand interpreters: they find everything compiled, even where these must not write bytecode.
test: $(DEV)
	@$(BIN)/python -m compileall -q -j 2 --invalidation-mode checked-hash actors transports runtime understudy tests
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

check: lint layers types wheel

lint: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

layers: $(DEV)
	$(BIN)/lint-imports

types: $(DEV)
	$(BIN)/pyright
	$(BIN)/mypy

wheel: $(DEV)
	$(BIN)/python scripts/check_wheel.py

bench: $(DEV)
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): pyproject.toml
	$(call environment)
	@$(BIN)/python -m pip install -q -e .
	@touch $@

$(DEV): pyproject.toml
	$(call environment)
	@$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $(RUN) $@

# A directory made by another interpreter, or whose interpreter is gone, is emptied first.
define environment
	@test -n "$(VERSION)" || { echo "Understudy needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@echo "Preparing $(VENV) with Python $(VERSION) ..."
	@test "$$($(BIN)/python -c 'import pip, platform; print(platform.python_version())' 2>/dev/null)" = "$(VERSION)" || \
		$(PYTHON) -m venv --clear $(VENV)
endef
