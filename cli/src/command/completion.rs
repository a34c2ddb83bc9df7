//! `completion`: the script with which a shell completes command lines.
//! Never in it: the scripts (`completion`).

use crate::command::{Command, CommandResult, Failure, Invocation, Session, exactly};
use crate::completion::SHELLS;

pub(crate) const COMMAND: Command =
    Command::new("completion", "SHELL", "Print a script that completes command lines", run)
        .about(
            "Prints the script with which a shell completes commands and flags of this program. SHELL is bash, fish or \
             zsh. The Debian package installs it already.\n\nIn bash and zsh, `source <(onrecord completion bash)` loads \
             it into the running shell; in fish, `onrecord completion fish | source`.",
        )
        .examples(&[("Print the script for bash:", "completion bash"), ("Print it for fish:", "completion fish")])
        .offline();

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [shell] = exactly(&invocation.arguments)?;
    let Some((_, script)) = SHELLS.iter().find(|(name, _)| *name == shell) else {
        let names = SHELLS.map(|(name, _)| name).join(", ");
        return Err(Failure::usage(format!(
            "There is no completion for the shell {shell:?}.\nAccepted: {names}."
        )));
    };
    let text = script(&session.process.program);
    session.print(&text)?;
    Ok(0)
}
