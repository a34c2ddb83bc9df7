//! The common layout of HCL 1: two blanks a level, one item a line, aligned `=`. Comments and heredocs stay as they are.
//! Never in it: a change of meaning; the result is parsed and compared with the original.

use crate::body::{Body, Data, Value};
use crate::error::Error;
use crate::lexer::{LayoutToken as Token, layout_tokens};

/// Why a text was not formatted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The text does not parse.
    #[error("{0}")]
    Parse(#[from] Error),
    /// The text is JSON.
    #[error("the file is JSON; only HCL has a layout to format")]
    Json,
    /// The formatted text would have another meaning.
    #[error("the layout of this text cannot be changed without changing its meaning")]
    MeaningChanged,
}

/// Formats a text in the common layout.
///
/// # Errors
/// [`FormatError`]; the text then stays as it is.
///
/// ```
/// let formatted = onrecord_hcl::format("path \"a\" { capabilities=[\"read\",\"list\"] }")?;
/// assert_eq!(formatted, "path \"a\" {\n  capabilities = [\"read\", \"list\"]\n}\n");
/// # Ok::<(), onrecord_hcl::FormatError>(())
/// ```
pub fn format(text: &str) -> Result<String, FormatError> {
    let before = crate::parse(text)?;
    if crate::is_json(text) {
        return Err(FormatError::Json);
    }
    let formatted = lay_out(&lines(layout_tokens(text)?));
    match crate::parse(&formatted) {
        Ok(after) if same_body(&before, &after) => Ok(formatted),
        _ => Err(FormatError::MeaningChanged),
    }
}

/// Splits tokens into lines: one item a line, the items of an object on lines of their own. Lists keep their line breaks.
fn lines(tokens: Vec<Token<'_>>) -> Vec<Vec<Token<'_>>> {
    let mut lines: Vec<Vec<Token<'_>>> = vec![Vec::new()];
    let mut open: Vec<char> = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let in_object = open.last() != Some(&'[');
        match token {
            Token::NewLine => {
                lines.push(Vec::new());
                continue;
            }
            // Between the items of an object a comma is redundant.
            Token::Comma if in_object => {
                break_line(&mut lines);
                continue;
            }
            Token::Open(sign) => open.push(sign),
            Token::Close(sign) => {
                if sign == '}' && lines.last().and_then(|line| line.last()) != Some(&Token::Open('{')) {
                    break_line(&mut lines);
                }
                open.pop();
            }
            _ => {}
        }
        let opened = token == Token::Open('{');
        let closed = token == Token::Close('}') && open.last() != Some(&'[');
        let heredoc = matches!(token, Token::Heredoc(_));
        if let Some(line) = lines.last_mut() {
            line.push(token);
        }
        let next = tokens.peek();
        let stays = matches!(next, Some(Token::NewLine | Token::Comment(_)) | None);
        if !stays && (closed || heredoc || (opened && next != Some(&Token::Close('}')))) {
            break_line(&mut lines);
        }
    }
    lines
}

fn break_line(lines: &mut Vec<Vec<Token<'_>>>) {
    if lines.last().is_some_and(|line| !line.is_empty()) {
        lines.push(Vec::new());
    }
}

struct LaidOutLine {
    level: usize,
    text: String,
    /// How many characters are before ` =`, if the line is a whole item.
    key: Option<usize>,
}

fn lay_out(lines: &[Vec<Token<'_>>]) -> String {
    let mut laid: Vec<LaidOutLine> = Vec::new();
    let mut level = 0_usize;
    for line in lines {
        if line.is_empty() {
            // At most one empty line, and none at the start or after an opening brace or bracket.
            if laid.last().is_some_and(|last| !last.text.is_empty() && !last.text.ends_with(['{', '['])) {
                laid.push(LaidOutLine { level: 0, text: String::new(), key: None });
            }
            continue;
        }
        let leading = line.iter().take_while(|token| matches!(token, Token::Close(_))).count();
        let opens = line.iter().filter(|token| matches!(token, Token::Open(_))).count();
        let closes = line.iter().filter(|token| matches!(token, Token::Close(_))).count();
        if leading > 0 && laid.last().is_some_and(|last| last.text.is_empty()) {
            laid.pop();
        }
        let key = match line.as_slice() {
            [Token::Text(key), Token::Equals, ..] if opens == closes => Some(key.chars().count()),
            _ => None,
        };
        laid.push(LaidOutLine { level: level.saturating_sub(leading), text: join(line), key });
        level = (level + opens).saturating_sub(closes);
    }
    while laid.last().is_some_and(|last| last.text.is_empty()) {
        laid.pop();
    }
    align(&mut laid);
    let mut out = String::new();
    for line in laid {
        out.extend(std::iter::repeat_n("  ", line.level));
        out.push_str(&line.text);
        out.push('\n');
    }
    out
}

fn align(laid: &mut [LaidOutLine]) {
    for run in
        laid.chunk_by_mut(|one, next| one.key.is_some() && next.key.is_some() && one.level == next.level)
    {
        let widest = run.iter().filter_map(|line| line.key).max().unwrap_or(0);
        for line in run {
            if let Some(width) = line.key {
                line.text = line.text.replacen(" =", &format!("{} =", " ".repeat(widest - width)), 1);
            }
        }
    }
}

fn join(line: &[Token<'_>]) -> String {
    let mut out = String::new();
    let mut previous: Option<&Token<'_>> = None;
    for token in line {
        let glued = matches!(
            (previous, token),
            (None | Some(Token::Open('[')), _)
                | (_, Token::Comma | Token::Close(']'))
                | (Some(Token::Open('{')), Token::Close('}'))
        );
        if !glued {
            out.push(' ');
        }
        match token {
            Token::Text(text) | Token::Comment(text) | Token::Heredoc(text) => out.push_str(text),
            Token::Open(sign) | Token::Close(sign) => out.push(*sign),
            Token::Equals => out.push('='),
            Token::Comma => out.push(','),
            Token::NewLine => {}
        }
        previous = Some(token);
    }
    out
}

/// Whether two texts have the same meaning: they are equal except for positions.
fn same_body(left: &Body, right: &Body) -> bool {
    left.items.len() == right.items.len()
        && left.items.iter().zip(&right.items).all(|(one, other)| {
            one.keys.iter().map(|key| &key.text).eq(other.keys.iter().map(|key| &key.text))
                && same_value(&one.value, &other.value)
        })
}

fn same_value(left: &Value, right: &Value) -> bool {
    match (&left.data, &right.data) {
        (Data::Object(one), Data::Object(other)) => same_body(one, other),
        (Data::List(one), Data::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_value(one, other))
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_get_the_common_layout() {
        for (text, expected) in [
            (
                "path \"a\" { capabilities=[\"read\",\"list\"] }",
                "path \"a\" {\n  capabilities = [\"read\", \"list\"]\n}\n",
            ),
            (
                "# all\n\n\n\npath   \"a/*\"   {\n\n      capabilities = [ \"read\" ] # why\n  min_wrapping_ttl=\"1m\"\n\n}\n\n\n",
                "# all\n\npath \"a/*\" {\n  capabilities     = [\"read\"] # why\n  min_wrapping_ttl = \"1m\"\n}\n",
            ),
            (
                "path \"a\" {\ncapabilities = [\n\"read\",\n\"list\",\n]\nallowed_parameters = {\n\"x\" = []\n\"long\" = [\"a = b\"]\n}\n}",
                "path \"a\" {\n  capabilities = [\n    \"read\",\n    \"list\",\n  ]\n  allowed_parameters = {\n    \"x\"    = []\n    \"long\" = [\"a = b\"]\n  }\n}\n",
            ),
            ("path \"a\" {}\npath \"b\" {}", "path \"a\" {}\npath \"b\" {}\n"),
            ("// c\n/* d\n e */\nx = 1\n", "// c\n/* d\n e */\nx = 1\n"),
            ("x = <<EOF\n a  b\nEOF\ny = 2\n", "x = <<EOF\n a  b\nEOF\ny = 2\n"),
        ] {
            assert_eq!(format(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn formatting_twice_changes_nothing() {
        let text = "path \"a\" { capabilities=[\"read\"]\nx={a=1,b=2} }";
        let once = format(text).unwrap();
        assert_eq!(format(&once).unwrap(), once);
    }

    #[test]
    fn wrong_texts_are_refused_with_their_position() {
        assert_eq!(
            format("path \"a\" { x = \"y\n").unwrap_err().to_string(),
            crate::parse("path \"a\" { x = \"y\n").unwrap_err().to_string()
        );
        assert!(format("{\"path\": {}}").unwrap_err().to_string().contains("JSON"));
    }
}
