//! The language of filters and of times.
//! Never in it: logs, beyond what shows the meaning of a term.

use onrecord_trail::query::{Field, Filter, TimeContext, Zone};
use onrecord_value::Time;

use super::kit::{Asked, Device, context, ids, query, rows_of, uuid};

fn error(text: &str) -> String {
    Filter::parse(text, &context()).unwrap_err().to_string()
}

#[test]
fn an_error_says_where_it_is_and_what_is_near() {
    for (text, expected) in [
        ("pth=secret/app", "filter, character 1: unknown field \"pth\" (did you mean \"path\"?)"),
        ("who=ann and stats=403", "filter, character 13: unknown field \"stats\" (did you mean \"status\"?)"),
        ("é and x", "filter, character 1: unknown field \"é\""),
        ("who=é and stats=403", "filter, character 11: unknown field \"stats\" (did you mean \"status\"?)"),
        ("path", "filter, character 5: expected =, !=, ~, !~, <, <=, > or >= after \"path\""),
        ("path=", "filter, character 6: expected a value; an empty one is written \"\""),
        (
            "path=a and",
            "filter, character 11: the filter ends here; expected a field, such as path, who or status",
        ),
        ("(path=a", "filter, character 1: this ( is not closed"),
        ("path=a)", "filter, character 7: there is no ( for this )"),
        ("path=\"a", "filter, character 6: this quote is not closed"),
        ("status=forbidden", "filter, character 8: status is a number, and \"forbidden\" is not one"),
        ("denied=perhaps", "filter, character 8: denied is true or false, and \"perhaps\" is neither"),
        ("denied>true", "filter, character 8: denied is true or false; ask for it with = or !="),
        (
            "duration > 200",
            "filter, character 12: \"200\" is not a duration; give one such as 200ms, 1.5s, 2m",
        ),
        (
            "who=\"\"",
            "filter, character 5: who is never empty: who~* asks for requests that have it, not who~* for those without it",
        ),
        ("request.", "filter, character 1: \"request.\" has an empty part"),
        (
            "ip=127.0.0.0/240",
            "filter, character 4: \"127.0.0.0/240\" is not a block of addresses; give one such as 203.0.113.0/24 or 2001:db8::/32",
        ),
        (
            "ip~127.0.0.0/24",
            "filter, character 4: a block of addresses is asked for with = or !=, such as ip=203.0.113.0/24",
        ),
        ("= a", "filter, character 1: expected a field, such as path, who or status"),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
    assert!(error("time > noon").contains("\"noon\" is not a point in time"));
    assert!(error(&format!("{}who=a", "(".repeat(100))).contains("more than 64 parentheses"));
    assert!(error(&"x".repeat(100_000)).contains("longer than 65536 bytes"));
}

#[test]
fn words_that_people_type_mean_the_same() {
    let parse = |text: &str| Filter::parse(text, &context()).unwrap();
    for (one, other) in [
        ("op=read", "operation = read"),
        ("ip=::1", "address == \"::1\""),
        ("who=ann and denied", "WHO=ann AND denied=true"),
        ("who=ann denied", "who=ann && denied=yes"),
        ("not denied", "!(denied=true)"),
        ("who=a or who=b and op=read", "who=a || (who=b and (op=read))"),
        ("path=/v1/secret/app", "path='v1/secret/app'"),
        ("path=secret/app", "path=v1/secret/app"),
        ("mount=secret", "mount=secret/"),
        ("token=0123456789ab", "token=hmac-sha256:0123456789ab"),
        ("who!=a", "not who=a"),
        ("who!~a*", "not who ~ a*"),
        ("duration>=1500ms", "took >= 1.5s"),
        ("", "  "),
    ] {
        assert_eq!(parse(one), parse(other), "{one}");
    }
    assert!(parse("").is_all());
    assert_eq!(parse("path=a or path=b").paths(), ["a", "b"]);
}

#[test]
fn each_field_has_a_name_that_is_its_own_and_help() {
    for field in Field::ALL {
        assert_eq!(Field::named(field.name()), Some(*field));
        assert!(field.info().aliases.iter().all(|alias| Field::named(alias) == Some(*field)), "{field:?}");
        assert!(!field.help().is_empty());
    }
}

#[test]
fn times_are_read_as_people_write_them() {
    // A Monday.
    let now = Time::parse("2026-11-30T09:30:00Z").unwrap();
    let read = |text: &str, zone: &str| {
        let context = TimeContext { now, zone: Zone::named(zone).unwrap() };
        context.time(text).unwrap().to_string()
    };
    for (text, expected) in [
        ("now", "2026-11-30T09:30:00Z"),
        ("2026-11-30T14:00:00+01:00", "2026-11-30T13:00:00Z"),
        ("2026-11-29", "2026-11-29T00:00:00Z"),
        ("2026-11-29 14:05", "2026-11-29T14:05:00Z"),
        ("2026-11-29T14:05:06.5", "2026-11-29T14:05:06.5Z"),
        ("-2h", "2026-11-30T07:30:00Z"),
        ("-3d", "2026-11-27T09:30:00Z"),
        ("-1w", "2026-11-23T09:30:00Z"),
        ("90m ago", "2026-11-30T08:00:00Z"),
        ("14:00", "2026-11-30T14:00:00Z"),
        ("today", "2026-11-30T00:00:00Z"),
        ("today 9:00", "2026-11-30T09:00:00Z"),
        ("yesterday 14:00", "2026-11-29T14:00:00Z"),
        ("monday", "2026-11-23T00:00:00Z"),
        ("sun 8:00:30", "2026-11-29T08:00:30Z"),
        ("2026-11-30 12:37:20.525-05:00", "2026-11-30T17:37:20.525Z"),
        ("2026-11-30 17:37 +01:00", "2026-11-30T16:37:00Z"),
        ("17:37:18Z", "2026-11-30T17:37:18Z"),
        // There it is the day after.
        ("9:00+14:30", "2026-11-30T18:30:00Z"),
        ("today 0:15+14:45", "2026-11-30T09:30:00Z"),
        ("yesterday 14:00-05:00", "2026-11-29T19:00:00Z"),
    ] {
        assert_eq!(read(text, "UTC"), expected, "{text}");
    }
    assert_eq!(read("yesterday 14:00", "Europe/Berlin"), "2026-11-29T13:00:00Z");
    assert_eq!(read("2026-07-01 12:00", "America/New_York"), "2026-07-01T16:00:00Z");
    // Half past midnight in Auckland is the day before in UTC.
    assert_eq!(read("today", "Pacific/Auckland"), "2026-11-29T11:00:00Z");
    let context = context();
    for text in [
        "",
        "noon",
        "25:00",
        "2026-13-01",
        "-2x",
        "12:60",
        "2026-11-30 14",
        "14:0",
        "-",
        "3",
        "today x",
        "Z",
        "2026-11-30Z",
    ] {
        assert!(context.time(text).is_err(), "{text}");
    }
    for text in
        ["today Z", "-2hZ", "14:00+1:00", "14:00+24:00", "14:00-01:60", "14:00+01:00Z", "+01:00", "now+01:00"]
    {
        assert!(context.time(text).is_err(), "{text}");
    }
    assert!(Zone::named("Mars/Olympus").is_err());
    let berlin = Zone::named("Europe/Berlin").unwrap();
    assert_eq!(berlin.show(now, 3), "2026-11-30 10:30:00.000+01:00");
    assert_eq!(Zone::UTC.show(now, 0), "2026-11-30 09:30:00Z");
    // What is shown is read, whatever zone is asked for.
    for zone in ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Auckland"] {
        assert_eq!(read(&Zone::named(zone).unwrap().show(now, 9), "Asia/Tokyo"), now.to_string(), "{zone}");
    }
}

#[test]
fn a_path_means_its_spellings_on_a_version_2_mount_and_the_summary_says_so() {
    let device = Device::new("salt");
    let paths = [
        ("secret/data/app", "secret/", "kv"),
        ("secret/metadata/app", "secret/", "kv"),
        ("secret/app", "secret/", "kv"),
        ("secret/data/app", "secret/", "transit"),
        ("secret/data/app2", "secret/", "kv"),
    ];
    let log: Vec<u8> = (1..)
        .zip(paths)
        .flat_map(|(id, (path, mount, mount_type))| {
            device.pair(&Asked { id, path: path.to_owned(), mount, mount_type, ..Asked::default() })
        })
        .collect();
    let (rows, summary) = rows_of(&log, &query("path=secret/app"));
    assert_eq!(ids(&rows), [uuid(1), uuid(2), uuid(3)]);
    assert_eq!((summary.rows, summary.other_spellings), (3, 2));
    assert_eq!(rows[0].typed_path().unwrap(), "secret/app");
    let (rows, summary) = rows_of(&log, &query("path=secret/data/app"));
    assert_eq!((ids(&rows), summary.other_spellings), (vec![uuid(1), uuid(4)], 0));
}

#[test]
fn a_token_is_found_by_the_beginning_of_its_hash() {
    use onrecord_entry::{Auth, Entry, Request, Response, text::Accessor};
    let device = Device::new("salt");
    let entry = |response| Entry {
        auth: Auth { accessor: Accessor::new("abc"), ..Auth::default() },
        request: Request {
            id: "1".into(),
            path: "a".into(),
            client_token: "the token itself".into(),
            client_token_accessor: Accessor::new("abc"),
            ..Request::default()
        },
        response,
        ..Entry::default()
    };
    let time = super::kit::time(1);
    let log = [
        device.line(&entry(None), time, 1),
        device.line(&entry(Some(Response { status_code: 200, ..Response::default() })), time, 2),
    ]
    .concat();
    let (rows, _) = rows_of(&log, &query(""));
    let token = rows[0].text(Field::Token).unwrap().into_owned();
    let digits = token.strip_prefix("hmac-sha256:").unwrap();
    for (filter, found) in [
        (format!("token={token}"), 1),
        (format!("token={}", &digits[..12]), 1),
        (format!("token={}", &digits[..11]), 0),
        (format!("token!={}", &digits[..20]), 0),
        ("token=0123456789ab".to_owned(), 0),
    ] {
        assert_eq!(rows_of(&log, &query(&filter)).0.len(), found, "{filter}");
    }
}

#[test]
fn a_token_without_an_accessor_is_known_by_itself_and_each_one_is_found_by_itself() {
    let line = |id: &str, kind: &str, accessor: &str, token: &str| {
        format!(
            r#"{{"time":"2026-01-01T00:00:00Z","type":"{kind}","auth":{{}},"request":{{"id":"{id}",{accessor}"client_token":"hmac-sha256:{token}","path":"a"}}}}"#
        ) + "\n"
    };
    let (valid, token) = ("1a".repeat(32), "2b".repeat(32));
    let accessor = format!(r#""client_token_accessor":"hmac-sha256:{valid}","#);
    let log: String = [("1", accessor.as_str()), ("2", "")]
        .iter()
        .flat_map(|(id, accessor)| ["request", "response"].map(|kind| line(id, kind, accessor, &token)))
        .collect();
    let (rows, _) = rows_of(log.as_bytes(), &query(""));
    let texts = |row: &onrecord_trail::query::Row| {
        (row.text(Field::Token).unwrap().into_owned(), row.accessor().is_some())
    };
    assert_eq!(texts(&rows[0]), (format!("hmac-sha256:{valid}"), true));
    assert_eq!(texts(&rows[1]), (format!("hmac-sha256:{token}"), false));
    // One in the clear, of a device that does not hash, opens what it opens.
    let clear = log.replace("hmac-sha256:2b", "hvb.2b");
    let (rows, _) = rows_of(clear.as_bytes(), &query("token~hvb.*"));
    assert_eq!((rows.len(), rows[1].text(Field::Token)), (2, None));
    for (filter, found) in [
        (format!("token={}", &token[..12]), 2),
        (format!("token=hmac-sha256:{token}"), 2),
        (format!("token={}", &valid[..12]), 1),
        (format!("token!={}", &token[..12]), 0),
        (format!("token!={}", &valid[..12]), 1),
        ("token~*2b2b*".to_owned(), 2),
    ] {
        assert_eq!(rows_of(log.as_bytes(), &query(&filter)).0.len(), found, "{filter}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_filter_or_an_error_within_it(
        text in proptest::prop_oneof!["[ -~é\u{202e}]{0,60}", "((not |\\(|path|who|=|~|!|<|\"|\\)|and|or|-2h| |é){0,20})"],
    ) {
        match Filter::parse(&text, &context()) {
            Ok(filter) => proptest::prop_assert_eq!(Filter::parse(&text, &context()).unwrap(), filter),
            Err(error) => {
                proptest::prop_assert!(error.position >= 1 && error.position <= text.chars().count() + 1);
            }
        }
    }
}
