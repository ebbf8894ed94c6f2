# make demo   install, simulate a drive, train, evaluate, render
# make test   install, run the tests but the slow ones
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.10; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$p && break; done || true)
VENV ?= .venv
RUN = $(VENV)/bin/python
# Two test processes of one thread each: more threads than cores slow small tensors down.
TEST = OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile
INSTALL_OPTIONS ?=
PYTEST_OPTIONS ?=
BENCHMARK_OPTIONS ?=
WEIGHTS_OPTIONS ?=

# Waiting threads sleep (docs/threads.md); a setting of your own stays.
ifeq ($(OMP_WAIT_POLICY),)
export GOMP_SPINCOUNT ?= 0
endif

.PHONY: help install demo test test-fast test-slow test-numpy2 matrix mutants floors weights benchmark-all doctor lint docs pictures release clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

install:
	@test -n "$(PYTHON)" || { echo 'Python 3.10 to 3.13 is needed; name one with make PYTHON=...'; exit 1; }
	@$(PYTHON) tools/install.py --venv $(VENV) $(INSTALL_OPTIONS)

demo: install
	@$(RUN) tools/demo.py

test: install
	@$(TEST) -m 'not slow' $(PYTEST_OPTIONS)

# make test-fast   the everyday loop: what is marked fast, in a minute and a half
test-fast: install
	@$(TEST) -m 'fast and not slow' $(PYTEST_OPTIONS)

# make test-slow   what make test leaves out: whole trainings, commands of the pages, field cases
test-slow: install
	@$(TEST) --dist loadgroup --no-loadscope-reorder -m slow $(PYTEST_OPTIONS)

# make test-numpy2   the everyday loop with NumPy 2, in an environment of its own (.venvs/numpy2)
test-numpy2:
	@$(PYTHON) tools/matrix.py --rows numpy2

# make matrix   installs every row of docs/installation.md and runs the fast tests, fills the tables
matrix:
	@$(PYTHON) tools/matrix.py --write

# make mutants   wrong lines that the tests have to notice; continues results/mutants.json
mutants: install
	@$(RUN) tests/support/mutants.py

# make floors   every system overfits eight simulated frames; continues results/floors.json
floors: install
	@$(RUN) tools/floors.py

# make weights   the weights that come with it: simulate, train, choose a threshold; an hour and more
weights: install
	@$(RUN) tools/make_weights.py $(WEIGHTS_OPTIONS)

# make benchmark-all   the usual benchmarks in one run, an hour, beside the stored runs in results/
benchmark-all: install
	@$(RUN) tools/benchmark.py all --against results $(BENCHMARK_OPTIONS)

# make doctor   a table of what works on this machine
doctor: install
	@$(RUN) tools/doctor.py

# make lint   ruff, as in the pre-commit hooks, and mypy on the public surface
lint: install
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy

# make docs   the documentation as a site, in site/
docs: install
	@DISABLE_MKDOCS_2_WARNING=true $(RUN) -m mkdocs build --strict -q && echo 'open site/index.html'

# make pictures   draw the pictures of the README anew, in docs/images
pictures: install
	@$(RUN) tools/make_pictures.py

# make release   sdist and wheel in dist/, checked; nothing is uploaded
release: install
	@$(RUN) -m pip install -q build twine
	@rm -rf dist build
	@$(RUN) -m build --no-isolation --outdir dist .
	@$(RUN) -m twine check --strict dist/*
	@echo 'Nothing was uploaded; dist/ holds what would be.'

# make clean   remove what the commands made, except the environment
clean:
	rm -rf work_dirs/demo data/demo .pytest_cache .ruff_cache .mypy_cache dist build
