# make run     install into .venv and run the Burgers model   (MODEL=..., ARGS="--set nu=0.01")
# make test    install with the test tools, lint, check types, run tests and tutorials   (ARGS="-k chain")
# make fuzz    random expressions and Lagrangians against brute force   (ARGS="expressions 0 10000 --workers 2")
# make test-portable   the numeric tests in random orders, with the kernels of each OpenBLAS processor type that runs
#              here, on one and two threads; where there are none (not x86-64, no OpenBLAS) it says so
# make validation   the long cases (hours); writes tests/validation/RESULTS.md   (ARGS="-k detonation")
# make lint    ruff and pyright only
# make stress  kill and fork processes that share a kernel, 200 times
# make bench   measure against peers, in .venv-bench   (ARGS="-k chain")
# make docs    the documentation, in docs/_build/html/index.html, by Sphinx in .venv-docs; a warning is an error
# make gallery   draw the pictures of its gallery anew, by running the models   (ARGS="kepler heat")
# make clean   remove environments, caches and build products
#
# PYTHON is the interpreter (3.11 or later) the environments are made from.

ifeq ($(OS),Windows_NT)
  PYTHON ?= python
  BIN := Scripts
else
  PYTHON ?= python3
  BIN := bin
endif

VENV ?= .venv
BENCH_VENV ?= .venv-bench
DOCS_VENV ?= .venv-docs
MODEL ?= burgers
ARGS ?=
JOBS ?= 2

# Quoted, so that cmd.exe takes the forward slashes too.
PY := "$(VENV)/$(BIN)/python"
BENCH_PY := "$(BENCH_VENV)/$(BIN)/python"
DOCS_PY := "$(DOCS_VENV)/$(BIN)/python"
TUTORIALS := $(wildcard tutorials)

.PHONY: run test test-portable validation fuzz lint stress bench docs gallery clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

run: $(VENV)/.installed
	"$(VENV)/$(BIN)/symdfi" run $(MODEL) $(ARGS)

test: lint
	$(PY) -m pytest -n $(JOBS) --durations=15 $(if $(TUTORIALS),--nbmake) tests $(TUTORIALS) $(ARGS)

test-portable: $(VENV)/.installed-test
	$(PY) tests/portability.py --workers $(JOBS) $(ARGS)

validation: $(VENV)/.installed-test
	$(PY) -m pytest -m slow tests $(ARGS)

fuzz: $(VENV)/.installed-test
	$(PY) -m tests.fuzz $(if $(ARGS),$(ARGS),expressions 0 200)

lint: $(VENV)/.installed-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m pyright --pythonpath $(PY)

stress: $(VENV)/.installed-test
	SYMDFI_KILLS=200 SYMDFI_COLD=8 $(PY) -m pytest tests/compile/kernels/test_stress.py $(ARGS)

# The number in brackets in each table is the ratio to the fastest of its group.
bench: $(BENCH_VENV)/.installed-bench
	$(BENCH_PY) -m pytest tests/benchmarks -W default --benchmark-only --benchmark-group-by=group \
	    --benchmark-sort=min --benchmark-columns=min,median,iqr,rounds $(ARGS)

docs: $(DOCS_VENV)/.installed-docs
	$(DOCS_PY) -m sphinx -b html -j $(JOBS) -W --keep-going docs docs/_build/html $(ARGS)
	$(DOCS_PY) docs/links.py docs/_build/html

gallery: $(VENV)/.installed-test
	$(PY) docs/draw.py $(ARGS)

# A stamp is older than pyproject.toml when the dependencies may have changed.
$(VENV)/.installed: pyproject.toml
	$(call install,$(VENV),$(PY),.)

$(VENV)/.installed-test: pyproject.toml
	$(call install,$(VENV),$(PY),.[test])

$(BENCH_VENV)/.installed-bench: pyproject.toml
	$(call install,$(BENCH_VENV),$(BENCH_PY),.[bench])

$(DOCS_VENV)/.installed-docs: pyproject.toml
	$(call install,$(DOCS_VENV),$(DOCS_PY),.[docs])

define install
$(PYTHON) -m venv "$(1)"
$(2) -m pip install --quiet --disable-pip-version-check --editable "$(3)"
$(2) -c "import pathlib; pathlib.Path('$@').touch()"
endef

clean:
	$(PYTHON) -c "import glob, pathlib, shutil; [shutil.rmtree(p) if pathlib.Path(p).is_dir() else pathlib.Path(p).unlink() for q in ('.venv*', 'build', 'dist', 'docs/_build', 'docs/api', 'docs/tutorials', 'docs/gallery/index.md', '*.egg-info', '.pytest_cache', '.ruff_cache', '.hypothesis', '.benchmarks', '**/__pycache__') for p in glob.glob(q, recursive=True)]"
