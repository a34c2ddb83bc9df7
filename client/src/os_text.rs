//! The text of an error of the operating system.
//! Never in it: errors of the client.

use std::io;

/// The text of a system error as Go prints it: lower case, without the number: `connection refused`.
pub fn os_text(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = text.find(" (os error") {
        text.truncate(at);
    }
    let mut letters = text.chars();
    match letters.next() {
        // Only a plain sentence starts in lower case; `I/O error` keeps its capitals.
        Some(first) if letters.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text,
    }
}
