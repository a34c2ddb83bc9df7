//! Shamir shares, keyring and barrier envelope; pure crypto.
