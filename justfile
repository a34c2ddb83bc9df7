# Longer recipes. Nothing here is needed to build, run or test: see README.md.

# All benches; figures go to docs/PERFORMANCE.md by hand, with command and machine.
bench *args:
    cargo run --release --locked -p onrecord-bench -- {{args}}

# What CI runs.
ci:
    .ci/run

# Regenerate docs/FORMAT.md and the JSON Schema from the register of fields.
format-docs:
    ONRECORD_REGENERATE=1 cargo test -p onrecord-entry --locked

# A minute of load beside each kind of hung device; some of it takes the right to make networks.
hang:
    ONRECORD_LOAD_SECONDS=60 cargo test -p onrecord-e2e --locked --test e2e r_hang -- --test-threads=2

# Many more cases of the properties of lines, and many more schedules of the model than the tests try.
properties cases="100000":
    ONRECORD_FUZZ_CASES={{cases}} cargo test --release -p onrecord-entry --locked --test entry properties::

# One fuzz target (http, json, hcl, options, lines, filter, storage) under libFuzzer. The stable toolchain is enough; takes cargo-fuzz.
fuzz target minutes="10":
    cargo run --release --locked -p onrecord-fuzz --bin seeds -- {{target}} fuzz/libfuzzer/corpus/{{target}}
    cargo fuzz run --fuzz-dir fuzz/libfuzzer --sanitizer none --no-cfg-fuzzing {{target}} fuzz/libfuzzer/corpus/{{target}} -- -max_total_time=$(( {{minutes}} * 60 )) -max_len=65536 -timeout=30 -rss_limit_mb=4096 -print_final_stats=1

# Many more single bits of a log flipped, by one seed: `log verify` must name each with its line.
flips count="10000":
    ONRECORD_FLIPS={{count}} cargo test --release -p onrecord-trail --locked --test verify any_flipped_bit

# Many more kills at random moments, with rotations: after each, `log verify` must find every line.
kills count="50":
    ONRECORD_KILLS={{count}} cargo test -p onrecord-e2e --locked --test e2e after_kills_at_random_moments

# Data directories with flipped bits and cut ends, by seed: what becomes of each.
damage cases="20000" first-seed="0":
    cargo run --release --locked -p onrecord-fuzz --bin damage -- {{cases}} {{first-seed}}

model schedules="20000":
    ONRECORD_MODEL_ITERATIONS={{schedules}} cargo test --release -p onrecord-audit --locked --test model

# Random faults under load, by seed, judged by the checker: `just soak 7 10` is ten minutes of seed 7.
soak seed="1" minutes="10":
    SOAK_SEED={{trim_start_match(seed, "SEED=")}} SOAK_SECONDS=$(( {{trim_start_match(minutes, "MINUTES=")}} * 60 )) cargo test --locked -p onrecord-e2e --test soak -- --nocapture

# The Debian package with completions and the manual, in target/packaging/, and its installation in a new Debian root.
package:
    packaging/build
    packaging/test --deb

# hvac's own integration tests against the built binary: what fails, by file. Takes arguments of pytest.
hvac *args:
    cargo build --locked -p onrecord-cli
    e2e/clients/hvac-suite {{args}}

# Requests made from the server's own OpenAPI document: no 5xx, no status that it does not declare. Takes what `.ci/clients` installs.
schemathesis examples="50" seed="1":
    cargo build --locked -p onrecord-cli
    e2e/clients/schemathesis {{examples}} {{seed}}
