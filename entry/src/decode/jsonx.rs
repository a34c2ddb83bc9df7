//! The parser of JSONx: from a line's elements to the object that the same line in JSON has.
//! Never in it: what a key means; or other XML: a line has no entities, comments or declarations.

use onrecord_value::{Number, Object, Value, json};

use crate::format::Tag;

/// Parses the elements of an object without its own tag. On an error it says at which byte.
///
/// A later element of the same name replaces an earlier one. The names of a list's items are ignored.
pub(super) fn parse(text: &[u8]) -> Result<Object, usize> {
    let text = std::str::from_utf8(text).map_err(|error| error.valid_up_to())?;
    let mut parser = Parser { text, at: 0 };
    parser.line().ok_or(parser.at)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

/// An object or a list whose end is still to come.
struct Open {
    name: String,
    tag: Tag,
    members: Vec<(String, Value)>,
}

impl Open {
    fn into_value(self) -> Value {
        match self.tag {
            Tag::Array => Value::Array(self.members.into_iter().map(|(_, item)| item).collect()),
            _ => Value::Object(self.members.into_iter().collect()),
        }
    }
}

impl<'a> Parser<'a> {
    fn line(&mut self) -> Option<Object> {
        let mut open: Vec<Open> = Vec::new();
        let mut current = Open { name: String::new(), tag: Tag::Object, members: Vec::new() };
        while self.at < self.text.len() {
            if self.take("</json:").is_some() {
                let tag = self.tag()?;
                self.take(">").filter(|()| tag == current.tag)?;
                let done = std::mem::replace(&mut current, open.pop()?);
                current.members.push((done.name.clone(), done.into_value()));
                continue;
            }
            self.take("<json:")?;
            let tag = self.tag()?;
            let name = self.name()?;
            let value = match tag {
                Tag::Null => {
                    self.take(" />")?;
                    Value::Null
                }
                Tag::Object | Tag::Array => {
                    self.take(">")?;
                    if open.len() >= json::Limits::DEPTH_MAX {
                        return None;
                    }
                    open.push(std::mem::replace(&mut current, Open { name, tag, members: Vec::new() }));
                    continue;
                }
                Tag::String | Tag::Number | Tag::Boolean => self.scalar(tag)?,
            };
            current.members.push((name, value));
        }
        open.is_empty().then(|| current.members.into_iter().collect())
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, part: &str) -> Option<()> {
        self.rest().starts_with(part).then(|| self.at += part.len())
    }

    /// The text before the next occurrence of a character, which is not taken.
    fn until(&mut self, end: u8) -> Option<&'a str> {
        let (found, _) = split_at(self.rest(), end)?;
        self.at += found.len();
        Some(found)
    }

    fn tag(&mut self) -> Option<Tag> {
        let tags = [Tag::String, Tag::Number, Tag::Boolean, Tag::Null, Tag::Array, Tag::Object];
        tags.into_iter().find(|tag| self.take(tag.name()).is_some())
    }

    /// The name in an opening tag; without one the key is empty.
    fn name(&mut self) -> Option<String> {
        if self.take(" name=\"").is_none() {
            return Some(String::new());
        }
        let name = self.until(b'"').filter(|name| !name.as_bytes().contains(&b'<'))?;
        self.take("\"")?;
        unescaped(name)
    }

    fn scalar(&mut self, tag: Tag) -> Option<Value> {
        self.take(">")?;
        let start = self.at;
        let text = self.until(b'<')?;
        let value = match (tag, text) {
            (Tag::Number, number) => Number::from_literal(number).map(Value::Number),
            (Tag::Boolean, "true") => Some(Value::Bool(true)),
            (Tag::Boolean, "false") => Some(Value::Bool(false)),
            (Tag::Boolean, _) => None,
            (_, text) => unescaped(text).map(Value::String),
        };
        let Some(value) = value else {
            self.at = start;
            return None;
        };
        self.take("</json:")?;
        self.take(tag.name())?;
        self.take(">")?;
        Some(value)
    }
}

/// The text before and the text after an ASCII character.
fn split_at(text: &str, character: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == character)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A text without its escapes: the five named ones of XML, and any character by its number.
fn unescaped(text: &str) -> Option<String> {
    let mut rest = text;
    let mut plain = String::with_capacity(text.len());
    while let Some((before, after)) = split_at(rest, b'&') {
        plain.push_str(before);
        let (escape, after) = split_at(after, b';')?;
        plain.push(match escape {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => character(escape.strip_prefix('#')?)?,
        });
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}

fn character(number: &str) -> Option<char> {
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
    // `from_str_radix` would accept a sign.
    digits.starts_with(|c: char| c.is_ascii_hexdigit()).then_some(())?;
    u32::from_str_radix(digits, radix).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn object(text: &str) -> Result<String, usize> {
        parse(text.as_bytes())
            .map(|object| String::from_utf8(onrecord_value::Value::from(object).to_json()).unwrap())
    }

    #[test]
    fn every_kind_of_element_is_read() {
        let text = concat!(
            "<json:string>no name</json:string>",
            "<json:array name=\"a\"><json:null /><json:object></json:object><json:array></json:array></json:array>",
            "<json:boolean name=\"b\">false</json:boolean>",
            "<json:null name=\"&lt;&#34;&#x9;\" />",
            "<json:number name=\"n\">1e400</json:number>",
            "<json:object name=\"o\"><json:string name=\"s\">&amp;amp;&#xD; 'x' \"y\" > z</json:string></json:object>",
        );
        let expected = r#"{"":"no name","\u003c\"\t":null,"a":[null,{},[]],"b":false,"n":1e400,"o":{"s":"\u0026amp;\r 'x' \"y\" \u003e z"}}"#;
        assert_eq!(object(text).unwrap(), expected);
        assert_eq!(object("").unwrap(), "{}");
    }

    #[test]
    fn text_that_is_not_jsonx_is_refused_at_its_byte() {
        for (text, at) in [
            ("x", 0),
            ("<json:text>", 6),
            ("<json:string>x", 13),
            ("<json:string>x</json:number>", 21),
            ("<json:string>&nbsp;</json:string>", 13),
            ("<json:string>&#xD800;</json:string>", 13),
            ("<json:string>&#+1;</json:string>", 13),
            ("<json:number>01</json:number>", 13),
            ("<json:boolean>True</json:boolean>", 14),
            ("<json:null></json:null>", 10),
            ("<json:array></json:object>", 26),
            ("<json:array>", 12),
            ("</json:object>", 14),
            ("<json:string name=\"a<b\">x</json:string>", 22),
        ] {
            assert_eq!(object(text), Err(at), "{text}");
        }
        assert_eq!(parse(b"<json:string>\xff</json:string>"), Err(13));
        // As deep as JSON may be, and not deeper.
        let deep = |levels| format!("{}{}", "<json:array>".repeat(levels), "</json:array>".repeat(levels));
        assert!(object(&deep(256)).is_ok());
        assert_eq!(object(&deep(257)), Err(257 * "<json:array>".len()));
    }
}
