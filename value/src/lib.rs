//! The bounded value tree, JSON text to Go's rules, and durations, booleans and sizes as Vault writes them.
