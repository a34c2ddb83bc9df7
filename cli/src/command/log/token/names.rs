//! What a user calls a token: a hash, a request, or a text in the clear that the server hashes; and the accessors behind hashes.
//! Never in it: what a token did.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use onrecord_client::{Client, Error};
use onrecord_entry::HASH_PREFIX;
use onrecord_trail::query::{Field, Filter};
use onrecord_value::printable::printable;

use super::family::Family;
use super::needs_server;
use crate::command::log::answer::count;
use crate::command::log::groups::text_at;
use crate::command::log::question::{Question, ask};
use crate::command::log::shell::on_files;
use crate::command::log::{raw_devices, row_cells, unreadable};
use crate::command::{Failure, Invocation, Session, secret_from_stdin};

/// At most this many salts are asked for.
const SALTS_MAX: usize = 64;
/// At most this many accessors are hashed by `-find-accessor`.
const ACCESSORS_MAX: usize = 10_000;

/// Texts of a log that name a token.
pub(super) struct Seeds {
    pub(super) hashes: Vec<String>,
    /// Whether the token or its accessor is known in the clear.
    pub(super) is_clear: bool,
    pub(super) warning: Option<String>,
}

/// Accessors in the clear, by their hashes.
#[derive(Default)]
pub(super) struct Accessors {
    pub(super) known: BTreeMap<String, String>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn seeds(
    session: &mut Session<'_>,
    invocation: &Invocation,
    named: &str,
    question: &Question,
) -> Result<Seeds, Failure> {
    // Some programs write hex digits in upper case.
    let lower = named.to_ascii_lowercase();
    let digits = lower.strip_prefix(HASH_PREFIX).unwrap_or(&lower);
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && (row_cells::HASH_SHOWN..=64).contains(&digits.len()) {
        return Ok(Seeds { hashes: vec![format!("{HASH_PREFIX}{digits}")], is_clear: false, warning: None });
    }
    if lower.starts_with(HASH_PREFIX) {
        return Err(unreadable("A hash is hmac-sha256: and 64 hex digits; the first 12 will do"));
    }
    if is_request_id(&lower) {
        return of_request(session, &lower, question);
    }
    let clear = if named == "-" {
        secret_from_stdin(session, invocation, "the token", "an argument")?.expose().to_owned()
    } else {
        named.to_owned()
    };
    if clear.len() < 8 {
        return Err(unreadable(
            "TOKEN is a hash (hmac-sha256:… or its first 12 digits), the id of a request, or a token or accessor of at least 8 \
             characters",
        ));
    }
    of_clear(session, invocation, clear, &question.files)
}

fn is_request_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The token that a request issued, else the one that it was made with.
fn of_request(session: &mut Session<'_>, id: &str, question: &Question) -> Result<Seeds, Failure> {
    let filter =
        Filter::equal(Field::Id, id, &question.context).map_err(|error| unreadable(error.to_string()))?;
    let mut asked = question.of_any_time(filter);
    asked.query.own_questions = true;
    let mut hashes = Vec::new();
    ask(session, &asked, &mut |_, row| {
        let issued = row.text(Field::Issued).map(std::borrow::Cow::into_owned);
        let caller = || text_at(row, &["request", "client_token_accessor"]);
        let token = || text_at(row, &["request", "client_token"]);
        hashes.extend(issued.or_else(caller).or_else(token));
        ControlFlow::Continue(())
    })?;
    if hashes.is_empty() {
        return Err(unreadable(format!("No request {id} with a token is in these logs")));
    }
    Ok(Seeds { hashes, is_clear: false, warning: None })
}

/// The hashes of a text under each salt that the server has, and the text itself, which raw logs have.
fn of_clear(
    session: &mut Session<'_>,
    invocation: &Invocation,
    clear: String,
    files: &[String],
) -> Result<Seeds, Failure> {
    let client = session.client(invocation)?;
    if !invocation.is_set(raw_devices::ALLOW.name)
        && let Some(reason) = raw_devices::reason_not_to_ask(session, &client)?
    {
        let warning = format!(
            "Only a server can hash a token or accessor, and it was not asked. {}. Only logs that have it in the clear were searched. \
             With -allow-raw-devices the server is asked; its raw devices then record the text in the clear.",
            reason.trim_end_matches('.')
        );
        return Ok(Seeds { hashes: vec![clear], is_clear: true, warning: Some(warning) });
    }
    let (mut hashes, warning) = match session.block_on(hashes(&client, &clear))? {
        Ok(hashed) => hashed,
        Err(Error::NotSent(request)) => return Err(Failure::DryRun(request)),
        Err(error) => {
            let warning = format!(
                "Only a server can hash a token or accessor, and it did not: {}. Only logs that have it in the clear were \
                 searched. With a token that may do it: onrecord audit hash file/ ACCESSOR, and then {}",
                raw_devices::in_one_line(&error),
                printable(&on_files("onrecord log token HASH", files))
            );
            (Vec::new(), Some(warning))
        }
    };
    hashes.push(clear);
    Ok(Seeds { hashes, is_clear: true, warning })
}

/// The hashes of a text, and what is to be said of them.
async fn hashes(client: &Client, clear: &str) -> Result<(Vec<String>, Option<String>), Error> {
    let hasher = Hasher::of(client).await?;
    Ok((hasher.hashes(client, clear).await?, hasher.warning))
}

/// What a server hashes with.
enum Hashing {
    /// With a salt, by its id: in use or retired.
    Salt(String),
    /// With the salt of a device that is enabled.
    Device(String),
}

struct Hasher {
    with: Vec<Hashing>,
    /// That there are more.
    warning: Option<String>,
}

impl Hasher {
    async fn of(client: &Client) -> Result<Self, Error> {
        let with: Vec<Hashing> = match client.audit_salts().await {
            Ok(salts) => salts.into_iter().map(|salt| Hashing::Salt(salt.id)).collect(),
            Err(Error::NotSent(request)) => return Err(Error::NotSent(request)),
            // Other servers have no list of salts, and a policy may allow the devices alone.
            Err(_) => {
                let devices = client.audit_list().await?;
                devices
                    .into_keys()
                    .map(|path| Hashing::Device(path.trim_end_matches('/').to_owned()))
                    .collect()
            }
        };
        let warning = cut("salts", with.len(), SALTS_MAX);
        Ok(Self { with, warning })
    }

    async fn hashes(&self, client: &Client, clear: &str) -> Result<Vec<String>, Error> {
        let mut hashes = BTreeSet::new();
        for with in self.with.iter().take(SALTS_MAX) {
            hashes.insert(match with {
                Hashing::Salt(id) => client.audit_salt_hash(id, clear).await?,
                Hashing::Device(path) => client.audit_hash(path, clear).await?,
            });
        }
        Ok(hashes.into_iter().collect())
    }
}

/// The accessors of a family in the clear.
pub(super) fn find_accessors(
    session: &mut Session<'_>,
    invocation: &Invocation,
    family: &Family,
) -> Result<Accessors, Failure> {
    let wanted: BTreeSet<String> = family.accessors().filter(|text| text.starts_with(HASH_PREFIX)).collect();
    if wanted.is_empty() {
        return Ok(Accessors::default());
    }
    let client = session.client(invocation)?;
    session.block_on(find(&client, &wanted))?.map_err(|error| match error {
        Error::NotSent(request) => Failure::DryRun(request),
        error => needs_server("The accessors cannot be asked for", &error),
    })
}

async fn find(client: &Client, wanted: &BTreeSet<String>) -> Result<Accessors, Error> {
    let mut found = Accessors::default();
    let list = client.list("auth/token/accessors").await?;
    let keys = list.as_ref().and_then(|list| list.data.as_ref()?.get("keys")?.as_array()).unwrap_or_default();
    let hasher = Hasher::of(client).await?;
    for accessor in keys.iter().filter_map(|key| key.as_str()).take(ACCESSORS_MAX) {
        if found.known.len() == wanted.len() {
            break;
        }
        for hash in hasher.hashes(client, accessor).await? {
            if wanted.contains(&hash) {
                found.known.insert(hash, accessor.to_owned());
            }
        }
    }
    found.warnings.extend(hasher.warning);
    let missing = wanted.len() - found.known.len();
    found.warnings.extend(cut("accessors", keys.len(), ACCESSORS_MAX).filter(|_| missing > 0));
    if missing > 0 {
        found.warnings.push(format!(
            "{} not found among the accessors that the server has now: the token has ended, or it is one of another server.",
            count(missing as u64, "accessor was", "accessors were")
        ));
    }
    Ok(found)
}

/// Said if the server has more than is looked at.
fn cut(what: &str, count: usize, most: usize) -> Option<String> {
    (count > most).then(|| {
        format!(
            "The server has {count} {what}, and only the first {most} were looked at: what was recorded of the others is not found."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_a_bound_is_said() {
        assert_eq!(cut("salts", SALTS_MAX, SALTS_MAX), None);
        let said = cut("accessors", 10_001, ACCESSORS_MAX).unwrap();
        assert!(
            said.starts_with("The server has 10001 accessors, and only the first 10000 were looked at"),
            "{said}"
        );
    }
}
