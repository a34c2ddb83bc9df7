//! The audit library: entry, register, salt, hash, format, decode, devices, broker.
