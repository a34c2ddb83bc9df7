//! The forms in which a text may have been recorded: clients encode texts, and files end with a newline.
//! Never in it: hashes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use onrecord_value::{Value, json};
use zeroize::Zeroizing;

/// A form of the text that is searched for.
pub(super) struct Form {
    /// As is said beside a hit.
    pub(super) name: &'static str,
    pub(super) text: Zeroizing<String>,
}

/// The text as it is, and unless `exact` its other forms.
pub(super) fn forms(text: &str, exact: bool) -> Vec<Form> {
    let mut forms = vec![form("as typed", text.to_owned())];
    if exact {
        return forms;
    }
    let with_newline = Zeroizing::new(format!("{text}\n"));
    let mut others = vec![
        form("with a newline at its end", with_newline.to_string()),
        form("without blanks at its ends", text.trim().to_owned()),
        form("in base64", STANDARD.encode(text)),
        form("in base64, with a newline at its end", STANDARD.encode(with_newline.as_str())),
        form("in base64 of URLs", URL_SAFE_NO_PAD.encode(text)),
    ];
    if let Ok(Value::String(inner)) = json::parse(text.as_bytes(), json::Limits::default()) {
        others.push(form("without its quotes", inner));
    }
    if let Some(decoded) = decoded(text) {
        others.push(form("decoded from base64", decoded));
    }
    for other in others {
        if !other.text.is_empty() && forms.iter().all(|form| form.text != other.text) {
            forms.push(other);
        }
    }
    forms
}

fn form(name: &'static str, text: String) -> Form {
    Form { name, text: Zeroizing::new(text) }
}

/// What a text is in base64 of. Short words are base64 by chance.
fn decoded(text: &str) -> Option<String> {
    let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() >= 6)?;
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains(|letter: char| letter.is_control() && letter != '\n'))
}

/// Whether a client may have sent the text as something that is never hashed.
pub(super) fn is_clear_in_data(text: &str) -> bool {
    matches!(
        json::parse(text.trim().as_bytes(), json::Limits::default()),
        Ok(Value::Number(_) | Value::Bool(_) | Value::Null)
    )
}

/// The text as it stands in a line that does not hash it, in JSON and in JSONx.
pub(super) fn escaped(text: &str) -> Vec<Vec<u8>> {
    let mut as_json = Vec::with_capacity(6 * text.len());
    json::escape(text, &mut as_json);
    let mut as_xml = String::with_capacity(6 * text.len());
    for letter in text.chars() {
        match letter {
            '"' => as_xml.push_str("&#34;"),
            '\'' => as_xml.push_str("&#39;"),
            '&' => as_xml.push_str("&amp;"),
            '<' => as_xml.push_str("&lt;"),
            '>' => as_xml.push_str("&gt;"),
            '\t' => as_xml.push_str("&#x9;"),
            '\n' => as_xml.push_str("&#xA;"),
            '\r' => as_xml.push_str("&#xD;"),
            letter => as_xml.push(letter),
        }
    }
    let as_xml = as_xml.into_bytes();
    if as_xml == as_json { vec![as_json] } else { vec![as_json, as_xml] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(&'static str, String)> {
        forms(text, false).into_iter().map(|form| (form.name, form.text.to_string())).collect()
    }

    #[test]
    fn what_clients_make_of_a_text_is_searched_for_too() {
        assert_eq!(
            all("hunter2"),
            [
                ("as typed", "hunter2".to_owned()),
                ("with a newline at its end", "hunter2\n".into()),
                ("in base64", "aHVudGVyMg==".into()),
                ("in base64, with a newline at its end", "aHVudGVyMgo=".into()),
                ("in base64 of URLs", "aHVudGVyMg".into()),
            ]
        );
        assert!(all(" a b ").contains(&("without blanks at its ends", "a b".into())));
        assert!(all("\"a\\n\"").contains(&("without its quotes", "a\n".into())));
        assert!(all("aHVudGVyMg==").contains(&("decoded from base64", "hunter2".into())));
        assert_eq!(forms("hunter2", true).len(), 1);
    }

    #[test]
    fn numbers_and_truth_values_are_clear_in_data() {
        for text in ["4711", " -2.5e3", "true", "null"] {
            assert!(is_clear_in_data(text), "{text}");
        }
        for text in ["hunter2", "\"4711\"", "0042", "{}"] {
            assert!(!is_clear_in_data(text), "{text}");
        }
    }

    #[test]
    fn a_clear_text_is_searched_for_as_both_formats_write_it() {
        let texts =
            |text| escaped(text).into_iter().map(|one| String::from_utf8(one).unwrap()).collect::<Vec<_>>();
        assert_eq!(texts("plain"), ["plain"]);
        assert_eq!(texts("a\"<\n"), ["a\\\"\\u003c\\n", "a&#34;&lt;&#xA;"]);
    }
}
