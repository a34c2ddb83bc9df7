//! The engine beside a plain evaluation, over random logs, files and filters.
//! Never in it: what a filter means; the plain evaluation says that.

use onrecord_entry::Operation;
use onrecord_trail::query::{Field, Query};
use onrecord_value::object;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::kit::{Asked, Device, gzip, query, rows, time, uuid, write, zstd};
use super::naive::{Ask, Both, join};

const PATHS: [&str; 11] = [
    "secret/app/db",
    "secret/app/data/db",
    "secret/data/team/app/db",
    "secret/data/app",
    "secret/metadata/app",
    "secret/app",
    "secret/data/app/db",
    "kv1/app",
    "sys/mounts",
    "secret/data/a<b>\"é\\",
    "auth/token/lookup-self",
];
const NAMES: [&str; 5] = ["ann", "bob", "token-ci", "userpass-é", "a\"b<c>"];
const MOUNTS: [(&str, &str); 5] =
    [("secret/", "kv"), ("secret/app/", "kv"), ("kv1/", "kv"), ("sys/", "system"), ("", "")];
const ERRORS: [&str; 5] = [
    "",
    "permission denied",
    "invalid request",
    "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n",
    "ERROR: permission denied for table users",
];

fn asked() -> impl Strategy<Value = Asked> {
    let texts = (select(&PATHS[..]), select(&NAMES[..]), select(&MOUNTS[..]), select(&ERRORS[..]));
    let numbers = (0..600_i64, select(vec![200_u16, 204, 403, 404]), 0..4_u64, option::of(1..4_u64));
    let flags = (any::<bool>(), prop::bool::weighted(0.85));
    let operation = select(vec![Operation::Read, Operation::Update, Operation::List]);
    (texts, numbers, flags, operation, vec(select(vec!["default", "admin", "p"]), 0..3)).prop_map(
        |(
            (path, who, (mount, mount_type), error),
            (second, status, duration, version),
            (allowed, answered),
            operation,
            policies,
        )| {
            // Keys and texts of data that imitate an entry.
            let data = object! {
                "user" => who, "n" => version.unwrap_or(7), "type" => "response",
                "}},\"request\":{\"id\":\"1\"" => path, "status_code" => 403, "allowed" => false,
            };
            Asked {
                id: 0,
                second,
                path: path.to_owned(),
                who: who.to_owned(),
                ip: format!("192.0.2.{}", status % 3),
                operation,
                policies: policies.into_iter().map(str::to_owned).collect(),
                mount,
                mount_type,
                allowed,
                status,
                error,
                duration: duration * 100_000_000 + 1,
                version,
                data,
                answered,
            }
        },
    )
}

fn ask() -> impl Strategy<Value = Ask> {
    let equal = || select(vec!["=", "!="]);
    let like = || select(vec!["~", "!~"]);
    let order = || select(vec!["<", "<=", ">", ">=", "=", "!="]);
    let term = |field: &'static str, sign: BoxedStrategy<&'static str>, value: BoxedStrategy<String>| {
        (sign, value).prop_map(move |(sign, value)| Ask::Term { field, sign, value }).boxed()
    };
    let of = |values: &'static [&'static str]| select(values).prop_map(str::to_owned).boxed();
    let numbers = |numbers: Vec<u32>| select(numbers).prop_map(|number| number.to_string()).boxed();
    let terms = vec![
        term("path", equal().boxed(), of(&PATHS)),
        term("path", like().boxed(), of(&["secret/*", "*app", "*data*", "s?cret/app", "*", "*é*"])),
        term("who", equal().boxed(), of(&NAMES)),
        term("who", like().boxed(), of(&["a*", "*pass*", "*é", "?????"])),
        term("op", equal().boxed(), of(&["read", "update", "list", "delete"])),
        term("ip", equal().boxed(), of(&["192.0.2.0", "192.0.2.1"])),
        term("mount", equal().boxed(), of(&["secret/", "sys/"])),
        term("mount_type", equal().boxed(), of(&["kv", "system"])),
        term("error", like().boxed(), of(&["*denied*", "*", "invalid request"])),
        term("error", equal().boxed(), of(&ERRORS[1..])),
        term("namespace", equal().boxed(), of(&["root", "a/"])),
        term("type", equal().boxed(), of(&["request", "response"])),
        term("denied", equal().boxed(), of(&["true", "false"])),
        term("denied", like().boxed(), of(&["true", "false"])),
        term("policy", equal().boxed(), of(&["default", "admin", "p", "root"])),
        term("status", order().boxed(), numbers(vec![200, 204, 403, 500])),
        term("version", order().boxed(), numbers(vec![1, 2, 3])),
        term("duration", select(vec!["<", ">", ">="]).boxed(), of(&["1ms", "150ms", "200ms"])),
        term("request.remote_port", equal().boxed(), of(&["4711", "1"])),
        term("response.status_code", order().boxed(), numbers(vec![204]))
            .prop_filter("numbers", |ask| !matches!(ask, Ask::Term { sign: "<" | "<=" | ">" | ">=", .. }))
            .boxed(),
        term("request.data.n", equal().boxed(), of(&["1", "7"])),
        term("request.operation", like().boxed(), of(&["re*"])),
        term(
            "time",
            select(vec!["<", ">="]).boxed(),
            (0..600_i64).prop_map(|second| time(second).to_string()).boxed(),
        ),
    ];
    proptest::strategy::Union::new(terms).prop_recursive(3, 8, 2, |inner| {
        let two = || (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        prop_oneof![
            two().prop_map(|(one, other)| Ask::And(one, other)),
            two().prop_map(|(one, other)| Ask::Or(one, other)),
            inner.clone().prop_map(|ask| Ask::Not(Box::new(ask))),
        ]
    })
}

/// How a device writes, loses and rotates.
#[derive(Clone, Debug)]
struct Plan {
    kind: u8,
    /// Of ten lines, the ones that it loses.
    lost: u64,
    /// Lines a file.
    file_lines: usize,
    compression: u8,
    crlf: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    (0..4_u8, 0..12_u64, 3..40_usize, 0..3_u8, any::<bool>()).prop_map(
        |(kind, lost, file_lines, compression, crlf)| Plan { kind, lost, file_lines, compression, crlf },
    )
}

impl Plan {
    /// The files of the device, each as its lines.
    fn files(&self, number: usize, all: &[Asked]) -> Vec<Vec<Vec<u8>>> {
        let salt = format!("salt {number}");
        let device = match self.kind {
            0 => Device::new(&salt),
            1 => Device::jsonx(&salt),
            2 => Device::prefixed(&salt, "<13>Nov 30 host onrecord: "),
            _ => Device::prefixed(&salt, "audit "),
        };
        let mut lines = Vec::new();
        for asked in all {
            let seq = u64::from(asked.id) * 2;
            for (is_answer, seq) in [(false, seq), (true, seq + 1)] {
                if seq % 10 == self.lost || is_answer && !asked.answered {
                    continue;
                }
                let mut line = device.half(asked, is_answer, seq);
                if self.crlf {
                    line.insert(line.len() - 1, b'\r');
                }
                lines.push(line);
            }
            match asked.id % 7 {
                2 => lines.push(b"not an entry\n".to_vec()),
                3 => lines.push(b"\n".to_vec()),
                4 => lines.push(b"{\"time\":\"2026-11-22T10:25:22Z\",\"type\":\"respo\n".to_vec()),
                _ => {}
            }
        }
        lines.chunks(self.file_lines).map(<[_]>::to_vec).collect()
    }

    fn bytes(&self, lines: &[Vec<u8>]) -> Vec<u8> {
        let bytes = lines.concat();
        match self.compression {
            0 => bytes,
            1 => gzip(&bytes),
            _ => zstd(&bytes),
        }
    }
}

/// What is compared of a row: what does not differ between devices.
fn shown(both: &Both) -> Vec<String> {
    let fields = [
        "id", "path", "who", "op", "ip", "status", "error", "version", "policy", "denied", "mount",
        "duration", "type",
    ];
    let mut shown = vec![both.time().to_string()];
    shown.extend(fields.iter().map(|field| both.texts(field).join(", ")));
    shown
}

fn compare(
    all: Vec<Asked>,
    plans: &[Plan],
    order: &[usize],
    ask: &Ask,
    own: bool,
) -> Result<(), TestCaseError> {
    let all: Vec<Asked> = all.into_iter().zip(1..).map(|(asked, id)| Asked { id, ..asked }).collect();
    let dir = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    let mut lines = Vec::new();
    for (number, plan) in plans.iter().enumerate() {
        for (at, file) in plan.files(number, &all).into_iter().enumerate() {
            files.push(write(dir.path(), &format!("{number}.log.{at}"), &plan.bytes(&file)));
            lines.extend(file);
        }
    }
    for &at in order {
        let (one, other) = (at % files.len(), at / 7 % files.len());
        files.swap(one, other);
    }
    let text = ask.to_string();
    let wanted = Query { own_questions: own, ..query(&text) };
    let (found, summary) = rows(&files, &wanted);
    let joined = join(lines.iter().map(|line| line.strip_suffix(b"\n").unwrap()));
    let mut expected: Vec<Vec<String>> =
        joined.values().filter(|both| both.matches(ask)).map(shown).collect();
    let mut found_shown: Vec<Vec<String>> = found
        .iter()
        .map(|row| {
            let fields = [
                Field::Id,
                Field::Path,
                Field::Who,
                Field::Operation,
                Field::Address,
                Field::Status,
                Field::Error,
                Field::Version,
                Field::Policy,
                Field::Denied,
                Field::Mount,
                Field::Duration,
                Field::Type,
            ];
            let mut shown = vec![row.time().to_string()];
            shown.extend(fields.iter().map(|field| row.text(*field).unwrap_or_default().into_owned()));
            shown
        })
        .collect();
    expected.sort();
    found_shown.sort();
    prop_assert_eq!(&found_shown, &expected, "{}", text);
    let unanswered = joined.values().filter(|both| both.response.is_none() && both.matches(ask)).count();
    prop_assert_eq!(summary.unanswered, unanswered as u64);
    prop_assert_eq!(summary.rows, found.len() as u64);
    prop_assert!(!summary.join_is_partial && summary.damaged.is_empty() && !summary.interrupted);
    let numbers: std::collections::BTreeSet<u64> = joined
        .iter()
        .flat_map(|(id, both)| {
            let number =
                all.iter().find(|asked| uuid(asked.id) == *id).map_or(0, |asked| u64::from(asked.id) * 2);
            let halves = [both.request.as_ref().map(|_| number), both.response.as_ref().map(|_| number + 1)];
            halves.into_iter().flatten()
        })
        .collect();
    let hull = numbers.last().map_or(0, |last| last - numbers.first().unwrap() + 1);
    prop_assert_eq!(summary.missing, hull - numbers.len() as u64);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_of_a_plain_evaluation(
        all in vec(asked(), 1..40),
        plans in vec(plan(), 1..4),
        order in vec(0..1000_usize, 0..8),
        ask in ask(),
    ) {
        compare(all, &plans, &order, &ask, true)?;
    }
}
