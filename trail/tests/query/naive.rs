//! A plain evaluation of filters over values that `serde_json` parsed, without any of the engine's code.
//! Never in it: speed.

use std::collections::BTreeMap;

use onrecord_entry::decode;
use onrecord_entry::format::Format;
use onrecord_value::Time;
use serde_json::Value;

/// A filter as the test knows it; `Display` writes it as people do.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Term { field: &'static str, sign: &'static str, value: String },
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
}

impl std::fmt::Display for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Term { field, sign, value } => {
                let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
                write!(f, "{field} {sign} \"{quoted}\"")
            }
            Self::And(one, other) => write!(f, "({one} and {other})"),
            Self::Or(one, other) => write!(f, "({one} or {other})"),
            Self::Not(ask) => write!(f, "not ({ask})"),
        }
    }
}

/// One row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Both {
    pub(crate) request: Option<Value>,
    pub(crate) response: Option<Value>,
}

impl Both {
    fn entry(&self) -> &Value {
        self.response.as_ref().or(self.request.as_ref()).unwrap()
    }

    pub(crate) fn time(&self) -> Time {
        let time = |value: &Value| Time::parse(value["time"].as_str().unwrap()).unwrap();
        let both = [&self.request, &self.response];
        both.into_iter().flatten().map(time).min().unwrap()
    }

    pub(crate) fn texts(&self, field: &str) -> Vec<String> {
        let entry = self.entry();
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let number = |value: &Value| value.as_i64().map(|number| number.to_string());
        let one = |found: Option<String>| found.into_iter().collect::<Vec<_>>();
        let (auth, request, response) = (&entry["auth"], &entry["request"], &entry["response"]);
        match field {
            "id" => one(text(&request["id"])),
            "path" => one(text(&request["path"])),
            "who" => one(text(&auth["display_name"]).or_else(|| text(&response["auth"]["display_name"]))),
            "op" => one(text(&request["operation"])),
            "ip" => one(text(&request["client_address"]).or_else(|| text(&request["remote_address"]))),
            "mount" => one(text(&request["mount_point"])),
            "mount_type" => one(text(&request["mount_type"])),
            "error" => one(text(&entry["error"])),
            "namespace" => {
                one(text(&request["namespace"]["path"]).or_else(|| text(&request["namespace"]["id"])))
            }
            "type" => one(text(&entry["type"])),
            "status" => one(number(&response["status_code"])),
            "duration" => one(number(&entry["duration_ns"])),
            "version" if request["mount_type"] == "kv" => {
                let data = &response["data"];
                one(number(&data["metadata"]["version"]).or_else(|| number(&data["version"])))
            }
            "version" => Vec::new(),
            "policy" => auth["policies"].as_array().into_iter().flatten().filter_map(text).collect(),
            "denied" => {
                let denied = auth["policy_results"]["allowed"] == false
                    || response["status_code"] == 403
                    || entry["error"].as_str().is_some_and(|error| {
                        error == "permission denied" || error.contains("\n\t* permission denied\n")
                    });
                vec![denied.to_string()]
            }
            keys => {
                let found = keys.split('.').try_fold(entry, |value, key| value.get(key));
                match found {
                    Some(Value::String(text)) => vec![text.clone()],
                    Some(value @ (Value::Number(_) | Value::Bool(_))) => vec![value.to_string()],
                    _ => Vec::new(),
                }
            }
        }
    }

    fn is_path(&self, typed: &str) -> bool {
        let request = &self.entry()["request"];
        let path = request["path"].as_str().unwrap_or_default();
        let mount = request["mount_point"].as_str().unwrap_or_default();
        let words = ["data", "metadata", "delete", "destroy", "undelete", "subkeys"];
        path == typed && !path.is_empty()
            || request["mount_type"] == "kv"
                && typed
                    .strip_prefix(mount)
                    .is_some_and(|rest| words.iter().any(|word| path == format!("{mount}{word}/{rest}")))
    }

    pub(crate) fn matches(&self, ask: &Ask) -> bool {
        match ask {
            Ask::And(one, other) => self.matches(one) && self.matches(other),
            Ask::Or(one, other) => self.matches(one) || self.matches(other),
            Ask::Not(ask) => !self.matches(ask),
            Ask::Term { field: "path", sign: "=", value } => self.is_path(value),
            Ask::Term { field: "path", sign: "!=", value } => !self.is_path(value),
            Ask::Term { field: "time", sign, value } => {
                compare(&self.time(), sign, &Time::parse(value).unwrap())
            }
            Ask::Term { field, sign, value } => {
                let texts = self.texts(field);
                match *sign {
                    "=" | "!=" => texts.contains(value) == (*sign == "="),
                    "~" | "!~" => texts.iter().any(|text| fits(value, text)) == (*sign == "~"),
                    sign => match *field {
                        "status" | "version" => {
                            let value: i64 = value.parse().unwrap();
                            texts.iter().any(|text| compare(&text.parse().unwrap(), sign, &value))
                        }
                        "duration" => {
                            let value = value.strip_suffix("ms").unwrap().parse::<i64>().unwrap() * 1_000_000;
                            texts.iter().any(|text| compare(&text.parse().unwrap(), sign, &value))
                        }
                        _ => texts.iter().any(|text| compare(text.as_str(), sign, value.as_str())),
                    },
                }
            }
        }
    }
}

fn compare<T: PartialOrd + ?Sized>(one: &T, sign: &str, other: &T) -> bool {
    match sign {
        "<" => one < other,
        "<=" => one <= other,
        ">" => one > other,
        ">=" => one >= other,
        _ => one == other,
    }
}

/// Whether a pattern of `*`, `?` and letters fits.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| fits(rest, &text[at..]))
        }
        Some('?') => text.chars().next().is_some_and(|first| fits(&pattern[1..], &text[first.len_utf8()..])),
        Some(letter) => {
            text.strip_prefix(letter).is_some_and(|rest| fits(&pattern[letter.len_utf8()..], rest))
        }
    }
}

/// The rows of all lines, by id: of doubles, the one that has the earliest place in the given order.
pub(crate) fn join<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> BTreeMap<String, Both> {
    let mut rows: BTreeMap<String, Both> = BTreeMap::new();
    for line in lines {
        let Some(value) = parse(line) else { continue };
        let id = value["request"]["id"].as_str().unwrap_or_default().to_owned();
        let both = rows.entry(id).or_default();
        let half = if value["type"] == "response" { &mut both.response } else { &mut both.request };
        half.get_or_insert(value);
    }
    rows
}

fn parse(line: &[u8]) -> Option<Value> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    let start = text.find('{').unwrap_or(0);
    if let Ok(value) = serde_json::from_str::<Value>(&text[start..]) {
        let is_entry =
            value["request"].is_object() && matches!(value["type"].as_str(), Some("request" | "response"));
        return Some(value).filter(|_| is_entry);
    }
    let decoded = decode(line).ok()?;
    let mut json = Vec::new();
    decoded.format_as(Format::Json, &mut json);
    let prefix = decoded.prefix().len();
    serde_json::from_slice(&json[prefix..]).ok()
}
