//! End-to-end tests of the real binary, a module for each subject. Two other binaries hold what must not run beside these:
//! `timed` (limits of time) and `soak` (random faults under load).
//! Never in it: fixtures (the harness in `src`).

mod attacks;
mod auto_unseal;
mod cli;
mod crate_levels;
mod degraded;
mod documented_examples;
mod evidence_faults;
mod fault_table;
mod find_secret;
mod following;
mod foreign_evidence;
mod group_commit;
mod http;
mod hung_peers;
mod hung_stdout;
mod kill;
mod option_matrix;
mod options;
mod peers;
mod pipelines;
mod readme;
mod reconnect;
mod recordings;
mod reload;
mod responding;
mod restart;
mod rotation;
mod salts;
mod syslog;
mod syslog_options;
mod terminal;
mod tls;
