# make demo          the main job, on a fresh machine, without a key
# make test          the whole suite on the newest SDKs
# make test-matrix   what an SDK has a part in, on every supported SDK line, each in an environment of its own
# make test-peers    one span per call beside other instrumentors
# make test-frameworks  budgets in agent frameworks, in an environment that has them
# make test-backends Phoenix, MLflow and Prometheus, started on loopback
# make fuzz          every property test on new random examples, over and over, until one fails
# make soak          100,000 calls and 10,000 dropped streams, which leave nothing behind; long races for budgets and caches,
#                    every probe on every kind of client, a million histories that are trimmed
# make lint          formatting, lint, types
# make bench         what a wrapped call costs beside a bare one and beside other instrumentation

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: demo test test-matrix test-peers test-frameworks test-backends fuzz soak lint format bench clean env

# One more than two cores: many tests wait, for a lease, a pause of a stream, a server that begins.
WORKERS ?= 2
# Each begins with a part of the files in a row, so that what is set up once for a file is, and takes from others last.
PYTEST := -n $(WORKERS) --dist worksteal -q
# The newest line of each SDK is what `make test` itself runs on.
LINES := openai1 openai2

openai1 := openai==1.* anthropic==0.*
openai2 := openai==2.* anthropic==1.*

env:
	@.ci/env .venv --group dev
	@.ci/redis
	@[ -d .venv/lib/python3*/site-packages/litellm ] || .venv/bin/python -m pip install --quiet --no-deps --group differential

demo:
	@EXTRAS='[openai,anthropic]' .ci/env .venv-demo
	@.venv-demo/bin/tokeneff demo

test: env
	.venv/bin/pytest $(PYTEST)

test-matrix: test $(addprefix matrix-,$(LINES))

matrix-%:
	@echo "== $($*)"
	@.ci/env .venv-$* --group test $(foreach spec,$($*),"$(spec)")
	.venv-$*/bin/pytest $(PYTEST) -m 'not backends and not anyline'

test-peers:
	@.ci/peers

test-frameworks:
	@.ci/env .venv-frameworks --group frameworks
	.venv-frameworks/bin/pytest -q tests/frameworks

test-backends:
	@.ci/backends

fuzz: env
	while TOKENEFF_HYPOTHESIS=fuzz .venv/bin/pytest $(PYTEST) -m property; do :; done

soak: env
	TOKENEFF_SOAK=1 .venv/bin/pytest -q tests/telemetry/test_it_cannot_hurt.py -k leave_nothing_behind
	TOKENEFF_SOAK=1 .venv/bin/pytest -q -rP tests/stores/test_store_races.py tests/stores/test_store_kills.py
	TOKENEFF_SOAK=1 .venv/bin/pytest -q tests/stores/test_store_outages.py tests/ledger/test_ledger_processes.py \
		tests/budgets/test_budget_kills.py tests/budgets/test_budget_known_failures.py \
		tests/budgets/test_budget_cuts.py tests/budgets/test_budget_streams.py
	TOKENEFF_SOAK=1 .venv/bin/pytest -q tests/cache tests/fidelity
	TOKENEFF_SOAK=1 .venv/bin/pytest -q -rP tests/trim

lint: env
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/pyright --pythonpath .venv/bin/python

format: env
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

bench: env
	.venv/bin/python benchmarks/overhead.py
	.venv/bin/python benchmarks/budget.py
	.venv/bin/python benchmarks/cache.py
	.venv/bin/python benchmarks/trim.py

clean:
	rm -rf .venv .venv-* dist build .pytest_cache .ruff_cache .hypothesis .coverage*
