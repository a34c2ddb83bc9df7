//! The walk in docs/EXTENDING.md quotes the files of this crate as they are.
#![allow(clippy::expect_used, reason = "a test that fails should panic")]

#[test]
fn the_walk_quotes_the_files_as_they_are() {
    const PAGE: &str = include_str!("../../../../docs/EXTENDING.md");
    const FILES: [&str; 4] = [
        include_str!("../src/kind.rs"),
        include_str!("../src/device.rs"),
        include_str!("../src/client.rs"),
        include_str!("../src/main.rs"),
    ];
    let (_, walk) = PAGE.split_once("## A device kind in a crate of its own\n").expect("the walk");
    let walk = walk.split("\n## ").next().unwrap_or_default();
    let quotes: Vec<&str> =
        walk.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(quotes.len(), 5);
    for quote in quotes {
        assert!(FILES.iter().any(|file| file.contains(quote)), "no file has:\n{quote}");
    }
}
