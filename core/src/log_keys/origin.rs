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

#[cfg(test)]
mod tests {
    use super::*;

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
