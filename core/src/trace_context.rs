//! The `traceparent` header of W3C Trace Context: which trace a request belongs to, and in which span its caller made it. It is
//! put on record and changes nothing else.
//! Never in it: `tracestate`, which any system that passed the request on may have written, or spans of this server.

use crate::exchange::Headers;

/// What a request's header says, digit by digit checked: the trace's id and the caller's with a dash between. Kept over a
/// journey, so it is small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceContext<'a>(&'a str);

impl<'a> TraceContext<'a> {
    /// 32 lower-case hex digits, not all zero; empty if there is no such header.
    pub(crate) fn trace_id(self) -> &'a str {
        self.0.split_once('-').map_or("", |(trace, _)| trace)
    }

    /// 16 lower-case hex digits, not all zero; empty if there is no such header.
    pub(crate) fn parent_id(self) -> &'a str {
        self.0.split_once('-').map_or("", |(_, parent)| parent)
    }
}

/// What the one `traceparent` header says; none if there is no such header, more than one, or one that is not as the
/// recommendation wants it: that is the client's text, and none of it is put on record.
pub(crate) fn of(headers: &Headers) -> Option<TraceContext<'_>> {
    let mut sent = headers.all("traceparent");
    let (only, second) = (sent.next()?, sent.next());
    parse(only).filter(|_| second.is_none())
}

/// `VERSION-TRACE_ID-PARENT_ID-FLAGS`; a version after 00 may have more behind another dash.
fn parse(text: &str) -> Option<TraceContext<'_>> {
    let mut parts = text.splitn(5, '-');
    let version = hex(parts.next()?, 2)?;
    hex(parts.next()?, 32).filter(|id| !is_zero(id))?;
    hex(parts.next()?, 16).filter(|id| !is_zero(id))?;
    hex(parts.next()?, 2)?;
    let has_more = parts.next().is_some();
    if version == "ff" || version == "00" && has_more {
        return None;
    }
    text.get(3..).and_then(|rest| rest.get(..32 + 1 + 16)).map(TraceContext)
}

fn hex(text: &str, digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == digits && text.bytes().all(is_digit)).then_some(text)
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_header_counts_only_as_the_recommendation_wants_it() {
        let both = format!("{TRACE}-{SPAN}");
        let found = Some(TraceContext(&both));
        assert_eq!(found.map(|found| (found.trace_id(), found.parent_id())), Some((TRACE, SPAN)));
        assert_eq!(TraceContext::default().parent_id(), "");
        let zero = "0".repeat(32);
        let cases = [
            (format!("00-{TRACE}-{SPAN}-01"), true),
            (format!("cc-{TRACE}-{SPAN}-01"), true),
            (format!("cc-{TRACE}-{SPAN}-01-what-comes-later"), true),
            (format!("00-{TRACE}-{SPAN}-01-more"), false),
            (format!("ff-{TRACE}-{SPAN}-01"), false),
            (format!("00-{zero}-{SPAN}-01"), false),
            (format!("00-{TRACE}-{}-01", &zero[..16]), false),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), false),
            (format!("00-{TRACE}-{SPAN}"), false),
            (format!("00-{TRACE}{SPAN}-01"), false),
            (format!("0-{TRACE}-{SPAN}-01"), false),
            (format!(" 00-{TRACE}-{SPAN}-01"), false),
            ("a secret".to_owned(), false),
            (String::new(), false),
        ];
        for (text, counts) in cases {
            assert_eq!(parse(&text), found.filter(|_| counts), "{text:?}");
        }
    }

    #[test]
    fn of_two_headers_neither_counts() {
        let mut headers = Headers::new();
        assert_eq!(of(&headers), None);
        let value = format!("00-{TRACE}-{SPAN}-01");
        headers.push("Traceparent", &value);
        assert_eq!(of(&headers).map(TraceContext::trace_id), Some(TRACE));
        headers.push("traceparent", &value);
        assert_eq!(of(&headers), None);
    }
}
