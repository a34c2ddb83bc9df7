//! `log verify`: compares audit logs with the tree that their device kept of them, or checks the proof of one line.
//! Never in it: the verification itself (`onrecord-trail`).

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use onrecord_evidence::VerifierKey;
use onrecord_trail::verify::{
    FindingKind, TreeFolder, Verdict, VerifyError, VerifyOptions, check_proof, verify,
};
use onrecord_trail::{Input, Options, check};
use onrecord_value::printable::printable;

use super::shell::word;
use super::tree::{KEY, ORIGIN, TLOG, Tree, WITNESS};
use super::{
    LOST, NO_FILE, examples, findings, inputs, tree, unreadable, verify_findings, verify_verdict,
    with_progress,
};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session};
use crate::flag::{CA_CERT, CA_PATH, CLIENT_CERT, CLIENT_KEY, TLS_SERVER_NAME, TLS_SKIP_VERIFY};

/// The line of a proof may be this long.
const LINE_MAX: u64 = 256 * 1024 * 1024;

const ABOUT: &str = "Verifies that the audit logs of a device are as the device wrote them. A file device keeps a tree of the \
    hashes of all its lines beside its file (FILE.tlog), whose root the server signs each second. Give all files \
    of one device, in any order: current and rotated files, plain or compressed by gzip or zstd. Each line is compared with its \
    leaf, and each finding is named with its file and line: altered, cut, dropped, inserted, doubled, reordered, the first or \
    the last lines missing, a file missing between two, a tree that was damaged or replaced.\n\nThe signature is \
    checked with the key that you give (-key): got from the server (`log key`), on another machine, before anything \
    happened. Who can write to the log could have put another key beside it. An attacker who had the key of the server can \
    rewrite log and tree together: that is found with a checkpoint that you kept elsewhere (-since, see `log anchor`), with \
    the logs of the server's other devices (-anchors), and with the cosignatures of witnesses (-witness).\n\nThe keys of all \
    devices of a server are alike: say with -origin which log is meant, if you give keys of several. A log that was exchanged \
    together with its tree for that of another device is then found.\n\nA start of the server adds lines to the tree that a killed \
    server had not added. They are told (VOUCHED FOR LATER), because who can write to the log could have added lines \
    meanwhile; with -strict they count as a difference.\n\nLines that no \
    checkpoint covers yet are a finding. A server that runs covers each line within a second or two: wait, and verify \
    again, or accept them with -allow-uncovered-tail. Lines from before the device kept a tree are \
    accepted with -allow-uncovered-head. If old files were deleted, say with -first-leaf which leaf is the first that \
    is left: each report shows the leaves of each file.\n\nWith -proof=FILE the proof of one line (`log prove`) is checked, without \
    the log and its tree: give the line as FILE:LINE, or on standard input.\n\nThe exit code is 0 if each leaf has its \
    line, each line its leaf, and the signature holds; 1 if anything differs, also if the log was emptied, or if a key is given \
    and there is no tree; 2 if nothing can be said: there is no tree and no key, a file cannot be read or is not an audit log, no \
    key was given, or the command line is invalid.";

pub(crate) const COMMAND: Command =
    Command::new("log verify", "FILE...", "Verify that no line of audit logs was changed", run)
        .about(ABOUT)
        .examples(&[
            (
                "Verify a log and its rotated files, with a key that was kept elsewhere:",
                "log verify -key=/media/usb/server.keys /var/log/audit.log*",
            ),
            (
                "Verify a copied log against a checkpoint that was kept:",
                "log verify -key=server.keys -since=2026-11.checkpoint -tlog=copy/audit.log.tlog copy/audit.log",
            ),
            (
                "Verify one of a server's logs with its tree on a web server:",
                "log verify -key=server.keys -origin=vault-prod/file -tlog=https://logs.example/audit.log.tlog audit.log",
            ),
            (
                "Verify that the log of another device agrees with the tree:",
                "log verify -key=server.keys -anchors=/srv/second.log /var/log/audit.log",
            ),
            ("Check the proof of one line:", "log verify -proof=line.proof -key=server.keys audit.log:17"),
        ])
        .offline()
        .output(Output::Format)
        .flags(&[
            Flag::bool(
                "allow-uncovered-declared",
                "Accept lines that the tree could not take, as an entry in it says: its folder was full or read-only.",
            ),
            Flag::bool("allow-uncovered-head", "Accept lines before the first leaf: they are older than the tree."),
            Flag::bool("allow-uncovered-tail", "Accept lines after the last leaf: no checkpoint covers them yet."),
            Flag::texts(
                "anchors",
                "Log of another device of the server. Its entries of sys/audit/checkpoint must agree with the tree. May be \
                 given several times.",
            ),
            CA_CERT,
            CA_PATH,
            CLIENT_CERT,
            CLIENT_KEY,
            Flag::integer("examples", "Number of examples to show for each finding. Counts are always exact.")
                .default("10"),
            Flag::integer("first-leaf", "First leaf that must have a line. Lines of earlier leaves may be missing.")
                .default("0"),
            KEY,
            ORIGIN,
            Flag::text("proof", "File with the proof of one line, to be checked instead of a log."),
            Flag::texts(
                "since",
                "File with a checkpoint that was kept. The tree must have grown from it. May be given several times.",
            ),
            Flag::bool(
                "strict",
                "Count lines as a difference that a start of the server added to the tree, as it does after a kill.",
            ),
            TLOG,
            TLS_SERVER_NAME,
            TLS_SKIP_VERIFY,
            WITNESS,
        ]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    if let Some(proof) = invocation.text("proof") {
        return run_proof(session, invocation, proof);
    }
    if invocation.arguments.is_empty() {
        return Err(unreadable(NO_FILE));
    }
    if let Some(directory) = invocation.arguments.iter().find(|name| is_other_directory(name)) {
        return Err(unreadable(format!(
            "{} is a directory: give the files of the log",
            printable(directory)
        )));
    }
    let keys = tree::keys(invocation, "key")?;
    let has_keys = !keys.is_empty();
    let inputs = inputs(session, &invocation.arguments)?;
    let found = tree::find_any(session.process, invocation, &invocation.arguments)?;
    let tree = match found {
        Some(tree) => tree,
        None if has_keys => return Err(missing(session, &invocation.arguments)),
        None => tree::find(session.process, invocation, &invocation.arguments)?,
    };
    let first_leaf = invocation.integer("first-leaf").unwrap_or(0);
    let allowed = [
        ("allow-uncovered-declared", FindingKind::UncoveredDeclared),
        ("allow-uncovered-head", FindingKind::UncoveredHead),
        ("allow-uncovered-tail", FindingKind::UncoveredTail),
    ];
    let options = VerifyOptions {
        examples: examples(invocation)?,
        origin: origin(invocation),
        keys: keys.live,
        retired: keys.retired,
        witnesses: tree::keys(invocation, "witness")?.live,
        kept: tree::kept(invocation)?,
        cosigned: tree.cosigned(),
        anchors: invocation.texts("anchors").iter().map(Input::file).collect(),
        first_leaf: u64::try_from(first_leaf)
            .map_err(|_| unreadable("-first-leaf must not be negative: give 0 or more"))?,
        allowed: allowed.iter().filter(|(flag, _)| invocation.is_set(flag)).map(|(_, kind)| *kind).collect(),
        strict: invocation.is_set("strict"),
    };
    let found = with_progress(session, |progress| verify(inputs, &tree, options, progress));
    let found = found.map_err(|error| failure(&error, &tree, has_keys))?;
    tree.check_read()?;
    let (verdict, sentence) = verify_verdict::verdict(&found);
    let text = format!("{}\n\n{}", verify_findings::text(&found), session.paint(verdict, &sentence));
    session.show(&text, found.to_value())?;
    match found.verdict() {
        Verdict::Intact => Ok(0),
        Verdict::Differs => Ok(LOST),
        Verdict::NotJudged => {
            let reasons: Vec<String> = found.not_judged().iter().map(|reason| printable(reason)).collect();
            Err(unreadable(reasons.join("\n")))
        }
    }
}

fn is_other_directory(name: &str) -> bool {
    let path = Path::new(name);
    path.is_dir() && !TreeFolder::is_one(path)
}

/// The name of the log that is meant.
pub(super) fn origin(invocation: &Invocation) -> Option<String> {
    invocation.text("origin").filter(|origin| !origin.is_empty()).map(str::to_owned)
}

/// There is no tree beside these files, and with a key there should be one, if they are logs.
fn missing(session: &mut Session<'_>, files: &[String]) -> Failure {
    match without_entries(session, files) {
        Ok(None) => {}
        Ok(Some(reasons)) => return unreadable(reasons),
        Err(failure) => return failure,
    }
    let first = printable(files.first().map_or("-", String::as_str));
    Failure::Message(
        LOST,
        format!(
            "NOT INTACT: the tree beside {first} is missing: there is no folder FILE.tlog. If it is elsewhere, give it with \
             -tlog=DIR. A log that was written with evidence=off, or by another server, never had one: nothing can verify it."
        ),
    )
}

/// Why these files are not logs, if none of their lines is an entry. Empty files may be logs that were emptied, and standard
/// input was read already.
fn without_entries(session: &mut Session<'_>, files: &[String]) -> Result<Option<String>, Failure> {
    if files.iter().any(|file| file == "-") {
        return Ok(None);
    }
    let inputs = inputs(session, files)?;
    let report = with_progress(session, |progress| check(inputs, &Options::default(), progress));
    let report = report.map_err(|error| unreadable(printable(&error.to_string())))?;
    let have_lines = report.sources.iter().any(|source| source.lines > 0);
    let have_entries = report.sources.iter().any(|source| source.entries > 0);
    Ok((have_lines && !have_entries).then(|| findings::not_logs(&report)))
}

/// Why nothing was verified. A tree without its checkpoint is a finding where the log should have one.
fn failure(error: &VerifyError, tree: &Tree, has_keys: bool) -> Failure {
    if has_keys && error.is_finding() {
        return Failure::Message(LOST, printable(&format!("NOT INTACT: {error} ({})", tree.place())));
    }
    not_verified(error, tree)
}

/// Why nothing was verified.
pub(super) fn not_verified(error: &VerifyError, tree: &Tree) -> Failure {
    let place = tree.place();
    match error {
        VerifyError::Origins { origins, .. } => several_origins(&format!("{error} ({place})"), origins),
        VerifyError::Input { .. } => unreadable(printable(&error.to_string())),
        _ => unreadable(printable(&format!("{error} ({place})"))),
    }
}

/// The keys are of several logs: what to add to the command.
fn several_origins(error: &str, origins: &[String]) -> Failure {
    let flags: Vec<String> = origins.iter().map(|origin| word(&format!("-origin={origin}"))).collect();
    unreadable(printable(&format!("{error}. Say which one is meant: add {}", flags.join(" or "))))
}

/// The keys for a proof, which may be of any time: those of the log that is meant.
fn proof_keys(invocation: &Invocation) -> Result<Vec<VerifierKey>, Failure> {
    let given = tree::keys(invocation, "key")?;
    if given.is_empty() {
        return Err(unreadable(
            "A proof is worth what its signature is worth: give the key of the server with -key",
        ));
    }
    let mut keys = [given.live, given.retired].concat();
    if let Some(origin) = origin(invocation) {
        keys.retain(|key| key.name() == origin);
        if keys.is_empty() {
            return Err(unreadable(format!(
                "None of the keys is of the log of -origin={}",
                printable(&origin)
            )));
        }
    }
    let origins: BTreeSet<&str> = keys.iter().map(VerifierKey::name).collect();
    if origins.len() > 1 {
        let origins: Vec<String> = origins.into_iter().map(str::to_owned).collect();
        return Err(several_origins("The keys are of several logs", &origins));
    }
    Ok(keys)
}

fn run_proof(session: &mut Session<'_>, invocation: &Invocation, file: &str) -> CommandResult {
    let proof = tree::read(file, "proof")?;
    let keys = proof_keys(invocation)?;
    let witnesses = tree::keys(invocation, "witness")?.live;
    let line = match invocation.arguments.as_slice() {
        [] => line_from_stdin(session)?,
        [one] if one == "-" => line_from_stdin(session)?,
        [one] => tree::line(one)?,
        more => {
            return Err(unreadable(format!("Too many arguments (expected FILE:LINE, got {})", more.len())));
        }
    };
    match check_proof(&proof, &line, &keys, &witnesses) {
        Ok((leaf, checkpoint)) => session.done(format!(
            "The line is leaf {leaf} of {}: proven by a signed checkpoint of {} leaves.",
            printable(&checkpoint.origin),
            checkpoint.size
        )),
        Err(error) => Err(Failure::Message(LOST, format!("NOT PROVEN: {}", printable(&error.to_string())))),
    }
}

/// The line on standard input, with its newline or without.
fn line_from_stdin(session: &mut Session<'_>) -> Result<Vec<u8>, Failure> {
    let mut line = Vec::new();
    let read = session.process.stdin.as_mut().take(LINE_MAX).read_to_end(&mut line);
    read.map_err(|error| unreadable(format!("Cannot read the line from standard input: {error}")))?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.is_empty() {
        return Err(unreadable("There is no line on standard input: give it there, or as FILE:LINE"));
    }
    Ok(line)
}
