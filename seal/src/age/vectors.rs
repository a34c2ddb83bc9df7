//! The test vectors that the authors of the age format publish. `.ci/clients` puts them where they are read here.
//! Never in it: vectors.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::*;

/// A vector: a file, and what must become of it.
struct Vector {
    name: String,
    expected: String,
    /// The SHA-256 of its text, in hex digits.
    payload: Option<String>,
    passphrase: Option<String>,
    identity: Option<String>,
    file: String,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let field = |name: &str| {
            let value = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.map(str::to_owned)
        };
        let mut body = bytes[end + 2..].to_vec();
        if field("compressed").is_some() {
            let compressed = std::mem::take(&mut body);
            flate2::read::ZlibDecoder::new(compressed.as_slice()).read_to_end(&mut body).unwrap();
        }
        let file = match field("armored") {
            Some(_) => String::from_utf8_lossy(&body).into_owned(),
            None => armored(&body),
        };
        Self {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            expected: field("expect").unwrap(),
            payload: field("payload"),
            passphrase: field("passphrase"),
            identity: field("identity").filter(|identity| identity.starts_with("AGE-SECRET-KEY-1")),
            file,
        }
    }

    fn open(&self) -> Option<Result<SecretBytes, AgeError>> {
        match (&self.passphrase, &self.identity) {
            (Some(passphrase), _) => Some(open_with_passphrase(passphrase, &self.file)),
            (None, Some(identity)) => {
                let (_, key) = bech32::decode(identity).unwrap();
                Some(open(&Identity::from_secret(&key.try_into().unwrap()).unwrap(), &self.file))
            }
            (None, None) => None,
        }
    }
}

/// The folder with the vectors; `None`, after a notice, if they were not installed.
fn folder() -> Option<PathBuf> {
    let clients = std::env::var_os("ONRECORD_CLIENTS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/onrecord/clients"),
        PathBuf::from,
    );
    let folder = clients.join("age-vectors");
    if folder.is_dir() {
        return Some(folder);
    }
    let notice =
        "NOT TESTED: the vectors of the age format are not on this machine; .ci/clients installs them";
    assert!(std::env::var_os("ONRECORD_REQUIRE_CLIENTS").is_none(), "{notice}");
    writeln!(std::io::stderr(), "\n{notice}\n").ok();
    None
}

#[test]
fn published_files_are_opened_or_refused_as_their_authors_say() {
    let Some(folder) = folder() else { return };
    let (mut opened, mut refused) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let vector = Vector::read(&entry.unwrap().path());
        let Some(result) = vector.open() else { continue };
        match result {
            Ok(text) => {
                assert_eq!(vector.expected, "success", "{}", vector.name);
                let digest = const_hex::encode(Sha256::digest(text.expose()));
                assert_eq!(Some(digest), vector.payload, "{}", vector.name);
                opened += 1;
            }
            // Files with several recipients are not read here.
            Err(AgeError::OtherKind(_)) => {}
            Err(error) => {
                assert_ne!(vector.expected, "success", "{}: {error}", vector.name);
                refused += 1;
            }
        }
    }
    assert!(opened >= 12 && refused >= 70, "{opened} were opened and {refused} refused");
}
