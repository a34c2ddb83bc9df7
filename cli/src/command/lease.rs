//! `lease lookup|renew|revoke`.
//! Never in it: the leases of tokens (`token`).

use crate::command::{
    Command, CommandResult, Failure, Flag, Invocation, Output, Session, sanitize, too_many,
};
use crate::print_response;
use onrecord_value::GoDuration;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("lease lookup", "ID", "Show the properties of a lease", lookup)
        .about("Shows when the lease ID began and ends, and whether it can be renewed.")
        .examples(&[("Show a lease:", "lease lookup pki/issue/web/2f6a614c")])
        .output(Output::Field),
    Command::new("lease renew", "ID", "Renew the lease of a secret", renew)
        .about(
            "Renews the lease ID. The server may grant less than -increment, and refuses if the lease has reached its \
             longest TTL. \"token renew\" renews tokens.",
        )
        .examples(&[("Renew a lease for an hour from now:", "lease renew -increment=1h pki/issue/web/2f6a614c")])
        .output(Output::Field)
        .flags(&[
            Flag::duration("increment", "Requested TTL from now. The server may grant less.").alias("i"),
        ]),
    Command::new("lease revoke", "ID", "Revoke leases and what was leased", revoke)
        .about(
            "Revokes the lease ID, and so what was leased. With -prefix, ID is a path, and all leases below it are \
             revoked: this needs sudo.",
        )
        .examples(&[
            ("Revoke a lease:", "lease revoke pki/issue/web/2f6a614c"),
            ("Revoke all leases below a path:", "lease revoke -prefix pki/issue/web"),
            ("Remove them even where that fails:", "lease revoke -force -prefix pki/issue/web"),
        ])
        .flags(&[
            Flag::bool(
                "force",
                "Remove the lease even if what was leased cannot be taken back. It then stays valid without a lease. \
                 -prefix is needed with it.",
            )
            .alias("f"),
            Flag::bool("prefix", "ID is a path: revoke all leases below it."),
            Flag::bool("sync", "Wait until the leases are revoked."),
        ]),
];

/// The only argument, without slashes and blanks at its ends.
fn id(invocation: &Invocation) -> Result<String, Failure> {
    match invocation.arguments.as_slice() {
        [] => Err(Failure::usage("Missing ID!")),
        [id] => sanitize(id),
        words => Err(too_many("1", words.len())),
    }
}

fn lookup(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let id = id(invocation)?;
    let client = session.client(invocation)?;
    let found = session.call(client.lease_lookup(&id), format!("error looking up lease id {id}: "))?;
    print_response::print(session, &found)
}

fn renew(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let id = id(invocation)?;
    let increment = invocation.duration("increment").unwrap_or(GoDuration::ZERO).secs();
    let client = session.client(invocation)?;
    let renewed = session.call(client.lease_renew(&id, increment), format!("Error renewing {id}: "))?;
    print_response::print(session, &renewed)
}

fn revoke(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let id = id(invocation)?;
    let [force, prefix, sync] = ["force", "prefix", "sync"].map(|name| invocation.is_set(name));
    if force && !prefix {
        return Err(Failure::usage("Specifying -force requires also specifying -prefix"));
    }
    let client = session.client(invocation)?;
    if force {
        session.warn(
            "WARNING! -force removes leases even where what was leased cannot be taken back: it may stay valid.\n",
        )?;
        let failed = format!("Error force revoking leases with prefix {id}: ");
        session.call(client.lease_revoke_force(&id), failed)?;
        return session.done(format!("Success! Force revoked any leases with prefix: {id}"));
    }
    if prefix {
        let failed = format!("Error revoking leases with prefix {id}: ");
        session.call(client.lease_revoke_prefix(&id, sync), failed)?;
    } else {
        session.call(client.lease_revoke(&id, sync), format!("Error revoking lease {id}: "))?;
    }
    session.done(match (sync, prefix) {
        (false, _) => "All revocation operations queued successfully!".to_owned(),
        (true, true) => format!("Success! Revoked any leases with prefix: {id}"),
        (true, false) => format!("Success! Revoked lease: {id}"),
    })
}
