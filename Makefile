# `make demo` and `make test` work on a fresh checkout; the second time they start at once.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python -m

# OpenBLAS threads compete with those of XLA.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test lint

demo: $(VENV)/.installed-demo
	$(RUN) zeroshot_hoi run ironing --out out/ironing

test: $(VENV)/.installed-test
	$(RUN) pytest

lint: $(VENV)/.installed-dev
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) pyright

$(VENV)/.installed-demo: EXTRAS :=
$(VENV)/.installed-test: EXTRAS := [test,torch]
$(VENV)/.installed-dev: EXTRAS := [dev,torch]

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(RUN) pip install --quiet --disable-pip-version-check -c constraints.txt -e ".$(EXTRAS)"
	@touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
