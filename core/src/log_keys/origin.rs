//! Origins: the names of logs, which stand in their checkpoints and are the names of the keys that verify them.
//! Never in it: keys.

use onrecord_evidence::valid_key_name;

/// The longest configured origin, in bytes.
const LONGEST: usize = 256;

/// Checks an origin of the configuration. The error is a text that follows a colon.
pub fn check_origin(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it must not be empty: a name such as example.com/production");
    }
    if !valid_key_name(text) {
        return Err(
            "it must have no spaces, no control characters and no \"+\": a name such as example.com/production",
        );
    }
    if text.starts_with('/') || text.ends_with('/') {
        return Err("it must not begin or end with \"/\": the path of a device follows it");
    }
    if text.len() > LONGEST {
        return Err("it must have at most 256 bytes");
    }
    Ok(())
}

/// The origin of the log of a device: the server's, then the device's path without its closing slash, in which characters
/// that the name of a key may not have are percent-encoded.
pub(super) fn of_device(server: &str, path: &str) -> String {
    let mut origin = format!("{server}/");
    for letter in path.trim_matches('/').chars() {
        if letter == '%' || !valid_key_name(letter.encode_utf8(&mut [0; 4])) {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                origin.push_str(&format!("%{byte:02X}"));
            }
        } else {
            origin.push(letter);
        }
    }
    origin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_paths_never_have_one_origin_and_each_is_the_name_of_a_key() {
        let paths = ["file/", "deep/er/", "a b/", "a%20b/", "a+b/", "ä/", "a\u{2003}b/"];
        let origins = paths.map(|path| of_device("example.com/logs", path));
        assert_eq!(
            origins,
            [
                "example.com/logs/file",
                "example.com/logs/deep/er",
                "example.com/logs/a%20b",
                "example.com/logs/a%2520b",
                "example.com/logs/a%2Bb",
                "example.com/logs/ä",
                "example.com/logs/a%E2%80%83b",
            ]
        );
        assert!(origins.iter().all(|origin| valid_key_name(origin)));
    }

    #[test]
    fn an_origin_of_the_configuration_is_a_name_that_a_path_can_follow() {
        for good in ["example.com/production", "a", "onrecord-cluster-1a2b3c4d", "ä/ö"] {
            assert_eq!(check_origin(good), Ok(()), "{good}");
        }
        let long = "x".repeat(257);
        for bad in ["", "a b", "a+b", "a\nb", "/a", "a/", long.as_str()] {
            assert!(check_origin(bad).is_err(), "{bad:?}");
        }
    }
}
