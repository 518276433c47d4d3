SHELL := /bin/bash
# Pinned code generators, in an environment of their own: code made by grpcio-tools 1.80 runs on protobuf 6.31 to 7.x.
PROTO_ENV := $(HOME)/.cache/locutor/proto-env-1.80.0
BUF_ENV := $(HOME)/.cache/locutor/buf-1.75.0
PROTOS := $(shell find protos/locutor -name '*.proto' | sort)
SERVICE_PROTOS := $(shell grep -l '^service' $(PROTOS))

.PHONY: protos proto-lint
$(PROTO_ENV)/.ready:
	python3 -m venv $(PROTO_ENV)
	$(PROTO_ENV)/bin/pip install -q grpcio-tools==1.80.0 mypy-protobuf==5.1.0
	touch $@

$(BUF_ENV)/.ready:
	mkdir -p $(BUF_ENV)
	npm install --silent --no-save --no-package-lock --prefix $(BUF_ENV) @bufbuild/buf@1.75.0
	touch $@

## Generate the stubs in locutor/ from protos/.
protos: $(PROTO_ENV)/.ready
	$(PROTO_ENV)/bin/python -m grpc_tools.protoc -I protos --plugin=$(PROTO_ENV)/bin/protoc-gen-mypy \
		--python_out=. --mypy_out=quiet:. $(PROTOS)
	$(PROTO_ENV)/bin/python -m grpc_tools.protoc -I protos --grpc_python_out=. $(SERVICE_PROTOS)

proto-lint: $(BUF_ENV)/.ready
	cd protos && $(BUF_ENV)/node_modules/.bin/buf lint
