# The same commands for people and for CI. `make` alone lists them.

DENY := target/tools/bin/cargo-deny
DENY_VERSION := 0.20.2
SCRIPTS := .ci/run tests/setup tests/peers/network

.PHONY: help demo test check bench rust
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: rust ## the whole of it on this machine, with stand-in gateways (ARGS="--recipients 1000 --exit")
	cargo run --locked --profile demo -- demo $(ARGS)

test: rust ## every test, against real peers on loopback (ARGS="--test receipts")
	tests/setup run -- cargo test --workspace --locked $(ARGS)

check: rust $(DENY) ## format, lints, licences and bans of dependencies, shell scripts
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(DENY) --locked check bans licenses sources
	"$$(tests/setup fetch)/shellcheck" $(SCRIPTS)

bench: rust ## what this machine can do, as a table (ARGS="--json"); PostgreSQL writes to disk as in production
	LOA_PEERS_FSYNC=on tests/setup run -- cargo run --locked --release -- bench $(ARGS)

# A debug build of it takes a minute; a release build would take many for a second's work.
$(DENY):
	cargo install cargo-deny --version $(DENY_VERSION) --locked --debug --quiet --root target/tools

rust:
	@command -v cargo >/dev/null || { echo "Loa needs Rust 1.95 or later, with rustfmt and clippy: https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
		then apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev; \
		else echo "Loa needs a C compiler: apt-get install gcc libc6-dev" >&2; exit 1; fi
