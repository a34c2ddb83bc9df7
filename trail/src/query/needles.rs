//! What the bytes of a line must have for its row to be asked for: most lines are refused by them alone.
//! Never in it: a refusal of a line that the filter might want. The lines it looks at were written by our own formatter, which
//! escapes nothing but quotes, backslashes, control characters, `<`, `>`, `&` and some beyond ASCII.

use aho_corasick::{AhoCorasick, packed};
use memchr::memmem::{self, Finder};
use onrecord_entry::{HASH_LEN, HASH_PREFIX, is_hash};

use super::field::Field;
use super::filter::{Comparison, Expr, Target, Term, Test};
use super::row::PERMISSION_DENIED;

/// More alternatives are slower than reading the line.
const ALTERNATIVES_MAX: usize = 8;
/// Shorter ones are in nearly every line.
const LENGTH_MIN: usize = 3;

/// One of these must be in the line of an answer; without any, every line may be asked for.
pub(super) struct Needles(Vec<Alternative<Finder<'static>>>);

/// A text that must be there, and perhaps another one.
struct Alternative<T> {
    first: T,
    second: Option<T>,
}

impl From<Vec<u8>> for Alternative<Vec<u8>> {
    fn from(first: Vec<u8>) -> Self {
        Self { first, second: None }
    }
}

impl Alternative<Vec<u8>> {
    fn is_implied_by(&self, other: &Self) -> bool {
        let has_this = |text: &Vec<u8>| memmem::find(text, &self.first).is_some();
        self.second.is_none() && (has_this(&other.first) || other.second.as_ref().is_some_and(has_this))
    }
}

impl Needles {
    pub(super) fn of(expr: &Expr) -> Self {
        let finder = |needle: Vec<u8>| Finder::new(&needle).into_owned();
        let needed = needed(expr).unwrap_or_default().into_iter();
        Self(
            needed
                .map(|Alternative { first, second }| Alternative {
                    first: finder(first),
                    second: second.map(finder),
                })
                .collect(),
        )
    }

    pub(super) fn may_be_in(&self, line: &[u8]) -> bool {
        let is_in = |needle: &Finder<'_>| needle.find(line).is_some();
        let both =
            |both: &Alternative<Finder<'_>>| is_in(&both.first) && both.second.as_ref().is_none_or(is_in);
        self.0.is_empty() || self.0.iter().any(both)
    }
}

/// The alternatives, of which one must be there.
fn needed(expr: &Expr) -> Option<Vec<Alternative<Vec<u8>>>> {
    match expr {
        Expr::All => None,
        Expr::And(all) => all.iter().filter_map(needed).max_by_key(|needles| worth(needles)),
        Expr::Or(any) => {
            let mut all = Vec::new();
            for expr in any {
                all.extend(needed(expr)?);
            }
            (all.len() <= ALTERNATIVES_MAX).then(|| without_implied(all))
        }
        // Only what is twice refused asks for something.
        Expr::Not(expr) => match expr.as_ref() {
            Expr::Not(expr) => needed(expr),
            _ => None,
        },
        Expr::Term(term) => {
            of_term(term).filter(|needles| needles.iter().all(|needle| needle.first.len() >= LENGTH_MIN))
        }
    }
}

/// Without those whose texts have another one in them: a line that has them has that one, too.
fn without_implied(all: Vec<Alternative<Vec<u8>>>) -> Vec<Alternative<Vec<u8>>> {
    let mut rest: Vec<Alternative<Vec<u8>>> = Vec::new();
    for one in all {
        if rest.iter().any(|other| other.is_implied_by(&one)) {
            continue;
        }
        rest.retain(|other| !one.is_implied_by(other));
        rest.push(one);
    }
    rest
}

/// A few long ones refuse more lines.
fn worth(needles: &[Alternative<Vec<u8>>]) -> usize {
    needles.iter().map(|needle| needle.first.len()).min().unwrap_or(0) * 8 / needles.len().clamp(1, 8)
}

fn of_term(term: &Term) -> Option<Vec<Alternative<Vec<u8>>>> {
    let field = match &term.target {
        Target::Field(Field::Type | Field::Time) => return None,
        Target::Field(field) => Some(*field),
        Target::Keys(_) => None,
    };
    let one = |needle: Vec<u8>| Some(vec![needle.into()]);
    match &term.test {
        Test::Equal(text) if field.is_some() && is_safe(text) => one(format!("\"{text}\"").into_bytes()),
        Test::Prefix(text) if is_safe(text) => one(format!("\"{text}").into_bytes()),
        Test::Equal(text) | Test::Prefix(text) => one(longest_safe(text)),
        Test::Path(path) => Some(of_path(path)),
        Test::Glob(glob) => one(longest_safe(glob.longest_text()?)),
        Test::Compare(Comparison::Equal, number) if field == Some(Field::Status) => {
            one(format!("\"status_code\":{number}").into_bytes())
        }
        Test::Compare(Comparison::Equal, number) if field.is_some() => one(number.to_string().into_bytes()),
        Test::Flag(true) if field == Some(Field::Denied) => Some(vec![
            b"\"allowed\":false".to_vec().into(),
            b"\"status_code\":403".to_vec().into(),
            PERMISSION_DENIED.as_bytes().to_vec().into(),
        ]),
        Test::Flag(true) if field == Some(Field::Elided) => one(b"\"elided\":".to_vec()),
        Test::Network(_) | Test::Flag(_) | Test::Compare(..) | Test::Order(..) => None,
    }
}

/// What the spellings of a path have. On a version 2 mount a word comes between two of its parts. Unless that is before the
/// second part, the first two are together; if it is, all others are.
fn of_path(path: &str) -> Vec<Alternative<Vec<u8>>> {
    let end = |last: &str| format!("/{last}\"").into_bytes();
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        _ if !is_safe(path) => vec![longest_safe(path.rsplit('/').next().unwrap_or_default()).into()],
        [first, second, .., last] => {
            let rest = path.get(first.len() + 1..).unwrap_or_default();
            let together = format!("\"{first}/{second}/").into_bytes();
            vec![end(rest).into(), Alternative { first: together, second: Some(end(last)) }]
        }
        [_, last] => vec![end(last).into()],
        _ => vec![longest_safe(path).into()],
    }
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}

fn is_safe(text: &str) -> bool {
    text.bytes().all(is_plain)
}

/// The longest part of a text that is written as it is.
fn longest_safe(text: &str) -> Vec<u8> {
    let parts = text.as_bytes().split(|byte| !is_plain(*byte));
    parts.max_by_key(|part| part.len()).unwrap_or_default().to_vec()
}

/// Any of some texts, wherever they are in a line.
pub(super) struct Texts {
    are_none: bool,
    hashes: Hashes,
    others: Others,
}

/// Whole hashes, sorted. They all begin alike, and lines have many of them: finding a beginning and looking the text up there is
/// faster than a search for all of them, and takes the same time for any number.
struct Hashes {
    beginning: Finder<'static>,
    texts: Vec<Vec<u8>>,
}

enum Others {
    Few(packed::Searcher),
    Many(Box<AhoCorasick>),
    /// One or none, or those whose automaton would be too large.
    EachAlone(Vec<Finder<'static>>),
}

impl Texts {
    pub(super) fn of(texts: &[Vec<u8>]) -> Self {
        let (mut hashes, others): (Vec<_>, Vec<_>) = texts.iter().cloned().partition(|text| is_hash(text));
        hashes.sort();
        let beginning = Finder::new(HASH_PREFIX).into_owned();
        Self {
            are_none: texts.is_empty(),
            hashes: Hashes { beginning, texts: hashes },
            others: Others::of(&others),
        }
    }

    /// Whether one is there; true if none is asked for.
    pub(super) fn are_in(&self, line: &[u8]) -> bool {
        self.are_none || self.hashes.are_in(line) || self.others.are_in(line)
    }
}

impl Hashes {
    fn are_in(&self, line: &[u8]) -> bool {
        let is_asked = |at: usize| {
            line.get(at..at + HASH_LEN)
                .is_some_and(|hash| self.texts.binary_search_by(|text| text.as_slice().cmp(hash)).is_ok())
        };
        !self.texts.is_empty() && self.beginning.find_iter(line).any(is_asked)
    }
}

impl Others {
    fn of(texts: &[Vec<u8>]) -> Self {
        let each_alone =
            || Self::EachAlone(texts.iter().map(|text| Finder::new(text).into_owned()).collect());
        match packed::Searcher::new(texts) {
            _ if texts.len() < 2 => each_alone(),
            Some(searcher) => Self::Few(searcher),
            None => AhoCorasick::new(texts)
                .map_or_else(|_| each_alone(), |automaton| Self::Many(Box::new(automaton))),
        }
    }

    fn are_in(&self, line: &[u8]) -> bool {
        match self {
            Self::Few(searcher) => searcher.find(line).is_some(),
            Self::Many(automaton) => automaton.is_match(line),
            Self::EachAlone(texts) => texts.iter().any(|text| text.find(line).is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use onrecord_value::Time;

    use super::*;
    use crate::query::{Filter, PREFLIGHT, TimeContext, Zone};

    #[test]
    fn any_of_some_texts_is_found_whatever_they_are_and_however_many() {
        let hash = |number: u32| format!("{HASH_PREFIX}{number:064x}");
        let other = |number: u32| format!("text {number}.");
        for (hashes, others) in
            [(0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (3, 4), (500, 0), (0, 500), (300, 300)]
        {
            let texts: Vec<String> = (0..hashes).map(hash).chain((0..others).map(other)).collect();
            let asked = Texts::of(&texts.iter().map(|text| text.clone().into_bytes()).collect::<Vec<_>>());
            let is_in = |line: String| asked.are_in(line.as_bytes());
            for text in &texts {
                assert!(
                    is_in(text.clone()) && is_in(format!("{}\"{text}\",{}", hash(999), other(999))),
                    "{text}"
                );
                assert!(!is_in(text[..text.len() - 1].to_owned()), "{text}");
            }
            let none = texts.is_empty();
            assert_eq!(
                is_in(format!("{HASH_PREFIX}{} {}", hash(998), other(998))),
                none,
                "{hashes} {others}"
            );
            assert_eq!(is_in(String::new()), none);
        }
    }

    #[test]
    fn a_text_that_has_another_one_in_it_is_not_searched_for() {
        let context = TimeContext { now: Time::from_unix_nanos(0), zone: Zone::UTC };
        let texts = |filter: &str| {
            let filter = Filter::parse(filter, &context).unwrap();
            let text = |text: Vec<u8>| String::from_utf8(text).unwrap();
            let both = |one: Alternative<Vec<u8>>| (text(one.first), one.second.map(text));
            needed(&filter.expr).unwrap().into_iter().map(both).collect::<Vec<_>>()
        };
        let one = |text: &str| (text.to_owned(), None);
        // What `log who` asks for needs no further text, or one.
        let who = |path: &str| texts(&format!("path={path} or path={PREFLIGHT}{path} and denied"));
        assert_eq!(who("secret/app"), [one("/app\"")]);
        let parts = |first: &str, second: &str| (first.to_owned(), Some(second.to_owned()));
        assert_eq!(
            who("secret/team/app"),
            [one("/team/app\""), parts("\"secret/team/", "/app\""), parts("\"sys/internal/", "/app\"")]
        );
        assert_eq!(texts("who=ann or who=ann or error~*ann*"), [one("ann")]);
        assert_eq!(texts("who=ann or who=bob"), [one("\"ann\""), one("\"bob\"")]);
    }
}
