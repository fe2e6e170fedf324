# Every target sets up .venv by itself; `make demo` and `make test` are all a fresh machine needs.

PYTHON := $(shell for p in python3 python3.11 python3.12; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
	&& command -v $$p && break; done)
BIN := .venv/bin
STAMP := .venv/.installed
DOCS_STAMP := .venv/.docs-installed
RELEASE_STAMP := .venv/.release-installed
MUTATE_STAMP := .venv/.mutate-installed
ENGINE_STAMP := .venv-engine/.installed
# Three test processes on two cores, because one often waits for a child or a server; more threads inside each would only
# get in the way.
QUIET := OMP_NUM_THREADS=1 DO_NOT_TRACK=1
# Compiled modules are kept whatever the environment says: tests and demo start many processes.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install demo test soak check format bench bench-decisions bench-models bench-detect bench-watch bench-demo bench-examples docs engine generate constraints release mutate clean

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

install: $(STAMP) ## Set up .venv with the exact versions of constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "gatewatch needs Python 3.11 or 3.12; neither was found on PATH" >&2; exit 2; }
	@echo "setting up .venv (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,engine]"
	@touch $@

demo: $(STAMP) ## Run the simulated plant through everything; SERVE=1 keeps metrics and pages up
	$(BIN)/gatewatch demo $(if $(filter-out 0,$(SERVE)),--serve)

test: $(STAMP) ## All tests but the long ones (at most 10 minutes)
	$(QUIET) $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

soak: $(STAMP) ## The long tests (at most 20 minutes)
	$(QUIET) $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m soak -rPfE --durations=40

check: $(STAMP) ## Format, lint, types, and the tests of a moment that start no other process
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(QUIET) $(BIN)/pytest -n 2 --dist loadfile -m "not soak and not slow and not process and not postgres"

format: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .

bench: $(STAMP) ## Measure, with nothing else running; JSON goes to benchmarks/results
	$(BIN)/python -m benchmarks

bench-models: $(STAMP) ## The model kinds on real data, each figure beside its bar
	$(QUIET) $(BIN)/python -m benchmarks bench_models_image bench_models_ensemble bench_models_table

bench-detect: $(STAMP) ## Detectors of machines on real data and simulated plants, each figure beside its bar
	$(QUIET) $(BIN)/python -m benchmarks bench_detect

bench-watch: $(STAMP) ## Control charts, drift, estimates before outcomes, likely causes, each figure beside its bar (an hour)
	$(QUIET) $(BIN)/python -m benchmarks bench_spc bench_charts bench_drift bench_drift_shifts bench_image_drift bench_compare \
	  bench_before_outcomes bench_attribution

bench-decisions: $(STAMP) ## Decisions by cost, steps that matter, savings, and what must never be in 10,000 cases each
	$(QUIET) $(BIN)/python -m benchmarks bench_decisions bench_steps bench_savings
	GATEWATCH_CASES=10000 $(QUIET) $(BIN)/pytest tests/inference/test_inference_adjusting.py tests/inference/test_inference_confirming.py

bench-examples: $(STAMP) ## The examples on real data in full, with and without retraining (GATEWATCH_DATA, ../shared/data)
	for name in ai4i2020 hydraulic liveline neu secom skab; do $(QUIET) $(BIN)/python -m examples.report $$name || exit; done

bench-demo: $(STAMP) ## The demo on 11 seeds, and 10 seeds without faults (half an hour)
	$(BIN)/python -m benchmarks bench_demo

docs: $(DOCS_STAMP) ## Build the documentation site into build/docs; a broken link or anchor fails it
	$(BIN)/sphinx-build --quiet --nitpicky --fail-on-warning --keep-going --fresh-env -c docs . build/docs
	@echo "built build/docs/docs/index.html"

$(DOCS_STAMP): $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@

generate: $(STAMP) ## Write the pages and dashboards that come from the code
	$(BIN)/python -m monitor.plant.file.docs > docs/reference/configuration.md
	$(BIN)/python -m exporters.metrics.catalog_docs > docs/reference/metrics.md
	$(BIN)/python -m alerting.alerts.specs_docs > docs/reference/alerts.md
	$(BIN)/python -m monitor.cli_docs > docs/reference/commands.md
	$(BIN)/python -m releasing.licences > docs/reference/licences.md
	$(BIN)/python -m alerting.alerts.runbooks > alerting/generated/runbooks.md
	$(BIN)/python -m alerting.alerts.rules > alerting/generated/alerts.rules.yml
	$(BIN)/python -m alerting.alerts.servers prometheus > alerting/generated/prometheus.yml
	$(BIN)/python -m alerting.alerts.servers alertmanager > alerting/generated/alertmanager.yml
	$(BIN)/gatewatch dashboards build --out dashboards/generated

# Pins that still fit are kept. The same versions must do on every machine, so a build's local suffix goes.
constraints: $(STAMP) ## Make constraints.txt again from the ranges in pyproject.toml
	$(BIN)/pip-compile --quiet --all-extras --strip-extras --no-header --no-annotate --no-allow-unsafe --unsafe-package pip \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o constraints.txt pyproject.toml
	sed -i -E -e '/^(#.*)?$$/d' -e 's/\+[a-z0-9.]+$$//' constraints.txt
	! grep -E '^(nvidia|cuda|triton)' constraints.txt

release: $(RELEASE_STAMP) ## Build the files of a release into dist/ from the last commit; refuses a tree with changes
	$(BIN)/python -m releasing

$(RELEASE_STAMP): $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[release]"
	@touch $@

mutate: $(MUTATE_STAMP) ## Mutation tests of the rules that must not be wrong; MODULE=inference.policy.gate for one of them
	$(QUIET) $(BIN)/mutmut run $(if $(MODULE),"$(MODULE).*")
	@$(BIN)/mutmut results

$(MUTATE_STAMP): $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[mutate]"
	@touch $@

# Its modules are those of Spark's client, which is in .venv: so an environment of its own, with the rest of .venv beside it.
engine: $(ENGINE_STAMP) ## Backfills and a stream on plain Spark: two workers, kills and four plants of three days (Java 17; some 40 minutes)
	$(QUIET) .venv-engine/bin/python -m pytest -p no:xdist -rs --durations=0 tests/monitor/engine/test_engine_spark.py
	GATEWATCH_FULL=1 $(QUIET) .venv-engine/bin/python -m pytest -p no:xdist -m soak -rP tests/soak/test_soak_engine.py

$(ENGINE_STAMP): $(STAMP)
	@command -v java >/dev/null || { echo "plain Spark needs Java 17, and no java was found on PATH" >&2; exit 2; }
	@test -x .venv-engine/bin/python || $(PYTHON) -m venv .venv-engine
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
		$$(.venv-engine/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/rest.pth
	.venv-engine/bin/pip install --quiet --disable-pip-version-check --ignore-installed --no-deps "pyspark==4.3.0" "py4j==0.10.9.9"
	@touch $@

clean: ## Delete what was built or made by the demo
	rm -rf .venv .venv-engine build dist mutants *.egg-info .gatewatch-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
