//! Submissions against a witness that the test plays: what is posted, and what its answers mean.

use onrecord_evidence::{
    Algorithm, Ed25519Key, MemoryStore, Signer as _, Store as _, TreeLog, line_digest, verify_consistency,
};

use super::*;

const ORIGIN: &str = "example.com/file";
const WITNESS: &str = "witness.example/w1";

/// A log with its tree.
struct Log {
    store: MemoryStore,
    key: Ed25519Key,
    tree: TreeLog,
}

impl Log {
    fn new() -> Self {
        Self { store: MemoryStore::default(), key: Ed25519Key::generate().unwrap(), tree: TreeLog::new() }
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.store.read(name).unwrap().unwrap()).unwrap()
    }

    fn keep(&mut self, note: &Note) {
        self.store.write("cosigned.w", note.to_string().as_bytes()).unwrap();
    }

    /// Appends lines up to a size, and signs a checkpoint.
    fn grow(&mut self, size: u64) -> Hash {
        while self.tree.size() < size {
            let line = self.tree.size().to_string();
            self.tree.append(line_digest(line.as_bytes()));
        }
        let root = self.tree.flush(&mut self.store).unwrap();
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root };
        let note = checkpoint.sign(&self.key).unwrap().to_string();
        self.store.write("checkpoint", note.as_bytes()).unwrap();
        root
    }

    fn prepare(&self, old: Option<u64>) -> Result<Option<Submission>, Failure> {
        Submission::prepare(&self.store, "cosigned.w", None, ORIGIN, old)
    }
}

/// A signature line of a witness.
pub(in crate::witnesses) fn cosign(key: &Ed25519Key, text: &str, time: u64) -> String {
    let mut signature = time.to_be_bytes().to_vec();
    let message = format!("cosignature/v1\ntime {time}\n{text}");
    signature.extend(key.sign(message.as_bytes()).unwrap());
    let key_id = verifier(key).id();
    format!("{}\n", NoteSignature { name: WITNESS.to_owned(), key_id, signature })
}

pub(in crate::witnesses) fn verifier(key: &Ed25519Key) -> VerifierKey {
    VerifierKey::new(WITNESS, Algorithm::Cosignature, key.public_key())
}

#[test]
fn a_log_is_submitted_from_nothing_and_then_from_what_the_witness_has_cosigned() {
    let (mut log, witness) = (Log::new(), Ed25519Key::generate().unwrap());
    assert!(log.prepare(None).unwrap().is_none(), "there is no checkpoint yet");
    let older = log.grow(300);
    let submission = log.prepare(None).unwrap().unwrap();
    let checkpoint = log.text("checkpoint");
    assert_eq!(submission.body(), format!("old 0\n\n{checkpoint}"));

    let answer = cosign(&witness, &submission.note.text, 1_700_000_000);
    let Answer::Cosigned(note) = submission.judge(200, answer.as_bytes(), &verifier(&witness)).unwrap()
    else {
        panic!("not cosigned");
    };
    log.keep(&note);
    assert!(log.prepare(None).unwrap().is_none(), "it has cosigned this one");
    let kept = log.text("cosigned.w");
    assert_eq!(kept, format!("{checkpoint}{answer}"));

    let newer = log.grow(700);
    let submission = log.prepare(None).unwrap().unwrap();
    assert!(submission.body().starts_with("old 300\n"));
    verify_consistency(300, older, 700, newer, &submission.proof).unwrap();
    // It has another one, because an answer of it was lost.
    let Answer::Has(size) = submission.judge(409, b"120\n", &verifier(&witness)).unwrap() else {
        panic!("not another size");
    };
    let submission = log.prepare(Some(size)).unwrap().unwrap();
    assert!(submission.body().starts_with("old 120\n"));
}

#[test]
fn a_witness_that_has_seen_another_history_is_a_contradiction() {
    let (mut log, key) = (Log::new(), verifier(&Ed25519Key::generate().unwrap()));
    log.grow(10);
    let contradiction = |answer: Result<Answer, Failure>| match answer {
        Err(Failure::Contradiction(text)) => text,
        other => panic!("{other:?}"),
    };
    let submission = log.prepare(None).unwrap().unwrap();
    let text = contradiction(submission.judge(409, b"11\n", &key));
    assert!(text.contains("a tree of 11 entries, and this one has 10"), "{text}");
    let text = contradiction(submission.judge(422, b"", &key));
    assert!(text.contains("does not continue"), "{text}");
    let same = log.prepare(Some(10)).unwrap().unwrap();
    let text = contradiction(same.judge(409, b"10\n", &key));
    assert!(text.contains("another tree of 10 entries"), "{text}");
    // What was cosigned before is larger than the tree.
    let note = Checkpoint { origin: ORIGIN.into(), size: 11, root: Hash::empty() }.sign(&log.key).unwrap();
    log.keep(&note);
    assert!(matches!(log.prepare(None), Err(Failure::Contradiction(_))));
}

#[test]
fn answers_that_say_nothing_of_the_log_are_failures_of_the_witness() {
    let (mut log, witness) = (Log::new(), Ed25519Key::generate().unwrap());
    log.grow(3);
    let submission = log.prepare(None).unwrap().unwrap();
    let other = Ed25519Key::generate().unwrap();
    let of_other_key = cosign(&other, &submission.note.text, 1);
    let mut wrong = submission.note.text.clone();
    wrong.push('x');
    let of_other_text = cosign(&witness, &wrong, 1);
    let cases: [(u16, &str, &str); 7] = [
        (200, "", "no cosignature"),
        (200, &of_other_key, "no cosignature"),
        (200, &of_other_text, "its cosignature: the signature of"),
        (403, "", "give it the verifier key"),
        (404, "", "have its operator add the origin example.com/file"),
        (409, "many", "it answered 409: many"),
        (500, "down\u{1b}[2J", "it answered 500: down"),
    ];
    for (status, body, wanted) in cases {
        let Err(Failure::Unavailable(text)) = submission.judge(status, body.as_bytes(), &verifier(&witness))
        else {
            panic!("{status} {body}");
        };
        assert!(text.contains(wanted) && !text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn a_tree_of_another_origin_waits_for_its_device() {
    let mut log = Log::new();
    log.grow(3);
    assert!(
        Submission::prepare(&log.store, "cosigned.w", None, "example.com/other", None).unwrap().is_none()
    );
}
