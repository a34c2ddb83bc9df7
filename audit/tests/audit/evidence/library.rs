//! A service with a signer of its own.

use super::*;
use onrecord_audit::Wait as _;
use onrecord_audit::evidence::{SignError, Signer};

/// A key that is elsewhere, as in a module of hardware: it can fail.
struct Elsewhere {
    key: Ed25519Key,
    fails: std::sync::atomic::AtomicBool,
}

impl Signer for Elsewhere {
    fn public_key(&self) -> [u8; 32] {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        if self.fails.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(SignError("the module is not there".to_owned()));
        }
        self.key.sign(message)
    }
}

#[test]
fn a_service_signs_with_a_key_that_is_elsewhere_and_may_fail_for_a_while() {
    let mut log = Log::new();
    let signer = Arc::new(Elsewhere { key: Ed25519Key::generate().unwrap(), fails: true.into() });
    let config = EvidenceConfig::new("a service/log", Arc::clone(&signer) as _).interval(NEVER);
    let broker = log.start_with(config);
    record_some(&broker, 5);
    let failed = broker.checkpoint("a", LONG).unwrap_err().to_string();
    assert_eq!(failed, "the key did not sign: the module is not there");
    assert_eq!(status(&broker).error.unwrap().0, failed);
    signer.fails.store(false, std::sync::atomic::Ordering::SeqCst);
    let signed = broker.checkpoint("a", LONG).unwrap();
    let evidence = evidence(&broker);
    assert_eq!(evidence.origin(), "a%20service/log");
    let note = Note::parse(&signed.note).unwrap();
    assert_eq!(Checkpoint::verify(&note, &[evidence.verifier()]).unwrap(), signed.checkpoint);
    // The tiles can be read through the library, and nothing else can.
    let reader = evidence.reader().unwrap();
    assert_eq!(reader.read("checkpoint").unwrap().unwrap(), signed.note.as_bytes());
    assert_tree(&reader, &signed.checkpoint, &log.lines());
    assert_eq!(reader.read("state").unwrap(), None);
    assert!(reader.read("../a.log").is_err());
    assert!(evidence.keep_beside("checkpoint.witnessed", b"a note".to_vec()));
    assert!(!evidence.keep_beside("checkpoint", Vec::new()) && !evidence.keep_beside("a/b", Vec::new()));
    broker.checkpoint("a", LONG).unwrap();
    assert_eq!(reader.read("checkpoint.witnessed").unwrap().unwrap(), b"a note");
    log.boot = 0;
}

#[test]
fn the_signer_of_a_device_signs_for_the_one_in_whose_place_it_came_if_that_one_signs_no_more() {
    let log = Log::new();
    let key = || Ed25519Key::from_seed(&[7; 32]).unwrap();
    let signers = [false, false].map(|fails| Arc::new(Elsewhere { key: key(), fails: fails.into() }));
    let config =
        |signer: &Arc<Elsewhere>| EvidenceConfig::new("test/a", Arc::clone(signer) as _).interval(NEVER);
    let broker = builder().rules(strict()).build_with_boot(Boot::new(1));
    broker.restore(log.device_in(&PLACEMENT).evidence(config(&signers[0]))).unwrap();
    record_some(&broker, 5);
    broker.checkpoint("a", LONG).unwrap();
    let successor = log.device_in(&PLACEMENT.succeeding(&broker.claim("a").unwrap()));
    let candidate = broker.try_out(successor.evidence(config(&signers[1])), None).wait().unwrap();
    signers[0].fails.store(true, std::sync::atomic::Ordering::SeqCst);
    broker.replace(candidate).unwrap();
    record_some(&broker, 5);
    let signed = broker.checkpoint("a", LONG).unwrap();
    assert_eq!(signed.checkpoint.size, log.lines().len() as u64);
}
