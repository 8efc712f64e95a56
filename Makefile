# Needs Python 3.11 or newer with pip; everything else goes into .venv, which is made once and reused.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint faults fuzz bench check-data clean

demo: .venv/installed
	$(BIN)/friedel demo

test: .venv/installed-test lint
	$(BIN)/python -m pytest -n 3 --dist worksteal

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.typescript

# Hundreds of faults, a few minutes: make faults NUMBER=5000 SEED=7
NUMBER ?= 600
SEED ?= 1
faults: .venv/installed-test
	$(BIN)/python -m tests.faults $(NUMBER) $(SEED)

# Inputs that nobody means to give: some of them are in the tests, here are very many.
fuzz: .venv/installed-test
	$(BIN)/python -m tests.fuzz --inputs 100000

bench: .venv/installed-bench .venv/installed-test
	for name in moving_median segment end_to_end memory view; do $(BIN)/python -m bench.$$name || exit 1; done

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	-$(BIN)/python -m tests.chromium
	-$(BIN)/python -m tests.typescript --version
	touch $@ .venv/installed

.venv/installed-bench: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	touch $@ .venv/installed

# Scans that nobody here made; DATA is the folder that holds them.
check-data: .venv/installed-test
	for name in independent_ti_geometry independent_ti independent_ti_grains real_detector real_near_field real_map; do \
		$(BIN)/python -m bench.$$name $(DATA) || exit 1; done

clean:
	rm -rf .venv friedel-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
