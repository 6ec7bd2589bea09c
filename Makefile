# `make demo` and `make test` do all of their own set-up; a second call starts at once.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Where it is set (images of containers set it), every process would compile every library anew, on each start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test test-fast test-docs docs check format lock wheel clean
setup: $(READY)

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(READY): requirements.lock pyproject.toml | $(BIN)/uv
	@echo "set-up: the packages of requirements.lock (about 6 GB) come into $(VENV); this takes a few minutes, once"
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip sync --quiet --require-hashes --strict --compile-bytecode requirements.lock
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --editable .
	touch $(READY)
	@echo "set-up is done; '. $(BIN)/activate' makes interlace a command of this shell"

# Compares eight arms on the built-in scenes and prints the path of the page that says which won.
demo: setup
	$(BIN)/interlace study run demo

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 4 --dist worksteal --ignore tests/documentation

test-fast: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 4 --dist worksteal --ignore tests/documentation -m "not slow"

# Every command and code block of README.md and docs/, the notebooks, and the site itself.
test-docs: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal tests/documentation

# The site of docs/ in build/site; a warning is an error.
docs: setup
	$(BIN)/python -m tools.site

check: setup
	$(BIN)/ruff check src tests tools
	$(BIN)/ruff format --check src tests tools
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture

format: setup
	$(BIN)/ruff check --fix --quiet src tests tools
	$(BIN)/ruff format src tests tools

# The lock file holds no index address, so that any mirror can serve it.
lock: | $(BIN)/uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--group dev --group bench --group docs pyproject.toml --output-file requirements.lock $(if $(UPGRADE),--upgrade)

wheel: setup
	$(BIN)/python -m build --wheel --installer uv

clean:
	rm -rf $(VENV) dist build
