//! The level table of docs/ARCHITECTURE.md against the crates' own manifests, and the tests that docs/REQUIREMENTS.md and
//! docs/SECURITY.md name against those of the tree.
//! Never in it: what these tests show.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The level of each crate; one may depend only on lower ones.
const LEVELS: [(&str, u8); 14] = [
    ("value", 0),
    ("digest", 0),
    ("hcl", 0),
    ("entry", 1),
    ("evidence", 1),
    ("policy", 1),
    ("seal", 1),
    ("client", 1),
    ("audit", 2),
    ("storage", 2),
    ("trail", 2),
    ("core", 3),
    ("server", 4),
    ("cli", 5),
];

/// What a crate must never reach, however indirectly its level would allow it.
const NEVER: [(&str, &[&str]); 8] = [
    ("entry", &["tokio", "hyper", "http", "redb", "rustix"]),
    ("evidence", &["tokio", "hyper", "http", "redb", "rustix", "onrecord-entry"]),
    ("audit", &["tokio", "hyper", "http", "redb"]),
    ("policy", &["tokio", "hyper", "http", "redb"]),
    ("seal", &["tokio", "hyper", "http", "redb"]),
    ("storage", &["hyper", "http"]),
    ("trail", &["tokio", "hyper", "http"]),
    ("core", &["hyper", "http", "rustls", "redb"]),
];

/// The dependencies of a crate as its manifest lists them under `[dependencies]`.
fn dependencies(root: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(root.join(name).join("Cargo.toml")).expect("a manifest");
    text.lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', '=', ' ']).next())
        .filter(|word| !word.is_empty() && !word.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn storage_has_of_tokio_the_locks_and_channels_alone() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../storage/Cargo.toml");
    let text = fs::read_to_string(manifest).expect("a manifest");
    let (of_the_crate, _of_its_tests) = text.split_once("[dev-dependencies]").expect("two parts");
    let tokio: Vec<&str> = of_the_crate.lines().filter(|line| line.starts_with("tokio")).collect();
    assert_eq!(tokio, ["tokio = { version = \"1.54\", default-features = false, features = [\"sync\"] }"]);
}

#[test]
fn a_crate_depends_only_on_lower_levels() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let levels: BTreeMap<&str, u8> = LEVELS.into();
    for (name, level) in LEVELS {
        for dependency in dependencies(&root, name) {
            let Some(other) = dependency.strip_prefix("onrecord-") else { continue };
            let below = levels.get(other).unwrap_or_else(|| panic!("{other} has no level"));
            assert!(*below < level, "{name} (level {level}) depends on {other} (level {below})");
        }
    }
}

#[test]
fn no_crate_reaches_what_its_level_forbids() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, forbidden) in NEVER {
        for dependency in dependencies(&root, name) {
            assert!(!forbidden.contains(&dependency.as_str()), "{name} depends on {dependency}");
        }
    }
}

#[test]
fn the_architecture_page_has_the_same_levels() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/ARCHITECTURE.md")).expect("the page");
    for (name, level) in LEVELS {
        let row = format!("| {level} | `{name}` |");
        assert!(page.contains(&row), "docs/ARCHITECTURE.md has no row that begins with {row}");
    }
}

/// The texts of all Rust files of the tree.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && name != ".git" {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(path).expect("a text"));
        }
    }
}

#[test]
fn every_requirement_has_a_test_of_its_name_and_every_such_test_its_requirement() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = fs::read_to_string(root.join("docs/REQUIREMENTS.md")).expect("the table");
    let names: Vec<String> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| R-")?.split(" |").next())
        .map(|name| format!("r_{}_", name.to_lowercase().replace('-', "_")))
        .collect();
    let mut files = Vec::new();
    sources(&root, &mut files);
    let tests: Vec<&str> = files
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "))
        .filter(|name| name.starts_with("r_"))
        .collect();
    assert!(names.len() > 30 && tests.len() > 100, "{} rows, {} tests", names.len(), tests.len());
    for test in &tests {
        assert!(names.iter().any(|name| test.starts_with(name.as_str())), "no row for {test}");
    }
    for name in &names {
        assert!(tests.iter().any(|test| test.starts_with(name.as_str())), "no test for {name}");
    }
}

/// The names of all tests in a source file.
fn tests_of(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let mut names = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let Some(rest) = line.trim_start_matches("async ").strip_prefix("fn ") else { continue };
        let attributes = lines.iter().take(number).rev().take_while(|line| line.starts_with("#["));
        if attributes.into_iter().any(|line| line.starts_with("#[test") || line.starts_with("#[tokio::test"))
        {
            names.extend(rest.split('(').next());
        }
    }
    names
}

/// The cells of the last column of the tables whose last column is "shown by", each with its line.
fn shown_by(page: &str) -> Vec<(&str, &str)> {
    let mut cells = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            inside = false;
            continue;
        };
        let last = row.rsplit('|').next().unwrap_or_default().trim();
        if last == "shown by" {
            inside = true;
        } else if inside && !last.starts_with("---") {
            cells.push((line, last));
        }
    }
    cells
}

#[test]
fn every_test_that_the_security_page_names_exists_and_every_row_names_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/SECURITY.md")).expect("the page");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let tests: BTreeSet<&str> = files.iter().flat_map(|text| tests_of(text)).collect();
    let cells = shown_by(&page);
    assert!(cells.len() > 50 && tests.len() > 1000, "{} rows, {} tests", cells.len(), tests.len());
    let mut missing = Vec::new();
    for (line, cell) in cells {
        let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty() || cell.starts_with("does not apply"), "no test is named in: {line}");
        missing.extend(named.into_iter().filter(|name| !tests.contains(name)));
    }
    assert!(missing.is_empty(), "docs/SECURITY.md names tests that the tree does not have: {missing:#?}");
}

/// The files and folders that a page names: by their path, or, after one of these in the same cell, relative to its
/// folder.
fn named_files(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for cell in page.lines().flat_map(|line| line.split('|')) {
        let mut folder: Option<String> = None;
        for name in cell.split('`').skip(1).step_by(2) {
            let is_source = Path::new(name).extension().is_some_and(|extension| extension == "rs");
            if !is_source && !name.ends_with('/') {
                continue;
            }
            if name.contains("/src/") || name.contains("/tests/") {
                folder
                    .get_or_insert_with(|| name.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned());
                found.push(name.to_owned());
            } else if let Some(folder) = &folder {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found
}

#[test]
fn every_file_that_the_architecture_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/ARCHITECTURE.md")).expect("the page");
    let named = named_files(&page);
    assert!(named.len() > 30, "{} files", named.len());
    let missing: Vec<&String> = named.iter().filter(|name| !root.join(name).exists()).collect();
    assert!(missing.is_empty(), "docs/ARCHITECTURE.md names files that do not exist: {missing:?}");
}
