//! Witnesses: other servers that see each checkpoint of a log, and cosign it if it continues what they saw before (C2SP
//! tlog-witness). Each witness has a task of its own, which reads the folders of the trees as any other reader does: nothing
//! of it is on the way of a request or of an entry. What it has cosigned is kept beside the tree by the device.
//! Never in it: trees, keys of logs.

mod submission;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use onrecord_client::Client;
use onrecord_core::Core;
use onrecord_evidence::{Note, StoreReader};
use tokio::time::Instant;

use crate::blocking::run_with_timeout;
use crate::config::WitnessConfig;
use submission::{Answer, Submission};

/// How often a witness's task looks for new checkpoints.
const INTERVAL: Duration = Duration::from_secs(1);
/// The longest rest after failures. The first is one second, and each further one twice as long.
const LONGEST_REST: Duration = Duration::from_mins(5);
/// How long the files of a tree may take.
const FILES_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a witness is told of a checkpoint at once, after it said which one it has.
const ATTEMPTS: usize = 3;

/// Why a checkpoint is not cosigned.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    /// The witness, or the way to it, does not work; it is tried again.
    Unavailable(String),
    /// The witness has seen another history of this log. What is tried again is refused again, until its operator has looked.
    Contradiction(String),
}

/// What a witness's task knows of a log.
#[derive(Debug, Default)]
struct Known {
    /// The newest checkpoint that the witness has cosigned, as its file will have it.
    last: Option<Note>,
    /// After a failed submission: for how long it rests, and until when.
    rest: Option<(Duration, Instant)>,
    /// Cloned by a thread that reads the files of the tree.
    reading: Arc<()>,
}

/// Has the checkpoints of all logs cosigned, for as long as the server runs.
pub(crate) async fn run(core: Core, witness: WitnessConfig) {
    let client = match Client::new(witness.client.clone()) {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(witness = witness.name, %error, "this witness cannot be asked");
            return;
        }
    };
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let logs = core.audit_logs();
        known.retain(|path, _| logs.iter().any(|log| log.path == *path));
        for log in logs {
            let known = known.entry(log.path.clone()).or_default();
            if known.rest.is_some_and(|(_, until)| Instant::now() < until) {
                continue;
            }
            let Some(reader) = log.evidence.reader() else { continue };
            let (origin, reading) = (log.evidence.origin().to_owned(), Arc::clone(&known.reading));
            let asked = Log { reader: Arc::new(reader), origin, reading };
            match submit(&client, &witness, &asked, known.last.clone()).await {
                Ok(None) => known.rest = None,
                Ok(Some((note, size))) => {
                    let kept =
                        log.evidence.keep_beside(&cosigned(&witness.name), note.to_string().into_bytes());
                    (known.last, known.rest) = (Some(note), None);
                    core.witnesses().cosigned(&log.path, &witness.name, size, core.now());
                    if !kept {
                        let error = "the cosigned checkpoint could not be kept beside the tree".to_owned();
                        core.witnesses().failed(&log.path, &witness.name, error, false, core.now());
                    }
                }
                Err(failure) => {
                    report(&core, &witness, &log.path, failure, known.rest.is_none());
                    let length = known.rest.map_or(INTERVAL, |(length, _)| (length * 2).min(LONGEST_REST));
                    known.rest = Some((length, Instant::now() + length));
                }
            }
        }
    }
}

fn report(core: &Core, witness: &WitnessConfig, path: &str, failure: Failure, is_first: bool) {
    let name = &witness.name;
    let (error, is_contradiction) = match failure {
        Failure::Unavailable(error) => (error, false),
        Failure::Contradiction(error) => (error, true),
    };
    if is_contradiction {
        tracing::error!(
            witness = name,
            path,
            error,
            "A WITNESS REFUSES A CHECKPOINT: it has seen another history of this log"
        );
    } else if is_first {
        tracing::warn!(
            witness = name,
            path,
            error,
            "a witness has not cosigned a checkpoint; it is asked again"
        );
    }
    core.witnesses().failed(path, name, error, is_contradiction, core.now());
}

/// A log, as its witnesses see it.
struct Log {
    reader: Arc<dyn StoreReader + Send + Sync>,
    origin: String,
    /// See [`Known`].
    reading: Arc<()>,
}

impl Log {
    /// Whether a thread still hangs in the files: another one would hang as well, and threads are few.
    fn hangs(&self) -> bool {
        // That of the task, and this one.
        Arc::strong_count(&self.reading) > 2
    }
}

/// Submits the newest checkpoint of a log, if the witness has not cosigned it yet. The checkpoint with its cosignature, and
/// its size.
async fn submit(
    client: &Client,
    witness: &WitnessConfig,
    log: &Log,
    last: Option<Note>,
) -> Result<Option<(Note, u64)>, Failure> {
    let mut old = None;
    for _ in 0..ATTEMPTS {
        let hangs = || Failure::Unavailable("the folder of the tree hangs".to_owned());
        if log.hangs() {
            return Err(hangs());
        }
        let (reader, origin, reading) =
            (Arc::clone(&log.reader), log.origin.clone(), Arc::clone(&log.reading));
        let (file, last) = (cosigned(&witness.name), last.clone());
        let prepare = move || {
            let prepared = Submission::prepare(&*reader, &file, last, &origin, old);
            drop(reading);
            prepared
        };
        let prepared = run_with_timeout(FILES_TIMEOUT, prepare).await;
        let Some(submission) = prepared.unwrap_or_else(|| Err(hangs()))? else { return Ok(None) };
        let answer = client.post_outside_api("add-checkpoint", submission.body().into_bytes()).await;
        let answer = answer.map_err(|error| Failure::Unavailable(error.to_string()))?;
        match submission.judge(answer.status, &answer.body, &witness.key)? {
            Answer::Cosigned(note) => return Ok(Some((note, submission.size()))),
            Answer::Has(size) => old = Some(size),
        }
    }
    Err(Failure::Unavailable("it says each time that it has another checkpoint".to_owned()))
}

/// The name of the file beside the tree with the newest checkpoint that a witness has cosigned.
fn cosigned(witness: &str) -> String {
    format!("cosigned.{witness}")
}

#[cfg(test)]
mod tests;
