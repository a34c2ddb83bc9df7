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

/// More files are not repeated in a command: without a file it asks the server for those of its devices.
const FILES_MAX: usize = 3;

/// A command of `log` on the files of a question.
pub(super) fn on_files(command: &str, files: &[String]) -> String {
    let few = files.iter().filter(|_| files.len() <= FILES_MAX).map(|file| word(file));
    std::iter::once(command.to_owned()).chain(few).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn what_a_shell_would_read_otherwise_is_quoted() {
        assert_eq!(word("secret/app"), "secret/app");
        for (text, quoted) in [("a b", "'a b'"), ("$(id)", "'$(id)'"), ("it's", r"'it'\''s'"), ("", "''")] {
            assert_eq!(word(text), quoted);
        }
    }
}
