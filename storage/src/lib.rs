//! Batch-commit storage, its back ends, the barrier and prefix views.
