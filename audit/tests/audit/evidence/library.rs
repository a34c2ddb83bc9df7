//! A service with a signer of its own.

use super::*;
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
