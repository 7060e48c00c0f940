# What a person wants to do here. `just` lists it.

default:
    @just --list

# First run: two embedded engines side by side
quickstart:
    cargo run --release --locked -- run scenarios/quickstart.yaml

# Everything that CI runs
ci:
    ci/test

# All tests but the real engines
test:
    ci/test --quick

# Install what the tests need: etcd, uv, the engines' Python, the model
engines:
    ci/setup

# Micro-benchmarks
bench:
    cargo bench --locked

# Hold bench against a bare reader and other load generators (they are installed first)
peers *arguments:
    cargo build --release --locked
    ci/peers/install
    ci/peers/run {{arguments}}

# Look for crashes with libFuzzer (scenario, sse, http, journal); needs a nightly compiler and cargo-fuzz
fuzz target *arguments:
    cargo +nightly fuzz run --fuzz-dir fuzz {{target}} fuzz/corpus.grown/{{target}} fuzz/corpus/{{target}} {{arguments}}

# Write the generated files anew
generate:
    cargo run --quiet --locked -- schema > scenarios/scenario.schema.json
    cargo run --quiet --locked -- schema --format markdown > docs/reference.md

# Build the documentation as a book, into target/book
book:
    mdbook build
