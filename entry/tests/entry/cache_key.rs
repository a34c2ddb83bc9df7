//! A cached `auth` object does not change a line: it is the same with a `CacheKey` and without.
//! Never in it: whether the cache was used.

use std::sync::Arc;

use onrecord_entry::auth::{CacheKey, Grants, PolicyResults};
use onrecord_entry::format::Format;
use onrecord_entry::response::WrapInfo;
use onrecord_entry::text::{Accessor, Token};
use onrecord_entry::{
    Auth, Boot, Clear, Entry, FormatOptions, Formatter, Operation, Request, Response, Salt, Stamp,
};
use onrecord_value::{Object, Time, object};

use crate::kit;

const TOKEN: &str = "hvs.CAESIJ2nVxkQ0vWc1yYt8zqkq3s5T6Y7";
const ACCESSOR: &str = "Yb2UvQTUfVfYcBhJz2b3pZQw";

fn line(formatter: &Formatter, entry: &Entry<'_>) -> String {
    kit::line(
        formatter,
        entry,
        &Stamp { time: Time::from_unix(1_700_000_000, 5), seq: 7, boot: Boot::new(9) },
    )
}

fn formatters() -> Vec<Formatter> {
    let mut formatters = Vec::new();
    for format in [Format::Json, Format::Jsonx] {
        for (log_raw, hmac_accessor, salt) in
            [(false, true, "a"), (false, true, "b"), (false, false, "a"), (true, true, "a")]
        {
            let options = FormatOptions { format, log_raw, hmac_accessor, ..FormatOptions::default() };
            formatters.push(Formatter::new(options, Arc::new(Salt::new(salt))));
        }
    }
    formatters
}

/// `auth` objects of one token that differ only in what is not cached, and entries with them at every position.
fn entries<'a>(
    policies: &'a [String],
    data: &'a Object,
    token: &'a str,
    cache_key: Option<&'a CacheKey>,
) -> Vec<Entry<'a>> {
    let auth = |policy_results, remaining_uses, entity_created| Auth {
        client_token: Token::new(token),
        accessor: Accessor::new(ACCESSOR),
        display_name: Clear::new("token-<app>"),
        policies: policies.into(),
        metadata: data.into(),
        policy_results,
        remaining_uses,
        entity_created,
        token_ttl: 3600,
        token_issue_time: Some(Time::from_unix(1_600_000_000, 0).into()),
        cache_key,
        ..Auth::default()
    };
    let granted = |policies| {
        Some(PolicyResults {
            allowed: true,
            granting_policies: Grants::of_root_namespace(policies),
            ..PolicyResults::default()
        })
    };
    let auths = [
        auth(granted(&policies[..1]), 0, false),
        auth(granted(policies), 0, false),
        auth(None, 0, false),
        auth(Some(PolicyResults::default()), 0, false),
        auth(granted(policies), 3, false),
        auth(None, 0, true),
    ];
    let mut entries = Vec::new();
    for auth in auths {
        for (sent, accessor) in [(token, ACCESSOR), ("", ""), ("other-token", "other accessor")] {
            let request = Request {
                operation: Some(Operation::Read),
                client_token: Token::new(sent),
                client_token_accessor: Accessor::new(accessor),
                data: data.into(),
                path: "secret/data/x".into(),
                ..Request::default()
            };
            let response = Response { auth: Some(auth), data: data.into(), ..Response::default() };
            entries.push(Entry { auth, request, ..Entry::default() });
            entries.push(Entry { auth, request, response: Some(response), ..Entry::default() });
            entries.push(Entry { request, response: Some(response), ..Entry::default() });
        }
    }
    entries
}

#[test]
fn a_line_with_a_cache_key_is_the_line_without() {
    let policies = ["default".to_owned(), "app".to_owned()];
    let data = object! { "key" => "value", "s.abcdefghijklmnopqrstuvwx" => "x" };
    // A token that looks like one, one that must be searched for in every text, one too short for that.
    for token in [TOKEN, "token-<app>", "root"] {
        let cache_key = CacheKey::new();
        let cached = entries(&policies, &data, token, Some(&cache_key));
        let uncached = entries(&policies, &data, token, None);
        let formatters = formatters();
        for _ in 0..2 {
            for (cached, uncached) in cached.iter().zip(&uncached) {
                for formatter in &formatters {
                    assert_eq!(line(formatter, cached), line(formatter, uncached));
                }
            }
        }
    }
}

#[test]
fn the_cached_facts_of_one_token_are_not_written_for_another() {
    let policies = ["default".to_owned()];
    let data = object! {};
    let formatters = formatters();
    // More than a thread caches.
    for number in 0..2000 {
        let token = format!("hvs.CAESIJ2nVxkQ0vWc1yYt8zqkq3s{number:04}");
        let cache_key = CacheKey::new();
        let changed = cache_key.clone();
        let other = format!("{token}x");
        for (token, cache_key) in [(&token, &cache_key), (&other, &changed), (&token, &cache_key)] {
            let cached = entries(&policies, &data, token, Some(cache_key));
            let uncached = entries(&policies, &data, token, None);
            let formatter = &formatters[number % formatters.len()];
            assert_eq!(line(formatter, &cached[0]), line(formatter, &uncached[0]));
        }
    }
}

#[test]
fn a_line_restarted_because_its_data_is_too_long_has_the_same_token() {
    let policies = ["default".to_owned()];
    let long = "x".repeat(5000);
    let data = object! { "key" => 1, "long" => object! { "a" => long.as_str() } };
    let cache_key = CacheKey::new();
    for format in [Format::Json, Format::Jsonx] {
        let limits =
            onrecord_entry::format::Limits { line_bytes: 4000, ..onrecord_entry::format::Limits::default() };
        let options = FormatOptions { format, limits, ..FormatOptions::default() };
        let formatter = Formatter::new(options, Arc::new(Salt::new("a")));
        let metadata = object! {};
        let entry = |cache_key| {
            let mut entry = entries(&policies, &metadata, TOKEN, cache_key).swap_remove(1);
            entry.request.data = onrecord_entry::request::Data::with_plain_keys(&data, &[] as &[String]);
            entry
        };
        for _ in 0..2 {
            assert_eq!(line(&formatter, &entry(Some(&cache_key))), line(&formatter, &entry(None)));
        }
    }
}

#[test]
fn the_cached_facts_of_a_caller_are_not_used_where_the_token_is_only_issued() {
    let (policies, data, cache_key) = (["default".to_owned()], object! {}, CacheKey::new());
    let other = Auth {
        client_token: Token::new("hvs.another-token-that-asks"),
        accessor: Accessor::new("another accessor"),
        ..Auth::default()
    };
    for formatter in formatters() {
        let entry = |cache_key| {
            let mut entry = entries(&policies, &data, TOKEN, cache_key).swap_remove(1);
            let wrapped = WrapInfo {
                ttl: 60,
                token: Token::new("hvs.a-wrapping-token-of-its-own"),
                accessor: Accessor::new("its accessor"),
                creation_time: Time::from_unix(1_600_000_000, 0),
                creation_path: Clear::default(),
                wrapped_accessor: other.accessor,
            };
            entry.response = entry.response.map(|response| Response { wrap_info: Some(wrapped), ..response });
            entry
        };
        let asked = line(&formatter, &entry(Some(&cache_key)));
        assert_eq!(asked, line(&formatter, &entry(None)));
        let shown = |cache_key| Entry { auth: other, ..entry(cache_key) };
        assert_eq!(line(&formatter, &shown(Some(&cache_key))), line(&formatter, &shown(None)));
    }
}
