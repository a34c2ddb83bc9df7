//! Trees that were damaged or replaced, beside a log that is whole.
//! Never in it: changed lines.

use std::fs;

use onrecord_evidence::{Ed25519Key, Hash, Signer as _};
use onrecord_trail::Input;
use onrecord_trail::verify::FindingKind::*;
use onrecord_trail::verify::{Signature, TreeFolder, Verdict, VerifyError, VerifyOptions, verify};
use proptest::prelude::*;

use super::kit::{Device, rows};

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
    let device = Device::new(10);
    let huge = onrecord_evidence::Checkpoint {
        origin: device.origin.clone(),
        size: u64::MAX / 64,
        root: Hash::empty(),
    };
    let note = huge.sign(&device.key).unwrap().to_string();
    fs::write(device.folder().0.join("checkpoint"), note).unwrap();
    let found = device.verify(&[device.log()], device.options());
    assert!(found.verdict() != Verdict::Intact && !found.tree.root_holds, "{found:?}");
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
