//! PEM: base64 between two lines that say what it is.
//! Never in it: what is encoded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const LINE: usize = 64;

/// The text of DER bytes.
pub(in crate::engine) fn encode(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text + &format!("-----END {label}-----\n")
}

/// The DER bytes of a text with one block.
pub(in crate::engine) fn decode(label: &str, text: &str) -> Option<Vec<u8>> {
    let text = text.trim().strip_prefix(&format!("-----BEGIN {label}-----"))?;
    let text = text.strip_suffix(&format!("-----END {label}-----"))?;
    let encoded: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    STANDARD.decode(encoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_lines_of_64_characters_and_is_read_back() {
        for length in [0, 1, 48, 49, 300] {
            let der: Vec<u8> = (0..=255).cycle().take(length).collect();
            let text = encode("PUBLIC KEY", &der);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            assert_eq!(decode("PUBLIC KEY", &text), Some(der));
            assert_eq!(decode("PRIVATE KEY", &text), None);
        }
        assert_eq!(decode("PUBLIC KEY", "-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----"), None);
        assert_eq!(decode("PUBLIC KEY", ""), None);
    }
}
