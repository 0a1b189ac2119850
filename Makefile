# Each command sets everything up in .venv: `make train` runs the main job, `make test` the quick tests, `make test-all`
# all of them.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test test-all clean

train: .venv/installed
	$(BIN)/python train.py $(ARGS)

test: QUICK = -m "not slow"
test test-all: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(QUICK) $(ARGS)

.venv/installed: pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv
