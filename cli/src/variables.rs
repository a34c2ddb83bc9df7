//! Names misspelt environment variables of this program.
//! Never in it: what a variable means, and other programs' variables.

use onrecord_client::environment;
use onrecord_value::suggest;

use crate::command::table;
use crate::failure::Failure;
use crate::session::Session;

const PREFIX: &str = "ONRECORD_";

/// Warns about variables that have no effect and are near to one that has.
pub(crate) fn warn_misspelt(session: &mut Session<'_>) -> Result<(), Failure> {
    let known = known();
    let misspelt = |name: &String| {
        let rest = name.strip_prefix(PREFIX).filter(|rest| !known.contains(rest))?;
        let near = suggest::nearest(rest, known.iter().copied())?;
        Some(format!(
            "WARNING! The environment variable {name} has no effect: did you mean {PREFIX}{near}?\n"
        ))
    };
    let warnings: Vec<String> = session.process.variables.keys().filter_map(misspelt).collect();
    warnings.iter().try_for_each(|text| session.warn(text))
}

/// The names behind `ONRECORD_`.
fn known() -> Vec<&'static str> {
    let flags = table::commands().flat_map(|command| command.all_flags().map(|flag| flag.variable));
    let more = environment::NAMES.into_iter().chain(["API_ADDR", "CLI_NO_COLOR", "SEAL_TYPE"]);
    flags.chain(more).filter(|name| !name.is_empty()).collect()
}
