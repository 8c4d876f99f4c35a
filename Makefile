# make demo   sets up what is missing, trains, exports, verifies in a real browser, serves the page
# make examples  trains, exports, verifies and publishes all four examples on this machine, with a gallery; prints a table
# make test   sets up what is missing and passes the tests
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: setup demo examples test lint js pytest arm firebase ray wasm clean
setup: $(VENV)/.ready
$(VENV)/.ready: pyproject.toml scripts/setup.sh scripts/setup_arm.sh
	VENV=$(VENV) sh scripts/setup.sh

demo: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/health_monitoring/demo.sh

examples: setup
	$(BIN)/python scripts/run_examples.py

test: lint js pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy templates/python templates/verify/answer.py
	$(BIN)/python wasm/build.py --check
	$(BIN)/python wasm/build_js.py --check

js: setup
	node --test tests/js/

pytest: setup firebase ray
	$(BIN)/pytest -n auto --dist loadfile

arm: setup
	sh scripts/setup_arm.sh
	$(BIN)/pytest tests/test_arm.py

# The firebase CLI, which judges publishing in the tests; where it cannot be had, these say "not run".
firebase: $(VENV)/firebase/.ready
$(VENV)/firebase/.ready: | setup
	npm install --silent --no-audit --no-fund --prefix $(VENV)/firebase firebase-tools@15.34.2 && touch $@ || \
		echo "the firebase CLI cannot be had here; tests that need it are not run" >&2

# Ray, for tests/test_sweep_ray.py; an environment of its own, because it cannot be installed beside tensorflowjs.
ray: $(VENV)/ray/.ready
$(VENV)/ray/.ready: pyproject.toml | setup
	$(BIN)/python -m venv $(VENV)/ray && $(VENV)/ray/bin/pip install -q --disable-pip-version-check -e '.[run,sweep,ray]' \
		&& touch $@ || echo "Ray cannot be had here; the test that needs it is not run" >&2

wasm: setup
	$(BIN)/python wasm/build.py
	$(BIN)/python wasm/build_js.py

clean:
	rm -rf $(VENV) build dist examples/*/out examples/out
