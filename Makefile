# make demo     set up what is needed, then analyse the dump that ships
# make test     set up, then lint, types, tests
# make examples rebuild examples/ byte for byte
# make docs     rebuild the generated pages of docs/
# make bench    print the benchmarks

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint types unit examples docs bench clean

demo: $(VENV)/demo
	$(BIN)/smalldump demo

test: lint types unit

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev
	$(BIN)/mypy

unit: $(VENV)/dev
	$(BIN)/pytest -n auto --dist loadgroup

examples: $(VENV)/dev
	$(BIN)/python -m tools.make_examples

docs: $(VENV)/dev
	$(BIN)/python -m tools.make_docs

bench: $(VENV)/dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/dev: $(VENV)/bin/python pyproject.toml requirements/dev.txt
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
