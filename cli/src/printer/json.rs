//! Indented JSON: two blanks a level; `<`, `>` and `&` are escaped as in the API's responses.
//! Never in it: streams.

use super::Node;
use onrecord_value::{Value, json};

/// The text, without a newline at the end.
pub(crate) fn text(node: &Node) -> String {
    let mut out = Vec::new();
    write_node(node, 0, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn write_node(node: &Node, depth: usize, out: &mut Vec<u8>) {
    match node {
        Node::Value(value) => write_value(value, depth, out),
        Node::Record(fields) => {
            let entries = fields.iter().map(|(name, node)| (name.as_str(), node));
            write_entries(entries, depth, out, write_node);
        }
    }
}

fn write_value(value: &Value, depth: usize, out: &mut Vec<u8>) {
    match value {
        Value::Object(object) => write_entries(object.iter(), depth, out, write_value),
        Value::Array(list) if !list.is_empty() => {
            out.push(b'[');
            for (index, one) in list.iter().enumerate() {
                new_line(index > 0, depth + 1, out);
                write_value(one, depth + 1, out);
            }
            new_line(false, depth, out);
            out.push(b']');
        }
        scalar => json::write(scalar, out),
    }
}

fn write_entries<'a, T: 'a>(
    entries: impl ExactSizeIterator<Item = (&'a str, &'a T)>,
    depth: usize,
    out: &mut Vec<u8>,
    write: impl Fn(&T, usize, &mut Vec<u8>),
) {
    if entries.len() == 0 {
        out.extend_from_slice(b"{}");
        return;
    }
    out.push(b'{');
    for (index, (name, one)) in entries.enumerate() {
        new_line(index > 0, depth + 1, out);
        json::write(&Value::from(name), out);
        out.extend_from_slice(b": ");
        write(one, depth + 1, out);
    }
    new_line(false, depth, out);
    out.push(b'}');
}

fn new_line(comma: bool, depth: usize, out: &mut Vec<u8>) {
    if comma {
        out.push(b',');
    }
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', depth * 2));
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_value::object;

    #[test]
    fn records_keep_their_order_and_values_are_sorted() {
        let node = Node::record([
            ("type", "file".into()),
            ("options", object! { "b" => "<&>", "a" => Vec::<i64>::new() }.into()),
            ("list", vec![1, 2].into()),
            ("none", Value::Null.into()),
            ("empty", object! {}.into()),
        ]);
        let expected = r#"{
  "type": "file",
  "options": {
    "a": [],
    "b": "\u003c\u0026\u003e"
  },
  "list": [
    1,
    2
  ],
  "none": null,
  "empty": {}
}"#;
        assert_eq!(text(&node), expected);
    }
}
