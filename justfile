# Usual tasks. `just` lists them.

default:
    @just --list

# Compare two embedded engines: the first run of README.md
quickstart:
    cargo run --release --locked -- run scenarios/quickstart.yaml

# Run everything that CI runs
ci:
    ci/test

# All tests but the release build and the real engines
test:
    ci/test --quick

# Install what the tests need: etcd, uv, the engines' Python, the model
engines:
    ci/setup

# Run the micro-benchmarks
bench:
    cargo bench --locked

# Compare bench with a bare reader and other load generators (installs them first)
peers *arguments:
    cargo build --release --locked
    ci/peers/install
    ci/peers/run {{arguments}}

# Search crashes with libFuzzer (scenario, sse, http, journal); needs a nightly compiler and cargo-fuzz
fuzz target *arguments:
    cargo +nightly fuzz run --fuzz-dir fuzz {{target}} fuzz/corpus.grown/{{target}} fuzz/corpus/{{target}} {{arguments}}

# Regenerate the schema and the reference
generate:
    cargo run --quiet --locked -- schema > scenarios/scenario.schema.json
    cargo run --quiet --locked -- schema --format markdown > docs/reference.md

# Build the documentation as a book, into target/book
book:
    mdbook build
