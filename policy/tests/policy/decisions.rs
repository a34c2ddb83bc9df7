//! Decisions: which rule wins, what it grants, and that a naive search has the same result.
//! Never in it: wrong texts.

use std::fmt::Write as _;
use std::time::Duration;

use onrecord_policy::{Acl, Capability, Operation, Policy, Question, Refusal, Rule};
use onrecord_value::{Number, Object, Value, object};
use proptest::prelude::*;

use crate::kit::{acl, policy};

/// A policy in which each path has one capability, in the order of `Capability::ALL` without deny, so that the
/// answer names the rule.
fn marked(paths: &[&str]) -> (Acl, Vec<&'static str>) {
    let names: Vec<_> = Capability::ALL
        .iter()
        .filter(|capability| **capability != Capability::Deny)
        .map(|capability| capability.name())
        .take(paths.len())
        .collect();
    let text = paths.iter().zip(&names).fold(String::new(), |mut text, (path, name)| {
        writeln!(text, "path \"{path}\" {{ capabilities = [\"{name}\"] }}").unwrap();
        text
    });
    (acl(&text), names)
}

#[test]
fn of_all_rules_that_match_the_documented_one_wins() {
    for (rules, path, winner) in [
        // Exact before all others.
        (&["a/b", "a/*", "a/+", "*"][..], "a/b", Some("a/b")),
        // The longest prefix.
        (&["*", "a*", "a/b*", "a/bc*"], "a/bd", Some("a/b*")),
        (&["*", "a*", "a/b*", "a/bc*"], "ab", Some("a*")),
        (&["*", "a*", "a/b*", "a/bc*"], "x", Some("*")),
        (&["a/*"], "a", None),
        (&["a/*"], "a/", Some("a/*")),
        (&["a*"], "a", Some("a*")),
        // The first wildcard that comes later.
        (&["a/+/c", "a/b/*"], "a/b/c", Some("a/b/*")),
        (&["+/b/c", "a/+/c"], "a/b/c", Some("a/+/c")),
        (&["a/+/c/d", "a/b/+/d"], "a/b/c/d", Some("a/b/+/d")),
        // A whole one before one that ends in a star.
        (&["a/+/c*", "a/+/c"], "a/b/c", Some("a/+/c")),
        (&["a/+", "a/*"], "a/b", Some("a/+")),
        (&["a/+", "a/*"], "a/b/c", Some("a/*")),
        // Fewer plus signs.
        (&["a/+/+", "a/+/c"], "a/b/c", Some("a/+/c")),
        (&["a/+/b*", "a/*"], "a/x/b", Some("a/*")),
        // The longer one, then the one that sorts later.
        (&["a/+/b*", "a/+/bc*"], "a/x/bcd", Some("a/+/bc*")),
        (&["a/+/b/+", "a/+/+/c"], "a/x/b/c", Some("a/+/b/+")),
        // Segments.
        (&["+"], "a", Some("+")),
        (&["+"], "a/b", None),
        (&["+/b"], "a/b", Some("+/b")),
        (&["a/+/c"], "a/c", None),
        (&["a/+/c"], "a//c", Some("a/+/c")),
        (&["a/+"], "a/", Some("a/+")),
        (&["a/+"], "a", None),
        (&["a/+/c"], "a/b/c/d", None),
        (&["a/+/c/*"], "a/b/c/d/e", Some("a/+/c/*")),
        (&["a/+/c/*"], "a/b/c", None),
        (&["a/+b"], "a/xb", None),
        (&["a/+b"], "a/+b", Some("a/+b")),
        (&["a/*/c"], "a/b/c", None),
        (&["a/*/c"], "a/*/c", Some("a/*/c")),
        (&["", "b"], "", Some("")),
    ] {
        let (acl, names) = marked(rules);
        let expected = winner.map_or("deny", |winner| {
            let at = rules.iter().position(|rule| *rule == winner).unwrap();
            names.get(at).unwrap()
        });
        assert_eq!(acl.capabilities(path), [expected], "{rules:?} {path}");
    }
}

#[test]
fn a_list_takes_the_rule_with_or_without_its_slash() {
    let acl = acl(r#"path "a/b" { capabilities = ["list", "read"] } path "c/" { capabilities = ["list"] }"#);
    let allowed = |operation, path| acl.decide(&Question::new(operation, path)).allowed;
    assert!(allowed(Operation::List, "a/b") && allowed(Operation::List, "a/b/"));
    assert!(allowed(Operation::Read, "a/b") && !allowed(Operation::Read, "a/b/"));
    assert!(allowed(Operation::List, "c/") && !allowed(Operation::List, "c"));
    assert!(!allowed(Operation::List, "a/b//"));
    assert!(allowed(Operation::Read, "/a/b") && allowed(Operation::Read, "//a/b"));
    assert_eq!(acl.capabilities("a/b/"), ["list", "read"]);
}

#[test]
fn deny_wins_over_other_policies_for_the_same_path_only() {
    let one = policy("one", r#"path "a/*" { capabilities = ["read", "sudo"] }"#);
    let two =
        policy("two", r#"path "a/*" { capabilities = ["deny"] } path "a/b" { capabilities = ["read"] }"#);
    for order in [[&one, &two], [&two, &one]] {
        let acl = Acl::new(order);
        assert_eq!(acl.capabilities("a/x"), ["deny"]);
        assert_eq!(acl.capabilities("a/b"), ["read"]);
        let decision = acl.decide(&Question::new(Operation::Read, "a/x"));
        assert!(!decision.allowed && !decision.sudo && decision.granting.is_empty());
        assert_eq!(decision.refusal, Some(Refusal::Capability));
        let rule = decision.rule.unwrap();
        assert_eq!(rule.pattern(), "a/*");
        assert_eq!(rule.policies().iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["two"]);
        assert_eq!(rule.granting(Capability::Deny).iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["two"]);
    }
}

#[test]
fn capabilities_add_up_and_the_granting_policies_are_known() {
    let policies = [
        policy("default", r#"path "a" { capabilities = ["read"] }"#),
        policy("list", r#"path "a" { capabilities = ["list"] } path "a" { capabilities = ["list"] }"#),
        policy("read", r#"path "/a" { capabilities = ["read", "sudo"] }"#),
    ];
    let acl = Acl::new(&policies);
    assert_eq!(acl.capabilities("a"), ["list", "read", "sudo"]);
    let granting = |operation| {
        let decision = acl.decide(&Question::new(operation, "a"));
        assert!(decision.sudo && !decision.root);
        decision.granting.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(granting(Operation::Read), ["default", "read"]);
    assert_eq!(granting(Operation::List), ["list"]);
    assert!(granting(Operation::Delete).is_empty());
}

#[test]
fn the_root_policy_allows_everything_and_help_is_always_allowed() {
    let acl = Acl::new([&Policy::root()]);
    for operation in [Operation::Header, Operation::Delete, Operation::Help] {
        let decision = acl.decide(&Question::new(operation, "x"));
        assert!(decision.allowed && decision.sudo && decision.root);
        assert_eq!(decision.granting.iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["root"]);
    }
    assert_eq!(acl.capabilities("x"), ["root"]);

    let empty = Acl::default();
    assert!(empty.decide(&Question::new(Operation::Help, "x")).allowed);
    let refused = empty.decide(&Question::new(Operation::Read, "x"));
    assert_eq!((refused.allowed, refused.refusal), (false, Some(Refusal::NoRule)));
    let all = crate::kit::acl(r#"path "*" { policy = "sudo" }"#);
    assert!(!all.decide(&Question::new(Operation::Header, "x")).allowed);
}

#[test]
fn each_operation_needs_its_own_capability() {
    let operations = [
        (Operation::Create, "create"),
        (Operation::Delete, "delete"),
        (Operation::List, "list"),
        (Operation::Patch, "patch"),
        (Operation::Read, "read"),
        (Operation::Scan, "scan"),
        (Operation::Update, "update"),
    ];
    for (_, name) in operations {
        let acl = acl(&format!("path \"x\" {{ capabilities = [\"{name}\", \"sudo\"] }}"));
        for (operation, needs) in operations {
            assert_eq!(acl.decide(&Question::new(operation, "x")).allowed, needs == name, "{name} {needs}");
        }
    }
}

#[test]
fn parameters_are_required_denied_and_allowed() {
    let text = |rest: &str| format!("path \"x\" {{ capabilities = [\"update\", \"delete\"] {rest} }}");
    let none = Object::new;
    for (rest, data, allowed) in [
        ("", object! { "a" => 1 }, true),
        ("required_parameters = [\"A\", \"b\"]", object! { "a" => 1, "b" => 2 }, true),
        ("required_parameters = [\"a\", \"b\"]", object! { "a" => 1 }, false),
        ("required_parameters = [\"a\"]", none(), false),
        ("denied_parameters = { \"*\" = [] }", object! { "a" => 1 }, false),
        ("denied_parameters = { \"*\" = [] }", none(), true),
        ("denied_parameters = { A = [] }", object! { "a" => 1 }, false),
        ("denied_parameters = { a = [] }", object! { "A" => 1 }, false),
        ("denied_parameters = { a = [] }", object! { "b" => 1 }, true),
        ("denied_parameters = { a = [\"x*\", 5, true] }", object! { "a" => "xy" }, false),
        ("denied_parameters = { a = [\"x*\", 5, true] }", object! { "a" => "y" }, true),
        ("denied_parameters = { a = [5] }", object! { "a" => Number::from_literal("5.0").unwrap() }, false),
        ("denied_parameters = { a = [true] }", object! { "a" => true }, false),
        ("denied_parameters = { a = [\"x\"] }", object! { "a" => vec!["y", "x"] }, false),
        ("allowed_parameters = { a = [] }", object! { "a" => 1 }, true),
        ("allowed_parameters = { a = [] }", object! { "a" => 1, "b" => 1 }, false),
        ("allowed_parameters = { a = [] }", none(), true),
        ("allowed_parameters = { a = [\"x\", \"y*\"] }", object! { "a" => "yz" }, true),
        ("allowed_parameters = { a = [\"x\", \"y*\"] }", object! { "a" => "z" }, false),
        ("allowed_parameters = { a = [\"x\"], \"*\" = [] }", object! { "a" => "x", "b" => 1 }, true),
        ("allowed_parameters = { a = [\"x\"], \"*\" = [] }", object! { "a" => "z", "b" => 1 }, false),
        ("allowed_parameters = { \"*\" = [] }", object! { "a" => Value::Null }, true),
        ("allowed_parameters = { \"*\" = [] } denied_parameters = { a = [] }", object! { "a" => 1 }, false),
        ("allowed_parameters { a = [1.50] }", object! { "a" => 1.5 }, true),
    ] {
        let acl = acl(&text(rest));
        let question = Question { data: Some(&data), ..Question::new(Operation::Update, "x") };
        let decision = acl.decide(&question);
        assert_eq!(
            decision.allowed,
            allowed,
            "{rest} {:?}",
            String::from_utf8(Value::from(data.clone()).to_json())
        );
        assert_eq!(decision.refusal, (!allowed).then_some(Refusal::Parameter));
        let delete = Question { operation: Operation::Delete, ..question };
        assert!(acl.decide(&delete).allowed, "a delete has no parameters");
    }
}

#[test]
fn parameters_of_several_policies_add_up() {
    let with = |rest: &str| policy("p", &format!("path \"x\" {{ capabilities = [\"update\"] {rest} }}"));
    let policies = [
        with("allowed_parameters = { a = [\"1\"], b = [] }"),
        with("allowed_parameters = { a = [\"2\"], b = [\"3\"] } required_parameters = [\"a\"]"),
        with("denied_parameters = { c = [] }"),
    ];
    let acl = Acl::new(&policies);
    for (data, allowed) in [
        (object! { "a" => "1" }, true),
        (object! { "a" => "2", "b" => "anything" }, true),
        (object! { "a" => "3" }, false),
        (object! { "b" => "3" }, false),
        (object! { "a" => "1", "c" => "1" }, false),
    ] {
        let question = Question { data: Some(&data), ..Question::new(Operation::Update, "x") };
        assert_eq!(acl.decide(&question).allowed, allowed);
    }
}

#[test]
fn wrapping_must_last_as_long_as_the_rule_says() {
    let with = |rest: &str| policy("p", &format!("path \"x\" {{ capabilities = [\"read\"] {rest} }}"));
    let both = with("min_wrapping_ttl = \"1m\" max_wrapping_ttl = 120");
    let longer = with("min_wrapping_ttl = \"90s\" max_wrapping_ttl = \"1h\"");
    let short = with("max_wrapping_ttl = \"30s\"");
    let free = with("");
    for (policies, seconds, allowed) in [
        (&[&both][..], None, false),
        (&[&both], Some(59), false),
        (&[&both], Some(60), true),
        (&[&both], Some(120), true),
        (&[&both], Some(121), false),
        (&[&free], None, true),
        (&[&free], Some(1), true),
        (&[&free, &both], None, false),
        (&[&longer, &both], Some(60), true),
        (&[&longer, &both], Some(121), false),
        // Merging can leave nothing that fits.
        (&[&both, &short], Some(30), false),
        (&[&both, &short], Some(60), false),
    ] {
        let acl = Acl::new(policies.iter().copied());
        let wrap_ttl = seconds.map(Duration::from_secs);
        let decision = acl.decide(&Question { wrap_ttl, ..Question::new(Operation::Read, "x") });
        assert_eq!(decision.allowed, allowed, "{seconds:?}");
        assert_eq!(decision.refusal, (!allowed).then_some(Refusal::WrapTtl));
    }
}

#[test]
fn a_mount_is_reached_by_every_rule_that_allows_anything_below_it() {
    for (rule, reaches) in [
        ("secret/a/b", true),
        ("secret/*", true),
        ("secret/a*", true),
        ("s*", true),
        ("*", true),
        ("secret", true),
        ("secretive/*", false),
        ("other/*", false),
        ("+/a", true),
        ("+/*", true),
        ("+", false),
        ("secret/+", true),
        ("sec*", true),
        ("+/a/+/b", true),
        ("other/+", false),
    ] {
        let allows = acl(&format!("path \"{rule}\" {{ capabilities = [\"read\"] }}"));
        assert_eq!(allows.reaches_below("secret/"), reaches, "{rule}");
        assert!(!acl(&format!("path \"{rule}\" {{ capabilities = [\"deny\"] }}")).reaches_below("secret/"));
    }
}

/// The same by trying every rule on every path, written from the documentation alone.
mod naive {
    use std::cmp::Ordering;

    fn matches(rule: &str, path: &str) -> bool {
        let (rule, open) = rule.strip_suffix('*').map_or((rule, false), |rule| (rule, true));
        if rule.is_empty() {
            return open || path.is_empty();
        }
        // A plus is a whole segment, and takes everything up to the next slash.
        let at_start = rule == "+" || rule.starts_with("+/");
        if at_start {
            let end = path.find('/').unwrap_or(path.len());
            return segment(&rule[1..], &path[end..], open);
        }
        segment(rule, path, open)
    }

    fn segment(rule: &str, path: &str, open: bool) -> bool {
        if rule.is_empty() {
            return open || path.is_empty();
        }
        if rule == "/+" || rule.starts_with("/+/") {
            let Some(rest) = path.strip_prefix('/') else { return false };
            let end = rest.find('/').unwrap_or(rest.len());
            return segment(&rule[2..], &rest[end..], open);
        }
        let (first, rule) = rule.split_at(1);
        path.strip_prefix(first).is_some_and(|path| segment(rule, path, open))
    }

    fn has_wildcard(rule: &str) -> bool {
        rule.ends_with('*') || rule.split('/').any(|segment| segment == "+")
    }

    /// `Less` if `one` is of lower priority.
    fn compare(one: &str, other: &str) -> Ordering {
        let key = |rule: &str| {
            let bare = rule.strip_suffix('*').unwrap_or(rule).to_owned();
            let mut at = 0;
            let mut first = bare.len();
            for segment in bare.split('/') {
                if segment == "+" {
                    first = at;
                    break;
                }
                at += segment.len() + 1;
            }
            let plus = bare.split('/').filter(|segment| *segment == "+").count();
            (first, !rule.ends_with('*'), usize::MAX - plus, bare.len(), bare)
        };
        key(one).cmp(&key(other))
    }

    pub(super) fn winner<'a>(rules: &[&'a str], path: &str, enumerates: bool) -> Option<&'a str> {
        let exact = |path: &str| rules.iter().copied().find(|rule| !has_wildcard(rule) && *rule == path);
        exact(path).or_else(|| exact(path.strip_suffix('/').filter(|_| enumerates)?)).or_else(|| {
            let all = rules.iter().copied().filter(|rule| has_wildcard(rule) && matches(rule, path));
            all.max_by(|one, other| compare(one, other))
        })
    }
}

fn rule_texts() -> impl Strategy<Value = String> {
    "((a|b|ab|\\+|)(/(a|b|ab|\\+|\\+a|)){0,4}\\*?)".prop_filter("forbidden", |text| !text.contains("+*"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_naive_search_has_the_same_result(
        rules in prop::collection::vec(rule_texts(), 0..12),
        paths in prop::collection::vec("(a|b|ab|)(/(a|b|ab|\\+a|)){0,5}", 1..8),
    ) {
        // A leading slash is dropped, so those texts are not the patterns they seem.
        let rules: Vec<&str> = rules.iter().map(String::as_str).filter(|rule| !rule.starts_with('/')).collect();
        let text = rules.iter().fold(String::new(), |mut text, rule| {
            writeln!(text, "path \"{rule}\" {{ capabilities = [\"read\", \"list\"] }}").unwrap();
            text
        });
        let acl = acl(&text);
        for path in paths.iter().filter(|path| !path.starts_with('/')) {
            for operation in [Operation::Read, Operation::List] {
                let decision = acl.decide(&Question::new(operation, path));
                let expected = naive::winner(&rules, path, operation == Operation::List);
                prop_assert_eq!(decision.rule.map(Rule::pattern), expected, "{} of {:?}", path, rules);
                prop_assert_eq!(decision.allowed, expected.is_some());
            }
        }
    }

    #[test]
    fn the_order_of_policies_does_not_change_what_is_allowed(
        rules in prop::collection::vec((rule_texts(), prop::sample::subsequence(Capability::ALL.to_vec(), 0..4)), 1..6),
        path in "(a|b|ab|)(/(a|b|ab|)){0,4}",
    ) {
        let policies: Vec<_> = rules
            .iter()
            .enumerate()
            .map(|(at, (rule, capabilities))| {
                let names: Vec<_> = capabilities.iter().map(|one| format!("\"{}\"", one.name())).collect();
                let names = names.join(",");
                policy(&at.to_string(), &format!("path \"{rule}\" {{ capabilities = [{names}] }}"))
            })
            .collect();
        let there = Acl::new(&policies);
        let back = Acl::new(policies.iter().rev());
        prop_assert_eq!(there.capabilities(&path), back.capabilities(&path));
        prop_assert_eq!(there.reaches_below("a/"), back.reaches_below("a/"));
    }
}
