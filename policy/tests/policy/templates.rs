//! Paths with facts of the caller. Never in it: where the facts come from.

use onrecord_policy::{Acl, IdentityField, Operation, Question};

use crate::kit::policy;

/// What a caller with this name, and this team in its metadata, may read.
fn readable(text: &str, name: &str, team: Option<&str>, paths: &[&str]) -> Vec<bool> {
    let resolved = policy("p", text).resolve(&|field| match field {
        IdentityField::EntityId => Some("id-1".to_owned()),
        IdentityField::EntityName => Some(name.to_owned()),
        IdentityField::EntityMetadata(key) if key == "team" => team.map(str::to_owned),
        IdentityField::AliasName(accessor) if accessor == "auth_userpass_1" => Some(name.to_owned()),
        IdentityField::GroupNameOfId(id) if id == "g-1" => Some("ops".to_owned()),
        _ => None,
    });
    let acl = Acl::new([&resolved]);
    paths.iter().map(|path| acl.decide(&Question::new(Operation::Read, path)).allowed).collect()
}

#[test]
fn a_templated_path_is_that_of_each_caller() {
    let text = r#"
        path "secret/{{identity.entity.name}}/*" { capabilities = ["read"] }
        path "/exact/{{ identity.entity.id }}" { capabilities = ["read"] }
        path "two/+/{{identity.entity.metadata.team}}-{{identity.entity.aliases.auth_userpass_1.name}}/x" { capabilities = ["read"] }
        path "group/{{identity.groups.ids.g-1.name}}" { capabilities = ["read"] }
    "#;
    let paths = [
        "secret/bob/a",
        "secret/eve/a",
        "exact/id-1",
        "exact/id-2",
        "two/a/blue-bob/x",
        "two/a/red-bob/x",
        "group/ops",
    ];
    assert_eq!(readable(text, "bob", Some("blue"), &paths), [true, false, true, false, true, false, true]);
}

#[test]
fn without_the_facts_a_templated_path_matches_nothing() {
    let text = r#"path "secret/{{identity.entity.metadata.team}}*" { capabilities = ["read"] }"#;
    let paths = ["secret/", "secret/a", "secret/{{identity.entity.metadata.team}}"];
    assert_eq!(readable(text, "bob", None, &paths), [false; 3]);
    assert_eq!(readable(text, "bob", Some(""), &paths), [false; 3], "nor does an empty one");
    let unresolved = Acl::new([&policy("p", text)]);
    assert!(!unresolved.decide(&Question::new(Operation::Read, "secret/a")).allowed);
}

#[test]
fn a_value_never_widens_a_pattern() {
    let text = r#"
        path "secret/{{identity.entity.name}}/x" { capabilities = ["read"] }
        path "prefix/{{identity.entity.name}}" { capabilities = ["read"] }
    "#;
    let paths =
        ["secret/bob/x", "secret/a/x", "secret/a/b/x", "prefix/a", "prefix/a/b", "prefix/abc", "prefix/"];
    for name in ["+", "*", "a*", "a/b", "bob/", "/bob", "+*", "{{identity.entity.id}}*"] {
        assert_eq!(readable(text, name, None, &paths), [false; 7], "{name}");
    }
    // Plus signs of addresses are not wildcards.
    assert_eq!(
        readable(text, "bob+ci@x", None, &["secret/bob+ci@x/x", "secret/a/x", "prefix/bob+ci@x"]),
        [true, false, true]
    );
    assert_eq!(
        readable(text, "{{identity.entity.id}}", None, &["prefix/id-1", "prefix/{{identity.entity.id}}"]),
        [false, true]
    );
}

#[test]
fn a_rule_that_denies_stays_whatever_the_value_is() {
    let text = r#"
        path "secret/*" { capabilities = ["read"] }
        path "secret/{{identity.entity.name}}*" { capabilities = ["deny"] }
    "#;
    for (name, denied) in [
        ("bob", "secret/bob/x"),
        ("a/b", "secret/a/b/x"),
        ("a*", "secret/a*b"),
        ("+", "secret/+x"),
        ("+*", "secret/x"),
    ] {
        assert_eq!(readable(text, name, None, &[denied]), [false], "{name}");
    }
    assert_eq!(readable(text, "bob", None, &["secret/eve"]), [true]);
}
