//! A filter: which rows are asked for. It is parsed from a text and evaluated over the facts of a row.
//! Never in it: how a line is read.

mod glob;
mod network;
mod parse;
mod term;

use std::cmp::Ordering;
use std::fmt;

use onrecord_value::AddressBlock;

use super::field::Field;
use super::row::Row;
use super::times::TimeContext;
use glob::Glob;

/// Which rows are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub(crate) expr: Expr,
    /// If there are any: bytes of which one must be in a line of the row.
    pub(crate) texts: Vec<Vec<u8>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expr {
    #[default]
    All,
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Term(Term),
}

/// One test of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) target: Target,
    pub(crate) test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Field(Field),
    /// The keys from the line's object to a value.
    Keys(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// The text is this one.
    Equal(String),
    /// The text is this path, or a spelling of it on a version 2 KV mount.
    Path(String),
    /// The text begins with this.
    Prefix(String),
    Glob(Glob),
    /// The address is of this block.
    Network(AddressBlock),
    /// The number, or the point in time (nanoseconds), compares so.
    Compare(Comparison, i128),
    /// The text compares so, by its bytes.
    Order(Comparison, String),
    Flag(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Comparison {
    pub(crate) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::More => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

/// Why a text is not a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The character of the text at which it was noticed, from 1 on.
    pub position: usize,
    /// What is wrong there.
    pub message: String,
    /// The known field that is nearest to an unknown one.
    pub near: Option<&'static str>,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "filter, character {}: {}", self.position, self.message)?;
        match self.near {
            Some(near) => write!(f, " (did you mean {near:?}?)"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

impl Filter {
    /// Every row.
    pub fn all() -> Self {
        Self::default()
    }

    /// Reads a filter. An empty text asks for every row.
    pub fn parse(text: &str, context: &TimeContext) -> Result<Self, FilterError> {
        parse::parse(text, context).map(Self::of)
    }

    /// A filter that asks for equality of one field with a text, as `field=text` does.
    pub fn equal(field: Field, text: &str, context: &TimeContext) -> Result<Self, FilterError> {
        term::term(Target::Field(field), term::Operator::Equal, text, context)
            .map(Self::of)
            .map_err(|message| FilterError { position: 1, message, near: None })
    }

    const fn of(expr: Expr) -> Self {
        Self { expr, texts: Vec::new() }
    }

    /// The rows that this asks for, and of which the line of the request or of the answer contains one of these texts, byte for
    /// byte: hashes, for instance. Replaces the texts of an earlier call.
    #[must_use]
    pub fn containing(self, texts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { texts: texts.into_iter().filter(|text| !text.is_empty()).collect(), ..self }
    }

    /// The rows that both ask for; with the texts of this one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let expr = match (self.expr, other.expr) {
            (Expr::All, expr) | (expr, Expr::All) => expr,
            (one, other) => Expr::And(vec![one, other]),
        };
        Self { expr, texts: self.texts }
    }

    /// The rows that either asks for; with the texts of this one.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let expr = match (self.expr, other.expr) {
            (Expr::All, _) | (_, Expr::All) => Expr::All,
            (one, other) => Expr::Or(vec![one, other]),
        };
        Self { expr, texts: self.texts }
    }

    /// Whether it asks for every row.
    pub fn is_all(&self) -> bool {
        self.expr == Expr::All && self.texts.is_empty()
    }

    /// The paths it asks for that also mean the spellings of a version 2 KV mount.
    pub fn paths(&self) -> Vec<&str> {
        let mut paths = Vec::new();
        self.expr.visit(&mut |term| {
            if let Test::Path(path) = &term.test {
                paths.push(path.as_str());
            }
        });
        paths
    }

    /// Whether it asks for the time of rows.
    pub(super) fn asks_time(&self) -> bool {
        let mut asks = false;
        self.expr.visit(&mut |term| asks |= term.target == Target::Field(Field::Time));
        asks
    }

    /// Whether it names data of requests or answers, which limits replace by a digest.
    pub(super) fn names_data(&self) -> bool {
        let mut names = false;
        self.expr.visit(&mut |term| names |= term.target.data().is_some());
        names
    }

    /// Whether a row lacks what decides if it is asked for, because the device left it out or replaced it by a digest.
    pub fn is_undecided(&self, row: &Row) -> bool {
        row.is_cut() && self.expr.verdict(row).is_none()
    }

    /// Whether a row is asked for, by its fields alone.
    pub fn matches(&self, row: &Row) -> bool {
        self.expr.matches(row)
    }
}

impl Expr {
    fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Term)) {
        match self {
            Self::All => {}
            Self::And(all) | Self::Or(all) => all.iter().for_each(|expr| expr.visit(see)),
            Self::Not(expr) => expr.visit(see),
            Self::Term(term) => see(term),
        }
    }

    /// Whether it is true of a row. `None` if that depends on what its device left out.
    fn verdict(&self, row: &Row) -> Option<bool> {
        // One part may decide alone; without such a one, each that is unknown leaves it open.
        let of_parts = |parts: &[Self], decides: bool| {
            let mut known = true;
            for part in parts {
                match part.verdict(row) {
                    Some(truth) if truth == decides => return Some(decides),
                    Some(_) => {}
                    None => known = false,
                }
            }
            known.then_some(!decides)
        };
        match self {
            Self::All => Some(true),
            Self::And(all) => of_parts(all, false),
            Self::Or(any) => of_parts(any, true),
            Self::Not(expr) => expr.verdict(row).map(|truth| !truth),
            Self::Term(term) => (!term.target.is_cut_from(row)).then(|| term.matches(row)),
        }
    }

    pub(crate) fn matches(&self, row: &Row) -> bool {
        match self {
            Self::All => true,
            Self::And(all) => all.iter().all(|expr| expr.matches(row)),
            Self::Or(any) => any.iter().any(|expr| expr.matches(row)),
            Self::Not(expr) => !expr.matches(row),
            Self::Term(term) => term.matches(row),
        }
    }
}
