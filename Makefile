# The environment is made on the first use of any target. It needs Python 3.11 or newer, nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/installed
DEV_STAMP := .venv/installed-dev
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PACKAGES = -c constraints.txt -e
FOR_USE := .[local]
FOR_WORK := .[local,dev]

.DEFAULT_GOAL := help
.PHONY: help install demo browser test test-long test-compose docs env lint constraints clean

help: ## list these targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

install: $(STAMP) ## the environment: .venv with what the product needs, and the local Kafka in the user's cache

# uv takes half a minute, pip takes five. pip is used if uv is not available or cannot use pip's configuration
define install_packages
	@$(PIP) uv && $(BIN)/uv pip install --quiet --python .venv --override overrides.txt $(PACKAGES) '$(1)' || \
	  { echo 'uv cannot install the packages here, so pip installs them; this takes some minutes'; $(PIP) $(PACKAGES) '$(1)'; }
endef

$(STAMP): pyproject.toml constraints.txt overrides.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3' >&2; exit 1; }
	"$(PYTHON)" -m venv .venv
	$(call install_packages,$(FOR_USE))
	$(if $(KAFKA_BOOTSTRAP_SERVERS),,$(BIN)/churnstream kafka fetch)
	@$(BIN)/python -m scorer.kernels.warm  # else the first scorer would wait for its loops to be compiled
	@touch $@

# a fifth of all packages is for tests, types and style alone
$(DEV_STAMP): $(STAMP)
	$(call install_packages,$(FOR_WORK))
	@touch $@

demo: $(STAMP) ## replay, score, join and monitor six simulated weeks; DATA=table.csv, SCHEMA=its.toml, ARGS="--rows 4000"
	$(BIN)/churnstream demo $(if $(DATA),--data "$(DATA)") $(if $(SCHEMA),--schema "$(SCHEMA)") $(ARGS)

# The tests that look at pages take whichever of these is there. Debian's package is asked for by root alone.
BROWSERS = chromium chromium-browser google-chrome google-chrome-stable

browser: ## install Chromium for the tests that look at pages, if no browser exists (apt, as root)
	@for name in $(BROWSERS); do if command -v $$name; then exit 0; fi; done; \
	if ! command -v apt-get >/dev/null; then \
	  echo 'found neither a browser nor apt-get; install Chromium, or the tests that look at pages are skipped' >&2; exit 1; \
	elif [ "$$(id -u)" != 0 ]; then \
	  echo 'found no browser; run apt-get install chromium as root, or the tests that look at pages are skipped' >&2; exit 1; \
	else \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium; \
	fi

# Without ARGS the unit tests come first, so that a slip is told soon. They keep the processors busy; of the others many
# wait for a broker's time-outs. A module's tests stay together for what they share, and modules in their order, in which
# the longest come first.
PYTEST = BROKER="$(BROKER)" $(BIN)/python -m pytest --dist loadscope --no-loadscope-reorder --ignore tests/compose

test: $(DEV_STAMP) ## all tests; ARGS="tests/unit -x", BROKER=docker, KAFKA_BOOTSTRAP_SERVERS=host:port
ifeq ($(ARGS),)
	$(PYTEST) -n 2 tests/unit
	$(PYTEST) -n 4 --ignore tests/unit
else
	$(PYTEST) -n 3 $(ARGS)
endif

test-long: export CHURNSTREAM_LONG_TESTS = 1
test-long: export PYTEST_ADDOPTS = --timeout 3600
test-long: test test-compose ## all tests, the slow proofs at full size and those of the Docker stack: hours

test-compose: $(DEV_STAMP) ## the tests of the Docker stack; builds its image, needs Docker with Compose v2
	$(BIN)/python -m pytest tests/compose $(ARGS)

env: ## random passwords for docker compose, in .env
	@for name in POSTGRES_PASSWORD GRAFANA_PASSWORD; do grep -qs "^$$name=" .env || { umask 077; \
	  printf '%s=%s\n' "$$name" "$$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >> .env; echo "$$name written to .env"; }; done

lint: $(DEV_STAMP) ## ruff (lint and format) and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks scripts

docs: $(DEV_STAMP) ## build the documentation in build/site and check all links; needs no network
	$(BIN)/python scripts/build_docs.py

constraints: $(DEV_STAMP) ## update constraints.txt, for maintainers
	$(BIN)/uv pip compile --universal --python-version 3.11 --all-extras --no-annotate --no-emit-index-url \
	  --no-emit-find-links --upgrade --custom-compile-command 'make constraints' -o constraints.txt pyproject.toml

clean: ## remove the environment and what tools left behind; downloads and brokers stay
	rm -rf .venv .cache build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
