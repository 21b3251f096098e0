# Each target sets up .venv from the pinned requirements.txt when it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PEERS := .venv/.peers
LINES := .lines/files.json
COURSE := .venv-course/.ready
CHAPTERS := $(wildcard book/*.ipynb)
PAGES := _build/html
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help book site test test-browser test-peers golden assignment test-assignment pdf slides figures lab pictures test-matrix bench bench-peers \
        ladder mutants mutants-sample serve notebooks lint wheel lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"make: PYTHON: expected Python 3.11 or newer, got " + sys.version.split()[0])'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The peers' pins have no hashes: PyTorch is another build on every machine. So the others go without, too.
$(PEERS): $(READY) requirements-peers.txt
	sed -n 's/^\([A-Za-z0-9._-]*\)[^=]*\(==[^\\]*\).*/\1\2/p' requirements.txt > .venv/pins.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c .venv/pins.txt -r requirements-peers.txt
	@touch $@

$(COURSE): requirements-course.txt
	$(PYTHON) -m venv --clear .venv-course
	.venv-course/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-course.txt
	.venv-course/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

book: $(READY)  ## Build the book; warnings are errors
	rm -rf _build
	$(BIN)/jupyter-book build . -W -n --keep-going --quiet
	@echo "The book is at $(CURDIR)/$(PAGES)/index.html"

test: $(READY)  ## Run the unit tests, then every notebook under strict nbval
	$(BIN)/python -m pytest -n 2 --dist worksteal -q
	$(BIN)/python -m pytest -q --nbval --nbval-current-env -n 2 --dist loadfile $(CHAPTERS)

test-peers: $(PEERS)  ## Trade weights with PyTorch, MLX and tinygrad (installs them first)
	$(BIN)/python -m pytest -n 2 --dist worksteal -q tests/peers

golden: $(READY)  ## Write golden/lstm.json: numbers to test an LSTM in another language against
	$(BIN)/python golden/make.py

test-browser: book slides  ## Look at every page of the book in a browser: $LSTM_CHROMIUM, or one that is found
	$(BIN)/python -m pytest -q -n 2 --dist worksteal tests/browser

assignment: $(COURSE)  ## Turn the workbook into an assignment for Otter-Grader (installs it first)
	.venv-course/bin/python -m tools.assignment

test-assignment: $(COURSE)  ## Make the assignment, hand it in, and have it graded
	.venv-course/bin/python -m pytest -q --noconftest tests/course

pdf: book  ## Print the whole book to one PDF
	$(BIN)/python -m tools.pdf

slides: book  ## Make a set of slides for each chapter, from the chapter itself
	$(BIN)/python -m tools.slides

# With more threads sums are rounded in another order, and after hundreds of updates answers differ:
# the chapters run here as in the tests (conftest.py), on one thread.
figures notebooks: export OPENBLAS_NUM_THREADS := 1
figures notebooks: export OMP_NUM_THREADS := 1
figures notebooks: export XLA_FLAGS := --xla_cpu_multi_thread_eigen=false

figures: book  ## Run the chapters and draw their figures as SVG and PDF, in one zip
	$(BIN)/python -m tools.figures

site: book slides figures pdf  ## All that is published: the book, and what its first page offers to take along

pictures: book  ## Take the pictures of the README again
	$(BIN)/python -m tools.pictures

LAB ?=
lab: $(READY)  ## Open the chapters in JupyterLab
	$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/book/01-why-gates.ipynb $(LAB)

# Pythons of pyenv are found, too, where there are some.
PYENVS := $(subst $(eval ) ,:,$(wildcard $(HOME)/.pyenv/versions/3.1[123].*/bin))
test-matrix: $(READY)  ## Run the unit tests on Python 3.11 to 3.13, oldest and newest NumPy
	PATH="$(PYENVS):$$PATH" $(BIN)/nox --no-error-on-missing-interpreters

bench: $(READY)  ## Measure every ratio that has a goal, and write book/benchmarks.md
	$(BIN)/python benchmarks/bench.py

bench-peers: $(PEERS)  ## Install the peers of the benchmarks that are too large for everybody

ladder: $(READY)  ## Time the rungs of chapter 9's ladder, and store what it shows; LADDER="--to _build" leaves that alone
	$(BIN)/python benchmarks/ladder.py $(LADDER)

FILES ?=
LADDER ?=
$(LINES): | $(PEERS)
	$(BIN)/python tests/mutant_lines.py

mutants: $(PEERS) $(LINES)  ## Plant small mistakes, list those that no test finds, and store the score; FILES="fused cell"
	$(BIN)/python tests/mutants.py --store $(FILES)

mutants-sample: $(PEERS)  ## One mistake in each of 8 files: fails if no test finds it
	$(BIN)/python tests/mutants.py --files 8 --sample 1

serve: book  ## Build the book and serve it on localhost
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(PAGES) $(PORT)

notebooks: $(READY)  ## Run all notebooks in place and store clean outputs
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace \
	    --ExecutePreprocessor.record_timing=False $(CHAPTERS)
	$(BIN)/jupyter nbconvert --to notebook --inplace \
	    --CoalesceStreamsPreprocessor.enabled=True $(CHAPTERS)

lint: $(READY)  ## Run the linter and the type checker
	$(BIN)/ruff check .
	$(BIN)/mypy

wheel: $(READY)  ## Build the wheel and try it where there is NumPy alone
	rm -rf _build/wheel build && mkdir -p _build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w _build/wheel .
	$(PYTHON) -m venv --clear _build/wheel/venv
	_build/wheel/venv/bin/python -m pip install --quiet --disable-pip-version-check _build/wheel/*.whl
	rm -rf build
	cd _build/wheel && venv/bin/python -m pip freeze && venv/bin/python -c \
	    "import doctest, lstm; from lstm import fused; \
	    results = [doctest.testmod(m, raise_on_error=True) for m in (lstm, fused)]; \
	    print('examples of the installed wheel:', sum(r.attempted for r in results), 'pass')"

lock: $(READY)  ## Turn requirements.in into requirements.txt, with the hashes of all files
	$(BIN)/uv pip compile requirements.in --universal --python-version 3.11 --generate-hashes --no-strip-extras --quiet --no-header \
	    --no-emit-index-url --no-emit-find-links --no-annotate -o requirements.txt

clean:  ## Remove what was built, and .venv
	rm -rf .venv .venv-course .nox .jax_cache .lines _build build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
