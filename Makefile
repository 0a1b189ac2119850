# Each command sets up what it needs in .venv: `make train` runs the main job, `make test` the quick tests, `make test-all`
# all of them, `make docs` builds the documentation into site/, `make mutants` counts the mutants that the tests kill
# (docs/mutants.md), in one room with ROOM=losses.
PYTHON ?= python3
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: train test test-all docs mutants clean

train: .venv/installed
	$(BIN)/python train.py $(ARGS)

test: QUICK = -m "not slow"
test test-all: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy & types=$$!; OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(QUICK) $(ARGS); \
		code=$$?; wait $$types && exit $$code  # mypy has one process

docs: .venv/docs-installed  # (the variable silences a notice of Material's successor)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

mutants: .venv/mutants-installed
	$(BIN)/python benchmarks/mutants.py $(ROOM) $(ARGS)

.venv/installed: pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP_INSTALL) --no-compile --editable '.[dev]'
	$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' .venv/lib || true  # pip compiles 20,000 modules with one core
	touch $@

.venv/docs-installed: .venv/installed
	$(PIP_INSTALL) --editable '.[docs]'
	touch $@

.venv/mutants-installed: .venv/installed
	$(PIP_INSTALL) --editable '.[mutants]'
	touch $@

clean:
	rm -rf .venv site
