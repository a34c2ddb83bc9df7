//! One term of a filter: the meaning of its operator and value by the kind of its field, and its truth for a row.
//! Never in it: the grammar around terms.

use std::borrow::Cow;

use onrecord_entry::HASH_PREFIX;

use super::glob::Glob;
use super::network;
use super::{Comparison, Expr, Target, Term, Test};
use crate::query::field::{Field, FieldKind};
use crate::query::kv;
use crate::query::row::{Half, Row, texts};
use crate::query::times::{TimeContext, length};

/// The least number of characters of an accessor's hash that mean it.
const TOKEN_MIN: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Like,
    NotLike,
    Than(Comparison),
}

/// The expression of a term.
pub(super) fn term(
    target: Target,
    operator: Operator,
    value: &str,
    context: &TimeContext,
) -> Result<Expr, String> {
    let is_flag = matches!(&target, Target::Field(field) if field.kind() == FieldKind::Flag);
    if let Target::Field(field) = &target
        && value.is_empty()
        && matches!(field.kind(), FieldKind::Text | FieldKind::List)
    {
        let name = field.name();
        return Err(format!(
            "{name} is never empty: {name}~* asks for requests that have it, not {name}~* for those without it"
        ));
    }
    if let Target::Field(field) = &target
        && (is_block(*field, value) && network::parse(value).is_some())
        && !matches!(operator, Operator::Equal | Operator::NotEqual)
    {
        let name = field.name();
        return Err(format!("a block of addresses is asked for with = or !=, such as {name}=203.0.113.0/24"));
    }
    let (test, negated) = match operator {
        // A flag has no text that a pattern could fit.
        Operator::Like if is_flag => (compare(&target, Comparison::Equal, value, context)?, false),
        Operator::NotLike if is_flag => (compare(&target, Comparison::Equal, value, context)?, true),
        Operator::Like => (Test::Glob(Glob::new(value)), false),
        Operator::NotLike => (Test::Glob(Glob::new(value)), true),
        Operator::NotEqual => (compare(&target, Comparison::Equal, value, context)?, true),
        Operator::Equal => (compare(&target, Comparison::Equal, value, context)?, false),
        Operator::Than(comparison) => (compare(&target, comparison, value, context)?, false),
    };
    let expr = Expr::Term(Term { target, test });
    Ok(if negated { Expr::Not(Box::new(expr)) } else { expr })
}

fn compare(
    target: &Target,
    comparison: Comparison,
    value: &str,
    context: &TimeContext,
) -> Result<Test, String> {
    let is_equal = comparison == Comparison::Equal;
    let Target::Field(field) = target else {
        return Ok(match value.parse::<i64>() {
            Ok(number) if !is_equal => Test::Compare(comparison, i128::from(number)),
            _ if is_equal => Test::Equal(value.to_owned()),
            _ => Test::Order(comparison, value.to_owned()),
        });
    };
    match field.kind() {
        FieldKind::Text if is_block(*field, value) && is_equal => match network::parse(value) {
            Some(block) => Ok(Test::Network(block)),
            None => Err(format!(
                "{value:?} is not a block of addresses; give one such as 203.0.113.0/24 or 2001:db8::/32"
            )),
        },
        FieldKind::Text | FieldKind::List if is_equal => Ok(equal(*field, value)),
        FieldKind::Text | FieldKind::List => Ok(Test::Order(comparison, value.to_owned())),
        FieldKind::Number => match value.parse::<i64>() {
            Ok(number) => Ok(Test::Compare(comparison, i128::from(number))),
            Err(_) => Err(format!("{} is a number, and {value:?} is not one", field.name())),
        },
        FieldKind::Duration => match length(value) {
            Some(length) => {
                Ok(Test::Compare(comparison, i128::try_from(length.as_nanos()).unwrap_or(i128::MAX)))
            }
            None => Err(format!("{value:?} is not a duration; give one such as 200ms, 1.5s, 2m")),
        },
        FieldKind::Time => match context.time(value) {
            Ok(time) => Ok(Test::Compare(comparison, time.unix_nanos())),
            Err(error) => Err(error.to_string()),
        },
        FieldKind::Flag if !is_equal => {
            Err(format!("{} is true or false; ask for it with = or !=", field.name()))
        }
        FieldKind::Flag => match value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(Test::Flag(true)),
            "false" | "no" | "0" => Ok(Test::Flag(false)),
            _ => Err(format!("{} is true or false, and {value:?} is neither", field.name())),
        },
    }
}

/// Whether a value for an address is a block of them, which no address equals.
fn is_block(field: Field, value: &str) -> bool {
    matches!(field, Field::Address | Field::RemoteAddress) && value.contains('/')
}

fn equal(field: Field, value: &str) -> Test {
    match field {
        Field::Path => {
            let path = value.trim_start_matches('/');
            Test::Path(path.strip_prefix("v1/").unwrap_or(path).to_owned())
        }
        // `secret` is what people say of `secret/`.
        Field::Mount if !value.is_empty() && !value.ends_with('/') => Test::Equal(format!("{value}/")),
        Field::Token | Field::Issued | Field::Wrapping => {
            // Some programs write hex digits in upper case.
            let lower = value.to_ascii_lowercase();
            let digits = lower.strip_prefix(HASH_PREFIX).unwrap_or(&lower);
            let is_hash = digits.len() >= TOKEN_MIN && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_hash {
                Test::Prefix(format!("{HASH_PREFIX}{digits}"))
            } else {
                Test::Equal(value.to_owned())
            }
        }
        _ => Test::Equal(value.to_owned()),
    }
}

/// What a text begins with that stands for a longer one in a shortened entry.
const DIGEST: &str = "sha256:";

impl Target {
    /// Whose data it is in: that of the request or that of the answer.
    pub(super) fn data(&self) -> Option<Half> {
        match self {
            Self::Field(Field::Version) => Some(Half::Response),
            Self::Field(_) => None,
            Self::Keys(keys) => match keys.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["request", "data", ..] => Some(Half::Request),
                ["response", "data", ..] => Some(Half::Response),
                _ => None,
            },
        }
    }

    /// Whether a row may lack it only because the device left it out or replaced it by a digest.
    pub(super) fn is_cut_from(&self, row: &Row) -> bool {
        if self.data().is_some_and(|half| row.is_over_limit(half)) {
            return true;
        }
        if row.flag(Field::Elided) != Some(true) {
            return false;
        }
        let is_digest = |text: &Cow<'_, str>| text.starts_with(DIGEST);
        match self {
            Self::Field(field) => {
                let found = row.list(*field);
                found.is_empty() && !field.is_in_every_entry() || found.iter().any(is_digest)
            }
            Self::Keys(keys) => row.value(keys).is_none_or(|value| texts(&value).iter().any(is_digest)),
        }
    }
}

impl Term {
    pub(super) fn matches(&self, row: &Row) -> bool {
        match &self.target {
            Target::Field(field) => self.field_matches(*field, row),
            Target::Keys(keys) => match row.value(keys) {
                None => false,
                Some(value) => texts(&value).iter().any(|text| self.test.text(text)),
            },
        }
    }

    fn field_matches(&self, field: Field, row: &Row) -> bool {
        match (&self.test, field.kind()) {
            (Test::Flag(wanted), _) => row.flag(field) == Some(*wanted),
            (Test::Compare(comparison, than), FieldKind::Time) => {
                row.instant(field).is_some_and(|time| comparison.holds(time.unix_nanos().cmp(than)))
            }
            (Test::Compare(comparison, than), _) => {
                row.number(field).is_some_and(|number| comparison.holds(i128::from(number).cmp(than)))
            }
            (Test::Path(path), _) => {
                let Some(text) = row.text(Field::Path) else { return false };
                kv::means(path, &text, || {
                    (
                        row.text(Field::Mount).unwrap_or_default(),
                        row.text(Field::MountType).unwrap_or_default(),
                    )
                })
            }
            (test, _) if field == Field::Token => row.tokens().any(|text| test.text(&text)),
            (test, FieldKind::List) => row.list(field).iter().any(|text| test.text(text)),
            (test, _) => row.text(field).is_some_and(|text| test.text(&text)),
        }
    }
}

impl Test {
    /// Whether a text meets it.
    fn text(&self, text: &str) -> bool {
        match self {
            Self::Equal(other) | Self::Path(other) => text == other,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Glob(glob) => glob.fits(text),
            Self::Network(block) => network::has(block, text),
            Self::Order(comparison, other) => comparison.holds(text.cmp(other)),
            Self::Compare(comparison, than) => {
                text.parse::<i64>().is_ok_and(|number| comparison.holds(i128::from(number).cmp(than)))
            }
            Self::Flag(wanted) => text == if *wanted { "true" } else { "false" },
        }
    }
}
