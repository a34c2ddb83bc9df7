//! The common layout of HCL 1: two blanks a level, one item a line, aligned `=`, comments kept. It works on tokens, so that
//! comments and heredocs stay; the parser of `onrecord-hcl` checks the text before and the meaning after.

use onrecord_hcl::{Body, Data, Value};

/// A text in the common layout.
///
/// # Errors
/// What is wrong with the text, with its position.
pub(crate) fn format(text: &str) -> Result<String, String> {
    let before = onrecord_hcl::parse(text).map_err(|error| error.to_string())?;
    if text.trim_start().starts_with('{') {
        return Err("the file is JSON; only HCL has a layout to format".to_owned());
    }
    let formatted = lay_out(&lines(tokens(text)));
    match onrecord_hcl::parse(&formatted) {
        Ok(after) if same_body(&before, &after) => Ok(formatted),
        // Never write a file that means something else.
        _ => Err("the layout of this text cannot be changed without changing its meaning".to_owned()),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// Words, numbers, strings.
    Text(String),
    /// `# …`, `// …`, `/* … */`.
    Comment(String),
    /// `<<X` up to its end mark, verbatim.
    Heredoc(String),
    Open(char),
    Close(char),
    Equals,
    Comma,
    NewLine,
}

/// Cuts a valid text into tokens; blanks are dropped.
fn tokens(text: &str) -> Vec<Token> {
    let mut list = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, used) = match first {
            '\n' => (Some(Token::NewLine), 1),
            '{' | '[' => (Some(Token::Open(first)), 1),
            '}' | ']' => (Some(Token::Close(first)), 1),
            '=' => (Some(Token::Equals), 1),
            ',' => (Some(Token::Comma), 1),
            '"' => taken(rest, string_end(rest), text_token),
            '#' => taken(rest, line_end(rest), comment),
            '/' if rest.starts_with("//") => taken(rest, line_end(rest), comment),
            '/' if rest.starts_with("/*") => {
                taken(rest, rest.find("*/").map_or(rest.len(), |at| at + 2), comment)
            }
            '<' if rest.starts_with("<<") => {
                taken(rest, heredoc_end(rest), |text| Token::Heredoc(text.to_owned()))
            }
            blank if blank.is_whitespace() || blank == '\u{feff}' => (None, blank.len_utf8()),
            _ => taken(rest, word_end(rest), text_token),
        };
        list.extend(token);
        rest = rest.get(used..).unwrap_or_default();
    }
    list
}

fn taken(rest: &str, end: usize, make: impl Fn(&str) -> Token) -> (Option<Token>, usize) {
    (Some(make(rest.get(..end).unwrap_or(rest))), end)
}

fn text_token(text: &str) -> Token {
    Token::Text(text.to_owned())
}

fn comment(text: &str) -> Token {
    Token::Comment(text.trim_end().to_owned())
}

fn line_end(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

fn word_end(rest: &str) -> usize {
    let ends = |letter: char| letter.is_whitespace() || "{}[]=,\"#".contains(letter);
    rest.char_indices().skip(1).find(|(_, letter)| ends(*letter)).map_or(rest.len(), |(at, _)| at)
}

/// The end of a string; a quote inside `${…}` does not end it.
fn string_end(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut escaped = false;
    let mut previous = ' ';
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' if previous == '$' || depth > 0 => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '"' if depth == 0 => return at + 1,
            _ => {}
        }
        previous = letter;
    }
    rest.len()
}

/// The end of a heredoc: behind the line that holds only its mark.
fn heredoc_end(rest: &str) -> usize {
    let first = line_end(rest);
    let mark = rest.get(2..first).unwrap_or_default().trim_start_matches('-').trim();
    let mut at = first + 1;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        let end = line_end(tail);
        if tail.get(..end).unwrap_or_default().trim() == mark {
            return at + end;
        }
        at += end + 1;
    }
    rest.len()
}

/// Parts tokens into lines: one item a line, objects opened; lists stay as their writer broke them.
fn lines(tokens: Vec<Token>) -> Vec<Vec<Token>> {
    let mut lines: Vec<Vec<Token>> = vec![Vec::new()];
    let mut open: Vec<char> = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let in_object = open.last() != Some(&'[');
        match token {
            Token::NewLine => {
                lines.push(Vec::new());
                continue;
            }
            // Between the items of an object a comma says nothing that the line's end does not.
            Token::Comma if in_object => {
                break_line(&mut lines);
                continue;
            }
            Token::Close('}') if !ends_open(&lines) => break_line(&mut lines),
            _ => {}
        }
        match token {
            Token::Open(sign) => open.push(sign),
            Token::Close(_) => {
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
        if (opened && !stays && next != Some(&Token::Close('}'))) || ((closed || heredoc) && !stays) {
            break_line(&mut lines);
        }
    }
    lines
}

/// Starts a line unless one has just been started.
fn break_line(lines: &mut Vec<Vec<Token>>) {
    if lines.last().is_some_and(|line| !line.is_empty()) {
        lines.push(Vec::new());
    }
}

fn ends_open(lines: &[Vec<Token>]) -> bool {
    lines.last().and_then(|line| line.last()) == Some(&Token::Open('{'))
}

/// A line as it is written: its level, and where its `=` may be aligned.
struct Laid {
    level: usize,
    text: String,
    /// Characters before ` =` of an item that stands on this line alone.
    key: Option<usize>,
}

fn lay_out(lines: &[Vec<Token>]) -> String {
    let mut laid: Vec<Laid> = Vec::new();
    let mut level = 0_usize;
    for line in lines {
        if line.is_empty() {
            // One empty line, and none at the start or behind an opening.
            if laid.last().is_some_and(|last| !last.text.is_empty() && !last.text.ends_with(['{', '['])) {
                laid.push(Laid { level: 0, text: String::new(), key: None });
            }
            continue;
        }
        let leading = line.iter().take_while(|token| matches!(token, Token::Close(_))).count();
        let opens = line.iter().filter(|token| matches!(token, Token::Open(_))).count();
        let closes = line.iter().filter(|token| matches!(token, Token::Close(_))).count();
        if leading > 0 && laid.last().is_some_and(|last| last.text.is_empty()) {
            laid.pop();
        }
        let text = join(line);
        laid.push(Laid { level: level.saturating_sub(leading), key: key_width(line, opens, closes), text });
        level = (level + opens).saturating_sub(closes);
    }
    while laid.last().is_some_and(|last| last.text.is_empty()) {
        laid.pop();
    }
    align(&mut laid);
    let mut out = String::new();
    for line in laid {
        if !line.text.is_empty() {
            out.extend(std::iter::repeat_n("  ", line.level));
            out.push_str(&line.text);
        }
        out.push('\n');
    }
    out
}

fn key_width(line: &[Token], opens: usize, closes: usize) -> Option<usize> {
    match line {
        [Token::Text(key), Token::Equals, ..] if opens == closes => Some(key.chars().count()),
        _ => None,
    }
}

/// Aligns the `=` of items that follow each other.
fn align(laid: &mut [Laid]) {
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

fn join(line: &[Token]) -> String {
    let mut out = String::new();
    let mut previous: Option<&Token> = None;
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

/// Equal but for positions.
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
            format("path \"a\" { x = \"y\n").unwrap_err(),
            onrecord_hcl::parse("path \"a\" { x = \"y\n").unwrap_err().to_string()
        );
        assert!(format("{\"path\": {}}").unwrap_err().contains("JSON"));
    }
}
