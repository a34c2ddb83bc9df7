//! Links of the form `otpauth://totp/ISSUER:ACCOUNT?secret=…`, which applications for one-time passwords read.
//! Never in it: which values are allowed.

use onrecord_value::{Object, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::base32;
use super::key::TotpKey;

const BEGINNING: &str = "otpauth://totp/";
/// All but the unreserved characters (RFC 3986, section 2.3).
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const IN_LABEL: &AsciiSet = &IN_QUERY.remove(b'@');

/// The link of a key. It holds the key.
pub(super) fn of(key: &TotpKey) -> String {
    let rules = &key.rules;
    let label = |text| utf8_percent_encode(text, IN_LABEL);
    format!(
        "{BEGINNING}{}:{}?algorithm={}&digits={}&issuer={}&period={}&secret={}",
        label(&rules.issuer),
        label(&rules.account_name),
        rules.algorithm,
        rules.digits,
        utf8_percent_encode(&rules.issuer, IN_QUERY),
        rules.period,
        base32::encode(key.secret.expose()),
    )
}

/// What a link says, by the names of the fields of a request; none if it is not such a link.
pub(super) fn parse(link: &str) -> Option<Object> {
    let rest = link.strip_prefix(BEGINNING)?;
    let (label, query) = rest.split_once('?')?;
    let label = decoded(label)?;
    let (issuer, account) = label.split_once(':').unwrap_or(("", &label));
    let mut found = Object::new();
    let mut set = |field: &str, text: &str| {
        if !text.is_empty() {
            found.insert(field, Value::from(text));
        }
    };
    set("issuer", issuer);
    set("account_name", account.trim_start());
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=')?;
        let value = decoded(&value.replace('+', " "))?;
        match name {
            "secret" => set("key", &value),
            "issuer" | "algorithm" | "digits" | "period" => set(name, &value),
            _ => {}
        }
    }
    Some(found)
}

fn decoded(text: &str) -> Option<String> {
    Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use onrecord_value::object;

    use super::parse;

    #[test]
    fn a_link_says_what_its_label_and_its_query_say() {
        let link = "otpauth://totp/My%20Bank:bob@example.com?secret=MZXW6YTB&issuer=My+Bank&period=60&digits=8&image=x";
        let expected = object! {
            "account_name" => "bob@example.com", "digits" => "8", "issuer" => "My Bank", "key" => "MZXW6YTB", "period" => "60",
        };
        assert_eq!(parse(link), Some(expected));
        assert_eq!(
            parse("otpauth://totp/bob?secret=MY"),
            Some(object! { "account_name" => "bob", "key" => "MY" })
        );
        for other in ["", "otpauth://hotp/a?secret=MY", "otpauth://totp/a", "otpauth://totp/%ff?secret=MY"] {
            assert!(parse(other).is_none(), "{other}");
        }
    }
}
