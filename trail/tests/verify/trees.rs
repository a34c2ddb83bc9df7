//! Trees that were damaged or replaced, beside a log that is whole.
//! Never in it: changed lines.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::io;

use onrecord_evidence::{Ed25519Key, Hash, Signer as _, StoreReader};
use onrecord_trail::Input;
use onrecord_trail::verify::FindingKind::*;
use onrecord_trail::verify::{Signature, TreeFolder, Verdict, VerifyError, VerifyOptions, verify};
use proptest::prelude::*;

use super::kit::{Device, Folder, entry, rows, text};

/// A folder whose tiles and bundles are exchanged as soon as they were read.
struct Exchanged {
    before: Folder,
    after: Folder,
    kinds: &'static [&'static str],
    seen: RefCell<HashSet<String>>,
}

impl StoreReader for Exchanged {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let is_exchanged = self.kinds.iter().any(|kind| path.starts_with(kind));
        let again = is_exchanged && !self.seen.borrow_mut().insert(path.to_owned());
        if again { &self.after } else { &self.before }.read(path)
    }
}

fn flip(device: &Device, resource: &str, at: usize) {
    let path = device.folder().0.join(resource);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_tile_or_bundle_is_named_and_the_lines_are_not_blamed() {
    for (resource, at, text) in [
        ("tile/0/001", 70, "tile/0/001: hash 2 is not that of its entry in tile/entries/001"),
        (
            "tile/0/002.p/188",
            70,
            "tile/0/002.p/188: hash 2 is not that of its entry in tile/entries/002.p/188",
        ),
        ("tile/entries/001", 70, "tile/entries/001: entry 2 is not that of its hash in tile/0/001"),
        (
            "tile/entries/002.p/188",
            70,
            "tile/entries/002.p/188: entry 2 is not that of its hash in tile/0/002.p/188",
        ),
        ("tile/1/000.p/2", 40, "tile/1/000.p/2: hash 1 is not that of the tile below it"),
        ("tile/entries/000", 34, "tile/entries/000: entry 1 is 4128 bytes long; the digest of a line is 32"),
    ] {
        let device = Device::new(700);
        flip(&device, resource, at);
        let found = device.verify(&[device.log()], device.options());
        assert_eq!(found.tree.contradictions.first, [text], "{resource}");
        assert!(found.tree.root_holds && rows(&found).is_empty(), "{resource}: {found:?}");
        assert_eq!(found.verdict(), Verdict::Differs, "{resource}");
    }
}

#[test]
fn a_missing_tile_is_named_and_its_bundle_stands_in() {
    for (resource, known) in [("tile/0/001", true), ("tile/entries/001", true), ("tile/1/000.p/2", true)] {
        let device = Device::new(700);
        fs::remove_file(device.folder().0.join(resource)).unwrap();
        let found = device.verify(&[device.log()], device.options());
        assert_eq!(found.tree.contradictions.first, [format!("{resource} is missing")]);
        assert_eq!((found.tree.root_holds, rows(&found)), (known, Vec::new()));
        assert_eq!(found.verdict(), Verdict::Differs);
    }
    let device = Device::new(700);
    for resource in ["tile/0/001", "tile/entries/001"] {
        fs::remove_file(device.folder().0.join(resource)).unwrap();
    }
    let found = device.verify(&[device.log()], device.options());
    assert!(!found.tree.root_holds && found.tree.contradictions.count == 2, "{found:?}");
    assert_eq!(rows(&found), [(Unverifiable, 257, 256, Some(256), 256)]);
}

#[test]
fn tiles_that_are_exchanged_after_the_tree_was_checked_are_not_believed() {
    let device = Device::new(700);
    let mut lines = device.lines.clone();
    lines[300] = entry(9999);
    let forged = Device::with(&device.origin, lines.clone());
    fs::write(device.log(), text(&lines)).unwrap();
    let replaced = "tile/0/001 or tile/entries/001 was replaced while the tree was read";
    let unknown = (Unverifiable, 257, 256, Some(256), 256);
    for (kinds, contradictions, findings) in [
        (&["tile/0/", "tile/entries/"][..], &[replaced][..], unknown),
        (&["tile/0/"], &[], (Altered, 301, 1, Some(300), 1)),
        (&["tile/entries/"], &[replaced], unknown),
        (&[], &[], (Altered, 301, 1, Some(300), 1)),
    ] {
        let seen = RefCell::default();
        let store = Exchanged { before: device.folder(), after: forged.folder(), kinds, seen };
        let found = verify(vec![Input::file(device.log())], &store, device.options(), &mut |_| {}).unwrap();
        assert_eq!(found.tree.contradictions.first, contradictions, "{kinds:?}");
        assert_eq!((rows(&found), found.verdict()), (vec![findings], Verdict::Differs), "{kinds:?}");
    }
}

#[test]
fn a_checkpoint_that_was_changed_has_no_signature() {
    let device = Device::new(700);
    let path = device.folder().0.join("checkpoint");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\n700\n", "\n699\n")).unwrap();
    let found = device.verify(&[device.log()], device.options());
    let Signature::Wrong { why } = &found.tree.signature else { panic!("{found:?}") };
    assert!(why.contains("the signature of example.com/file is wrong"), "{why}");
    assert_eq!(found.verdict(), Verdict::Differs);

    fs::write(&path, "nonsense").unwrap();
    let tree = TreeFolder::new(device.folder().0);
    let error = verify(vec![Input::file(device.log())], &tree, device.options(), &mut |_| {});
    assert!(matches!(error, Err(VerifyError::Checkpoint(_))), "{error:?}");
}

#[test]
fn without_a_key_of_the_server_nothing_is_intact() {
    let device = Device::new(10);
    let found = device.verify(&[device.log()], VerifyOptions::default());
    assert_eq!((found.verdict(), rows(&found)), (Verdict::NotJudged, Vec::new()));
    assert!(found.not_judged()[0].starts_with("The signature was not checked"), "{:?}", found.not_judged());
    for name in ["example.com/file", "example.com/other"] {
        let keys = vec![Ed25519Key::generate().unwrap().verifier(name)];
        let found = device.verify(&[device.log()], VerifyOptions { keys, ..VerifyOptions::default() });
        assert_eq!(found.verdict(), Verdict::Differs, "{name}");
        assert!(matches!(found.tree.signature, Signature::Wrong { .. }));
    }
    let keys = vec![Ed25519Key::generate().unwrap().verifier("example.com/file"), device.verifier()];
    let found = device.verify(&[device.log()], VerifyOptions { keys, ..VerifyOptions::default() });
    assert_eq!(found.verdict(), Verdict::Intact, "the key before it was rotated, and the one after");
}

#[test]
fn an_empty_tree_says_nothing() {
    let mut device = Device::new(0);
    let found = device.verify(&[device.log()], device.options());
    assert_eq!(found.verdict(), Verdict::NotJudged);
    device.append(vec![b"a".to_vec()]);
    assert_eq!(device.verify(&[device.log()], device.options()).verdict(), Verdict::Intact);
}

#[test]
fn a_checkpoint_of_any_size_ends_soon() {
    let device = Device::new(300);
    let size = u64::MAX / 64;
    let huge = onrecord_evidence::Checkpoint { origin: device.origin.clone(), size, root: Hash::empty() };
    let note = huge.sign(&device.key).unwrap().to_string();
    fs::write(device.folder().0.join("checkpoint"), note).unwrap();
    let found = device.verify(&[device.log()], device.options());
    assert!(found.verdict() != Verdict::Intact && !found.tree.root_holds, "{found:?}");
    assert_eq!(found.tree.contradictions.count, 1 + 2 * 1024, "only the first tile is there");

    // More lines than are kept of one difference.
    let lines = [device.lines.clone(), vec![Vec::new(); 200_000]].concat();
    let found = device.verify_text(&text(&lines));
    let mut counts: Vec<_> = found.findings.iter().map(|(kind, sample)| (*kind, sample.count)).collect();
    counts.sort_by_key(|(_, count)| *count);
    assert_eq!(counts, [(Unverifiable, 200_044), (TailCut, size - 200_300)], "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_flip_in_a_tree_is_passed_over(which in 0_usize..7, at in 0_usize..9000, bit in 0_u32..8) {
        let device = Device::new(700);
        let resources = ["checkpoint", "tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/000", "tile/entries/001", "tile/entries/002.p/188"];
        let path = device.folder().0.join(resources[which]);
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        fs::write(path, bytes).unwrap();
        let tree = TreeFolder::new(device.folder().0);
        let found = verify(vec![Input::file(device.log())], &tree, device.options(), &mut |_| {});
        if let Ok(found) = found {
            prop_assert!(found.verdict() != Verdict::Intact, "{} byte {at} bit {bit}", resources[which]);
        }
    }
}
