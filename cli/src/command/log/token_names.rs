//! Whose tokens were not valid: other requests with the same tokens, and those that issued them, have the names.
//! Never in it: which rows are shown.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use onrecord_trail::query::{Field, Filter, Row};

use super::answer::count;
use super::groups::{self, text_at};
use super::question::{Ended, Question, ask_again};
use super::tally::Tally;
use crate::command::{Failure, Session};

/// At most this many tokens are remembered by name.
const NAMES_MAX: usize = 100_000;
/// The bytes of the tokens whose names are looked for, at most: the search for them takes a multiple of it.
const WANTED_BYTES_MAX: usize = 512 * 1024;

/// The names of those who used tokens, by the token as the log has it: one that is not valid has a row without a name.
#[derive(Debug, Default)]
pub(super) struct TokenNames(HashMap<String, Owner>);

/// Whose a token is.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) name: String,
    pub(super) accessor: String,
}

impl TokenNames {
    /// Remembers whose token it is that a row has.
    pub(super) fn learn(&mut self, row: &Row) {
        if self.0.len() < NAMES_MAX {
            self.0.extend(owners(row));
        }
    }

    pub(super) fn of(&self, token: &str) -> Option<&Owner> {
        self.0.get(token)
    }

    /// Looks in all of the logs for the names of the tokens of groups that have none: what is asked for may leave out the requests
    /// that tell them. Returns what is to be said above the answer, and how that ended.
    pub(super) fn find(
        &mut self,
        session: &mut Session<'_>,
        question: &Question,
        tally: &Tally,
        ended: Ended,
    ) -> Result<(Option<String>, Ended), Failure> {
        let (mut wanted, left_out) = self.wanted(tally);
        if wanted.is_empty() || ended != Ended::Whole {
            return Ok((None, ended));
        }
        if !question.can_be_read_again() {
            let warning = "Names of tokens that were not valid may be missing: finding them needs a second read, and standard input or a pipe \
                           can be read only once.";
            return Ok((Some(warning.to_owned()), ended));
        }
        let texts = wanted.iter().map(|token| token.clone().into_bytes());
        let mut all = question.of_any_time(Filter::all().containing(texts));
        all.query.own_questions = true;
        let (_, ended) = ask_again(session, &all, "names of tokens, ", &mut |row| {
            let of_wanted = owners(row).filter(|(token, _)| wanted.remove(token)).collect::<Vec<_>>();
            self.0.extend(of_wanted);
            if wanted.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let warning = (left_out > 0).then(|| {
            let tokens = count(left_out, "token that was not valid is", "tokens that were not valid are");
            format!("{tokens} shown without a name: there are too many to look them all up.")
        });
        // It ends early when all are found.
        Ok((warning, if ended == Ended::Enough { Ended::Whole } else { ended }))
    }

    /// The tokens without names, the most frequent ones first; and how many more there are.
    fn wanted(&self, tally: &Tally) -> (HashSet<String>, u64) {
        let mut times: HashMap<&str, u64> = HashMap::new();
        for (key, group) in tally.groups() {
            if let Some(token) = groups::nameless(key).filter(|token| self.of(token).is_none()) {
                *times.entry(token).or_default() += group.times;
            }
        }
        let mut tokens: Vec<_> = times.into_iter().collect();
        tokens.sort_by(|(one, a), (other, b)| b.cmp(a).then(one.cmp(other)));
        let mut bytes = 0;
        let fit = |(token, _): &&(&str, u64)| {
            bytes += token.len();
            bytes <= WANTED_BYTES_MAX
        };
        let wanted: HashSet<String> =
            tokens.iter().take_while(fit).map(|(token, _)| (*token).to_owned()).collect();
        let left_out = (tokens.len() - wanted.len()) as u64;
        (wanted, left_out)
    }
}

/// The tokens of a row, and whose they are: the one that the request was made with, and the one that it issued.
fn owners(row: &Row) -> impl Iterator<Item = (String, Owner)> {
    let issued = || {
        let token = text_at(row, &["response", "auth", "client_token"])?;
        let name = text_at(row, &["response", "auth", "display_name"])?;
        Some((token, Owner { name, accessor: row.text(Field::Issued)?.into_owned() }))
    };
    let used = || {
        let token = text_at(row, &["request", "client_token"])?;
        // The name on a login is that of the token that it issued.
        let is_login =
            row.text(Field::Issued).is_some() && row.text(Field::MountType).as_deref() != Some("token");
        let name = text_at(row, &["auth", "display_name"]).filter(|_| !is_login)?;
        Some((token, Owner { name, accessor: row.accessor()?.into_owned() }))
    };
    issued().into_iter().chain(used())
}
