//! The summary that replaces a `data` over a limit: its size, its number of nodes and its digest, in linear time and in
//! constant memory.
//! Never in it: which limits there are.

use hmac::{Hmac, Mac as _};
use onrecord_value::{Object, Value, json};
use sha2::{Digest as _, Sha256};

use crate::redact::bound;
use crate::salt::{Salt, written};

/// How much text is collected before it is hashed.
const CHUNK: usize = 64 << 10;

pub(super) struct Summary {
    /// The length of the JSON text.
    pub(super) bytes: u64,
    /// `hmac-sha256:` or `sha256:` and 64 hex digits.
    pub(super) digest: Vec<u8>,
    pub(super) nodes: u64,
}

/// Of the JSON text of the data as a raw device would write it: the HMAC under the salt, or without one SHA-256. With
/// `bound_to`, of that id, a newline and the JSON text.
pub(super) fn digest(object: &Object, salt: Option<&Salt>, bound_to: Option<&str>) -> Summary {
    let mut hash =
        salt.map_or_else(|| Hash::Plain(Sha256::new()), |salt| Hash::Salted(Box::new(salt.start())));
    if let Some(id) = bound_to {
        hash.update(bound(id).as_bytes());
    }
    let mut sink = Sink { text: Vec::with_capacity(CHUNK), bytes: 0, nodes: 0, hash };
    sink.map(object);
    sink.flush();
    let digest = match sink.hash {
        Hash::Salted(mac) => written(&mac.finalize().into_bytes().into()).into_bytes(),
        Hash::Plain(sha) => format!("sha256:{}", const_hex::encode(sha.finalize())).into_bytes(),
    };
    Summary { bytes: sink.bytes, digest, nodes: sink.nodes }
}

enum Hash {
    Salted(Box<Hmac<Sha256>>),
    Plain(Sha256),
}

struct Sink {
    text: Vec<u8>,
    bytes: u64,
    nodes: u64,
    hash: Hash,
}

impl Hash {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Salted(mac) => mac.update(bytes),
            Self::Plain(sha) => sha.update(bytes),
        }
    }
}

impl Sink {
    fn flush(&mut self) {
        self.hash.update(&self.text);
        self.bytes += self.text.len() as u64;
        self.text.clear();
    }

    /// The stack is enough for the recursion: no value is deeper than the parser allows.
    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(map) => self.map(map),
            Value::Array(list) => {
                self.nodes += 1;
                self.text.push(b'[');
                for (at, item) in list.iter().enumerate() {
                    if at > 0 {
                        self.text.push(b',');
                    }
                    self.value(item);
                }
                self.text.push(b']');
            }
            Value::String(text) => {
                self.nodes += 1;
                self.string(text);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Time(_) => {
                self.nodes += 1;
                json::write(value, &mut self.text);
            }
        }
        if self.text.len() >= CHUNK {
            self.flush();
        }
    }

    fn map(&mut self, object: &Object) {
        self.nodes += 1;
        self.text.push(b'{');
        for (at, (key, value)) in object.iter().enumerate() {
            if at > 0 {
                self.text.push(b',');
            }
            self.string(key);
            self.text.push(b':');
            self.value(value);
        }
        self.text.push(b'}');
    }

    fn string(&mut self, text: &str) {
        self.text.push(b'"');
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at_checked(rest.floor_char_boundary(CHUNK)).unwrap_or((rest, ""));
            json::escape(piece, &mut self.text);
            rest = after;
            if self.text.len() >= CHUNK {
                self.flush();
            }
        }
        self.text.push(b'"');
    }
}
