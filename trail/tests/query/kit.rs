//! Logs that tests write, and rows that they read.
//! Never in it: a test.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use onrecord_entry::auth::PolicyResults;
use onrecord_entry::format::Format;
use onrecord_entry::request::{Data, Mount, Namespace};
use onrecord_entry::text::Template;
use onrecord_entry::{
    Auth, Boot, Entry, FormatOptions, Formatter, Operation, Request, Response, Salt, Stamp,
};
use onrecord_trail::Input;
use onrecord_trail::query::{Filter, Query, Row, Sink, Summary, TimeContext, Zone, run};
use onrecord_value::{Object, Time, object};

/// A request as a test says it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: u32,
    pub(crate) second: i64,
    pub(crate) path: String,
    pub(crate) who: String,
    pub(crate) ip: String,
    pub(crate) operation: Operation,
    pub(crate) policies: Vec<String>,
    pub(crate) mount: &'static str,
    pub(crate) mount_type: &'static str,
    pub(crate) allowed: bool,
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) duration: u64,
    pub(crate) version: Option<u64>,
    pub(crate) data: Object,
    pub(crate) answered: bool,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            id: 1,
            second: 0,
            path: "secret/data/app".to_owned(),
            who: "ann".to_owned(),
            ip: "192.0.2.1".to_owned(),
            operation: Operation::Read,
            policies: vec!["default".to_owned()],
            mount: "secret/",
            mount_type: "kv",
            allowed: true,
            status: 200,
            error: "",
            duration: 1_000_000,
            version: None,
            data: object! { "user" => "bob", "n" => 5 },
            answered: true,
        }
    }
}

/// The time of a second of tests.
pub(crate) fn time(second: i64) -> Time {
    Time::from_unix(1_795_000_000 + second, 5_000_000)
}

pub(crate) fn uuid(number: u32) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

/// A device that writes lines.
pub(crate) struct Device {
    formatter: Formatter,
    pub(crate) boot: u64,
}

impl Device {
    pub(crate) fn new(salt: &str) -> Self {
        Self::with(salt, FormatOptions::default())
    }

    pub(crate) fn with(salt: &str, options: FormatOptions) -> Self {
        Self { formatter: Formatter::new(options, Arc::new(Salt::new(salt))), boot: 1 }
    }

    pub(crate) fn jsonx(salt: &str) -> Self {
        Self::with(salt, FormatOptions { format: Format::Jsonx, ..FormatOptions::default() })
    }

    pub(crate) fn prefixed(salt: &str, prefix: &str) -> Self {
        Self::with(salt, FormatOptions { prefix: prefix.to_owned(), ..FormatOptions::default() })
    }

    pub(crate) fn line(&self, entry: &Entry<'_>, time: Time, seq: u64) -> Vec<u8> {
        let mut line = Vec::new();
        let stamp = Stamp { time, seq, boot: Boot::new(self.boot) };
        self.formatter.format(entry, &stamp, &mut line).unwrap();
        line
    }

    /// The request entry, or the response entry.
    pub(crate) fn half(&self, asked: &Asked, is_answer: bool, seq: u64) -> Vec<u8> {
        let id = uuid(asked.id);
        let policy_results = Some(PolicyResults { allowed: asked.allowed, ..PolicyResults::default() });
        let auth = Auth {
            display_name: asked.who.as_str().into(),
            policies: (&asked.policies).into(),
            policy_results,
            ..Auth::default()
        };
        let request = Request {
            id: id.as_str().into(),
            operation: Some(asked.operation),
            path: asked.path.as_str().into(),
            mount: Mount { point: asked.mount.into(), kind: asked.mount_type.into(), ..Mount::default() },
            namespace: Some(Namespace::ROOT),
            remote_address: asked.ip.as_str().into(),
            remote_port: 4711,
            data: Data::new(&asked.data),
            ..Request::default()
        };
        let mut entry = Entry { auth, request, ..Entry::default() };
        let answer = asked.version.map(|version| object! { "metadata" => object! { "version" => version } });
        if is_answer {
            let data = answer.as_ref().map(Data::new).unwrap_or_default();
            entry.response = Some(Response { status_code: asked.status, data, ..Response::default() });
            entry.duration_ns = asked.duration;
        }
        if !asked.error.is_empty() && (is_answer || !asked.allowed) {
            entry.error = Template::new(asked.error).into_text();
        }
        let later = if is_answer { asked.duration } else { 0 };
        self.line(&entry, time(asked.second) + std::time::Duration::from_nanos(later), seq)
    }

    /// Both lines, numbered by the id.
    pub(crate) fn pair(&self, asked: &Asked) -> Vec<u8> {
        let seq = u64::from(asked.id) * 2;
        [self.half(asked, false, seq), self.half(asked, true, seq + 1)].concat()
    }
}

/// For brevity: a template as the text of an entry.
trait IntoText {
    fn into_text(self) -> onrecord_entry::text::TemplateText<'static>;
}

impl IntoText for Template {
    fn into_text(self) -> onrecord_entry::text::TemplateText<'static> {
        self
    }
}

pub(crate) fn context() -> TimeContext {
    TimeContext { now: time(100_000), zone: Zone::UTC }
}

pub(crate) fn query(filter: &str) -> Query {
    Query::new(Filter::parse(filter, &context()).unwrap())
}

#[derive(Default)]
pub(crate) struct Rows(pub(crate) Vec<Row>);

impl Sink for Rows {
    fn row(&mut self, row: &Row) -> ControlFlow<()> {
        self.0.push(row.clone());
        ControlFlow::Continue(())
    }
}

/// The rows of files.
pub(crate) fn rows(files: &[PathBuf], query: &Query) -> (Vec<Row>, Summary) {
    let mut rows = Rows::default();
    let summary = run(files.iter().map(Input::file).collect(), query, &mut rows);
    (rows.0, summary)
}

/// The rows of one log.
pub(crate) fn rows_of(log: &[u8], query: &Query) -> (Vec<Row>, Summary) {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "audit.log", log);
    rows(&[file], query)
}

pub(crate) fn ids(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.text(onrecord_trail::query::Field::Id).unwrap().into_owned()).collect()
}

pub(crate) fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}
