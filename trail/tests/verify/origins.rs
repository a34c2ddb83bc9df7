//! Which log it is, and which key may have signed its newest checkpoint.
//! Never in it: changed lines.

use onrecord_evidence::{Ed25519Key, Signer as _, VerifierKey};
use onrecord_trail::Input;
use onrecord_trail::verify::{
    KeptNote, Signature, TreeFolder, Verdict, Verification, VerifyError, VerifyOptions, verify,
};

use super::kit::{Device, entry, rows};

const FIRST: &str = "example.com/first";
const SECOND: &str = "example.com/second";

/// The device at `FIRST`, and the keys of both of its server's devices.
fn server() -> (Device, Vec<VerifierKey>) {
    let device = Device::with(FIRST, (0..300).map(entry).collect());
    let keys = [FIRST, SECOND].map(|origin| device.key.verifier(origin)).to_vec();
    (device, keys)
}

fn try_verify(device: &Device, options: VerifyOptions) -> Result<Verification, VerifyError> {
    verify(vec![Input::file(device.log())], &TreeFolder::new(device.folder().0), options, &mut |_| {})
}

#[test]
fn a_log_that_was_exchanged_with_its_tree_for_that_of_another_device_is_named() {
    let (device, keys) = server();
    let verify = |origin: &str| {
        let options =
            VerifyOptions { origin: Some(origin.to_owned()), keys: keys.clone(), ..VerifyOptions::default() };
        try_verify(&device, options).unwrap()
    };
    assert_eq!(verify(FIRST).verdict(), Verdict::Intact);
    let found = verify(SECOND);
    assert_eq!((found.verdict(), rows(&found)), (Verdict::Differs, Vec::new()));
    assert_eq!((found.tree.origin.as_str(), found.tree.other_than.as_deref()), (FIRST, Some(SECOND)));
    // What was kept of the log that was meant is not compared with another one.
    let other = Device::with(SECOND, vec![b"a".to_vec()]);
    let kept = vec![KeptNote::parse("kept", &other.checkpoint().to_string()).unwrap()];
    let origin = Some(SECOND.to_owned());
    let found =
        try_verify(&device, VerifyOptions { origin, keys, kept, ..VerifyOptions::default() }).unwrap();
    assert_eq!(found.verdict(), Verdict::Differs);
}

#[test]
fn keys_of_several_logs_are_refused_until_it_is_said_which_is_meant() {
    let (device, keys) = server();
    let error =
        try_verify(&device, VerifyOptions { keys: keys.clone(), ..VerifyOptions::default() }).unwrap_err();
    let VerifyError::Origins { origins, tree } = &error else { panic!("{error:?}") };
    assert_eq!(
        (origins.as_slice(), tree.as_str()),
        ([FIRST.to_owned(), SECOND.to_owned()].as_slice(), FIRST)
    );
    let retired = keys[1..].to_vec();
    let options = VerifyOptions { keys: keys[..1].to_vec(), retired, ..VerifyOptions::default() };
    assert!(matches!(try_verify(&device, options), Err(VerifyError::Origins { .. })));
    // Two keys of one log are those before and after a rotation.
    let keys = vec![Ed25519Key::generate().unwrap().verifier(FIRST), keys[0].clone()];
    let found = try_verify(&device, VerifyOptions { keys, ..VerifyOptions::default() }).unwrap();
    assert_eq!(found.verdict(), Verdict::Intact);
}

#[test]
fn a_retired_key_vouches_for_checkpoints_that_were_kept_and_not_for_the_newest() {
    let mut device = Device::new(300);
    let kept = vec![KeptNote::parse("kept", &device.checkpoint().to_string()).unwrap()];
    let (old, new) = (device.verifier(), Ed25519Key::generate().unwrap());
    let options = || VerifyOptions {
        keys: vec![new.verifier(&device.origin)],
        retired: vec![old.clone()],
        kept: kept.clone(),
        ..VerifyOptions::default()
    };
    let found = device.verify(&[device.log()], options());
    let Signature::Retired { key } = &found.tree.signature else { panic!("{found:?}") };
    assert_eq!(*key, format!("example.com/file ({:08x})", old.id()));
    assert_eq!(found.verdict(), Verdict::Differs);
    let only = VerifyOptions { retired: vec![old.clone()], ..VerifyOptions::default() };
    assert_eq!(device.verify(&[device.log()], only).verdict(), Verdict::Differs);

    let options = options();
    device.key = new;
    device.append((300..400).map(entry).collect());
    let found = device.verify(&[device.log()], options);
    assert_eq!((found.verdict(), found.tree.kept_up_to), (Verdict::Intact, Some(300)));
}
