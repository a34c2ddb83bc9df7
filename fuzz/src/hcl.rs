//! HCL and its JSON form, and policies written in it: what is formatted is formatted once and for all.
//! Never in it: configuration files (the server reads them from disk).

use onrecord_policy::{Acl, Operation, Policy, Question};

/// Parses the bytes as HCL and as a policy.
pub fn hcl(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let body = onrecord_hcl::parse(text);
    if let Err(error) = &body {
        assert!(!error.to_string().is_empty());
    }
    if let Ok(formatted) = onrecord_hcl::format(text) {
        assert!(body.is_ok(), "only what parses is formatted");
        let again = onrecord_hcl::format(&formatted).expect("what was formatted parses");
        assert_eq!(again, formatted, "formatting a second time changes nothing");
    }
    if let Ok(policy) = Policy::parse("fuzzed", text) {
        let acl = Acl::new([&policy]);
        for path in ["secret/a", "secret/data/a/b", "", "sys/", "+"] {
            let asked = acl.decide(&Question::new(Operation::Read, path));
            assert_eq!(asked.allowed, acl.decide(&Question::new(Operation::Read, path)).allowed);
            assert!(!acl.capabilities(path).is_empty());
        }
    }
}
