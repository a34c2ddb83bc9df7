//! The server without HTTP: pipeline, router, tokens, mounts, secrets engines, sys.
