//! `audit rotate-key`: has the checkpoints of audit logs signed with a new key.
//! Never in it: keys.

use crate::command::{Command, CommandResult, Invocation, Output, Session, exactly};

pub(crate) const COMMAND: Command =
    Command::new("audit rotate-key", "", "Sign the checkpoints of audit logs with a new key", rotate)
        .about(
            "Has the server sign the checkpoints of all audit logs with a new key. The old private key is removed. Its \
             public key stays listed by \"log key\", with the time of its use, so that older checkpoints can still be \
             verified. The old key signs a note that names the new one, and the first checkpoint of each \
             device after the rotation is signed by both. Keep the note with your copies of the verifier keys.",
        )
        .examples(&[("Rotate the key, and keep the note:", "audit rotate-key > rotation.note")])
        .output(Output::Format);

fn rotate(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let rotated = session.call(client.audit_log_rotate(), "Error rotating the key of audit logs: ")?;
    let note = rotated.str("note").unwrap_or_default().trim_end().to_owned();
    session.show(&note, rotated)
}
