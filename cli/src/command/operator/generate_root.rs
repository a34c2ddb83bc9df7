//! `operator generate-root`: a new root token from the holders of key shares, and its decoding.
//! Never in it: how the server hides the token.

use crate::command::operator::{answer, key_share};
use crate::command::{
    Command, CommandResult, Failure, Flag, Invocation, Output, Session, exactly, secret_from_stdin,
};
use crate::printer::{Format, Node, table, wrap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use onrecord_client::{Ceremony, Client, Token};
use onrecord_seal::{Entropy as _, EntropyError, OsEntropy};
use onrecord_value::{Object, Value, object};
use zeroize::Zeroizing;

const NO_PGP: &str =
    "root tokens are not encrypted to PGP keys; they are hidden with a one-time password (-otp)";
const NO_REPLICATION: &str = "the server is a single node and has no recovery mode";

pub(crate) const COMMAND: Command =
    Command::new("operator generate-root", "[KEY]", "Make a new root token", generate_root)
        .about(
            "Makes a new root token for the holders of enough key shares: -init begins and shows a one-time password, then \
             each holder runs the command with a share, and the last one gets the token hidden with that password. -decode \
             shows the token.\n\nWithout KEY, you are prompted; if KEY is \"-\", it is read from standard input. In both \
             cases the key share does not appear in the shell's history. Revoke the token when it is not needed any more.",
        )
        .examples(&[
            ("Begin, with a one-time password of the server:", "operator generate-root -init"),
            ("Give a share with a prompt:", "operator generate-root"),
            ("Give a share from standard input:", "operator generate-root -nonce=NONCE - < share.txt"),
            ("Show the token:", "operator generate-root -decode=ENCODED_TOKEN -otp=OTP"),
            ("Give up:", "operator generate-root -cancel"),
        ])
        .output(Output::Field)
        .flags(&[
            Flag::bool("cancel", "Give up, and forget the shares given so far."),
            Flag::text("decode", "Decode this token with -otp, and print it. \"-\" reads it from standard input."),
            Flag::bool("dr-token", "Make a token for disaster recovery.").refused(NO_REPLICATION),
            Flag::bool("generate-otp", "Print a one-time password for -init -otp."),
            Flag::bool("init", "Begin. Nothing changes before enough shares were given."),
            Flag::text("nonce", "Nonce of the operation, as -init and -status show it. Needed with the argument KEY."),
            Flag::text("otp", "One-time password for -init and -decode. Without it, -init has the server make one."),
            Flag::text("pgp-key", "PGP key to encrypt the token to.").refused(NO_PGP),
            Flag::bool("recovery-token", "Make a token for the recovery mode.").refused(NO_REPLICATION),
            Flag::bool("status", "Show how many shares were given. Changes nothing."),
        ]);

fn generate_root(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    key_share::only_one_of(invocation, &["init", "cancel", "status", "generate-otp", "decode"])?;
    if let Some(encoded) = invocation.text("decode").filter(|encoded| !encoded.is_empty()) {
        return decode(session, invocation, encoded);
    }
    let client = session.client(invocation)?;
    if invocation.is_set("generate-otp") {
        return generate_otp(session, invocation, &client);
    }
    if invocation.is_set("init") {
        return begin(session, invocation, &client);
    }
    if invocation.is_set("cancel") {
        exactly::<0>(&invocation.arguments)?;
        let work = client.ceremony_cancel(Ceremony::GenerateRoot, invocation.text("nonce"));
        session.call(work, "Error canceling root token generation: ")?;
        return session.done("Success! Root token generation canceled (if it was started)");
    }
    let read = "Error getting root generation status: ";
    if invocation.is_set("status") {
        exactly::<0>(&invocation.arguments)?;
        let status = session.call(client.ceremony_status(Ceremony::GenerateRoot), read)?;
        return show(session, &status);
    }
    let status = session.call(client.plain().ceremony_status(Ceremony::GenerateRoot), read)?;
    if !answer::is_started(&status) {
        let program = &session.process.program;
        return Err(Failure::usage(format!(
            "No root generation is in progress. Start one by running \"{program} operator generate-root -init\"."
        )));
    }
    let current = status.str("nonce").unwrap_or_default();
    let (key, nonce) = key_share::read_for_ceremony(session, invocation, current)?;
    let work = client.ceremony_update(Ceremony::GenerateRoot, key.expose(), &nonce);
    let answer = session.call(work, "Error posting unseal key: ")?;
    show(session, &answer)
}

fn begin(session: &mut Session<'_>, invocation: &Invocation, client: &Client) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let otp = invocation.text("otp").map(str::trim).filter(|otp| !otp.is_empty());
    let body = object! { "otp" => otp.unwrap_or_default() };
    let work = client.ceremony_begin(Ceremony::GenerateRoot, body);
    let status = session.call(work, "Error initializing root generation: ")?;
    let is_made = status.str("otp").is_some_and(|otp| !otp.is_empty());
    if is_made && session.format == Format::Table && session.field.is_none() {
        let text = "The server made a one-time password, which the field OTP shows. Keep it: the new root token can only \
                    be decoded with it, and it is not shown again.";
        session.note(&wrap(text, 78).join("\n"))?;
    }
    show(session, &status)
}

const KEYS: [&str; 10] = [
    "nonce",
    "started",
    "progress",
    "required",
    "complete",
    "encoded_token",
    "encoded_root_token",
    "pgp_fingerprint",
    "otp",
    "otp_length",
];

fn show(session: &mut Session<'_>, status: &Object) -> CommandResult {
    answer::print(session, status, &KEYS, || {
        let text = |key| answer::text(status, key);
        let mut rows = vec![
            ("Nonce", text("nonce")),
            ("Started", text("started")),
            ("Progress", format!("{}/{}", text("progress"), text("required"))),
            ("Complete", text("complete")),
        ];
        for (name, key) in [("Encoded Token", "encoded_token"), ("OTP", "otp"), ("OTP Length", "otp_length")]
        {
            let value = text(key);
            if !value.is_empty() && value != "0" {
                rows.push((name, value));
            }
        }
        let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
        table::columns(&rows)
    })
}

/// Characters of a one-time password, if the server does not say how many it wants.
const OTP_LENGTH: i64 = 26;
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn generate_otp(session: &mut Session<'_>, invocation: &Invocation, client: &Client) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let read = "Error getting root generation status: ";
    let status = session.call(client.ceremony_status(Ceremony::GenerateRoot), read)?;
    let length = status.get("otp_length").and_then(Value::as_i64).filter(|length| (1..=128).contains(length));
    let length = usize::try_from(length.unwrap_or(OTP_LENGTH)).unwrap_or_default();
    let otp = random_letters(length)
        .map_err(|error| Failure::server(format!("Error making a one-time password: {error}")))?;
    print_secret(session, "otp", &otp)
}

fn random_letters(length: usize) -> Result<Zeroizing<String>, EntropyError> {
    let entropy = OsEntropy::new();
    let mut text = Zeroizing::new(String::with_capacity(length));
    let mut bytes = Zeroizing::new([0_u8; 64]);
    while text.len() < length {
        entropy.fill(&mut *bytes)?;
        // What is above the largest multiple of 62 stands for no letter: it would make the first ones likelier.
        let letters = bytes.iter().filter(|byte| **byte < 248);
        let letters = letters.filter_map(|byte| LETTERS.get(usize::from(byte % 62)));
        let missing = length - text.len();
        text.extend(letters.take(missing).map(|letter| char::from(*letter)));
    }
    Ok(text)
}

fn print_secret(session: &mut Session<'_>, name: &str, text: &str) -> CommandResult {
    let found = object! { name => text };
    match session.format {
        Format::Table => session.done(text),
        _ => session.show("", Node::from(found)),
    }
}

fn decode(session: &mut Session<'_>, invocation: &Invocation, encoded: &str) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let Some(otp) = invocation.text("otp").map(str::trim).filter(|otp| !otp.is_empty()) else {
        return Err(Failure::usage("Missing otp: use -otp to supply it"));
    };
    let encoded = if encoded == "-" {
        secret_from_stdin(session, invocation, "the encoded token", "the value of -decode")?
    } else {
        Token::new(encoded.trim())
    };
    let token = decoded(encoded.expose(), otp)
        .map_err(|why| Failure::usage(format!("Error decoding root token: {why}")))?;
    print_secret(session, "token", &token)
}

/// The bytes behind the base64 of the encoded token, XOR those of the one-time password.
fn decoded(encoded: &str, otp: &str) -> Result<Zeroizing<String>, String> {
    let hidden = STANDARD_NO_PAD
        .decode(encoded.trim_end_matches('='))
        .map(Zeroizing::new)
        .map_err(|_| "the value of -decode is not base64".to_owned())?;
    if hidden.len() != otp.len() {
        return Err(format!(
            "the encoded token has {} bytes and -otp has {}: this is not the one-time password of that operation",
            hidden.len(),
            otp.len()
        ));
    }
    let bytes: Vec<u8> = hidden.iter().zip(otp.bytes()).map(|(one, other)| one ^ other).collect();
    match String::from_utf8(bytes) {
        Ok(text) if text.chars().all(|letter| letter.is_ascii_graphic()) => Ok(Zeroizing::new(text)),
        _ => Err("the result is not a token: this is not the one-time password of that operation".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_decoded_with_its_password_alone() {
        // Worked out by hand: 's' ^ 'A' = 0x32, '.' ^ 'b' = 0x4c, 'x' ^ '0' = 0x48.
        assert_eq!(decoded("MkxI", "Ab0").unwrap().as_str(), "s.x");
        assert!(decoded("MkxI", "Ab01").unwrap_err().contains("3 bytes and -otp has 4"));
        assert!(decoded("M*", "A").unwrap_err().contains("not base64"));
        assert!(decoded("MkxI", "200").unwrap_err().contains("not a token"));
    }

    #[test]
    fn a_password_has_letters_and_digits() {
        let (one, other) = (random_letters(26).unwrap(), random_letters(26).unwrap());
        assert!(one.len() == 26 && one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(one, other);
    }
}
