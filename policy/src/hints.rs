//! What is accepted where a policy text is refused: clients of compatible servers know texts that leave it out.
//! Never in it: a check.

use onrecord_value::quote::Quoted;
use onrecord_value::suggest;

use crate::capability::Capability;
use crate::error::{ParseError, PathError};
use crate::policy::{KEYS, Policy, TOP_KEYS};
use crate::template::FORMS;

/// How many unknown keys get a hint.
const HINTS_MAX: usize = 8;

/// What is accepted in the place of what is wrong with a text, a line each. Empty if the text is a policy, or if its error
/// says it all.
pub fn hints(text: &str) -> Vec<String> {
    match Policy::parse("", text) {
        Err(ParseError::UnknownKeys { path, keys }) => {
            let known = if path.is_some() { KEYS.as_slice() } else { &TOP_KEYS };
            let hint = |(key, line): &(String, u32)| {
                let near = suggest::hint(key, known.iter().copied());
                format!("invalid key {} on line {line}{near}", Quoted(key))
            };
            let hints = keys.iter().take(HINTS_MAX).map(hint);
            hints.chain([format!("Accepted: {}.", known.join(", "))]).collect()
        }
        Err(ParseError::Path { reason: PathError::Capability(name), .. }) => {
            let words = Capability::ALL.map(Capability::name);
            let near = suggest::hint(&name, words);
            let hint = format!("invalid capability {}{near}", Quoted(&name));
            vec![hint, format!("Accepted: {}.", words.join(", "))]
        }
        Err(ParseError::Path { reason: PathError::OldPolicy(_), .. }) => {
            vec!["Accepted: deny, read, write or sudo.".to_owned()]
        }
        Err(ParseError::Path { reason: PathError::Template(_), .. }) => {
            let forms = FORMS.map(|form| format!("{{{{{form}}}}}"));
            vec![format!("Accepted: {}.", forms.join(", "))]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::hints;

    #[test]
    fn what_is_wrong_in_a_policy_is_said_with_what_is_accepted() {
        for (text, first, last) in [
            (
                "path \"x\" {\n capabilites = [\"read\"]\n}",
                "invalid key \"capabilites\" on line 2 (did you mean \"capabilities\"?)",
                "Accepted: allowed_parameters, capabilities, ",
            ),
            (
                "pth \"x\" {}",
                "invalid key \"pth\" on line 1 (did you mean \"path\"?)",
                "Accepted: name, path.",
            ),
            (
                "path \"x\" { capabilities = [\"raed\"] }",
                "invalid capability \"raed\" (did you mean \"read\"?)",
                "Accepted: create, delete, deny, list, patch, read, scan, sudo, update.",
            ),
            ("path \"x\" { policy = \"wirte\" }", "Accepted: deny, ", "Accepted: deny, "),
        ] {
            let told = hints(text);
            assert!(told.first().is_some_and(|line| line.starts_with(first)), "{text}: {told:?}");
            assert!(told.last().is_some_and(|line| line.starts_with(last)), "{text}: {told:?}");
        }
        assert_eq!(hints("path \"x\" {}"), Vec::<String>::new());
    }
}
