//! Whose tokens were not valid: other requests with the same tokens, and those that issued them, tell the names.
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
            self.0.extend(owner(row));
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
            let warning = "Whose token was not valid is known only as far as the rows themselves tell: the other requests can be looked \
                           through only in files, which are read once more.";
            return Ok((Some(warning.to_owned()), ended));
        }
        let texts = wanted.iter().map(|token| token.clone().into_bytes());
        let mut all = question.of_any_time(Filter::all().containing(texts));
        all.query.own_questions = true;
        let (_, ended) = ask_again(session, &all, "names of tokens, ", &mut |row| {
            if let Some((token, owner)) = owner(row)
                && wanted.remove(&token)
            {
                self.0.insert(token, owner);
            }
            if wanted.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let warning = (left_out > 0).then(|| {
            format!(
                "More tokens were not valid than can be looked for by name: {} shown without.",
                count(left_out, "further one is", "further ones are")
            )
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

/// The token of a row, and whose it is: the one that it was made with, or the one that it issued, whose name a login has.
fn owner(row: &Row) -> Option<(String, Owner)> {
    let issued = row.text(Field::Issued);
    let (token, name, accessor) = match issued {
        Some(accessor) => (
            text_at(row, &["response", "auth", "client_token"])?,
            text_at(row, &["response", "auth", "display_name"])?,
            accessor,
        ),
        None => {
            (text_at(row, &["request", "client_token"])?, row.text(Field::Who)?.into_owned(), row.accessor()?)
        }
    };
    Some((token, Owner { name, accessor: accessor.into_owned() }))
}
