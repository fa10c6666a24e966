# Martlet's commands. What they do is in scripts/, one file each.

MODEL  ?= smollm2
PROMPT ?= What is the capital of France, and what is it famous for?
ARGS   ?=

export MODEL PROMPT ARGS

.DEFAULT_GOAL := help
.PHONY: help run model build test check bench compare fuzz format docs clean

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

run: ## Build, bring the default model and answer a question (PROMPT="…", MODEL=…, ARGS="--max-tokens 50")
	@scripts/run.sh

model: ## Bring the default model and print where it lies
	@scripts/fetch-model.sh

build: ## Build the release binary .build/release/martlet
	@scripts/build.sh

test: ## Install what the tests need, build and run all tests (ARGS="--filter Tensor" runs some)
	@scripts/test.sh

check: ## Everything that is checked without running: formatter, layout of the sources, a build without warnings
	@scripts/check.sh

bench: ## Measure prompt processing and generation on this machine
	@scripts/bench.sh

compare: ## Measure beside llama.cpp and PyTorch, in turns (ARGS="--only smollm2" does some)
	@scripts/compare.sh

fuzz: ## Read a million damaged files of each kind (RUNS=20000 is quick, TARGET=gguf does one kind)
	@scripts/fuzz.sh

format: ## Let the formatter repair the layout of Swift files
	@swift format --in-place --recursive --parallel Package.swift Sources Tests Fuzz examples

docs: ## Build the documentation of the library into .build/docs
	@scripts/docs.sh

clean: ## Remove what was built; the model stays in the cache
	@rm -rf .build
