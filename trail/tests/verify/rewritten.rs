//! Log and tree that were rewritten together with the right key: what was kept elsewhere shows it.
//! Never in it: logs that do not fit their tree.

use std::fs;
use std::path::PathBuf;

use onrecord_entry::gap::DeviceCheckpoint;
use onrecord_entry::{Clear, Entry};
use onrecord_evidence::{Algorithm, Checkpoint, Ed25519Key, Note, NoteSignature, Signer as _, VerifierKey};
use onrecord_trail::Input;
use onrecord_trail::verify::{
    KeptNote, RootState, TreeFolder, Verdict, Verification, VerifyError, VerifyOptions, verify,
};

use super::kit::{Device, entry, line_of, rows, text};

/// A device, its checkpoints after 300 and 700 lines, and one with the same key whose line 200 is another.
fn rewritten() -> (Device, Note, Note) {
    let mut device = Device::new(300);
    let first = device.checkpoint();
    device.append((300..700).map(entry).collect());
    let second = device.checkpoint();
    let mut lines = device.lines.clone();
    lines[200] = entry(9999);
    let Device { dir, key, origin, .. } = device;
    drop(dir);
    let mut forged = Device::with(&origin, Vec::new());
    forged.key = key;
    forged.append(lines);
    (forged, first, second)
}

fn since(device: &Device, notes: &[&Note]) -> Verification {
    let kept = notes.iter().map(|note| KeptNote::parse("kept", &note.to_string()).unwrap()).collect();
    device.verify(&[device.log()], VerifyOptions { kept, ..device.options() })
}

fn states(found: &Verification) -> Vec<(u64, RootState, Option<bool>)> {
    found.tree.kept_wrong.first.iter().map(|kept| (kept.size, kept.state, kept.signed)).collect()
}

#[test]
fn a_rewritten_tree_differs_from_a_kept_checkpoint() {
    let (forged, first, second) = rewritten();
    let found = forged.verify(&[forged.log()], forged.options());
    assert_eq!(found.verdict(), Verdict::Intact, "nothing but what was kept shows it");
    let found = since(&forged, &[&first, &second]);
    assert_eq!((found.verdict(), rows(&found)), (Verdict::Differs, Vec::new()));
    assert_eq!(
        states(&found),
        [(300, RootState::Differs, Some(true)), (700, RootState::Differs, Some(true))]
    );
    let early = Device::new(150);
    let kept = Checkpoint {
        origin: forged.origin.clone(),
        size: 150,
        root: Checkpoint::parse(&early.checkpoint().text).unwrap().root,
    };
    let found = since(&forged, &[&kept.sign(&forged.key).unwrap()]);
    assert_eq!((found.verdict(), found.tree.kept_up_to), (Verdict::Intact, Some(150)), "before the change");
}

#[test]
fn an_older_checkpoint_in_the_place_of_the_newest_is_found() {
    let mut device = Device::new(300);
    let older = fs::read(device.folder().0.join("checkpoint")).unwrap();
    let tiles = ["tile/0/001.p/44", "tile/entries/001.p/44", "tile/1/000.p/1"];
    let before: Vec<Vec<u8>> =
        tiles.iter().map(|tile| fs::read(device.folder().0.join(tile)).unwrap()).collect();
    device.append((300..700).map(entry).collect());
    let newest = device.checkpoint();
    fs::write(device.folder().0.join("checkpoint"), older).unwrap();
    for (tile, bytes) in tiles.iter().zip(before) {
        fs::write(device.folder().0.join(tile), bytes).unwrap();
    }
    let found = device.verify(&[device.log()], device.options());
    assert_eq!(found.verdict(), Verdict::Differs);
    assert_eq!(rows(&found), [(onrecord_trail::verify::FindingKind::UncoveredTail, 301, 400, None, 0)]);

    // With the log cut to it, only a kept checkpoint shows it.
    fs::write(device.log(), text(&device.lines[..300])).unwrap();
    assert_eq!(device.verify(&[device.log()], device.options()).verdict(), Verdict::Intact);
    let found = since(&device, &[&newest]);
    assert_eq!(
        (found.verdict(), states(&found)),
        (Verdict::Differs, vec![(700, RootState::Newer, Some(true))])
    );
}

#[test]
fn a_checkpoint_of_another_tree_is_refused() {
    let device = Device::new(10);
    let other = Device::with("example.com/other", vec![b"a".to_vec()]);
    let kept = vec![KeptNote::parse("kept", &other.checkpoint().to_string()).unwrap()];
    let options = VerifyOptions { kept, ..device.options() };
    let error =
        verify(vec![Input::file(device.log())], &TreeFolder::new(device.folder().0), options, &mut |_| {});
    let Err(VerifyError::Kept { error, .. }) = error else { panic!("{error:?}") };
    assert_eq!(error, r#"it is of another tree, "example.com/other"; this one is "example.com/file""#);
    assert!(KeptNote::parse("kept", "nonsense").is_err());
}

/// The line that carries a checkpoint to another device.
fn anchor(note: &Note) -> Vec<u8> {
    let Checkpoint { origin, size, root } = Checkpoint::parse(&note.text).unwrap();
    let (root, note) = (root.to_base64(), note.to_string());
    let checkpoint = DeviceCheckpoint {
        origin: Clear::new(&origin),
        size,
        root: Clear::new(&root),
        note: Clear::new(&note),
    };
    line_of(&Entry::checkpoint("6f0e3c5e-0000-4000-8000-000000000000", checkpoint))
}

fn anchored(device: &Device, lines: &[Vec<u8>]) -> Verification {
    let path: PathBuf = device.write("second.log", lines);
    let anchors = vec![Input::file(&path)];
    device.verify(&[device.log()], VerifyOptions { anchors, ..device.options() })
}

#[test]
fn a_rewritten_tree_differs_from_the_log_of_another_device() {
    let (forged, first, second) = rewritten();
    let found = anchored(&forged, &[entry(1), anchor(&first), entry(2), anchor(&second)]);
    assert_eq!(found.verdict(), Verdict::Differs);
    assert_eq!(
        states(&found),
        [(300, RootState::Differs, Some(true)), (700, RootState::Differs, Some(true))]
    );
    assert_eq!(found.tree.kept_wrong.first[0].line, Some(2));

    let whole = {
        let mut device = Device::new(300);
        let first = device.checkpoint();
        device.append((300..700).map(entry).collect());
        let second = device.checkpoint();
        anchored(&device, &[anchor(&first), entry(1), anchor(&second)])
    };
    assert_eq!((whole.verdict(), whole.tree.kept, whole.tree.kept_up_to), (Verdict::Intact, 2, Some(700)));
}

#[test]
fn an_entry_of_a_checkpoint_that_nobody_signed_is_named_as_such() {
    let device = Device::new(300);
    let forger = Ed25519Key::generate().unwrap();
    let forged =
        Checkpoint { origin: device.origin.clone(), size: 7, root: onrecord_evidence::Hash::empty() };
    let found = anchored(&device, &[anchor(&forged.sign(&forger).unwrap())]);
    assert_eq!(
        (found.verdict(), states(&found)),
        (Verdict::Differs, vec![(7, RootState::Differs, Some(false))])
    );
}

#[test]
fn a_log_without_checkpoints_of_this_tree_is_refused_as_an_anchor() {
    let device = Device::new(10);
    let path = device.write("second.log", &[entry(1)]);
    let options = VerifyOptions { anchors: vec![Input::file(path)], ..device.options() };
    let error =
        verify(vec![Input::file(device.log())], &TreeFolder::new(device.folder().0), options, &mut |_| {});
    assert!(matches!(error, Err(VerifyError::Kept { .. })), "{error:?}");
}

/// The cosignature of a witness below a checkpoint.
fn cosign(note: &mut Note, witness: &Ed25519Key) -> VerifierKey {
    let key = VerifierKey::new("witness.example/w", Algorithm::Cosignature, witness.public_key());
    let message = format!("cosignature/v1\ntime 1700000000\n{}", note.text);
    let mut signature = 1_700_000_000_u64.to_be_bytes().to_vec();
    signature.extend_from_slice(&witness.sign(message.as_bytes()).unwrap());
    note.signatures.push(NoteSignature { name: "witness.example/w".to_owned(), key_id: key.id(), signature });
    key
}

#[test]
fn each_given_witness_must_have_cosigned() {
    let (forged, first, _) = rewritten();
    let witness = Ed25519Key::generate().unwrap();
    let mut kept = first.clone();
    let key = cosign(&mut kept, &witness);
    let verify = |device: &Device, notes: &[&Note], key: &VerifierKey| {
        let kept = notes.iter().map(|note| KeptNote::parse("kept", &note.to_string()).unwrap()).collect();
        let witnesses = vec![key.clone()];
        device.verify(&[device.log()], VerifyOptions { kept, witnesses, ..device.options() })
    };
    let found = verify(&forged, &[], &key);
    assert_eq!((found.verdict(), found.tree.witnesses[0].cosigned), (Verdict::Differs, None));
    // The forger's tree is not the one that the witness saw.
    let found = verify(&forged, &[&kept], &key);
    assert_eq!((found.verdict(), found.tree.witnesses[0].cosigned), (Verdict::Differs, None));

    let mut device = Device::new(300);
    let mut note = device.checkpoint();
    let key = cosign(&mut note, &witness);
    fs::write(device.folder().0.join("checkpoint"), note.to_string()).unwrap();
    let found = verify(&device, &[], &key);
    assert_eq!(
        (found.verdict(), found.tree.witnesses[0].cosigned),
        (Verdict::Intact, Some((300, 1_700_000_000)))
    );
    device.append((300..400).map(entry).collect());
    let found = verify(&device, &[&note], &key);
    assert_eq!(
        (found.verdict(), found.tree.witnesses[0].cosigned),
        (Verdict::Intact, Some((300, 1_700_000_000)))
    );
    // The device keeps what was cosigned beside its newest checkpoint.
    fs::write(device.folder().0.join("cosigned.w"), note.to_string()).unwrap();
    let cosigned = TreeFolder::new(device.folder().0).cosigned();
    let options =
        || VerifyOptions { witnesses: vec![key.clone()], cosigned: cosigned.clone(), ..device.options() };
    let found = device.verify(&[device.log()], options());
    assert_eq!(
        (found.verdict(), found.tree.witnesses[0].cosigned),
        (Verdict::Intact, Some((300, 1_700_000_000)))
    );
    let rewritten = device.verify(
        &[device.log()],
        VerifyOptions {
            cosigned: vec![
                KeptNote::parse("w", &{
                    let mut other = Checkpoint {
                        origin: device.origin.clone(),
                        size: 200,
                        root: onrecord_evidence::Hash::empty(),
                    }
                    .sign(&device.key)
                    .unwrap();
                    cosign(&mut other, &witness);
                    other.to_string()
                })
                .unwrap(),
            ],
            ..options()
        },
    );
    assert_eq!(
        (rewritten.verdict(), states(&rewritten)),
        (Verdict::Differs, vec![(200, RootState::Differs, Some(true))])
    );
    let mut wrong = device.checkpoint();
    cosign(&mut wrong, &witness);
    *wrong.signatures[1].signature.last_mut().unwrap() ^= 1;
    fs::write(device.folder().0.join("checkpoint"), wrong.to_string()).unwrap();
    let found = verify(&device, &[], &key);
    assert!(found.tree.witnesses[0].wrong.is_some() && found.verdict() == Verdict::Differs, "{found:?}");
}
