# Everything a stranger needs: `make demo`, `make test`. The rest is for those who work on it.
SHELL := /bin/sh
TARGET := $(or $(CARGO_TARGET_DIR),target)
BIN := $(TARGET)/debug

.PHONY: demo test lint bench bench-detect bench-reconcile cluster test-cluster setup

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
	@test -x target/oracle/bin/python || { python3 -m venv target/oracle && target/oracle/bin/pip install --quiet duckdb; } >/dev/null 2>&1 || \
	  { rm -rf target/oracle; echo "skipped: DuckDB, the second engine of the rules' cases, could not be installed from PyPI"; }
	cargo build --workspace --bins
	cargo test --workspace
	cargo test --quiet -p muster-seal --lib second

# Muster with a cluster to run rules on, and S3: docs/cluster.md.
cluster: setup
	cargo build --release -p muster-server --features cluster --bins

# The cluster's tests: a scheduler and two executors as processes of their own, and an S3 server that is not ours.
S3S := 0.14.1
TOOLS := $(abspath $(TARGET))/tools
test-cluster: setup
	cargo install --quiet --locked --root $(TOOLS) --features binary --version $(S3S) s3s-fs
	cargo build -p muster-server -p muster-tests --features muster-tests/cluster --bins
	MUSTER_TOOLS=$(TOOLS) cargo test -p muster-server -p muster-tests --features muster-tests/cluster --lib --test e2e -- cluster:: place:: share::

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p muster-server -p muster-tests --features muster-tests/cluster --all-targets -- -D warnings
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

# How many invented hours and people the rules find, and how many honest classes they accuse, on worlds with the truth beside them.
# Writes target/bench/detect.json. CLASSES, ALONE and SEED set how large the worlds are and which; HABITS and FRAUDS name files
# of other rates; WORLDS names folders of worlds that were made elsewhere, which are measured instead.
bench-detect: setup
	cargo build --quiet --release --workspace --bins
	python3 -m venv target/bench-venv && target/bench-venv/bin/pip install --quiet duckdb
	target/bench-venv/bin/python benches/detect/detect.py --sim $(TARGET)/release/muster-sim --server $(TARGET)/release/muster-server \
	  --out target/bench/detect.json --classes $(or $(CLASSES),600) --alone $(or $(ALONE),100) --seed $(or $(SEED),1) \
	  $(if $(HABITS),--habits $(HABITS)) $(if $(FRAUDS),--frauds $(FRAUDS)) $(foreach world,$(WORLDS),--world $(world))

# Reconciliation by Muster, and the same rules by DuckDB, SQLite and PostgreSQL on the same data. Writes target/bench/reconcile.json.
# SIZES says how large the worlds are, in millions of records: 1,10,50 unless given. A million needs about 0.5 GB, and stays in
# target/bench/worlds; while it is measured, another 0.9 GB. ENGINES leaves some out: duckdb_evidence,duckdb_raw,sqlite_raw,postgres_raw.
# Without PostgreSQL (apt-get install postgresql) its figures are left out.
bench-reconcile: setup
	cargo build --quiet --release --workspace --bins
	python3 -m venv target/bench-venv && target/bench-venv/bin/pip install --quiet duckdb
	target/bench-venv/bin/python benches/reconcile/reconcile.py --sim $(TARGET)/release/muster-sim \
	  --server $(TARGET)/release/muster-server --out target/bench/reconcile.json \
	  $(if $(SIZES),--sizes $(SIZES)) $(if $(ENGINES),--engines $(ENGINES))
