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
use crate::command::log::groups::text_at;
use crate::command::log::question::{Question, ask};
use crate::command::log::{row_cells, unreadable};
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

pub(super) fn seeds(
    session: &mut Session<'_>,
    invocation: &Invocation,
    named: &str,
    question: &Question,
) -> Result<Seeds, Failure> {
    let digits = named.strip_prefix(HASH_PREFIX).unwrap_or(named);
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
    if is_hex && (row_cells::HASH_SHOWN..=64).contains(&digits.len()) {
        return Ok(Seeds { hashes: vec![format!("{HASH_PREFIX}{digits}")], is_clear: false, warning: None });
    }
    if named.starts_with(HASH_PREFIX) {
        return Err(unreadable("A hash is hmac-sha256: and 64 hex digits; the first 12 will do"));
    }
    if is_request_id(named) {
        return of_request(session, named, question);
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
    of_clear(session, invocation, clear)
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
    let mut query = question.query.clone();
    query.filter = filter;
    query.own_questions = true;
    let asked = Question { query, context: question.context.clone(), files: question.files.clone() };
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
fn of_clear(session: &mut Session<'_>, invocation: &Invocation, clear: String) -> Result<Seeds, Failure> {
    let client = session.client(invocation)?;
    let hashed = session.block_on(hashes(&client, &clear))?;
    let (mut hashes, mut warning) = (Vec::new(), None);
    match hashed {
        Ok(found) => hashes = found,
        Err(Error::NotSent(request)) => return Err(Failure::DryRun(request)),
        Err(error) => {
            warning = Some(format!(
                "Only a server can hash a token or accessor, and it did not: {}. Only logs that have it in the clear were \
                 searched. With a token that may do it: onrecord audit hash file/ ACCESSOR, and then onrecord log token HASH.",
                printable(error.to_string().lines().next().unwrap_or_default())
            ));
        }
    }
    hashes.push(clear);
    Ok(Seeds { hashes, is_clear: true, warning })
}

async fn hashes(client: &Client, clear: &str) -> Result<Vec<String>, Error> {
    let mut hashes = BTreeSet::new();
    match client.audit_salts().await {
        Ok(salts) => {
            for salt in salts.iter().take(SALTS_MAX) {
                hashes.insert(client.audit_salt_hash(&salt.id, clear).await?);
            }
        }
        Err(Error::NotSent(request)) => return Err(Error::NotSent(request)),
        // Other servers have no list of salts, and a policy may allow the devices alone.
        Err(_) => {
            for path in client.audit_list().await?.keys().take(SALTS_MAX) {
                hashes.insert(client.audit_hash(path.trim_end_matches('/'), clear).await?);
            }
        }
    }
    Ok(hashes.into_iter().collect())
}

/// The accessors of a family in the clear, by their hashes.
pub(super) fn find_accessors(
    session: &mut Session<'_>,
    invocation: &Invocation,
    family: &Family,
) -> Result<BTreeMap<String, String>, Failure> {
    let wanted: BTreeSet<String> = family.accessors().filter(|text| text.starts_with(HASH_PREFIX)).collect();
    let client = session.client(invocation)?;
    session.block_on(find(&client, &wanted))?.map_err(|error| match error {
        Error::NotSent(request) => Failure::DryRun(request),
        error => needs_server("The accessors cannot be asked for", &error),
    })
}

async fn find(client: &Client, wanted: &BTreeSet<String>) -> Result<BTreeMap<String, String>, Error> {
    let mut found = BTreeMap::new();
    let Some(list) = client.list("auth/token/accessors").await? else { return Ok(found) };
    let keys = list.data.as_ref().and_then(|data| data.get("keys")).and_then(|keys| keys.as_array());
    for accessor in keys.into_iter().flatten().filter_map(|key| key.as_str()).take(ACCESSORS_MAX) {
        if found.len() == wanted.len() {
            break;
        }
        for hash in hashes(client, accessor).await? {
            if wanted.contains(&hash) {
                found.insert(hash, accessor.to_owned());
            }
        }
    }
    Ok(found)
}
