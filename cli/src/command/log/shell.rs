//! Words of commands that are shown to be run: quoted where a shell would read them otherwise.
//! Never in it: running them.

/// A text as one word of a POSIX shell.
pub(super) fn word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:=@%+,".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The files of a command are not longer together, in bytes.
const FILES_BYTES_MAX: usize = 600;
/// Stands for the files that an answer was given of. A command with it does not run: without a file it would read those that the
/// server has now.
const SAME_FILES: &str = "FILE...";

/// A command of `log` on the files of a question: on no others, and on no fewer.
pub(super) fn on_files(command: &str, files: &[String]) -> String {
    let words = files.iter().map(|file| word(file)).collect::<Vec<_>>().join(" ");
    // Standard input is another one when the command runs.
    let cannot_be_named = words.len() > FILES_BYTES_MAX || files.iter().any(|file| file == "-");
    format!("{command} {}", if cannot_be_named { SAME_FILES } else { &words })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_otherwise_is_quoted() {
        assert_eq!(word("secret/app"), "secret/app");
        for (text, quoted) in [("a b", "'a b'"), ("$(id)", "'$(id)'"), ("it's", r"'it'\''s'"), ("", "''")] {
            assert_eq!(word(text), quoted);
        }
    }

    #[test]
    fn a_command_has_all_files_or_none_and_then_does_not_run() {
        let files = |count: usize| (0..count).map(|number| format!("audit.log.{number}")).collect::<Vec<_>>();
        assert_eq!(
            on_files("ask", &files(5)),
            "ask audit.log.0 audit.log.1 audit.log.2 audit.log.3 audit.log.4"
        );
        assert_eq!(on_files("ask", &files(500)), "ask FILE...");
        assert_eq!(on_files("ask", &["audit.log".to_owned(), "-".to_owned()]), "ask FILE...");
    }
}
