//! Bytes on a connection: through HTTP, capture, router, policy, engines and the audit device of a server in memory.
//! Never in it: sockets, TLS.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use onrecord_audit::device::faulty::FaultControl;
use onrecord_server::serve_connection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::Server;

/// The number of inputs after which a new server is made, without the mounts and values of earlier inputs.
const RENEW_AFTER: usize = 200;
/// A connection that is silent for this long, with no request that could still be answered, is taken to be done.
const QUIET: Duration = Duration::from_millis(2);

struct Fuzzed {
    server: Server,
    control: FaultControl,
    inputs: usize,
}

thread_local! {
    static FUZZED: RefCell<Option<Fuzzed>> = const { RefCell::new(None) };
}

/// Sends the bytes on one connection. Every answer with a request's id has both entries on record, every line decodes and
/// is as the published schema has it, and each request entry has its response entry.
pub fn http(data: &[u8]) {
    FUZZED.with_borrow_mut(|kept| {
        let worn = |fuzzed: &mut Fuzzed| {
            fuzzed.inputs += 1;
            fuzzed.inputs > RENEW_AFTER
                || fuzzed.server.core.unsealed().is_none_or(|open| open.broker.devices() == 0)
        };
        if kept.as_mut().is_none_or(worn) {
            let (server, control) = Server::in_memory();
            *kept = Some(Fuzzed { server, control, inputs: 0 });
        }
        let Some(Fuzzed { server, control, .. }) = kept.as_ref() else { return };
        let before = control.lines().len();
        let answer = server.runtime.block_on(exchange(server, data));
        let devices = server.core.unsealed().map_or(0, |open| open.broker.devices());
        if devices > 0 {
            judge(&answer, &control.lines()[before..]);
        }
    });
}

/// Sends all bytes and takes all that is answered.
async fn exchange(server: &Server, data: &[u8]) -> Vec<u8> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let connection = tokio::spawn(serve_connection(server.core.clone(), theirs));
    let (mut reader, mut writer) = tokio::io::split(ours);
    let sent = data.to_vec();
    let writing = tokio::spawn(async move {
        // The server may close the connection before it has read all.
        let _closed = writer.write_all(&sent).await;
        writer
    });
    let mut answer = Vec::new();
    let mut block = vec![0; 1 << 14];
    let mut heard = Instant::now();
    loop {
        let read = tokio::time::timeout(Duration::from_micros(200), reader.read(&mut block)).await;
        match read {
            Ok(Ok(count @ 1..)) => {
                answer.extend_from_slice(&block[..count]);
                heard = Instant::now();
            }
            Ok(_) => break,
            Err(_) if heard.elapsed() > QUIET && writing.is_finished() => break,
            Err(_) => {}
        }
    }
    if let Ok(mut writer) = writing.await {
        // Half a request waits for its other half: this ends it.
        drop(writer.shutdown().await);
    }
    while let Ok(count @ 1..) = reader.read(&mut block).await {
        answer.extend_from_slice(&block[..count]);
    }
    connection.await.expect("a connection does not panic");
    while server.core.admission().in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    answer
}

fn judge(answer: &[u8], lines: &[Vec<u8>]) {
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "an answer is HTTP");
    let mut entries: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for line in lines {
        onrecord_schema::checked(line);
        let decoded = onrecord_entry::decode(line).expect("a line decodes");
        let id = decoded.object().object("request").and_then(|request| request.str("id")).unwrap_or_default();
        let is_response = decoded.object().str("type") == Some("response");
        entries.entry(id.to_owned()).or_default()[usize::from(is_response)] += 1;
    }
    for (id, counts) in &entries {
        assert_eq!(counts, &[1, 1], "both entries of {id} are on record, once");
    }
    for id in request_ids(&String::from_utf8_lossy(answer)) {
        assert!(entries.contains_key(id), "the answer of {id} left without its entries");
    }
}

/// The ids in the envelopes of answers.
fn request_ids(answer: &str) -> Vec<&str> {
    let after = answer.split("{\"request_id\":\"").skip(1);
    after.filter_map(|rest| rest.get(..36)).filter(|id| id.matches('-').count() == 4).collect()
}
