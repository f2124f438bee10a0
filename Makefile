# Everything runs in .venv, which the first call makes; nothing outside this folder is changed
# (but for compiled kernels, which are kept in the user's cache folder).
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
FIGURES := figures/roofline.svg figures/roofline.png
CURVES := figures/bandwidth.svg figures/bandwidth.png
COMPARED := figures/compare.svg figures/compare.png
OPTIONS ?=

.DEFAULT_GOAL := help
.PHONY: help calibrate compare report bench bench-ops bench-conv check test clean

help:
	@echo "make calibrate   measure this machine (OPTIONS='--quick --site NAME ...')"
	@echo "make compare     predict and measure about 60 convolutions (OPTIONS='--threads 1 ...')"
	@echo "make report      print and draw the newest calibration again"
	@echo "make bench       compare with other tools, in pairs (OPTIONS='--pairs 3 ...')"
	@echo "make bench-ops   our operators against NumPy and their roofs, in pairs"
	@echo "make bench-conv  our convolutions against libraries, in turn (OPTIONS='--random 30 --seed 7 ...')"
	@echo "make test        run the tests"
	@echo "make check       lint, types, import rules, function lengths"
	@echo "make clean       remove .venv, caches and figures; results stay"

calibrate: $(VENV)/.installed | figures
	$(RUN) -m calibrate --figure $(FIGURES) --curve $(CURVES) $(OPTIONS)

compare: $(VENV)/.installed | figures
	$(RUN) -m roofline.compare --figure $(COMPARED) $(OPTIONS)

report: $(VENV)/.installed | figures
	$(RUN) -m roofline.report --figure $(FIGURES) --curve $(CURVES) $(OPTIONS)

bench: $(VENV)/.installed
	$(RUN) -m versus $(OPTIONS)

bench-ops: $(VENV)/.installed
	$(RUN) -m versus --operators $(OPTIONS)

bench-conv: $(VENV)/.installed
	$(RUN) -m versus --convolutions $(OPTIONS)

test: $(VENV)/.test-installed
	$(RUN) -m pytest $(OPTIONS)

check: $(VENV)/.check-installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo
	$(RUN) tools/function_lengths.py roofline benchmarks calibrate versus tools

figures:
	mkdir -p figures

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "error: Python 3.11 or newer is needed: make PYTHON=python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/.check-installed: $(VENV)/.installed
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[check]'
	@touch $@

clean:
	rm -rf $(VENV) figures build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache \
	    .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
