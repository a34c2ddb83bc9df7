//! The hashes that are searched for: each form of the text under each salt, by the server or from a salt file.
//! Never in it: logs.

use std::collections::BTreeSet;

use onrecord_client::{Client, Error};
use onrecord_entry::Salt;
use onrecord_entry::salt_export::SaltExport;
use onrecord_seal::age;
use onrecord_value::Time;
use onrecord_value::printable::printable;
use zeroize::Zeroizing;

use super::super::{answer::count, raw_devices, unreadable};
use super::forms::Form;
use crate::command::audit::{passphrase, read_limited};
use crate::command::{Failure, Invocation, Session, context};

/// A salt file is not longer.
const FILE_MAX: u64 = 32 * 1024 * 1024;
const DOING: &str = "Error hashing the text: ";
const WITHOUT_RAW: &str = "Search with exported salts (\"audit salts -export\", then -salts=FILE): no server is called then. \
    With -allow-raw-devices the server is asked, and its raw devices record the text.";

/// A hash, and what it is of.
pub(super) struct Hash {
    pub(super) text: String,
    /// Which form of the text.
    pub(super) form: usize,
    /// The path of the device.
    pub(super) device: String,
}

/// All hashes of a text.
pub(super) struct Hashes {
    pub(super) list: Vec<Hash>,
    /// The ids of the salts. Lines of other salts were not searched.
    pub(super) salts: BTreeSet<String>,
    /// Lines after this may have salts that the file does not have.
    pub(super) exported: Option<Time>,
    /// Where the salts are from, for people.
    pub(super) source: String,
    pub(super) warnings: Vec<String>,
}

impl Hashes {
    fn new(source: String, exported: Option<Time>) -> Self {
        Self { list: Vec::new(), salts: BTreeSet::new(), exported, source, warnings: Vec::new() }
    }

    fn add(&mut self, text: String, form: usize, device: &str) {
        self.list.push(Hash { text, form, device: device.to_owned() });
    }
}

/// What hashes: opened before the text is asked for, so that nothing is typed in vain.
pub(super) enum Salts {
    File(String, SaltExport),
    Library(String, Salt),
    /// `allow_raw`: although a raw device records the text.
    Server {
        client: Client,
        allow_raw: bool,
    },
}

impl Salts {
    pub(super) fn open(session: &mut Session<'_>, invocation: &Invocation) -> Result<Self, Failure> {
        let Some(name) = invocation.text("salts").filter(|name| !name.is_empty()) else {
            let client = session.client(invocation)?;
            return Ok(Self::Server { client, allow_raw: invocation.is_set(raw_devices::ALLOW.name) });
        };
        let shown = printable(name);
        let text = read_limited(name, FILE_MAX)
            .map_err(|error| unreadable(format!("Cannot read the salt file {shown}: {error}")))?;
        if !age::is_file(&text) {
            let line = text.strip_suffix('\n').unwrap_or(&text);
            // What a service keeps that writes entries with the library.
            if line.len() == 36 && line.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
                return Ok(Self::Library(shown, Salt::new(line)));
            }
            return Err(unreadable(format!(
                "{shown} is not a salt file: it is made by \"audit salts -export\", and begins with -----BEGIN AGE ENCRYPTED FILE-----"
            )));
        }
        let passphrase = passphrase::existing(session, invocation, name)?;
        let opened = age::open_with_passphrase(&passphrase, &text)
            .map_err(|error| unreadable(format!("The salt file {shown} cannot be opened: {error}")))?;
        let export = SaltExport::parse(opened.expose())
            .map_err(|error| unreadable(format!("The salt file {shown} cannot be read: {error}")))?;
        if export.salts.is_empty() {
            return Err(unreadable(format!(
                "{shown} has no salt: no device had ever been enabled when it was made"
            )));
        }
        Ok(Self::File(shown, export))
    }

    /// Refuses a server whose raw devices would record the text in the clear: the question for a hash is on record, too. This is
    /// looked at before the text is asked for.
    pub(super) fn check(&self, session: &mut Session<'_>) -> Result<(), Failure> {
        let Self::Server { client, allow_raw: false } = self else { return Ok(()) };
        match raw_devices::reason_not_to_ask(session, client)? {
            Some(reason) => Err(unreadable(format!("{reason}\n\n{WITHOUT_RAW}"))),
            None => Ok(()),
        }
    }

    pub(super) fn hash(&self, session: &mut Session<'_>, forms: &[Form]) -> Result<Hashes, Failure> {
        match self {
            Self::File(name, export) => Ok(offline(name, export, forms)),
            Self::Library(name, salt) => {
                let mut hashes = Hashes::new(format!("the salt of {name}"), None);
                for (at, form) in forms.iter().enumerate() {
                    hashes.add(salt.hash(form.text.as_bytes()), at, "");
                }
                hashes.salts.insert(salt.id().to_string());
                Ok(hashes)
            }
            Self::Server { client, .. } => by_server(session, client, forms),
        }
    }
}

fn offline(name: &str, export: &SaltExport, forms: &[Form]) -> Hashes {
    let source = format!(
        "{} of {}, exported {}",
        count(export.salts.len() as u64, "salt", "salts"),
        printable(&export.server),
        export.exported
    );
    let mut hashes = Hashes::new(format!("{source} ({name})"), Some(export.exported));
    for exported in &export.salts {
        let salt = exported.salt();
        for (at, form) in forms.iter().enumerate() {
            hashes.add(salt.hash(form.text.as_bytes()), at, &exported.path);
        }
        hashes.salts.insert(exported.id.to_string());
    }
    hashes
}

fn by_server(session: &mut Session<'_>, client: &Client, forms: &[Form]) -> Result<Hashes, Failure> {
    let salts = match session.block_on(client.audit_salts())? {
        Ok(salts) => salts,
        // Other servers do not list salts, and some callers may not.
        Err(Error::Api(refused)) if matches!(refused.status, 400 | 403 | 404 | 405) => {
            return by_devices(session, client, forms);
        }
        Err(error) => return Err(context("Error listing salts: ")(error)),
    };
    let mut hashes =
        Hashes::new(format!("{} of the server", count(salts.len() as u64, "salt", "salts")), None);
    for salt in salts {
        for (at, form) in forms.iter().enumerate() {
            let hash = session.call(client.audit_salt_hash(&salt.id, &form.text), DOING)?;
            hashes.add(hash, at, &salt.path);
        }
        hashes.salts.insert(salt.id);
    }
    if hashes.list.is_empty() {
        return Err(Failure::server("The server has no salt: no audit device has ever been enabled on it."));
    }
    Ok(hashes)
}

/// By the devices that are enabled, as every server of this kind can.
fn by_devices(session: &mut Session<'_>, client: &Client, forms: &[Form]) -> Result<Hashes, Failure> {
    let devices = session.call(client.audit_list(), "Error listing audits: ")?;
    if devices.is_empty() {
        return Err(Failure::server(
            "No audit device is enabled, and the server does not list the salts of earlier ones.",
        ));
    }
    let enabled = count(devices.len() as u64, "enabled device", "enabled devices");
    let mut hashes = Hashes::new(format!("the salts of {enabled} of the server"), None);
    for path in devices.keys() {
        for (at, form) in forms.iter().enumerate() {
            let hash = session.call(client.audit_hash(path.trim_end_matches('/'), &form.text), DOING)?;
            hashes.add(hash, at, path);
        }
    }
    hashes.warnings.push(
        "Only the salts in use were searched: the server does not list retired ones to this token. Lines of disabled devices, and \
         from before a salt was replaced, cannot be found."
            .to_owned(),
    );
    Ok(hashes)
}

/// The text that is searched for: from standard input, or asked for without echo.
pub(super) fn text(session: &mut Session<'_>, from_stdin: bool) -> Result<Zeroizing<String>, Failure> {
    let text = if from_stdin {
        crate::command::audit::read_input(session).map_err(super::super::with_code)?
    } else {
        let asked = session.prompt_hidden("Text to find (will be hidden): ", false).map_err(|error| {
            unreadable(format!(
                "Cannot ask for the text: {error}. Give \"-\" to read it from standard input, where it is in no process list and \
                 in no history."
            ))
        })?;
        Zeroizing::new(asked.expose().to_owned())
    };
    if text.is_empty() {
        return Err(unreadable("The text is empty: there is nothing to find"));
    }
    Ok(text)
}
