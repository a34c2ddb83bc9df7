//! Secrets that must be nowhere: those that a client sends, which all begin with one rare word, and those that the server makes.
//! Never in it: where they are looked for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use onrecord_e2e::recording_proxy::Exchange;
use serde_json::Value;

/// Keys whose values are secrets, in requests and in answers.
const SECRET_KEYS: [&str; 15] = [
    "jwt",
    "client_token",
    "token",
    "id",
    "root_token",
    "encoded_root_token",
    "encoded_token",
    "keys",
    "keys_base64",
    "secret_id",
    "plaintext",
    "private_key",
    "otp",
    "key",
    "accessor",
];

/// Everything secret in these exchanges.
#[derive(Debug)]
pub struct Secrets {
    canary: String,
    made: BTreeSet<String>,
}

impl Secrets {
    /// What the server made in these exchanges, and what the client sent with this word at its beginning.
    pub fn of(exchanges: &[Exchange], canary: &str) -> Self {
        let mut made = BTreeSet::new();
        for exchange in exchanges {
            collect(&exchange.json(), false, &mut made);
            collect(&exchange.sent_json(), false, &mut made);
            made.extend(exchange.header("x-vault-token").map(str::to_owned));
        }
        made.retain(|secret| is_secret(secret));
        Self { canary: canary.to_owned(), made }
    }

    /// How many the server made.
    pub fn len(&self) -> usize {
        self.made.len()
    }

    /// The first secrets that occur in this text, each with what is around it.
    pub fn found_in(&self, text: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(text);
        let sought = self.spellings();
        let hits = sought.iter().filter_map(|secret| text.find(secret.as_str()).map(|at| (secret, at)));
        hits.take(5).map(|(secret, at)| format!("{secret} in …{}…", around(&text, at))).collect()
    }

    /// The word as itself and in base64, and what the server made.
    fn spellings(&self) -> Vec<String> {
        let mut all = vec![self.canary.clone(), base64(&self.canary)];
        all.extend(self.made.iter().cloned());
        all
    }
}

/// Ids of leases, mounts and entities stand in the clear: of the values at the key `id` only tokens are secret.
fn is_secret(text: &str) -> bool {
    let looks_like_an_id = text.len() == 36 && text.matches('-').count() == 4;
    let is_mount = text
        .rsplit_once('_')
        .is_some_and(|(_, end)| end.len() == 8 && end.bytes().all(|b| b.is_ascii_hexdigit()));
    // The id of a lease is a path; the last part of a token's lease is a hash.
    let is_lease = text.starts_with("auth/") || (text.len() == 65 && text.starts_with('h'));
    // A list of certificates has them as its keys.
    let is_serial_number =
        text.contains(':') && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
    let is_public = looks_like_an_id || is_mount || is_lease || is_serial_number;
    text.len() >= 16 && !is_public
}

fn collect(value: &Value, is_secret: bool, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                collect(member, SECRET_KEYS.contains(&key.as_str()), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, is_secret, found)),
        Value::String(text) if is_secret => {
            found.insert(text.clone());
        }
        _ => {}
    }
}

/// The beginning of a text in base64 that does not depend on what follows.
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = text
        .as_bytes()
        .chunks_exact(3)
        .map(|group| group.iter().fold(0_usize, |joined, byte| joined << 8 | usize::from(*byte)));
    groups.flat_map(|group| [18, 12, 6, 0].map(|shift| char::from(LETTERS[group >> shift & 63]))).collect()
}

fn around(text: &str, at: usize) -> String {
    let from = (at.saturating_sub(200)..=at).find(|from| text.is_char_boundary(*from)).unwrap_or(at);
    text[from..].chars().take(400).collect()
}

/// All files in a folder, at any depth.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}
