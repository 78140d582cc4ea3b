# Every target makes the environment it needs; PYTHON is the only thing that must exist beforehand.
PYTHON ?= python3
PIP = bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test browser lint speed bench pages samples golden clean

help:
	@echo "make demo     check the shipped samples with the runtime alone and show what was found"
	@echo "make test     the test suite with the runtime's line coverage"
	@echo "make lint     ruff and mypy --strict"
	@echo "make speed    photos and video seconds per second, memory, cold start, installed size"
	@echo "make bench    measure the detectors on DATA=… and write docs/results.md (see docs/results.md)"
	@echo "make pages    write the documents' numbers from docs/results.json and the models' cards"
	@echo "make samples  make the shipped samples again (same seed, same files)"
	@echo "make golden   record the samples' scores anew, after a model was changed on purpose"

demo: .venv/ready
	.venv/bin/python examples/demo.py --out demo

test: .venv-lab/ready browser
	.venv-lab/bin/python -m pytest --cov --cov-report=term:skip-covered --cov-fail-under=90

# Tests of the web page need Debian's Chromium and are skipped, with the reason, where it cannot come.
browser:
	@command -v chromium > /dev/null || { command -v apt-get > /dev/null && [ "$$(id -u)" = 0 ] && \
	  { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium fonts-liberation > /dev/null; }; } \
	  || echo "chromium is missing: tests of the web page will be skipped" >&2

lint: .venv-lab/ready
	.venv-lab/bin/ruff check .
	.venv-lab/bin/ruff format --check .
	.venv-lab/bin/mypy

speed: .venv/ready .venv-lab/ready
	.venv/bin/python -m compileall -q unmask
	.venv-lab/bin/python benchmarks/speed.py --runtime .venv/bin/python --out speed.json

# DATA=… [WEIGHTS=…] [RUNS=…] [REFERENCE=…] [LIMIT=…] [DRAWS=…] [ONLY="…"] [OUT=…]
bench: .venv-lab/ready
	.venv-lab/bin/python benchmarks/results.py --data "$(DATA)" \
	  $(if $(WEIGHTS),--weights "$(WEIGHTS)") $(if $(RUNS),--runs "$(RUNS)") \
	  $(if $(REFERENCE),--reference "$(REFERENCE)") $(if $(LIMIT),--limit $(LIMIT)) \
	  $(if $(DRAWS),--draws $(DRAWS)) $(if $(ONLY),--only $(ONLY)) $(if $(OUT),--out "$(OUT)")

pages: .venv-lab/ready
	.venv-lab/bin/python benchmarks/results.py --pages

samples: .venv-lab/ready
	.venv-lab/bin/python examples/make_samples.py

golden: .venv/ready
	.venv/bin/python -m unmask doctor --update-golden

clean:
	rm -rf .venv .venv-lab demo speed.json .coverage

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/$(PIP) -e .
	touch $@

.venv-lab/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-lab
	.venv-lab/$(PIP) -e '.[lab,bench,serve,dev]'
	touch $@
