# Thin verbs; `make` alone lists them. The work is done by lib/bookkit.

SHELL := bash
.SHELLFLAGS := -eo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
PORT ?= 8000
CHAPTER ?=
STORE ?=

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -c tests/pytest.ini --rootdir .
# Two processes, as many as the smallest machine that we know has cores.
SHARED := -n 2 --dist worksteal
BY_FILE := -n 2 --dist loadfile

# One set of conditions for everything that runs the book's code: oneDNN picks its arithmetic
# by the CPU it finds, so with it on the last digits would differ from machine to machine.
export TF_ENABLE_ONEDNN_OPTS := 0
export TF_CPP_MIN_LOG_LEVEL := 3
export PYTHONHASHSEED := 0
# A backend set in the reader's shell would change what the notebooks draw.
unexport MPLBACKEND

.PHONY: help book test lab serve notebooks bench bench-peers clean distclean environment \
	test-style test-library test-notebooks test-site test-pages

help: ## list these verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
		awk -F '\t' '{ printf "  make %-16s %s\n", $$1, $$2 }'

environment: ## make .venv with all that is pinned (PYTHON=python3.12 to choose)
	@command -v $(PYTHON) > /dev/null || { \
		echo "There is no $(PYTHON) here. Install Python 3.11, 3.12 or 3.13," \
			"or name yours: make book PYTHON=..." >&2; exit 1; }
	@$(PYTHON) lib/bookkit/environment.py

book: environment ## build the website from the stored outputs
	@$(BIN)/jupyter-book build . -W -n --keep-going -q > /dev/null
	@echo "The book is in _build/html/index.html; to read it in a browser: make serve"

lab: environment ## open the book in JupyterLab
	@$(BIN)/jupyter-lab --notebook-dir=. $(if $(filter 0,$(shell id -u)),--allow-root)

serve: ## show the built website at http://127.0.0.1:8000 (PORT= for another)
	@test -e _build/html/index.html || { echo "Nothing is built yet: make book" >&2; exit 1; }
	@echo "The book is at http://127.0.0.1:$(PORT) (Ctrl-C stops)"
	@$(PYTHON) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

notebooks: environment ## run all chapters anew and store their outputs (CHAPTER=name for one)
	@$(BIN)/python -m bookkit.notebooks $(if $(CHAPTER),--only $(CHAPTER))

bench: environment ## measure what the book says of speed (STORE=1 to store it, an hour and more)
	@$(BIN)/python -m $(if $(STORE),bookkit.bench_sparse --store,bookkit.bench)
	@$(if $(STORE),$(BIN)/python -m bookkit.bench_contest --store,true)
	@$(if $(STORE),$(BIN)/python -m bookkit.bench_communities --full --store,true)

# Not part of `environment`: on Linux this PyTorch brings gigabytes that only graphics cards use.
bench-peers: environment ## install what `make bench` compares with (ONLY=community_peers: no PyTorch)
	@set -e; for name in $(or $(ONLY),peers community_peers); do \
		rm -f .cache/$$name/ready; \
		$(BIN)/python -m venv .cache/$$name; \
		.cache/$$name/bin/pip install --disable-pip-version-check -q -r lib/bookkit/$$name.txt; \
		touch .cache/$$name/ready; \
	done

# One stage after the other, cheapest first, also under `make -j`.
test: environment ## prove the book: all the stages below, cheapest first
	@$(MAKE) test-style
	@$(MAKE) test-library
	@$(MAKE) test-notebooks
	@$(MAKE) test-site
	@$(MAKE) test-pages

test-style: environment ## 1. lint, format, hygiene of the files
	@echo "== 1/5 style and hygiene"
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --no-cache --check .
	@$(PYTEST) tests/test_hygiene.py

test-library: environment ## 2. the two packages, and the examples in the docstrings
	@echo "== 2/5 library"
	@$(PYTEST) $(SHARED) tests/thrifty tests/bookkit lib/thrifty --doctest-modules

test-notebooks: environment ## 3. every chapter run anew, compared byte by byte and by nbval
	@echo "== 3/5 notebooks"
	@$(PYTEST) $(SHARED) tests/book
	@chapters=$$($(BIN)/python -m bookkit.notebooks --list) && \
		$(PYTEST) $(BY_FILE) --nbval --nbval-current-env --nbval-cell-timeout 180 \
			--nbval-sanitize-with tests/book/nbval_sanitize.cfg $$chapters

test-site: environment ## 4. the website, where every warning is an error
	@echo "== 4/5 site"
	@$(BIN)/jupyter-book build . -W -n --keep-going -q --all > /dev/null

test-pages: environment ## 5. the built pages in a real browser
	@echo "== 5/5 pages in a browser"
	@$(BIN)/python -m bookkit.browser
	@$(PYTEST) tests/site

clean: ## remove what was built and what tools left behind
	@rm -rf _build .pytest_cache .ruff_cache .hypothesis
	@find book lib tests -name __pycache__ -prune -exec rm -rf {} +
	@find book lib tests -name .ipynb_checkpoints -prune -exec rm -rf {} +

distclean: clean ## also remove .venv and the text copies of chapters in .cache
	@rm -rf .venv .cache lib/*.egg-info
