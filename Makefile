SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV := .venv
RUN := $(VENV)/bin
# Twice quiet: errors only.
PIP := $(RUN)/python -m pip --quiet --quiet --disable-pip-version-check
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/locutor

# Tools that must not share an environment with the project. Code made by grpcio-tools 1.80 runs on protobuf 6.31 to 7.x.
PROTO_ENV := $(CACHE)/proto-env-1.80.0
BUF_ENV := $(CACHE)/buf-1.75.0
UV_ENV := $(CACHE)/uv-0.13.9

PROTOS := $(shell find protos/locutor -name '*.proto' | sort)
SERVICE_PROTOS := $(shell grep -l '^service' $(PROTOS))
SERVICES := asr tts translate lipsync gateway

# What `make demo` makes its videos of. A face of your own needs your own statement:
#   make demo FACE=me.png CONSENT="I am the person shown" CONSENT_BY="Your name"
SCRIPT ?= examples/hello.md
TO ?= en-US,es,pt-BR
DEMO_FACE := out/astronaut.png
FACE ?= $(DEMO_FACE)
ifeq ($(FACE),$(DEMO_FACE))
CONSENT ?= A NASA portrait in the public domain, used for a demonstration
CONSENT_BY ?= make demo
endif

.PHONY: help install models neural test lint types demo bench chaos estimator estimator-eval protos proto-check compose-check lock clean

help:  ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | while IFS=$$'\t' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

install: $(VENV)/.installed  ## Everything this project needs, pinned, into .venv

# A copied or moved .venv would run another checkout's code: the stamp holds the path.
$(VENV)/.installed: requirements/dev.lock pyproject.toml
	@.ci/system-packages libgl1 libglib2.0-0
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "make: $(PYTHON) with the module venv is needed (Debian: apt-get install python3.11-venv); another one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "installing the pinned dependencies into $(VENV): 1.5 GB, some minutes"
	$(PIP) install --require-hashes --no-deps -r requirements/dev.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@$(RUN)/python -m pip check
	@touch $@

models: install  ## The weights of the default engines, into the model store
	$(RUN)/locutor models fetch

# PyTorch comes by name alone: which build is had depends on the registry. Everything else is pinned by hash, and what .venv has is not installed again.
NEURAL_ENV := $(CACHE)/neural-env-2.13.0
NEURAL_PIP := $(PIP) --python $(NEURAL_ENV)/bin/python
NEURAL_SEES := import sysconfig; print(sysconfig.get_paths()["purelib"])
# torchaudio comes compiled for CUDA and cannot be imported where PyTorch is not: without its compiled part, which it allows for, it is PyTorch's operations alone.
WITHOUT_CUDA := import pathlib, importlib.util, torch; library = pathlib.Path(importlib.util.find_spec("torchaudio").origin).parent / "lib"; \
	[file.unlink() for file in library.glob("*.so") if torch.version.cuda is None]

$(NEURAL_ENV)/bin/python:
	$(PYTHON) -m venv --without-pip $(NEURAL_ENV)

$(NEURAL_ENV)/.ready: requirements/neural.lock $(VENV)/.installed | $(NEURAL_ENV)/bin/python neural-path
	@echo "installing PyTorch and what runs on it into $(NEURAL_ENV): 1 GB, or 5 GB where it comes for CUDA"
	$(NEURAL_PIP) install torch==2.13.0
	$(NEURAL_PIP) install --require-hashes --no-deps -r requirements/neural.lock
	@$(NEURAL_ENV)/bin/python -c '$(WITHOUT_CUDA)'
	@touch $@

# The environment is shared by all checkouts of a machine, and sees the one that was made last.
neural-path: $(NEURAL_ENV)/bin/python $(VENV)/.installed
	@printf '%s\n%s\n' "$(CURDIR)" "$$($(RUN)/python -c '$(NEURAL_SEES)')" > "$$($(NEURAL_ENV)/bin/python -c '$(NEURAL_SEES)')/locutor.pth"

neural: install neural-path $(NEURAL_ENV)/.ready  ## PyTorch and the engines that run on it, pinned, beside .venv

test: install models neural  ## All tests, on real engines and weights
	@.ci/system-packages chromium fonts-noto-core fonts-noto-cjk postgresql
	$(RUN)/pytest -q $(ARGS)
	$(NEURAL_ENV)/bin/python -m pytest -q -m neural $$(find tests -name 'test_neural_*.py')

lint: install  ## Style
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .

types: install  ## Types
	$(RUN)/mypy

demo: install models $(filter $(DEMO_FACE),$(FACE))  ## Three presenter videos into out/demo
	$(RUN)/locutor present $(SCRIPT) --face "$(FACE)" --to $(TO) --out out/demo --consent "$(CONSENT)" --consent-by "$(CONSENT_BY)"

$(DEMO_FACE): | install
	@mkdir -p $(@D)
	$(RUN)/python -c 'import PIL.Image, skimage.data; PIL.Image.fromarray(skimage.data.astronaut()).save("$@")'

bench: install models  ## Speed, memory and overhead, all in one run
	$(RUN)/python -m bench $(ARGS)

chaos: install models  ## Kill -9 in every stage, on SQLite and on Postgres; then 200 jobs by 16 clients: half an hour
	@.ci/system-packages postgresql
	$(RUN)/python -m tests.chaos $(ARGS)
	$(RUN)/python -m tests.chaos.load

# Trains the network that hears sounds in speech: hours on two cores, most of them for the corpus.
SPEECH ?= $(wildcard ../shared/testdata/speech)

estimator: install models neural  ## Train the viseme estimator anew
	$(RUN)/python -m training speak
	$(RUN)/python -m training prepare
	$(NEURAL_ENV)/bin/python -m training train

estimator-eval: install models  ## How good the viseme estimator is
	$(RUN)/python -m training speak --held-out
	$(RUN)/python -m training evaluate $(if $(SPEECH),--speech $(SPEECH))

$(PROTO_ENV)/.ready:
	$(PYTHON) -m venv $(PROTO_ENV)
	$(PROTO_ENV)/bin/pip install --quiet --disable-pip-version-check grpcio-tools==1.80.0 mypy-protobuf==5.1.0
	@touch $@

$(BUF_ENV)/.ready:
	@command -v npm >/dev/null || { echo "make: npm is needed for buf: install Node.js with npm" >&2; exit 1; }
	mkdir -p $(BUF_ENV)
	npm install --silent --no-save --no-package-lock --prefix $(BUF_ENV) @bufbuild/buf@1.75.0
	@touch $@

STUBS := .
protos: $(PROTO_ENV)/.ready  ## Generate the stubs in locutor/ from protos/
	$(PROTO_ENV)/bin/python -m grpc_tools.protoc -I protos --plugin=$(PROTO_ENV)/bin/protoc-gen-mypy \
		--python_out=$(STUBS) --mypy_out=quiet:$(STUBS) $(PROTOS)
	$(PROTO_ENV)/bin/python -m grpc_tools.protoc -I protos --grpc_python_out=$(STUBS) $(SERVICE_PROTOS)

proto-check: $(BUF_ENV)/.ready  ## Lint the protos, compare them with main, compare the stubs with the protos
	BUF=$(BUF_ENV)/node_modules/.bin/buf .ci/check-protos

compose-check:  ## Is compose.yaml valid?
	.ci/check-compose

$(UV_ENV)/.ready:
	$(PYTHON) -m venv $(UV_ENV)
	$(UV_ENV)/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
	@touch $@

# Pins stay as they are where they still fit; `make lock ARGS=--upgrade` renews them.
COMPILE = $(UV_ENV)/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url $(ARGS)
lock: $(UV_ENV)/.ready  ## Pin all dependencies in requirements/, for every platform, from pyproject.toml
	$(COMPILE) --extra all --group dev -o requirements/dev.lock
	for name in serving $(SERVICES); do $(COMPILE) --extra $$name --constraints requirements/dev.lock -o requirements/$$name.lock || exit 1; done
	$(COMPILE) --extra openai-whisper --extra coqui --extra wav2lip --group neural --constraints requirements/dev.lock --overrides requirements/neural.without -o requirements/neural.lock

clean:  ## Remove what was made here; the model store stays
	rm -rf $(VENV) build out *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
