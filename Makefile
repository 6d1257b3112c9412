# Needs Python 3.11+ with venv and nothing else. `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
STAMP := $(VENV)/.synced

.PHONY: demo test check fix serve bench audit sbom pictures clean

# One locked path: uv comes into the environment by pip where it is absent, then installs exactly what uv.lock says.
$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit("Refilm needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else None'
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(RUN)/uv || $(RUN)/python -m pip install --quiet "uv>=0.13"
	$(RUN)/uv sync --quiet --frozen --inexact --extra demo
	@touch $@

demo: $(STAMP)  ## edit a real clip through Runway's own SDK; writes demo/
	$(RUN)/refilm demo --output demo

# Tests wait for servers and leases more than they compute: three at a time suit two cores. Slow files come first.
test: $(STAMP)  ## the whole test-suite
	$(RUN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

check: $(STAMP)  ## ruff, mypy --strict, import contracts
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

fix: $(STAMP)  ## what ruff can mend by itself
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

serve: $(STAMP)  ## a server on http://127.0.0.1:8000
	$(RUN)/refilm serve

bench: $(STAMP)  ## tables against named peers; about 25 minutes, and a few with BENCH=--quick
	$(RUN)/uv sync --quiet --frozen --inexact --extra demo --group bench
	$(RUN)/python bench/effects.py --rounds 1 $(BENCH)
	$(RUN)/python bench/api.py
	$(RUN)/python bench/quality.py $(BENCH)
	$(RUN)/python bench/scale.py $(BENCH)

# What uv.lock holds, with the hashes, for tools that do not read it: every extra and group, or what a release installs.
LOCKED := $(RUN)/uv export --quiet --frozen --no-emit-project --all-extras

audit: $(STAMP)  ## known vulnerabilities of everything that is locked; asks the network
	$(RUN)/uv sync --quiet --frozen --inexact --extra demo --group audit
	@mkdir -p .cache
	$(LOCKED) --all-groups --output-file .cache/locked.txt >/dev/null
	$(RUN)/pip-audit --strict --require-hashes --disable-pip --requirement .cache/locked.txt

sbom: $(STAMP)  ## dist/refilm.cdx.json: what a release consists of, in CycloneDX
	@mkdir -p dist
	$(LOCKED) --no-dev --format cyclonedx1.5 --output-file dist/refilm.cdx.json >/dev/null
	@echo dist/refilm.cdx.json

# For instance `make campaign-r01_kill ARGS="--database postgres"`; campaigns/README.md lists them.
campaign-%: $(STAMP)  ## a long reliability run; one line of verdict at its end
	PYTHONPATH=campaigns:tests/acceptance $(RUN)/python campaigns/$*.py $(ARGS)

pictures: $(STAMP)  ## docs/pictures/ and docs/contact_sheet.jpg anew; look at them before committing
	$(RUN)/python docs/pictures.py

clean:
	rm -rf $(VENV) .cache demo
