# Two commands for a fresh machine: `make demo` (sets up, runs everything) and `make test` (sets up, checks everything).
# Before a release: `make docs`, `make bench` and `make release-check`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# On Linux the torch of the package index brings gigabytes of CUDA: without an NVIDIA driver the build for processors is taken.
PROCESSORS_ONLY := $(if $(filter Linux,$(shell uname)),$(if $(shell command -v nvidia-smi),,yes))
TORCH_INDEX := $(if $(PROCESSORS_ONLY),--extra-index-url https://download.pytorch.org/whl/cpu)
unexport PYTHONDONTWRITEBYTECODE # where it is set, every process compiles all of spinlock anew

.PHONY: setup demo test check format docs bench release-check clean
setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --retries 1 --timeout 15 --no-deps --constraint constraints.txt $(TORCH_INDEX) torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: setup
	$(BIN)/spinlock demo --output runs/demo

test: setup check
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python -m pytest -q tests/docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

bench: setup
	$(BIN)/python benchmarks/bench.py

release-check: setup
	EXAMPLES=all $(BIN)/python -m pytest tests/pipeline/test_examples.py
	$(BIN)/python scripts/smoke_release.py $(foreach version,3.11 3.12 3.13 3.14,$(shell command -v python$(version)))

clean:
	rm -rf $(VENV) runs docs/_build docs/reference
