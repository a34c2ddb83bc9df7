//! Benches of the library and of the server.
