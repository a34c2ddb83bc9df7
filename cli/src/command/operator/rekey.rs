//! `operator rekey` and `operator rotate-keys`: new key shares from the holders of the old ones.
//! Never in it: how shares are made.

use crate::command::operator::answer::{is_started, print, text};
use crate::command::operator::key_share;
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session, exactly};
use crate::printer::{Format, plain, table, wrap};
use onrecord_client::{Ceremony, Client};
use onrecord_value::{Object, Value, object};

const NO_PGP: &str =
    "key shares are not encrypted to PGP keys, so none can be kept either; give each share to its holder";

/// One of the two spellings of the operation.
#[derive(Clone, Copy)]
struct Spelling {
    words: &'static str,
    change: Ceremony,
    verification: Ceremony,
}

const REKEY: Spelling =
    Spelling { words: "operator rekey", change: Ceremony::Rekey, verification: Ceremony::RekeyVerification };
const ROTATE_KEYS: Spelling = Spelling {
    words: "operator rotate-keys",
    change: Ceremony::RotateRoot,
    verification: Ceremony::RotateRootVerification,
};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("operator rekey", "[KEY]", "Make new key shares", |session, invocation| run(session, invocation, REKEY))
    .about(
        "Makes new key shares, of which another number may be needed. The holders of the old shares agree to it by giving \
         them: -init begins, then each holder runs the command with a share, and the last one gets the new shares. With \
         -init -verify the new shares are in force only when enough of them were given back with -verify.\n\nWithout KEY, \
         you are prompted; if KEY is \"-\", it is read from standard input. In both cases the key share does not appear in \
         the shell's history. The old shares are worthless once the new ones are in force.",
    )
    .examples(&[
        ("Begin, with five new shares of which three unseal:", "operator rekey -init -key-shares=5 -key-threshold=3"),
        ("Begin, and want a proof that the new shares arrived:", "operator rekey -init -verify"),
        ("Give an old share with a prompt:", "operator rekey"),
        ("Show how many shares were given:", "operator rekey -status"),
        ("Give a new share back as a proof:", "operator rekey -verify -nonce=NONCE KEY"),
        ("Give up:", "operator rekey -cancel"),
    ])
    .output(Output::Field)
    .flags(FLAGS),
    Command::new("operator rotate-keys", "[KEY]", "Make new key shares, with a token", |session, invocation| run(session, invocation, ROTATE_KEYS))
    .about(
        "As \"operator rekey\", but each step also needs a token whose policies allow it with sudo: below \
         sys/rotate/root/ instead of sys/rekey/. Both spellings are one operation: what one began, the other shows and ends.",
    )
    .examples(&[
        ("Begin, with five new shares of which three unseal:", "operator rotate-keys -init -key-shares=5 -key-threshold=3"),
        ("Give an old share with a prompt:", "operator rotate-keys"),
    ])
    .output(Output::Field)
    .flags(FLAGS),
];

const FLAGS: &[Flag] = &[
    Flag::bool("backup", "Keep the encrypted key shares in the server.").refused(NO_PGP),
    Flag::bool("backup-delete", "Delete the kept key shares.").refused(NO_PGP),
    Flag::bool("backup-retrieve", "Print the kept key shares.").refused(NO_PGP),
    Flag::bool("cancel", "Give up, and forget the shares given so far. With -verify, only those given back."),
    Flag::bool("init", "Begin. Nothing changes before enough old shares were given."),
    Flag::integer("key-shares", "Number of key shares to make, with -init.").alias("n").default("5"),
    Flag::integer("key-threshold", "Number of key shares needed to unseal, with -init; at most -key-shares.")
        .alias("t")
        .default("3"),
    Flag::text(
        "nonce",
        "Nonce of the operation, as -init and -status show it. Needed with the argument KEY.",
    ),
    Flag::texts("pgp-keys", "PGP keys to encrypt the new shares to.").refused(NO_PGP),
    Flag::bool("status", "Show how many shares were given. Changes nothing."),
    Flag::text("target", "Which keys to change: barrier, the key shares.").default("barrier"),
    Flag::bool(
        "verify",
        "With -init: want the new shares given back before they are in force. Else: give one back.",
    ),
];

fn run(session: &mut Session<'_>, invocation: &Invocation, spelling: Spelling) -> CommandResult {
    key_share::only_one_of(invocation, &["init", "cancel", "status"])?;
    match invocation.text("target").unwrap_or("barrier").trim().to_lowercase().as_str() {
        "" | "barrier" => {}
        "recovery" | "hsm" => {
            let (program, words) = (&session.process.program, spelling.words);
            return Err(Failure::usage(format!(
                "-target=recovery of \"{program} {words}\" is not supported by OnRecord: the recovery keys of the \
                 initialization stay. -target=barrier changes the key shares of a server without a seal stanza."
            )));
        }
        other => return Err(Failure::usage(format!("Invalid target {other:?}. Accepted: barrier."))),
    }
    let client = session.client(invocation)?;
    let verify = invocation.is_set("verify");
    let ceremony = if verify { spelling.verification } else { spelling.change };
    if invocation.is_set("init") {
        return begin(session, invocation, &client, spelling);
    }
    if invocation.is_set("cancel") {
        exactly::<0>(&invocation.arguments)?;
        let work = client.ceremony_cancel(ceremony, invocation.text("nonce"));
        session.call(work, "Error canceling rekey: ")?;
        let what = if verify { "rekey verification" } else { "rekeying" };
        return session.done(format!("Success! Canceled {what} (if it was started)"));
    }
    if invocation.is_set("status") {
        exactly::<0>(&invocation.arguments)?;
        let status = session.call(client.ceremony_status(ceremony), "Error reading rekey status: ")?;
        return show(session, &status, verify);
    }
    give(session, invocation, &client, spelling)
}

fn begin(
    session: &mut Session<'_>,
    invocation: &Invocation,
    client: &Client,
    spelling: Spelling,
) -> CommandResult {
    let verify = invocation.is_set("verify");
    exactly::<0>(&invocation.arguments)?;
    let body = object! {
        "require_verification" => verify,
        "secret_shares" => invocation.integer("key-shares").unwrap_or(5),
        "secret_threshold" => invocation.integer("key-threshold").unwrap_or(3),
    };
    let status = session.call(client.ceremony_begin(spelling.change, body), "Error initializing rekey: ")?;
    if session.format == Format::Table && session.field.is_none() && !verify {
        let text = "WARNING! The new key shares are printed once, when the last of the old ones is given, and are in \
                    force at once. If they are lost, so is the data. To be safe, cancel this and begin again with -verify.";
        session.warn(&format!("{}\n", wrap(text, 78).join("\n")))?;
    }
    show(session, &status, false)
}

fn give(
    session: &mut Session<'_>,
    invocation: &Invocation,
    client: &Client,
    spelling: Spelling,
) -> CommandResult {
    let verify = invocation.is_set("verify");
    let ceremony = if verify { spelling.verification } else { spelling.change };
    let status = session.call(client.plain().ceremony_status(ceremony), "Error getting rekey status: ")?;
    if !is_started(&status) {
        let (program, words) = (&session.process.program, spelling.words);
        return Err(Failure::usage(format!(
            "No rekey is in progress. Start one by running \"{program} {words} -init\"."
        )));
    }
    let current = status.str("nonce").unwrap_or_default();
    let (key, nonce) = key_share::read_for_ceremony(session, invocation, current)?;
    let work = client.ceremony_update(ceremony, key.expose(), &nonce);
    let answer = session.call(work, "Error posting unseal key: ")?;
    if answer.get("complete").and_then(Value::as_bool) != Some(true) {
        return show(session, &answer, verify);
    }
    if verify {
        return verified(session, &answer);
    }
    finish(session, &answer, &status, spelling)
}

/// The keys of an answer in the order of JSON.
const KEYS: [&str; 13] = [
    "nonce",
    "started",
    "complete",
    "t",
    "n",
    "progress",
    "required",
    "keys",
    "keys_base64",
    "pgp_fingerprints",
    "backup",
    "verification_required",
    "verification_nonce",
];

fn show(session: &mut Session<'_>, status: &Object, verify: bool) -> CommandResult {
    print(session, status, &KEYS, || {
        let mut rows = vec![("Nonce", text(status, "nonce")), ("Started", text(status, "started"))];
        if is_started(status) {
            rows.extend(progress(status, verify));
        }
        let rows: Vec<_> = rows.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        table::key_value(&rows)
    })
}

fn progress(status: &Object, verify: bool) -> Vec<(&'static str, String)> {
    let (shares, threshold) = (text(status, "n"), text(status, "t"));
    let given = text(status, "progress");
    if verify {
        return vec![
            ("New Shares", shares),
            ("New Threshold", threshold.clone()),
            ("Verification Progress", format!("{given}/{threshold}")),
        ];
    }
    let waits = !text(status, "verification_nonce").is_empty();
    let note = if waits { " (verification in progress)" } else { "" };
    let mut rows = vec![
        ("Rekey Progress", format!("{given}/{}{note}", text(status, "required"))),
        ("New Shares", shares),
        ("New Threshold", threshold),
        ("Verification Required", text(status, "verification_required")),
    ];
    if waits {
        rows.push(("Verification Nonce", text(status, "verification_nonce")));
    }
    rows
}

/// Prints the new shares.
fn finish(session: &mut Session<'_>, answer: &Object, status: &Object, spelling: Spelling) -> CommandResult {
    if session.format != Format::Table || session.field.is_some() {
        return print(session, answer, &KEYS, String::new);
    }
    let keys = answer.get("keys_base64").and_then(Value::as_array).unwrap_or_default();
    for (index, key) in keys.iter().enumerate() {
        session.print_line(&format!("Key {}: {}", index + 1, plain(key)))?;
    }
    session.print_line("")?;
    session.print_line(&format!("Operation nonce: {}", text(answer, "nonce")))?;
    session.print_line("")?;
    let (shares, threshold) = (text(status, "n"), text(status, "t"));
    let (program, words) = (session.process.program.clone(), spelling.words);
    let advice = if answer.get("verification_required").and_then(Value::as_bool) == Some(true) {
        let nonce = text(answer, "verification_nonce");
        session.print_line(&format!("Verification nonce: {nonce}"))?;
        session.print_line("")?;
        format!(
            "{shares} new key shares are made, and the old ones are still in force. Give each new share to a different \
             person now: they cannot be shown again. The new ones are in force when {threshold} of them were given back \
             with \"{program} {words} -verify -nonce={nonce}\"."
        )
    } else {
        format!(
            "{shares} new key shares are in force; any {threshold} of them unseal the server. Give each share to a \
             different person now: they cannot be shown again, and the old ones are worthless."
        )
    };
    session.done(wrap(&advice, 78).join("\n"))
}

fn verified(session: &mut Session<'_>, answer: &Object) -> CommandResult {
    print(session, answer, &KEYS, || {
        "Success! Rekey verification is complete: the new key shares are in force, and the old ones are worthless."
            .to_owned()
    })
}
