# nnlab: everything a developer types. `make help` lists it.

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11 python,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
VENV ?= .venv
RUN := $(VENV)/bin/python
# Set to 1 to use the torch and torchvision that PYTHON has already, as GPU boxes often do; what
# was chosen once stays chosen until it is set to 0.
REUSE_TORCH ?= $(if $(wildcard $(VENV)/.ready-reuse-torch),1,0)
READY := $(VENV)/.ready-$(if $(filter 1,$(REUSE_TORCH)),reuse-torch,own-torch)

.DEFAULT_GOAL := help
.PHONY: help setup tui demo test test-slow test-cuda snapshots fuzz durability soak lint format typecheck bench bench-runs \
	bench-startup bench-screen bench-peers reproduce clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=python3.12 chooses the interpreter, REUSE_TORCH=1 uses the torch it has."
	@echo "  make bench-peers BENCH='--work lenet --rounds 9' passes options on to the benchmark."
	@echo "  make reproduce REPRODUCE='--quick --seeds 1' passes options on to nnlab reproduce."

setup: $(READY) ## create .venv with everything pinned (each target below does it by itself)

$(READY): pyproject.toml constraints.txt
	@sh ./.ci/setup "$(PYTHON)" "$(VENV)" "$(filter 1,$(REUSE_TORCH))"
	@rm -f $(VENV)/.ready-*
	@touch $@

tui: $(READY) ## open the dashboard
	@$(VENV)/bin/nnlab tui

demo: $(READY) ## train a perceptron on the built-in images, without a screen
	@$(VENV)/bin/nnlab train mlp --data fashion-mini --epochs 5

test: $(READY) ## run the tests (fast part)
	@$(RUN) -m pytest -m "not slow" -n auto --maxprocesses 4

test-slow: $(READY) ## run the tests that take minutes
	@$(RUN) -m pytest -m slow

test-cuda: $(READY) ## run the tests that need a GPU: CUDA graphs, precision, prefetching
	@$(RUN) -m pytest -m cuda

snapshots: $(READY) ## write anew how the screens look, after a change that is meant
	@NNLAB_WRITE_SNAPSHOTS=1 $(RUN) -m pytest -q tests/tui/test_snapshots.py

fuzz: $(READY) ## give 10,000 hostile inputs to every command (minutes)
	@$(RUN) -m pytest -m slow tests/fuzz

durability: $(READY) ## kill, damage, interrupt and starve runs in every way (minutes)
	@$(RUN) -m pytest tests/durability tests/core/test_exact_resume.py -s

soak: $(READY) ## watch a dashboard for half an hour and a million reports
	@$(RUN) -m pytest -m slow tests/tui/test_soak.py -s

lint: $(READY) ## check style and formatting
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

format: $(READY) ## format the code
	@$(RUN) -m ruff check --fix-only --quiet .
	@$(RUN) -m ruff format .

typecheck: $(READY) ## check the types
	@$(RUN) -m mypy

bench: $(READY) ## time training against a plain and a textbook loop
	@$(RUN) -m benchmarks.training $(BENCH)

bench-runs: $(READY) ## time how long 10,000 runs take to be listed and filtered
	@$(RUN) -m benchmarks.runs

bench-startup: $(READY) ## time how long commands and the dashboard take to start
	@$(RUN) -m benchmarks.startup $(BENCH)

bench-screen: $(READY) ## time what the dashboard costs a training, and how late it is
	@$(RUN) -m benchmarks.screen $(BENCH)

PEERS := $(VENV)-peers
bench-peers: $(PEERS)/.ready ## the same against Lightning, fastai, skorch and Keras too
	@$(PEERS)/bin/python -m benchmarks.training $(BENCH)

$(PEERS)/.ready: benchmarks/requirements.txt $(READY)
	@$(RUN) -m venv $(PEERS)
	@# Both see the same torch; the peers' own packages go before those of nnlab.
	@$(RUN) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
		"$$($(PEERS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nnlab.pth"
	@$(PEERS)/bin/python -m pip install --quiet -r benchmarks/requirements.txt
	@touch $@

reproduce: $(READY) ## measure the notes' experiments again and write docs/reproduction.md (hours)
	@$(VENV)/bin/nnlab reproduce --results docs/reproduction $(REPRODUCE)
	@$(VENV)/bin/nnlab reproduce --results docs/reproduction --render docs/reproduction.md

clean: ## remove .venv and what tools left behind
	rm -rf .venv .venv-peers build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
