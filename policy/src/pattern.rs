//! The three kinds of a rule's path, and which of two wins when both match.
//! Never in it: what a rule allows.

use std::cmp::Reverse;

use crate::template::PathTemplate;

/// A rule's path. A leading slash is dropped, as requests' paths have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Exact(Box<str>),
    /// Every path with this beginning: the text ended in `*`, which is dropped.
    Prefix(Box<str>),
    /// A path with `+` segments.
    Segments(Segments),
    /// A path with facts of the caller, which matches nothing until they are put in.
    Template(PathTemplate),
}

impl Pattern {
    /// The pattern of a text; `None` for the forbidden `+*`.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let text = text.strip_prefix('/').unwrap_or(text);
        if text.contains("+*") {
            return None;
        }
        Some(if text.split('/').any(|segment| segment == "+") {
            Self::Segments(Segments::new(text))
        } else if let Some(prefix) = text.strip_suffix('*') {
            Self::Prefix(prefix.into())
        } else {
            Self::Exact(text.into())
        })
    }

    /// The pattern as a policy writes it; empty for a template.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Exact(text) => text.to_string(),
            Self::Prefix(text) => format!("{text}*"),
            Self::Segments(segments) if segments.is_prefix => format!("{}*", segments.path),
            Self::Segments(segments) => segments.path.to_string(),
            Self::Template(_) => String::new(),
        }
    }
}

/// A path in which some segments are `+`: any text without a slash, even none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segments {
    /// The path, without a `*` at the end.
    path: Box<str>,
    /// The segments between its slashes; `None` is `+`.
    parts: Vec<Option<Box<str>>>,
    /// Whether it ended in `*`: the last segment is a beginning, and any segments may follow.
    is_prefix: bool,
    /// The bytes before the first `+`.
    first_wildcard: usize,
}

impl Segments {
    fn new(text: &str) -> Self {
        let path = text.strip_suffix('*').unwrap_or(text);
        let parts: Vec<Option<Box<str>>> =
            path.split('/').map(|segment| (segment != "+").then(|| segment.into())).collect();
        let before = parts.iter().map_while(Option::as_deref);
        let first_wildcard = before.map(|segment| segment.len() + 1).sum();
        Self { path: path.into(), parts, is_prefix: path.len() < text.len(), first_wildcard }
    }

    /// Whether the segment at an index takes a part of a path.
    fn takes(&self, (index, segment): (usize, &Option<Box<str>>), part: &str) -> bool {
        match segment {
            None => true,
            Some(text) if self.is_prefix && index + 1 == self.parts.len() => part.starts_with(&**text),
            Some(text) => part == &**text,
        }
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        let mut given = path.split('/');
        let mut segments = self.parts.iter().enumerate();
        segments.all(|segment| given.next().is_some_and(|part| self.takes(segment, part)))
            && (self.is_prefix || given.next().is_none())
    }

    /// Whether it can match a path below `directory`, which ends in a slash.
    pub(crate) fn reaches_below(&self, directory: &str) -> bool {
        let mut given = directory.strip_suffix('/').unwrap_or(directory).split('/');
        for segment in self.parts.iter().enumerate() {
            // The directory ends before the pattern does.
            let Some(part) = given.next() else { return true };
            if !self.takes(segment, part) {
                return false;
            }
        }
        self.is_prefix
    }

    pub(crate) fn priority(&self) -> Priority<'_> {
        Priority {
            first_wildcard: self.first_wildcard,
            is_whole: !self.is_prefix,
            wildcards: Reverse(self.parts.iter().filter(|segment| segment.is_none()).count()),
            length: self.path.len(),
            path: &self.path,
        }
    }
}

/// Orders patterns that match the same path: the greatest wins. The fields are compared from the first on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Priority<'a> {
    first_wildcard: usize,
    is_whole: bool,
    wildcards: Reverse<usize>,
    length: usize,
    path: &'a str,
}

impl<'a> Priority<'a> {
    pub(crate) fn of_prefix(prefix: &'a str) -> Self {
        Self {
            first_wildcard: prefix.len(),
            is_whole: false,
            wildcards: Reverse(0),
            length: prefix.len(),
            path: prefix,
        }
    }
}
