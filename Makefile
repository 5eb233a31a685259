# The doors of the house. `make help` lists them. Needs GNU make and Python 3.11 or later; all else
# is installed into .venv from the locks, once, and again when a lock has changed.

VENV   ?= .venv
PYTHON ?=
ARGS   ?=
SEED   ?=
# A worker for each core and one more, for tests wait for processes a fifth of their time. Each has
# its own Postgres; tests of one group share a worker.
CORES  := $(shell getconf _NPROCESSORS_ONLN)
SPREAD ?= -n $$(($(CORES) + 1)) --maxprocesses 4 --dist loadgroup

BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check
LOCK := $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --no-header

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run cluster test check bench load sim faults fuzz lock clean

help: ## List the targets
	@echo 'Targets (pass options on with ARGS="...", choose the interpreter with PYTHON=...):'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/run.installed ## Start the demo: ARGS="--port 9000"
	@$(BIN)/outcry demo $(ARGS)

cluster: $(VENV)/dev.installed ## Start engines and gateways with people, to hurt: ARGS="--engines 3"
	@$(BIN)/python -m testkit.live $(ARGS)

test: $(VENV)/dev.installed ## Run the tests: ARGS="-k auction", ARGS="-n0" one by one
	@PYTHONASYNCIODEBUG=1 $(BIN)/python -m pytest $(SPREAD) $(ARGS)

check: $(VENV)/dev.installed ## Format, lint, types, import contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	PYTHONASYNCIODEBUG=1 $(BIN)/python -m pytest $(SPREAD) $(ARGS)

bench: $(VENV)/dev.installed ## Measure: ARGS="..."
	@$(BIN)/outcry bench $(ARGS)

load: $(VENV)/dev.installed ## Users by the hundred, with a page: ARGS="--headless -u 200 -r 20 -t 1m"
	@$(BIN)/locust --locustfile bench/locustfile.py --web-host 127.0.0.1 $(ARGS)

sim: $(VENV)/dev.installed ## Simulate the whole house from one seed: SEED=7
	@$(BIN)/python -m testkit.simulator $(if $(SEED),--seed $(SEED)) $(ARGS)

faults: $(VENV)/dev.installed ## Kill, freeze and cut off the parts of a cluster: ARGS="--minutes 60"
	@$(BIN)/python -m testkit.faults $(ARGS)

fuzz: $(VENV)/dev.installed ## Try broken frames and odd commands: ARGS="--seconds 3600"
	@$(BIN)/python -m testkit.fuzz $(ARGS)

lock: $(VENV)/pyvenv.cfg ## Write the locks anew: ARGS="--upgrade" for newer versions
	@$(PIP) install --quiet uv
	$(LOCK) $(ARGS) --group build --output-file locks/run.lock pyproject.toml
	$(LOCK) $(ARGS) --group dev --constraints locks/run.lock --output-file locks/dev.lock pyproject.toml

clean: ## Remove all that make and the tools have made
	rm -rf $(VENV) dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The build backend is locked too, so that the editable install fetches nothing of its own.
$(VENV)/%.installed: locks/%.lock pyproject.toml $(VENV)/pyvenv.cfg
	@echo 'Installing locks/$*.lock into $(VENV): up to a minute the first time ...'
	@start=$$(date +%s) \
	&& $(PIP) install --quiet --require-hashes -r locks/$*.lock \
	&& $(PIP) install --quiet --no-deps --no-build-isolation --editable . \
	&& touch $@ \
	&& echo "Installed in $$(($$(date +%s) - start)) s."

$(VENV)/pyvenv.cfg:
	@for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
			echo "$$python has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2; \
			exit 1; \
		fi; \
		echo "Making $(VENV) with $$($$python --version) ..."; \
		exec $$python -m venv --clear $(VENV); \
	done; \
	echo 'Open Outcry needs Python 3.11 or later, and $(or $(PYTHON),python3) is not.' >&2; \
	echo 'Install one and name it: make PYTHON=/path/to/python3.12 ...' >&2; \
	exit 1
