# make run starts the exchange, make test tests it; both set themselves up.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHROMIUM ?= /usr/bin/chromium
JOBS ?= 2
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
STRICT := 'trading/engine/*.py' 'settlement/calc/*.py' '*services.py' '*selectors.py'

.PHONY: run test lint bench install install-dev chromium format compile clean-compiled

run: install
	@exec $(BIN)/python manage.py exchange

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-ctp.txt $(VENV)/.installed
	$(PIP) -r requirements-dev.txt
	@touch $@

chromium:
	@test -x $(CHROMIUM) || { echo "Chromium is missing. Install it: apt-get install -y chromium fonts-noto-cjk"; exit 1; }

# The closing line of pytest is printed again at the end, below the coverage.
test: install-dev chromium
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --cov --cov-report= 2>&1 | tee .pytest-output
	$(BIN)/python -m coverage report --include='trading/engine/*,settlement/calc/*' --fail-under=95
	$(BIN)/python -m coverage report --fail-under=85
	@grep -E '^=+ .* in [0-9.]+s' .pytest-output | tail -n 1

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict $$(git ls-files $(STRICT))

format: install-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install-dev
	$(BIN)/python -m benchmarks

# A whole site under steady load for so many hours: memory, descriptors and latency must stay flat.
.PHONY: soak
HOURS ?= 1
soak: install-dev
	$(BIN)/python -m benchmarks.soak --hours $(HOURS)

compile: install-dev
	$(BIN)/python compile_core.py

clean-compiled:
	rm -rf build *__mypyc*.so trading/engine/*.so

# A stand-alone market-data gateway on a simulated feed: ws://127.0.0.1:7799/md and /health.
.PHONY: gateway
gateway: install
	@exec $(BIN)/python manage.py run_feed --gateway $(GATEWAY)
