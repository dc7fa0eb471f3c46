# Every command a person or CI runs. `just --list` shows them; `./test` sets up what they need and runs `ci`.
# A recipe's lines are plain bash without interpolation, so that `./test` can run the same words without just.

set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments

export ADVISORIES := env("ADVISORIES", "target/advisory-db")
export PROPTEST_CASES := env("PROPTEST_CASES", "256")

# Everything CI runs, in the order that fails fastest
ci: fmt words lint fences test fuzz-short sweep docs audit crates

# Formatting, without changing a file
fmt:
    cargo fmt --all --check

# Spelling, in code and prose
words:
    typos

# Clippy over everything; a warning is an error
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Licences, sources, who may depend on whom, unused dependencies
fences:
    cargo fetch --locked --quiet
    cargo deny --offline check --hide-inclusion-graph bans licenses sources
    cargo shear

# All tests, or those that the arguments name: `just test -p mirk-vault`
test *args:
    if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --locked "$@"; else cargo test --locked "$@"; fi

# The providers' own SDKs, pointed at the built binary; `./test` sets up the Python they need
clients *args:
    cargo build --locked -p mirk
    PATH="$PWD/.tools/py/bin:$PATH" python3 tests/vectors/check.py
    PATH="$PWD/.tools/py/bin:$PATH" python3 -m pytest -q tests/clients "$@"

# The API documentation, private items too; a broken link is an error
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

# Known vulnerabilities, unsound and yanked crates, from a folder: nothing is fetched
audit:
    #!/usr/bin/env bash
    set -euo pipefail
    if [ ! -d "$ADVISORIES/crates" ]; then
        echo "AUDIT SKIPPED: no advisory database at $ADVISORIES (CONTRIBUTING.md says how to bring one)"
        exit 0
    fi
    newest=$(grep -rhoE '^date = "[0-9-]+"' "$ADVISORIES/crates" | grep -oE '[0-9-]+' | sort | tail -n 1)
    echo "newest advisory: $newest"
    if [ "$(date -d "$newest" +%s)" -lt "$(date -d '120 days ago' +%s)" ]; then
        echo "ADVISORIES ARE OLD: the newest is more than 120 days back; bring a newer database"
    fi
    cargo audit --db "$ADVISORIES" --no-fetch --stale -D unsound -D yanked

# The budget: at most 280 packages in the binary, and none that we swore off
crates:
    #!/usr/bin/env bash
    set -euo pipefail
    tree=$(cargo tree --locked -p mirk -e normal,build --prefix none --no-dedupe | awk 'NF { print $1, $2 }' | sort -u)
    count=$(wc -l <<<"$tree")
    echo "$count packages in the binary (at most 280)"
    [ "$count" -le 280 ]
    if grep -E '^(ring|openssl|openssl-sys|native-tls|rsa|reqwest|chrono|serde_yaml) ' <<<"$tree"; then
        echo "a crate that we swore off is in the tree"
        exit 1
    fi

# Line coverage; needs Debian's llvm-22
cover:
    LLVM_COV="${LLVM_COV:-/usr/bin/llvm-cov-22}" LLVM_PROFDATA="${LLVM_PROFDATA:-/usr/bin/llvm-profdata-22}" cargo llvm-cov nextest --workspace --locked --summary-only

# Release build, then Mirk against a plain reverse proxy and against going direct
bench *args:
    cargo build --release --locked -p mirk
    cargo run --release --locked -p mirk-bench -- "$@"

# Plants canaries through a running gateway and searches every byte it keeps (no release build)
sweep:
    cargo build --locked -p mirk
    if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --locked -p mirk sweep; else cargo test --locked -p mirk sweep; fi
    if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --locked -p mirk --features leaky leaky_; else cargo test --locked -p mirk --features leaky leaky_; fi
    cargo build --locked -p mirk

# Changes the pure rooms' code line by line and expects a test to notice; slow, needs cargo-mutants
mutants *args:
    cargo mutants -p mirk-vault -p mirk-model -j1 --timeout 60 "$@"

# Every parser of foreign bytes on INPUTS hostile inputs each, in the profile `fuzz`; `just fuzz tap` runs one
fuzz *args:
    cargo run --locked --profile fuzz -p mirk-fuzz -- --inputs "${INPUTS:-1000000}" "$@"

# The same for a few seconds, as the tests are built
fuzz-short:
    cargo run --locked -p mirk-fuzz -- --inputs 2000 --seconds 30

# The property tests of every parser of foreign bytes, many times over; CASES says how many
properties *args:
    PROPTEST_CASES="${CASES:-20000}" cargo nextest run --locked -p mirk-model -p mirk-dialect -p mirk-provider -p mirk-vault -p mirk-gateway "$@"

# The release binary, without this machine's paths in it
build:
    RUSTFLAGS="--remap-path-prefix=$HOME=/home --remap-path-prefix=$PWD=/mirk" CFLAGS="-ffile-prefix-map=$HOME=/home -ffile-prefix-map=$PWD=/mirk" cargo build --release --locked -p mirk

# The release binary is under 25 MB and holds no key, no test code and no path of this machine
binary: build
    #!/usr/bin/env bash
    set -euo pipefail
    size=$(stat -c %s target/release/mirk)
    echo "$size bytes (at most 25000000)"
    [ "$size" -le 25000000 ]
    words=$(strings -n 8 target/release/mirk)
    keys='mrk_[lt][upm]_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}|sk-(proj-|ant-)?[0-9A-Za-z_-]{40,}|AKIA[0-9A-Z]{16}'
    if grep -E "$keys|testhooks|prompt-in-the-log|leaky-server" <<<"$words"; then
        echo "the binary holds something that looks like a secret, or test code"
        exit 1
    fi
    if grep -F -e "$PWD/" -e "$HOME/" <<<"$words"; then
        echo "the binary names a path of this machine"
        exit 1
    fi
