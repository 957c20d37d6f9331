# make demo    everything from nothing: environment, models, sample articles, a question in each language, the chat
# make test    environment and the whole suite, with the real models and a real browser
# make check   style and types only
# make setup   environment only
#
# Each step is done again only if what it depends on has changed: a second `make setup models` costs seconds.
# PyTorch's CPU build: on Linux, give pip the CPU index of PyTorch's "Get started" page:
#     make demo PIP_TORCH="torch --index-url ADDRESS"

PYTHON ?= python3.11
PIP_TORCH ?= torch==2.13.0
PORT ?= 7860
BIN := .venv/bin
DEMO := .demo

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup models demo demo-answers test check

setup: .venv/ready

.venv/ready: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Jawab needs Python 3.11: install it, or name another with make PYTHON=python3.12"; exit 1; }
	@command -v cc >/dev/null || command -v gcc >/dev/null || { echo "Jawab needs a C and C++ compiler to build llama.cpp: install one (Debian: apt-get install build-essential)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(PIP_TORCH)
	@echo "Installing; compiling llama.cpp takes about five minutes on two cores."
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

models: .venv/ready
	$(BIN)/jawab models fetch

demo-answers: models
	$(BIN)/jawab index --index $(DEMO)/index samples/articles
	$(BIN)/jawab ask --index $(DEMO)/index "ما اسم السائقة التي تولّت الرحلة الافتتاحية لترام مرسى نورس؟"
	$(BIN)/jawab ask --index $(DEMO)/index "How many US troops remain in Iraq?"

demo: demo-answers
	$(BIN)/jawab serve --index $(DEMO)/index --port $(PORT)

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check models
	$(BIN)/pytest
