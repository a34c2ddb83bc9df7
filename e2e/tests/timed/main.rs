//! End-to-end tests with a limit of time or memory in what they prove. They are a binary of their own, so that the load of
//! other tests does not slow them down.
//! Never in it: fixtures (the harness in `src`).

mod full_disk;
mod observability;
