# The one place that knows how to build, run and check everything. `make help` lists the targets.
# All output goes to one folder outside the checkout: ~/.cache/gapless, or GAPLESS_CACHE.
SHELL := bash
CACHE := $(or $(GAPLESS_CACHE),$(HOME)/.cache/gapless)
PREFIX ?= $(HOME)/.local
ARGS ?=
BINARIES := gapless gapless-ingestion gapless-live-engine gapless-backfill gapless-snapshot-writer gapless-dev-server
# The crates with documentation examples; gapless-tests compiles the README's.
DOCUMENTED := gapless $(addprefix gapless-,model protocol wire journal transport formats store follow service-kit dev-server tests)

# What a benchmark runs.
MEASURED := gapless-bench gapless-ingestion gapless-live-engine gapless-backfill

.DEFAULT_GOAL := help
.PHONY: help setup build demo test crash soak bench bench-quick probe lint fmt gen sim wasm fuzz fuzz-all install clean-cache

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## install or name what building needs (every other target does this by itself)
	@.ci/setup

build: setup ## build every program (cargo's dev profile: optimised, with line numbers)
	cargo build --workspace --bins --locked

demo: setup ## this machine's telemetry and a simulated market, followed gaplessly: make demo ARGS="--seconds 20"
	@cargo build --locked -p gapless-cli
	@$(CACHE)/target/debug/gapless demo $(ARGS)

test: ## everything that must hold: format, lints, all kinds of tests, and a minute of crashes
	@.ci/setup test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@.ci/wasm >/dev/null || [ $$? = 3 ]
	cargo build --workspace --bins --locked
	GAPLESS_TESTS_BUILT=1 cargo nextest run --workspace --locked
	cargo nextest run -p gapless-sim --features planted --test planted --locked
	cargo test --doc --quiet --locked $(addprefix -p ,$(DOCUMENTED))
	GAPLESS_TESTS_BUILT=1 $(CACHE)/target/debug/gapless-crash --seconds 60 --seed 60

crash: setup ## kill, stop and starve the real services, then compare every row: make crash SECONDS=60 SEED=7
	cargo build --workspace --bins --locked
	GAPLESS_TESTS_BUILT=1 $(CACHE)/target/debug/gapless-crash --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED)) $(ARGS)

probe: setup ## the client against an upstream that misbehaves in every way: make probe SCENARIO=lossy,trimmed
	@cargo build --locked -p gapless-cli
	@$(CACHE)/target/debug/gapless probe --scenario $(or $(SCENARIO),all) $(ARGS)

soak: setup ## what grows under a steady load with clients that come and go: make soak SECONDS=1200
	cargo build --workspace --bins --locked
	GAPLESS_TESTS_BUILT=1 $(CACHE)/target/debug/gapless-soak --seconds $(or $(SECONDS),1200) $(ARGS)

bench: ## measure beside plain ZeroMQ, NATS and Redis, and renew docs/BENCHMARKS.md; make bench ARGS="B1 B3" only prints these
	@.ci/setup bench
	cargo build --release --locked $(addprefix -p ,$(MEASURED))
	GAPLESS_TESTS_BUILT=1 $(CACHE)/target/release/gapless-bench $(or $(ARGS),--write docs --figures docs/benchmarks/figures.jsonl)

bench-quick: ## a tenth of that: about where it stands, nothing is written
	@.ci/setup bench
	cargo build --release --locked $(addprefix -p ,$(MEASURED))
	GAPLESS_TESTS_BUILT=1 $(CACHE)/target/release/gapless-bench --quick $(ARGS)

lint: setup ## format check and lints only
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

fmt: setup ## format the code
	cargo fmt --all

gen: ## regenerate the FlatBuffers code from schemas/*.fbs
	.ci/gen

sim: setup ## the simulated world: make sim SEEDS=100000 FROM=1, all cores, with a progress bar
	@cargo build --locked -p gapless-sim
	@$(CACHE)/target/debug/gapless-sim --seeds $(or $(SEEDS),2000) --from $(or $(FROM),1) $(ARGS)

wasm: ## build the pure core for wasm32
	.ci/wasm

fuzz: ## fuzz one decoder: make fuzz TARGET=decode_live SECONDS=60
	@test -n "$(TARGET)" || { echo "fuzz: say TARGET=..., one of:"; ls tests/fuzz/fuzz_targets | sed 's/\.rs$$//'; exit 2; }
	@.ci/setup fuzz
	@.ci/fuzz $(or $(SECONDS),60) $(TARGET)

fuzz-all: ## fuzz every decoder and parser, one after the other: make fuzz-all SECONDS=600
	@.ci/setup fuzz
	@.ci/fuzz $(or $(SECONDS),60)

install: setup ## release build into PREFIX (default ~/.local): programs in bin/, libduckdb in lib/
	cargo build --workspace --bins --release --locked
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib
	install $(addprefix $(CACHE)/target/release/,$(BINARIES)) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $$(sed -n 's/^DUCKDB_LIB_DIR = "\(.*\)"/\1/p' .cargo/config.toml)/libduckdb.* $(DESTDIR)$(PREFIX)/lib/

clean-cache: ## remove everything that was built or fetched
	rm -rf $(CACHE)/target $(CACHE)/wasm-target $(CACHE)/fuzz-target $(CACHE)/fuzz-corpus $(CACHE)/fuzz-logs $(CACHE)/fuzz-artifacts $(CACHE)/duckdb-* $(CACHE)/wasm-debian $(CACHE)/npm-venv $(CACHE)/flatc-* $(CACHE)/python $(CACHE)/python.lock
