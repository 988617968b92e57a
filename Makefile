# Everything a person or the CI runs. `make help` lists it.
#
# ARGS are passed on: make run ARGS='--log.level=debug', make test ARGS='pgbouncer', make bench ARGS='...'

CARGO ?= cargo
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help rust run test soak fleet record bench instructions fuzz lint deny release packages docs servers clean

help: ## list the commands
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# A Rust that is too old is told in plain words before Cargo stops at something that it does not know.
rust:
	@scripts/check-rust $(CARGO)

run: rust ## build the exporter and serve http://localhost:9630/metrics, of PG_EXPORTER_URL or of a throw-away PostgreSQL
	@scripts/run $(ARGS)

test: rust servers ## run every test against real servers, PostgreSQL 10 to 18; with CI=true none may be missing
	@CARGO='$(CARGO)' scripts/test $(ARGS)

soak: rust servers ## scrape 5,000 times under random faults, twenty times a second; print memory, descriptors, backends
	PG_EXPORTER_SOAK=$${PG_EXPORTER_SOAK:-5000} $(CARGO) test --package pg_exporter --test faults -- soak:: --nocapture $(ARGS)

fleet: rust servers ## scrape 300 targets for five minutes, some of them broken; print memory, CPU, descriptors, health
	PG_EXPORTER_FLEET=$${PG_EXPORTER_FLEET:-300} PG_EXPORTER_FLEET_SECONDS=$${PG_EXPORTER_FLEET_SECONDS:-300} \
	PG_EXPORTER_FLEET_SERVERS=$${PG_EXPORTER_FLEET_SERVERS:-20} PG_EXPORTER_FLEET_PROCESSES=$${PG_EXPORTER_FLEET_PROCESSES:-10} \
	$(CARGO) test --release --package pg_exporter --test fleet -- many:: --nocapture $(ARGS)

record: rust servers ## write collectors/statements.lock anew: what PostgreSQL 10 to 18 and pgbouncer say to the shipped statements
	PG_EXPORTER_LOCK=off PG_EXPORTER_RECORD=1 $(CARGO) test --package pg_exporter --test recorded -- the_lock_of --nocapture $(ARGS)

bench: rust servers ## measure a release build: time, CPU, memory per scrape, health requests per second; write docs/costs.md
	$(CARGO) bench --package pg_exporter --bench scrape -- --write docs/costs.md $(ARGS)

instructions: rust servers ## count the instructions of decoding, encoding and compressing; fail where they grew by a tenth
	CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_LTO=off $(CARGO) test --release --package pg_exporter --lib scrape::instructions -- --nocapture $(ARGS)

fuzz: rust ## drive the web server with random requests for a minute; ARGS=600 for ten
	@scripts/fuzz $(ARGS)

lint: rust deny ## check format, lints, documentation, scripts and dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --document-private-items
	@if command -v shellcheck >/dev/null; then shellcheck -x scripts/* .ci/run tests/lab/src/watchdog.sh packaging/deb/p*; else echo 'lint: no shellcheck here, scripts not checked'; fi

deny: rust ## check licences, sources, duplicates and known vulnerabilities of the dependencies
	@scripts/deny

release: rust ## build target/release/pg_exporter
	$(CARGO) build --release --package pg_exporter --bin pg_exporter

packages: rust ## make what is released, in dist/: tarball, deb, rpm, image, chart, bill of materials, checksums
	@scripts/packages $(ARGS)

docs: ## make the site of the documents, with search, in target/book
	@scripts/docs $(ARGS)

servers: ## bring PostgreSQL and the programs of the tests into the cache
	@scripts/fetch-postgres
	@scripts/fetch-tools

clean: ## remove what was built; the cache of servers stays
	$(CARGO) clean
