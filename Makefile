# make demo    everything from nothing: environment, models, sample articles, a question in each language, the chat
# make test    environment and the whole suite, with the real models and a real browser
# make check   style and types only
# make setup   environment only: the versions and files that requirements/ names, and no others
# make lock    names the newest versions in requirements/ that pyproject.toml allows
#
# Each step is done again only if what it depends on has changed: a second `make setup models` costs seconds.
# PyTorch's CPU build, on Linux: ADDRESS is the CPU index of PyTorch's "Get started" page:
#     make demo TORCH_INDEX=ADDRESS

PYTHON ?= python3.11
TORCH_INDEX ?=
LLAMA_CMAKE_ARGS ?=
PORT ?= 7860
BIN := .venv/bin
DEMO := .demo

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export TORCH_INDEX LLAMA_CMAKE_ARGS

.PHONY: setup lock models demo demo-answers test check

setup: .venv/ready

.venv/ready: pyproject.toml requirements/install $(wildcard requirements/*.txt)
	@command -v $(PYTHON) >/dev/null || { echo "Jawab needs Python 3.11, 3.12 or 3.13: install one, and name it if it is not 3.11: make PYTHON=python3.12"; exit 1; }
	@command -v cc >/dev/null || command -v gcc >/dev/null || { echo "Jawab needs a C and C++ compiler to build llama.cpp: install one (Debian: apt-get install build-essential)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	requirements/install $(BIN)/python development
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# To another PyTorch: make lock TORCH=VERSION TORCH_INDEX=ADDRESS
lock: .venv/ready
	$(BIN)/python requirements/lock.py $(TORCH) $(if $(TORCH),$(TORCH_INDEX))

models: .venv/ready
	$(BIN)/jawab models fetch

demo-answers: models
	$(BIN)/jawab index --index $(DEMO)/index samples/articles
	$(BIN)/jawab ask --index $(DEMO)/index "من قادت الرحلة الأولى للترام في مرسى نورس؟"
	$(BIN)/jawab ask --index $(DEMO)/index "How many US troops remain in Iraq?"

demo: demo-answers
	$(BIN)/jawab serve --index $(DEMO)/index --port $(PORT)

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check models
	$(BIN)/pytest
