//! docs/COMPATIBILITY.md says what the rows of the engines say about each route of a compatible server, and a server answers so.
//! `ONRECORD_REGENERATE=1` writes it again.
//! Never in it: the list of routes (`compatibility/routes.txt`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use onrecord_core::Operation;
use onrecord_core::engine::{Builtin, EngineKind, Mounting};
use onrecord_core::kinds;
use onrecord_schema::documents;
use serde_json::json;

use crate::kit::{TestServer, ask, entries};

const LIST: &str = include_str!("compatibility/routes.txt");
const BEGIN: &str =
    "<!-- generated: ONRECORD_REGENERATE=1 cargo test -p onrecord-core --test core compatibility -->\n";
const END: &str = "<!-- end of the routes -->\n";

/// A route of a compatible server.
struct Upstream {
    section: &'static str,
    methods: Vec<&'static str>,
    path: &'static str,
    /// How this server differs there, where it answers.
    how: Option<&'static str>,
}

/// What this server makes of it.
enum Verdict {
    Answered {
        kind: &'static EngineKind,
    },
    /// A row refuses it for a reason.
    Refused(&'static str),
    /// The kind has no such path, or the path does not take the method.
    NotBuilt,
    /// There is no such kind of engine: its name.
    NoKind(&'static str),
}

fn upstream() -> Vec<Upstream> {
    let mut section = "";
    let mut routes = Vec::new();
    for line in LIST.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        } else if !line.is_empty() && !line.starts_with('#') {
            let (route, how) = line.split_once(" ~ ").map_or((line, None), |(route, how)| (route, Some(how)));
            let (methods, path) = route.split_once(' ').expect("methods and a path");
            routes.push(Upstream { section, methods: methods.split(',').collect(), path, how });
        }
    }
    routes
}

fn operation(method: &str) -> Operation {
    match method {
        "GET" => Operation::Read,
        "LIST" => Operation::List,
        "POST" | "PUT" => Operation::Update,
        "PATCH" => Operation::Patch,
        "DELETE" => Operation::Delete,
        "HEAD" => Operation::Header,
        other => panic!("{other}"),
    }
}

/// The kind of engine that has a path, and the path below its mount.
fn kind_of(path: &'static str) -> Result<(&'static EngineKind, &'static str), &'static str> {
    let kinds = kinds::builtin();
    let builtin = |kind: &&EngineKind| match &kind.mounting {
        Mounting::Builtin(Builtin { path: at, .. }) => path.starts_with(at),
        Mounting::Secrets | Mounting::Login => false,
    };
    if let Some(kind) = kinds.iter().find(builtin)
        && let Mounting::Builtin(Builtin { path: at, .. }) = &kind.mounting
    {
        return Ok((kind, &path[at.len()..]));
    }
    let login = path.strip_prefix("auth/");
    let (name, below) = login.unwrap_or(path).split_once('/').expect("a path below a mount");
    let (wanted, version) = name.split_once("-v").unwrap_or((name, ""));
    let fits = |kind: &&EngineKind| {
        let mounted = if login.is_some() { Mounting::Login } else { Mounting::Secrets };
        let same = std::mem::discriminant(&kind.mounting) == std::mem::discriminant(&mounted);
        same && kind.name == wanted && kind.version == version
    };
    kinds.iter().find(fits).map(|kind| (kind, below)).ok_or(name)
}

/// A path with something in the place of each name.
fn asked(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with(':') { "x" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

fn verdict(path: &'static str, method: &str) -> Verdict {
    let (kind, below) = match kind_of(path) {
        Ok(found) => found,
        Err(name) => return Verdict::NoKind(name),
    };
    let operation = operation(method);
    let mut below = asked(below);
    // A list names a path with a slash at its end.
    let matching = |below: &str| kind.routes().find(|route| route.matches(below).is_some());
    if operation == Operation::List {
        below.push('/');
    }
    match matching(&below).or_else(|| matching(below.trim_end_matches('/'))) {
        Some(route) if !route.takes(operation) => Verdict::NotBuilt,
        Some(route) => route.refused.map_or(Verdict::Answered { kind }, Verdict::Refused),
        None => Verdict::NotBuilt,
    }
}

fn shown(route: &Upstream, method: &str) -> String {
    match verdict(route.path, method) {
        Verdict::Answered { .. } => {
            route.how.map_or_else(|| "same".to_owned(), |how| format!("differs: {how}"))
        }
        Verdict::Refused(why) => format!("refused: {why}"),
        Verdict::NotBuilt => "refused: not built".to_owned(),
        Verdict::NoKind(name) => format!("refused: there is no `{name}` in this server"),
    }
}

fn tables() -> String {
    let mut text = String::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut section = "";
    for route in upstream() {
        if route.section != section {
            section = route.section;
            write!(text, "\n### {section}\n\n| route | methods | OnRecord |\n|---|---|---|\n").unwrap();
        }
        // Methods with the same verdict share a line.
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for method in &route.methods {
            let shown = shown(&route, method);
            let word =
                ["same", "differs", "refused"].into_iter().find(|word| shown.starts_with(word)).unwrap();
            *counts.entry(word).or_default() += 1;
            match lines.iter_mut().find(|(other, _)| *other == shown) {
                Some((_, methods)) => methods.push(method),
                None => lines.push((shown, vec![method])),
            }
        }
        for (shown, methods) in lines {
            let shown = shown.replace('|', "\\|");
            writeln!(text, "| `{}` | {} | {shown} |", route.path, methods.join(" ")).unwrap();
        }
    }
    let count = |word| counts.get(word).copied().unwrap_or(0);
    let (same, differs, refused) = (count("same"), count("differs"), count("refused"));
    format!(
        "\nOf {} routes: {same} same, {differs} that differ, {refused} refused.\n{text}\n",
        same + differs + refused
    )
}

#[test]
fn the_compatibility_document_says_what_the_rows_say() {
    documents::check_part("COMPATIBILITY.md", BEGIN, END, &tables());
}

/// How a route was answered.
struct Answered {
    status: u16,
    error: String,
    text: String,
    /// Type, operation and type of the mount of each entry.
    recorded: Vec<[String; 3]>,
}

/// A world of its own for each: some routes seal, or revoke.
async fn answer(route: &Upstream, method: &str, kind: Option<&EngineKind>) -> Answered {
    let world = TestServer::new().await;
    let mut path = asked(route.path);
    let enabled = match kind.map(|kind| &kind.mounting) {
        Some(Mounting::Secrets) => {
            Some(("sys/mounts", path.split('/').next().unwrap_or_default().to_owned()))
        }
        Some(Mounting::Login) => Some(("sys/auth", path.split('/').nth(1).unwrap_or_default().to_owned())),
        Some(Mounting::Builtin(_)) | None => None,
    };
    if let (Some((at, name)), Some(kind)) = (enabled, kind) {
        let body = json!({"type": kind.name, "options": {"version": kind.version}});
        let said = world.root("POST", &format!("{at}/{name}"), Some(body)).await;
        assert_eq!(said.status, 204, "{at}/{name}: {}", said.text);
    }
    if method == "LIST" && !path.ends_with('/') {
        path.push('/');
    }
    let device = world.device("test/", false).await;
    let request = ask(method, &path).token(&world.root);
    let body = matches!(method, "POST" | "PUT" | "PATCH");
    let said = world.send(if body { request.json(&json!({})) } else { request }).await;
    let facts = |entry: serde_json::Value| {
        let fact = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let request = &entry["request"];
        [fact(&entry["type"]), fact(&request["operation"]), fact(&request["mount_type"])]
    };
    let recorded = entries(&device).into_iter().map(facts).collect();
    Answered { status: said.status, error: said.error().to_owned(), text: said.text, recorded }
}

/// The request went to an engine of this kind, and its entries say for what; a route that is not recorded has none.
fn assert_it_reached(kind: &EngineKind, method: &str, recorded: &[[String; 3]], what: &str) {
    let types: Vec<&str> = recorded.iter().map(|[of, ..]| of.as_str()).collect();
    assert!(matches!(types[..], [] | ["request"] | ["request", "response"]), "{what}: {recorded:?}");
    for [_, operation, mount] in recorded {
        let wanted: &[&str] = match method {
            "GET" => &["read"],
            "LIST" => &["list"],
            "POST" | "PUT" => &["create", "update"],
            "PATCH" => &["patch"],
            "DELETE" => &["delete"],
            other => &[if other == "HEAD" { "header" } else { "" }],
        };
        assert!(wanted.contains(&operation.as_str()), "{what}: {recorded:?}");
        assert_eq!(mount, kind.name, "{what}");
    }
}

#[tokio::test]
async fn every_route_of_the_compatibility_document_is_answered_as_it_says() {
    let mut checked = 0;
    for route in upstream() {
        for method in &route.methods {
            let what = format!("{method} {}", route.path);
            let verdict = verdict(route.path, method);
            let kind = match &verdict {
                Verdict::Answered { kind } => Some(*kind),
                _ => kind_of(route.path).ok().map(|(kind, _)| kind),
            };
            let Answered { status, error, text, recorded } = answer(&route, method, kind).await;
            match verdict {
                Verdict::Answered { kind } => {
                    let is_unsupported =
                        status == 404 && (error.contains("unsupported") || error.starts_with("no handler"));
                    assert!(status < 500 && status != 405 && !is_unsupported, "{what}: {status} {text}");
                    // An answer with an error says which value is wrong, or what is not there.
                    let is_explained = status < 400 || status == 404 || !error.trim().is_empty();
                    assert!(is_explained || method == &"HEAD", "{what}: {status} {text}");
                    assert_it_reached(kind, method, &recorded, &what);
                }
                Verdict::Refused(why) => {
                    assert_eq!((status, error.as_str()), (400, why), "{what}");
                    assert!(!why.trim().is_empty(), "{what}");
                    assert_eq!(recorded.len(), 2, "{what}: a refusal is on record: {recorded:?}");
                }
                Verdict::NotBuilt => {
                    let unsupported = matches!(status, 404 | 405) && error.contains("unsupported");
                    assert!(unsupported, "{what}: {status} {text}");
                }
                Verdict::NoKind(_) => {
                    assert!(
                        status == 404 && error.starts_with("no handler for route"),
                        "{what}: {status} {text}"
                    );
                }
            }
            checked += 1;
        }
    }
    assert!(checked > 400, "{checked}");
}

/// An engine or a login method that is not there says so when it is enabled.
#[tokio::test]
async fn a_kind_that_is_not_there_cannot_be_enabled() {
    let world = TestServer::new().await;
    for route in upstream() {
        let Err(name) = kind_of(route.path) else { continue };
        let at = if route.path.starts_with("auth/") { "sys/auth" } else { "sys/mounts" };
        let said = world.root("POST", &format!("{at}/x-{name}"), Some(json!({"type": name}))).await;
        assert_eq!(said.status, 400, "{name}: {}", said.text);
        assert!(said.error().contains("not found in the catalog"), "{name}: {}", said.text);
    }
}
