# Everything a stranger needs: `make demo`, `make test`. The rest is for those who work on it.
SHELL := /bin/sh
TARGET := $(or $(CARGO_TARGET_DIR),target)
BIN := $(TARGET)/debug

.PHONY: demo test lint bench setup

setup:
	@tests/setup

# The main job, end to end. ONCE=1 ends instead of leaving the bureau's page up.
demo: setup
	cargo build --quiet --workspace --bins
	@models/install target/models >target/models.log 2>&1 || true
	$(BIN)/muster-sim demo --out target/demo $(if $(ONCE),--once)

# All tests, from nothing. The end-to-end tests drive the binaries that are built first.
test:
	@tests/setup --test
	cargo build --workspace --bins
	cargo test --workspace
	cargo test --quiet -p muster-seal --lib second

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p muster-edge --no-default-features --all-targets -- -D warnings
	cargo clippy -p muster-seal --all-targets -- -D warnings
	cargo clippy -p muster-seal --features sm2 --all-targets -- -D warnings
	cargo check --quiet -p muster-audit --no-default-features
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check bans licenses sources; \
	  else echo "skipped: cargo-deny is not installed"; fi

# Ratios against what a user would pick instead, in one run. Writes target/bench/<topic>.json.
bench: setup
	cargo bench --quiet -p muster-seal --bench seal
	cargo bench --quiet -p muster-edge --bench checkin
	cargo bench --quiet -p muster-server --bench ingest
	cargo bench --quiet -p muster-server --bench central
	cargo bench --quiet -p muster-audit --bench verify
