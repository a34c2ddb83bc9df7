//! The log that queries are measured over: 30 days of 500 identities that use 10,000 paths, as a file device writes it.
//! Never in it: measuring.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use onrecord_entry::auth::{CacheKey, Grants, PolicyResults, TokenType};
use onrecord_entry::request::{Data, Mount, Namespace};
use onrecord_entry::text::{Accessor, Template, Token};
use onrecord_entry::{
    Auth, Boot, Entry, FormatOptions, Formatter, Operation, Request, Response, Salt, Stamp,
};
use onrecord_value::{Object, Time, object};

/// The salt of the device.
pub const SALT: &str = "queries";
const PATHS: u64 = 10_000;
const IDENTITIES: u64 = 500;
const DAYS: u64 = 30;
/// 2026-11-01T00:00:00Z.
pub const BEGIN: i64 = 1_793_491_200;
/// One request in this many is refused by policies.
const REFUSED_EVERY: u64 = 200;

/// Numbers that look random, and are the same in each run.
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits ^ bits >> 32
}

/// The path of a number, without the word of version 2.
pub fn typed_path(number: u64) -> String {
    format!("secret/team-{:02}/app-{number:05}/db", number % 40)
}

/// The path of a number, as it is in the log.
pub fn logged_path(number: u64) -> String {
    format!("secret/data/team-{:02}/app-{number:05}/db", number % 40)
}

struct Identity {
    name: String,
    token: String,
    accessor: String,
    entity: String,
    address: String,
    policies: [String; 2],
    key: CacheKey,
}

impl Identity {
    fn new(number: u64) -> Self {
        let bits = mixed(number + 7);
        Self {
            name: format!("approle-app-{number:03}"),
            token: format!("hvs.CAESIJ{bits:016x}{:08x}", number * 7919),
            accessor: format!("{bits:016x}{number:08x}"),
            entity: format!("{:08x}-0000-4000-8000-{:012x}", number, bits >> 16),
            address: format!("10.{}.{}.{}", number % 8, number / 8 % 250, bits % 250),
            policies: ["default".to_owned(), format!("team-{:02}", number % 40)],
            key: CacheKey::new(),
        }
    }

    fn auth(&self, allowed: bool) -> Auth<'_> {
        let granting =
            if allowed { Grants::of_root_namespace(&self.policies[1..]) } else { Grants::default() };
        Auth {
            client_token: Token::new(&self.token),
            accessor: Accessor::new(&self.accessor),
            display_name: self.name.as_str().into(),
            policies: (&self.policies[..]).into(),
            token_policies: (&self.policies[..]).into(),
            policy_results: Some(PolicyResults {
                allowed,
                granting_policies: granting,
                ..PolicyResults::default()
            }),
            entity_id: self.entity.as_str().into(),
            token_type: TokenType::Service,
            token_ttl: 2_764_800,
            token_issue_time: Some(Time::from_unix(BEGIN, 0).into()),
            cache_key: Some(&self.key),
            ..Auth::default()
        }
    }
}

/// Writes the log, of about this many bytes. Returns its requests, and its bytes.
pub fn write(path: &Path, bytes: u64) -> (u64, u64) {
    let identities: Vec<Identity> = (0..IDENTITIES).map(Identity::new).collect();
    let form = Formatter::new(FormatOptions::default(), Arc::new(Salt::new(SALT)));
    let mut log = BufWriter::with_capacity(1 << 20, File::create(path).expect("a file"));
    let read = object! {
        "data" => object! { "host" => "db", "password" => "correct horse", "user" => "svc" },
        "metadata" => object! { "created_time" => "2026-11-01T00:00:00Z", "destroyed" => false, "version" => 3 },
    };
    let written_data = object! { "data" => object! { "password" => "correct horse", "user" => "svc" } };
    // A request and its answer have about 2,000 bytes.
    let gap = i128::from(DAYS * 86_400) * 1_000_000_000 / i128::from((bytes / 2000).max(1));
    let (mut line, mut written, mut number) = (Vec::new(), 0, 0);
    while written < bytes {
        let bits = mixed(number);
        let identity = &identities[usize::try_from(bits % IDENTITIES).unwrap_or(0)];
        let time = Time::from_unix_nanos(i128::from(BEGIN) * 1_000_000_000 + gap * i128::from(number));
        for is_answer in [false, true] {
            line.clear();
            let (path, id) = (logged_path((bits >> 20) % PATHS), id(number));
            let entry = half(identity, number, bits, (&path, &id), is_answer, (&written_data, &read));
            let later = std::time::Duration::from_micros(if is_answer { 400 + bits % 900 } else { 0 });
            let stamp =
                Stamp { time: time + later, seq: number * 2 + u64::from(is_answer), boot: Boot::new(7) };
            form.format(&entry, &stamp, &mut line).expect("it has a line");
            log.write_all(&line).expect("room");
            written += line.len() as u64;
        }
        number += 1;
    }
    log.flush().expect("room");
    (number, written)
}

fn id(number: u64) -> String {
    let (a, b) = (mixed(number ^ 1), mixed(number ^ 2));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

fn half<'a>(
    identity: &'a Identity,
    number: u64,
    bits: u64,
    (path, id): (&'a str, &'a str),
    is_answer: bool,
    (written, read): (&'a Object, &'a Object),
) -> Entry<'a> {
    let allowed = number % REFUSED_EVERY != 17;
    let is_write = (bits >> 8).is_multiple_of(16);
    let request = Request {
        id: id.into(),
        operation: Some(if is_write { Operation::Update } else { Operation::Read }),
        mount: Mount {
            point: "secret/".into(),
            kind: "kv".into(),
            accessor: "kv_1a2b3c4d".into(),
            running_version: "v0.1.0+builtin.onrecord".into(),
            class: "secret".into(),
            ..Mount::default()
        },
        client_token: Token::new(&identity.token),
        client_token_accessor: Accessor::new(&identity.accessor),
        namespace: Some(Namespace::ROOT),
        path: path.into(),
        data: if is_write { Data::new(written) } else { Data::default() },
        remote_address: identity.address.as_str().into(),
        remote_port: 40_000 + u16::try_from(bits & 0x3fff).unwrap_or(0),
        ..Request::default()
    };
    let mut entry = Entry { auth: identity.auth(allowed), request, ..Entry::default() };
    if !allowed {
        entry.error = Template::new("permission denied");
    }
    if is_answer {
        let data = if is_write || !allowed { Data::default() } else { Data::new(read) };
        let status_code = if allowed { 200 } else { 403 };
        entry.response = Some(Response { status_code, data, ..Response::default() });
        entry.duration_ns = 400_000 + bits % 900_000;
    }
    entry
}
