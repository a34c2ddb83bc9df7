//! HTTP, TLS, configuration and signals around the core.
