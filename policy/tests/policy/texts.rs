//! Policy texts: which are accepted, and which are refused with which message.
//! Never in it: which of several rules wins.

use onrecord_policy::Policy;
use proptest::prelude::*;

use crate::kit::acl;

#[test]
fn each_form_of_a_text_has_the_same_meaning() {
    for text in [
        r#"path "x/*" { capabilities = ["read", "list"] }"#,
        r#"path "/x/*" { capabilities = ["list", "read"] comment = "leading slash" }"#,
        r#"path "x/*" { policy = "read" }"#,
        r#"path "x/*" { policy = "" capabilities = ["list", "read",] }"#,
        r#""path" "x/*" { "capabilities" = ["list", "read"] }"#,
        r#"name = "p" path "x/*" { capabilities = ["list"] } path "x/*" { capabilities = ["read"] }"#,
        r#"{"path": {"x/*": {"capabilities": ["read", "list"]}}}"#,
        r#"{"path": [{"x/*": {"capabilities": ["read"]}}, {"x/*": {"policy": "read"}}]}"#,
        "# comment\npath \"x/*\" {\n  capabilities = [\n    \"read\", // one\n    \"list\", /* two */\n  ]\n}\n",
    ] {
        assert_eq!(acl(text).capabilities("x/y"), ["list", "read"], "{text}");
        assert_eq!(acl(text).capabilities("y"), ["deny"], "{text}");
    }
    assert_eq!(acl("").capabilities("x"), ["deny"]);
    assert_eq!(acl("path \"x\" {}").capabilities("x"), ["deny"]);
}

#[test]
fn words_of_old_policies_stand_for_capabilities() {
    for (word, capabilities) in [
        ("deny", &["deny"][..]),
        ("read", &["list", "read"]),
        ("write", &["create", "delete", "list", "read", "update"]),
        ("sudo", &["create", "delete", "list", "read", "sudo", "update"]),
    ] {
        assert_eq!(acl(&format!("path \"x\" {{ policy = \"{word}\" }}")).capabilities("x"), capabilities);
    }
}

#[test]
fn unknown_keys_and_wrong_values_are_refused() {
    for (text, message) in [
        (r#"path "gen/*" { capabilities = ["fly"] }"#, r#"path "gen/*": invalid capability "fly""#),
        (r#"path "x" { capabilities = ["root"] }"#, r#"path "x": invalid capability "root""#),
        (r#"path "x" { capabilities = ["deny", "fly"] }"#, r#"path "x": invalid capability "fly""#),
        (r#"path "x" { policy = "fly" }"#, r#"path "x": invalid policy "fly""#),
        (r#"path "gen/* {"#, "At 1:14: literal not terminated"),
        (r#"path "x" {"#, "At 1:11: object expected closing RBRACE got: EOF"),
        ("paths \"x\" { }", "1 error occurred:\n\t* invalid key \"paths\" on line 1\n\n"),
        (
            "a = 1\nb = 2",
            "2 errors occurred:\n\t* invalid key \"a\" on line 1\n\t* invalid key \"b\" on line 2\n\n",
        ),
        (
            "path \"x\" {\n  capability = [\"read\"]\n}",
            "1 error occurred:\n\t* path \"x\": invalid key \"capability\" on line 2\n\n",
        ),
        (
            r#"path "x" { mfa_methods = ["m"] }"#,
            "1 error occurred:\n\t* path \"x\": invalid key \"mfa_methods\" on line 1\n\n",
        ),
        (r#"path "x/+*" { }"#, r#"path "x/+*": invalid use of wildcards ('+*' is forbidden)"#),
        (
            r#"path "secret/{{identity.entity.di}}/*" { }"#,
            r#"path "secret/{{identity.entity.di}}/*": invalid template "identity.entity.di""#,
        ),
        (
            r#"path "secret/{{identity.entity.id" { }"#,
            r#"path "secret/{{identity.entity.id": a template is not closed with '}}'"#,
        ),
        (
            "path \"x\" { capabilities = [\"read\"]\n capabilities = [\"list\"] }",
            "path \"x\": The argument \"capabilities\" at 2:2 was already set. Each argument can only be defined once",
        ),
        (
            r#"path "x" { capabilities = "read" }"#,
            r#"path "x": At 1:27: 'capabilities' must be a list of strings, got: string"#,
        ),
        (
            r#"path "x" { capabilities = [1] }"#,
            r#"path "x": At 1:28: 'capabilities' must be a list of strings, got: number"#,
        ),
        (
            r#"path "x" { allowed_parameters = { a = "b" } }"#,
            r#"path "x": At 1:39: 'a' must be a list, got: string"#,
        ),
        (
            r#"path "x" { denied_parameters = ["a"] }"#,
            r#"path "x": At 1:33: 'denied_parameters' must be an object, got: string"#,
        ),
        (
            r#"path "x" { min_wrapping_ttl = "abc" }"#,
            r#"path "x": error parsing min_wrapping_ttl: time: invalid duration "abc""#,
        ),
        (
            r#"path "x" { max_wrapping_ttl = "-1s" }"#,
            r#"path "x": error parsing max_wrapping_ttl: time: invalid duration "-1s""#,
        ),
        (
            r#"path "x" { min_wrapping_ttl = "2m" max_wrapping_ttl = 60 }"#,
            r#"path "x": max_wrapping_ttl cannot be less than min_wrapping_ttl"#,
        ),
        ("path { capabilities = [\"read\"] }", "At 1:24: 'path' must be an object, got: string"),
        (r#"path "a" "b" { }"#, "At 1:1: 'path' has more than 1 label(s)"),
        ("path = \"x\"", "At 1:1: 'path' needs a label"),
        ("{\"path\": 1}", "At 1:2: 'path' needs a label"),
        ("[]", "At 1:1: expected: IDENT | STRING | ASSIGN | LBRACE got: LBRACK"),
    ] {
        match Policy::parse("p", text) {
            Ok(_) => panic!("{text} is taken"),
            Err(error) => assert_eq!(error.to_string(), message, "{text}"),
        }
    }
}

/// Were every key compared with every other, this would take minutes.
#[test]
fn a_text_is_read_in_time_linear_in_its_keys() {
    let names = |each: fn(usize) -> String| (0..100_000).map(each).collect::<Vec<_>>().join("\n");
    let allowed = names(|n| format!("p{n} = []"));
    let required = names(|n| format!("\"p{n}\","));
    let text = format!(
        "path \"x\" {{ capabilities = [\"create\"]\nallowed_parameters = {{ {allowed} }}\nrequired_parameters = [ {required} ] }}"
    );
    let policy = Policy::parse("p", &text).unwrap();
    let twice = [&policy, &policy];
    assert_eq!(onrecord_policy::Acl::new(twice).capabilities("x"), ["create"]);
    let repeated = format!("path \"x\" {{ allowed_parameters = {{ {allowed}\np7 = [] }} }}");
    assert!(Policy::parse("p", &repeated).is_err_and(|error| error.to_string().contains("\"p7\"")));
}

proptest! {
    #[test]
    fn arbitrary_texts_never_panic(text in any::<String>()) {
        drop(Policy::parse("p", &text));
    }

    #[test]
    fn arbitrary_rules_never_panic(path in any::<String>(), rest in "[a-z_\\[\\]{}\"=, 0-9]{0,40}") {
        let escaped: String = path.escape_unicode().to_string().replace("\\u{", "\\U").replace('}', "");
        drop(Policy::parse("p", &format!("path \"{escaped}\" {{ {rest} }}")));
        drop(Policy::parse("p", &format!("path \"x\" {{ capabilities = [\"read\"] {rest} }}")));
    }
}
