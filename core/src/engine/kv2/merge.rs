//! JSON merge patch (RFC 7396). Never in it: versions, requests.

use onrecord_value::{Object, Value};

/// Merges a patch into a map: `null` removes, a map is merged, anything else replaces. As deep as the patch is, which
/// the parser bounds.
pub(super) fn merge(target: &mut Object, patch: &Object) {
    target.retain(|key, _| !patch.get(key).is_some_and(Value::is_null));
    let changed: Vec<(String, Value)> = patch
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.to_owned(), merged(target.get_mut(key).map(std::mem::take), value)))
        .collect();
    target.extend(changed);
}

fn merged(old: Option<Value>, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut target = if let Some(Value::Object(old)) = old { old } else { Object::new() };
    merge(&mut target, patch);
    Value::Object(target)
}

#[cfg(test)]
mod tests {
    use onrecord_value::json::{self, Limits};

    use super::merged;

    /// The test cases of RFC 7396, appendix A, as far as their target and patch are maps.
    #[test]
    fn the_cases_of_the_rfc() {
        let cases = [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            (r#"{"a":"foo"}"#, r#"{"b":{"c":null}}"#, r#"{"a":"foo","b":{}}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ];
        let parse = |text: &str| json::parse(text.as_bytes(), Limits::default()).unwrap();
        for (target, patch, wanted) in cases {
            let result = merged(Some(parse(target)), &parse(patch));
            assert_eq!(String::from_utf8(result.to_json()).unwrap(), wanted);
        }
    }
}
