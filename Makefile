# coprove: every target sets up what it needs and is quick the second time.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
VENV := .venv/bin
PYTEST_WORKERS ?= 2
# The binary itself: npm's wrapper around it ends with 0 whatever forge says.
FORGE = $$($(VENV)/python -c 'from coprove.contracts.foundry_tools import find_tool; print(find_tool("forge"))')

.PHONY: help setup devnet test bench lint format contracts docs

help: ## Show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.tools/bin/uv:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	python3 -m venv .tools
	.tools/bin/pip install --quiet uv==$(UV_VERSION)

node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { echo "Node.js with npm is needed for the devnet's L1 and the contracts" >&2; exit 1; }
	# Not `npm ci`: a lock made where a platform's optional package cannot be seen would be refused.
	npm install --no-save --no-fund --no-audit --loglevel=error
	@touch $@

setup: $(filter .tools/bin/uv,$(UV)) node_modules/.package-lock.json ## Install all dependencies and build the Rust kernel
	@command -v cargo >/dev/null || { echo "Rust (cargo) is needed to build the kernel" >&2; exit 1; }
	$(UV) sync --frozen --quiet

devnet: setup ## Run an L1 and an L2 here and finalise outputs (ARGS="--exit-after-outputs 2")
	$(VENV)/coprove devnet $(ARGS)

test: setup lint ## Run all checks and tests
	cargo test --quiet --manifest-path native/Cargo.toml --release
	forge=$(FORGE) && cd contracts && "$$forge" test
	forge=$(FORGE) && cd contracts && "$$forge" snapshot --match-contract Gas --check
	$(VENV)/pytest -n $(PYTEST_WORKERS) --dist worksteal

lint: setup ## Check style, types, the rooms' import rules and the kernel's lints
	$(VENV)/ruff check
	$(VENV)/ruff format --check
	$(VENV)/mypy
	$(VENV)/lint-imports
	cargo fmt --manifest-path native/Cargo.toml --check
	cargo clippy --quiet --manifest-path native/Cargo.toml --release --all-targets --features extension-module -- -D warnings
	forge=$(FORGE) && cd contracts && "$$forge" fmt --check

format: setup ## Rewrite all sources in the project's style
	$(VENV)/ruff check --fix-only --quiet
	$(VENV)/ruff format
	cargo fmt --manifest-path native/Cargo.toml
	forge=$(FORGE) && cd contracts && "$$forge" fmt

bench: setup ## Measure executor, range program and witness; writes bench/results.json
	$(VENV)/python -m bench

contracts: setup ## Compile the contracts; write the committed artifacts and the gas snapshot
	$(VENV)/python contracts/scripts/export_artifacts.py
	forge=$(FORGE) && cd contracts && "$$forge" snapshot --match-contract Gas

docs: setup ## Check that the commands and links in the docs hold
	$(VENV)/pytest -q tests/unit/docs
