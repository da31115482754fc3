# make run is all a new machine needs. Words in capitals are for the command line:
#   TORCH_INDEX=...  where torch comes from    CMAKE_ARGS=...  how llama.cpp is compiled
#   T="tests/unit"   which tests               UPGRADE=1       newer versions for make lock
#   WORKERS=1        how many run at a time
SHELL := /bin/bash
BIN := .venv/bin
T ?=
# Each worker has a database server and models of its own: about 1.5 GB.
WORKERS ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))

.PHONY: help run setup setup-test test lint format bench bench-access bench-quality bench-scale bench-capacity lock docs clean
.PHONY: deb deb-twice deb-test offline-bundle faults

help:
	@echo "make run     set up, load the demonstration and serve it"
	@echo "make test    set up and run all tests (T=path for some)"
	@echo "make lint    ruff, mypy and the import rules"
	@echo "make format  let ruff format the code"
	@echo "make bench   measure speed and quality"
	@echo "make bench-quality  measure what each part of the search is worth (an hour)"
	@echo "make bench-access  play 20 000 random changes of access against a model of the rules"
	@echo "make bench-capacity  what a request and a passage cost: the figures of docs/sizing.md"
	@echo "make bench-scale   a million passages: build, recall and time (GOVBOT_BENCH_CHUNKS=100000)"
	@echo "make faults  play kills, full disks and other faults (GOVBOT_FAULT_ROUNDS=0.05: quickly)"
	@echo "make lock    resolve the dependencies again"
	@echo "make docs    write docs/settings.md and docs/cli.md again"
	@echo "make deb     the Debian package, into build/ (VERSION=1.2.3, WITH_TORCH=1: docs/package.md)"
	@echo "make deb-twice  build it twice and compare every byte"
	@echo "make deb-test   install, upgrade and remove it in a Debian of its own (root)"
	@echo "make offline-bundle  one signed file for servers without a network (KEY=, MODELS=)"
	@echo "make clean   remove .venv and caches; data stays"

run: setup
	@exec $(BIN)/govbot serve --demo

setup:
	@packaging/setup/install.sh

setup-test: setup
	@packaging/setup/install-tests.sh

test: setup-test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(T)

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-test
	$(BIN)/python -m pytest tests/bench --ignore tests/bench/test_access.py --ignore tests/bench/test_ablation.py --ignore tests/bench/test_scale.py --ignore tests/bench/test_capacity.py --timeout 0 -s

bench-quality: setup-test
	$(BIN)/python -m pytest tests/bench/test_ablation.py --timeout 0 -s

bench-access: setup-test
	$(BIN)/python -m pytest tests/bench/test_access.py --timeout 0 -s

bench-capacity: setup-test
	$(BIN)/python -m pytest tests/bench/test_capacity.py --timeout 0 -s

bench-scale: setup-test
	$(BIN)/python -m pytest tests/bench/test_scale.py --timeout 0 -s

faults: setup-test
	$(BIN)/python -m pytest tests/faults $(T)

lock: setup-test
	@packaging/setup/lock.sh

docs: setup
	$(BIN)/govbot config docs >docs/settings.md
	$(BIN)/python packaging/docs/commands.py >docs/cli.md

deb:
	@packaging/deb/build.sh

deb-twice:
	@packaging/deb/twice.sh

deb-test:
	@packaging/deb/test.sh

offline-bundle:
	@packaging/deb/bundle.sh

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
