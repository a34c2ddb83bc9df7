//! The command line of OnRecord.

fn main() {}
