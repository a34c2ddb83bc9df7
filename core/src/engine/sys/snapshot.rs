//! `sys/storage/snapshot`: begins a snapshot of the storage, hands out its pages, gives it up (ADR 0017). Each page is a
//! request of its own, and so on record; the last one's response entry has the SHA-256 of the whole.
//! Never in it: the format of a snapshot (`onrecord-storage`), or restoring: that needs a stopped server.

use onrecord_storage::snapshot::{Page, SnapshotError};
use onrecord_value::{Object, Time, object};

use crate::VERSION;
use crate::blocking_task::BlockingTask;
use crate::engine::space::refused;
use crate::engine::unsealed::Unsealed;
use crate::engine::{Call, fields};
use crate::exchange::Media;
use crate::outcome::{Outcome, Raw, Refusal, Reply};
use crate::snapshots::{IDLE_MAX, NoPage, Taken};

pub(super) const NO_RESTORE: &str = "a snapshot is not restored into a running server: stop it and use operator snapshot restore on its machine";
pub(super) const NOT_RAFT: &str = "the storage of this server is not Raft: save a snapshot with operator snapshot save (sys/storage/snapshot), and restore one on the machine of the stopped server with operator snapshot restore";

/// Begins a snapshot.
pub(super) fn begin(unsealed: &Unsealed) -> Result<Outcome, Refusal> {
    let now = unsealed.host.clock.monotonic();
    let busy = || {
        let seconds = IDLE_MAX.as_secs();
        Refusal::invalid(format!(
            "another snapshot is being made: wait until it is done, or {seconds} seconds after its last page"
        ))
    };
    if unsealed.snapshots.is_busy(now) {
        return Err(busy());
    }
    let id = unsealed.host.entropy.uuid().map_err(|_| Refusal::internal())?;
    let created = unsealed.machine_clock.now().unix_seconds();
    let begun = unsealed.barrier.begin_snapshot(created, unsealed.cluster.id.clone(), VERSION.to_owned());
    let saving = begun.map_err(not_made)?;
    let records = saving.header().records;
    if !unsealed.snapshots.begin(&id, saving, now) {
        return Err(busy());
    }
    tracing::info!(id, records, "a snapshot of the storage begins");
    Ok(Outcome::data(object! {
        "created_time" => Time::from_unix(created, 0),
        "id" => id,
        "idle_seconds" => IDLE_MAX.as_secs(),
        "records" => records,
    }))
}

/// Hands out a page.
pub(super) async fn page(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let number = fields::count(call.data, "page")?;
    let number = number.ok_or_else(|| Refusal::invalid("missing page: the number of a page, from 0"))?;
    let (id, snapshots) = (call.captured, &unsealed.snapshots);
    let taken = snapshots.take(id, unsealed.host.clock.monotonic()).map_err(|no_page| match no_page {
        NoPage::Unknown => unknown(id),
        NoPage::Busy => Refusal::invalid("another request is being answered with a page of this snapshot"),
    })?;
    // It reads, decrypts and hashes a megabyte or more.
    let made = match BlockingTask::begin("onrecord-snapshot", move || make(taken, number)) {
        Ok(making) => making.done().await,
        Err(_) => None,
    };
    let Some((taken, made)) = made else {
        snapshots.end(id);
        return Err(Refusal::internal());
    };
    match made {
        Ok(page) => {
            snapshots.put_back(id, taken, unsealed.host.clock.monotonic());
            Ok(shown(number, page))
        }
        Err(error @ SnapshotError::Page { .. }) => {
            snapshots.put_back(id, taken, unsealed.host.clock.monotonic());
            Err(not_made(error))
        }
        Err(error) => {
            snapshots.end(id);
            tracing::error!(%error, "the snapshot of the storage cannot be made");
            Err(not_made(error))
        }
    }
}

fn make(mut taken: Taken, number: u64) -> (Taken, Result<Page, SnapshotError>) {
    let page = taken.saving.page(number);
    (taken, page)
}

/// Gives a snapshot up, or ends one whose last page has arrived.
pub(super) fn end(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    if unsealed.snapshots.end(call.captured) { Ok(()) } else { Err(unknown(call.captured)) }
}

fn unknown(id: &str) -> Refusal {
    Refusal::invalid(format!("no snapshot {id:?} is being made: it is done, took too long, or was given up"))
}

/// A page as a body; on record are its length and its place instead.
fn shown(number: u64, page: Page) -> Outcome {
    let mut recorded: Object = object! {
        "bytes" => page.bytes.len(),
        "http_content_type" => Media::Octets.name(),
        "http_status_code" => 200,
        "page" => number,
        "records" => page.records,
    };
    if let Some(summary) = page.summary {
        let whole = object! {
            "bytes" => summary.bytes,
            "records" => summary.records,
            "sha256" => summary.sha256,
        };
        recorded.insert("snapshot", whole);
    }
    let raw = Raw { media: Media::Octets, body: page.bytes.into() };
    Reply { raw: Some(raw), data: Some(recorded), ..Reply::default() }.into()
}

/// The text says what is wrong: it goes to an operator, and names keys as they are stored.
fn not_made(error: SnapshotError) -> Refusal {
    match error {
        SnapshotError::Page { .. } => Refusal::invalid(error.to_string()),
        SnapshotError::Store(error @ onrecord_storage::StoreError::Sealed) => refused(error),
        error => {
            let text = format!("1 error occurred:\n\t* no snapshot was made: {error}\n\n");
            Refusal { text: Some(text), ..Refusal::internal() }
        }
    }
}
