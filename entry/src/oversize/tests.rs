//! Lines that are too long, in both formats, under every policy and many limits.
//! Never in it: a device.

use std::sync::Arc;

use onrecord_value::{Object, Time, object};
use sha2::{Digest as _, Sha256};

use super::{Oversize, OversizeError, send_within};
use crate::decode::{DecodedEntry, decode};
use crate::entry::{
    Auth, Boot, Entry, Gap, Mount, Names, Namespace, Operation, PolicyResults, Request, Response, Stamp,
    Template,
};
use crate::format::Formatter;
use crate::options::{Format, FormatOptions};
use crate::salt::Salt;
use crate::seq_set::SeqRange;

fn line(format: Format, prefix: &str, entry: &Entry<'_>) -> Vec<u8> {
    let options =
        FormatOptions { format, prefix: prefix.to_owned(), log_raw: true, ..FormatOptions::default() };
    let stamp = Stamp { time: Time::from_unix(1_700_000_000, 5), seq: 42, boot: Boot::new(7) };
    let mut out = Vec::new();
    Formatter::new(options, Arc::new(Salt::new("a salt"))).format(entry, &stamp, &mut out).unwrap();
    out
}

fn data(bytes: usize) -> Object {
    object! { "text" => "\"<é\u{2028}\t&'>\\ ".repeat(bytes / 12) }
}

fn entry<'a>(data: &'a Object, path: &'a str, policies: Names<'a>) -> Entry<'a> {
    Entry {
        auth: Auth {
            client_token: "hmac-sha256:0".into(),
            accessor: "an accessor".into(),
            display_name: "token-ada".into(),
            policies,
            policy_results: Some(PolicyResults { allowed: true, ..PolicyResults::default() }),
            ..Auth::default()
        },
        request: Request {
            id: "11111111-2222-3333-4444-555555555555".into(),
            operation: Some(Operation::List),
            mount: Mount { point: "secret/".into(), ..Mount::default() },
            namespace: Some(Namespace::ROOT),
            path: path.into(),
            remote_address: "127.0.0.1".into(),
            remote_port: 4,
            ..Request::default()
        },
        response: Some(Response { data: data.into(), status_code: 200, ..Response::default() }),
        error: Template::new("1 error occurred:\n\t* permission denied\n\n"),
        ..Entry::default()
    }
}

/// The messages that are sent for a line.
fn sent(line: &[u8], limit: usize, policy: Oversize) -> Result<Vec<Vec<u8>>, OversizeError> {
    let mut sent = Vec::new();
    send_within(line, limit, policy, |message| {
        assert!(message.len() <= limit, "{} of {limit}", message.len());
        assert_eq!(message.iter().position(|byte| *byte == b'\n'), Some(message.len() - 1));
        sent.push(message.to_vec());
        Ok::<_, OversizeError>(())
    })?;
    Ok(sent)
}

/// Decodes what stands for a line, and checks what must be in it whatever else is left out.
fn decoded(message: &[u8], whole: &[u8]) -> DecodedEntry {
    let (short, long) = (decode(message).unwrap(), decode(whole).unwrap());
    assert_eq!(short.unknown(), [""; 0]);
    assert_eq!((short.time(), short.record()), (long.time(), long.record()));
    assert_eq!((short.prefix(), short.line_format()), (long.prefix(), long.line_format()));
    {
        let (short, long) = (short.entry(), long.entry());
        assert_eq!(short.entry_type(), long.entry_type());
        assert_eq!(short.request.id, long.request.id);
        assert_eq!(short.request.operation, long.request.operation);
        assert_eq!(short.error, long.error);
        assert_eq!(short.response.map(|answer| answer.status_code), long.response.map(|r| r.status_code));
        assert_eq!(short.auth.policy_results.unwrap().allowed, long.auth.policy_results.unwrap().allowed);
    }
    let mut again = Vec::new();
    short.format(&mut again);
    assert_eq!(again, message, "what stands for a line is a line like any other");
    short
}

fn sha256(line: &[u8]) -> String {
    const_hex::encode(Sha256::digest(line))
}

#[test]
fn a_line_that_fits_goes_out_as_it_is() {
    let data = data(100);
    let line = line(Format::Json, "", &entry(&data, "secret/a", Names::default()));
    for policy in [Oversize::Elide, Oversize::Split, Oversize::Fail] {
        assert_eq!(sent(&line, line.len(), policy).unwrap(), std::slice::from_ref(&line));
    }
}

#[test]
fn an_elided_line_says_what_it_was_about_and_how_long_and_which_the_whole_is() {
    let data = data(1 << 20);
    for (format, prefix) in [(Format::Json, "@cee: "), (Format::Jsonx, ""), (Format::Json, "")] {
        let whole = line(format, prefix, &entry(&data, "secret/a", Names::default()));
        let messages = sent(&whole, 8192, Oversize::Elide).unwrap();
        let [message] = &messages[..] else { panic!("one line for one entry") };
        let short = decoded(message, &whole);
        let entry = short.entry();
        assert_eq!(entry.request.path.text(), "secret/a");
        assert_eq!(entry.auth.display_name.as_str(), "token-ada");
        let elided = entry.elided.unwrap();
        let text = whole.strip_suffix(b"\n").unwrap();
        assert_eq!((elided.bytes, elided.sha256.as_str()), (text.len() as u64, sha256(text).as_str()));
        assert!(entry.response.unwrap().data.object.is_none() && entry.part.is_none());
        if format == Format::Json {
            let message = String::from_utf8_lossy(message);
            assert!(message.contains(&format!(r#""elided":{{"bytes":{},"sha256":""#, text.len())));
            assert!(message.find(r#""elided":"#).unwrap() < message.find(r#","record":{"seq":42,"#).unwrap());
        }
    }
}

#[test]
fn whatever_is_long_an_elided_line_fits() {
    let (none, huge) = (Object::new(), data(100_000));
    let path = "secret/<&\"é".repeat(10_000);
    let names: Vec<String> = (0..3000).map(|at| format!("policy-{at}")).collect();
    for format in [Format::Json, Format::Jsonx] {
        for (data, path, names) in
            [(&huge, "secret/a", &names[..1]), (&none, &path, &names[..1]), (&huge, &path, &names)]
        {
            let whole = line(format, "", &entry(data, path, Names::from(names)));
            for limit in [if format == Format::Json { 1024 } else { 2048 }, 3000, 4096, 10_000, 65_507] {
                let messages = sent(&whole, limit, Oversize::Elide).unwrap();
                let short = decoded(&messages[0], &whole);
                let shown = short.entry().request.path.text().to_owned();
                let digest = format!("sha256:{}", sha256(path.as_bytes()));
                assert!(shown == path || shown == digest && path.len() > 64);
                let elided = short.entry().elided.unwrap();
                assert_eq!(elided.bytes, whole.len() as u64 - 1);
            }
        }
    }
}

#[test]
fn the_parts_of_a_line_are_the_line() {
    let (huge, path) = (data(8000), "secret/<&\"é".repeat(200));
    for (format, prefix) in [(Format::Json, "@cee: <é> "), (Format::Jsonx, ""), (Format::Json, "")] {
        for path in ["secret/a", &path] {
            let whole = line(format, prefix, &entry(&huge, path, Names::default()));
            let text = whole.strip_suffix(b"\n").unwrap();
            for limit in [2048, 2049, 8192] {
                let messages = sent(&whole, limit, Oversize::Split).unwrap();
                let mut joined = String::new();
                for (at, message) in messages.iter().enumerate() {
                    let short = decoded(message, &whole);
                    let part = short.entry().part.unwrap();
                    assert_eq!((part.number, part.of), (at as u64 + 1, messages.len() as u64));
                    assert_eq!(
                        (part.bytes, part.sha256.as_str()),
                        (text.len() as u64, sha256(text).as_str())
                    );
                    joined.push_str(part.text.as_str());
                }
                assert!(joined.as_bytes() == text, "{} of {} bytes", joined.len(), text.len());
                let full = messages.iter().rev().skip(1).all(|message| message.len() + 12 + 40 > limit);
                assert!(full, "all parts but the last use the room there is");
            }
        }
    }
}

#[test]
fn a_gap_that_is_too_long_keeps_its_count() {
    let ranges: Vec<SeqRange> = (0..128).map(|at| SeqRange { from: at * 9, to: at * 9 + 1 }).collect();
    let gap = Gap {
        missed: 256,
        ranges: ranges.as_slice().into(),
        since: None,
        reason: Template::new("the device was full"),
        torn: None,
        boot: None,
        ended: false,
        tree: None,
    };
    let whole = line(Format::Json, "", &Entry::gap("an id", gap));
    let messages = sent(&whole, 1024, Oversize::Elide).unwrap();
    let short = decode(&messages[0]).unwrap();
    let kept = short.entry().gap.unwrap();
    let range = SeqRange { from: 0, to: 127 * 9 + 1 };
    assert_eq!((kept.missed, kept.ranges.iter().collect::<Vec<_>>()), (256, vec![range]));
}

#[test]
fn what_may_not_be_shortened_or_cannot_is_refused() {
    let data = data(10_000);
    let whole = line(Format::Json, "", &entry(&data, "secret/a", Names::default()));
    let too_long = |limit| OversizeError::TooLong { bytes: whole.len(), limit };
    assert_eq!(sent(&whole, 8192, Oversize::Fail), Err(too_long(8192)));
    assert_eq!(sent(&whole, 300, Oversize::Elide), Err(too_long(300)));
    assert_eq!(sent(&whole, 300, Oversize::Split), Err(too_long(300)));
    assert_eq!(sent(&vec![b'x'; 9000], 8192, Oversize::Elide), Err(OversizeError::Undecodable));
    assert_eq!(
        too_long(8).to_string(),
        format!("a line of {} bytes is longer than the 8 it takes", whole.len())
    );
}

#[test]
fn a_message_that_cannot_be_sent_ends_it() {
    let data = data(50_000);
    let whole = line(Format::Json, "", &entry(&data, "secret/a", Names::default()));
    let mut tried = 0;
    let outcome = send_within(&whole, 4096, Oversize::Split, |_| {
        tried += 1;
        if tried == 3 { Err(OversizeError::Undecodable) } else { Ok(()) }
    });
    assert_eq!((outcome, tried), (Err(OversizeError::Undecodable), 3));
}
