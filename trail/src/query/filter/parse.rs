//! The grammar of filters: terms, `and`, `or`, `not`, parentheses. Terms side by side are joined by `and`.
//! Never in it: the meaning of a term.

use super::term::{Operator, term};
use super::{Comparison, Expr, FilterError, Target};
use crate::query::field::{Field, FieldKind};
use crate::query::times::TimeContext;

/// A longer text is not read.
const LENGTH_MAX: usize = 64 * 1024;
/// Parentheses and `not` within each other.
const DEPTH_MAX: usize = 64;
/// The objects of a line whose fields a full path may name.
const ROOTS: [&str; 14] = [
    "auth",
    "request",
    "response",
    "time",
    "type",
    "error",
    "forwarded_from",
    "forwarded",
    "duration_ns",
    "gap",
    "elided",
    "part",
    "refused",
    "record",
];

pub(super) fn parse(text: &str, context: &TimeContext) -> Result<Expr, FilterError> {
    let mut parser = Parser { text, at: 0, context };
    if text.len() > LENGTH_MAX {
        return Err(parser.error(format!("the filter is longer than {LENGTH_MAX} bytes")));
    }
    parser.skip();
    if parser.rest().is_empty() {
        return Ok(Expr::All);
    }
    let expr = parser.any(0)?;
    match parser.rest().chars().next() {
        None => Ok(expr),
        Some(')') => Err(parser.error("there is no ( for this )")),
        Some(_) => Err(parser.error("expected a term, and, or")),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    context: &'t TimeContext,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, message: impl Into<String>) -> FilterError {
        self.error_at(self.at, message)
    }

    fn error_at(&self, at: usize, message: impl Into<String>) -> FilterError {
        let position = self.text.get(..at).map_or(0, |before| before.chars().count()) + 1;
        FilterError { position, message: message.into(), near: None }
    }

    fn skip(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Takes a sign if it is next.
    fn sign(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
            self.skip();
        }
        found
    }

    /// Takes a word of the grammar if it is next, and not the field of a term.
    fn keyword(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let Some((start, after)) = rest.split_at_checked(word.len()) else { return false };
        let ends = after.chars().next().is_none_or(|next| next.is_whitespace() || next == '(' || next == ')');
        if !start.eq_ignore_ascii_case(word) || !ends {
            return false;
        }
        self.at += word.len();
        self.skip();
        true
    }

    fn any(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let mut any = vec![self.all(depth)?];
        while self.keyword("or") || self.sign("||") {
            any.push(self.all(depth)?);
        }
        Ok(alone(any, Expr::Or))
    }

    fn all(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let mut all = vec![self.one(depth)?];
        loop {
            if self.keyword("and") || self.sign("&&") {
                all.push(self.one(depth)?);
                continue;
            }
            let rest = self.rest();
            if rest.is_empty() || rest.starts_with([')', '|']) || self.is_or() {
                return Ok(alone(all, Expr::And));
            }
            all.push(self.one(depth)?);
        }
    }

    fn is_or(&mut self) -> bool {
        let at = self.at;
        let found = self.keyword("or");
        self.at = at;
        found
    }

    fn one(&mut self, depth: usize) -> Result<Expr, FilterError> {
        if depth > DEPTH_MAX {
            return Err(self.error(format!("more than {DEPTH_MAX} parentheses within each other")));
        }
        if self.keyword("not") || (self.rest().starts_with('!') && self.sign("!")) {
            return Ok(Expr::Not(Box::new(self.one(depth + 1)?)));
        }
        let open = self.at;
        if self.sign("(") {
            let expr = self.any(depth + 1)?;
            if !self.sign(")") {
                return Err(self.error_at(open, "this ( is not closed"));
            }
            return Ok(expr);
        }
        self.term()
    }

    fn term(&mut self) -> Result<Expr, FilterError> {
        let start = self.at;
        let name = self.field_name();
        if name.is_empty() {
            let found = if self.rest().is_empty() { "the filter ends here; expected" } else { "expected" };
            return Err(self.error(format!("{found} a field, such as path, who or status")));
        }
        let target = self.target(name, start)?;
        self.skip();
        let Some(operator) = self.operator() else { return self.bare(target, name, start) };
        let value_at = self.at;
        let value = self.value()?;
        self.skip();
        term(target, operator, &value, self.context).map_err(|message| self.error_at(value_at, message))
    }

    /// A field without operator and value: a flag that is asked to be true.
    fn bare(&mut self, target: Target, name: &str, start: usize) -> Result<Expr, FilterError> {
        match target {
            Target::Field(field) if field.kind() == FieldKind::Flag => {
                term(target, Operator::Equal, "true", self.context)
                    .map_err(|message| self.error_at(start, message))
            }
            _ => Err(self.error(format!("expected =, !=, ~, !~, <, <=, > or >= after {name:?}"))),
        }
    }

    fn field_name(&mut self) -> &'t str {
        let rest = self.rest();
        let is_part = |letter: char| letter.is_alphanumeric() || "_.-/:@".contains(letter);
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn target(&self, name: &str, start: usize) -> Result<Target, FilterError> {
        if let Some(field) = Field::named(name) {
            return Ok(Target::Field(field));
        }
        let keys: Vec<String> = name.split('.').map(str::to_owned).collect();
        let is_path =
            keys.len() > 1 || keys.first().is_some_and(|key| key == "duration_ns" || key == "forwarded");
        if is_path && keys.first().is_some_and(|root| ROOTS.contains(&root.as_str())) {
            if keys.iter().any(String::is_empty) {
                return Err(self.error_at(start, format!("{name:?} has an empty part")));
            }
            return Ok(Target::Keys(keys));
        }
        let mut error = self.error_at(start, format!("unknown field {name:?}"));
        error.near = Field::near(name);
        Err(error)
    }

    fn operator(&mut self) -> Option<Operator> {
        const SIGNS: [(&str, Operator); 9] = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("!~", Operator::NotLike),
            ("<=", Operator::Than(Comparison::AtMost)),
            (">=", Operator::Than(Comparison::AtLeast)),
            ("=", Operator::Equal),
            ("~", Operator::Like),
            ("<", Operator::Than(Comparison::Less)),
            (">", Operator::Than(Comparison::More)),
        ];
        SIGNS.iter().find(|(sign, _)| self.sign(sign)).map(|(_, operator)| *operator)
    }

    /// A text in quotes, or all up to a blank or a parenthesis that closes.
    fn value(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
            let end = rest.find(|letter: char| letter.is_whitespace() || letter == ')').unwrap_or(rest.len());
            if end == 0 {
                return Err(self.error("expected a value; an empty one is written \"\""));
            }
            self.at += end;
            return Ok(rest.get(..end).unwrap_or_default().to_owned());
        };
        let mut value = String::new();
        let mut characters = rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                // Twice, so that a pattern may hold one.
                '\\' if quote == '"' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, other)) => value.extend(['\\', other]),
                    None => break,
                },
                _ if character == quote => {
                    self.at += at + 1;
                    return Ok(value);
                }
                _ => value.push(character),
            }
        }
        Err(self.error_at(start, "this quote is not closed"))
    }
}

/// The only one, or all joined.
fn alone(mut exprs: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match exprs.pop() {
        Some(expr) if exprs.is_empty() => expr,
        last => {
            exprs.extend(last);
            join(exprs)
        }
    }
}
