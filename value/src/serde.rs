//! Values of the crate `serde_json` as values of this one (feature `serde_json`).
//! Never in it: reading JSON text; `json` does that, within limits.

use serde_json::Map;

use crate::{Number, Object, Value};

impl From<serde_json::Value> for Value {
    /// Numbers keep the text that `serde_json` writes for them.
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(flag) => Self::Bool(flag),
            serde_json::Value::Number(number) => {
                let text = number.to_string();
                // Were it no number, it would be hashed in an entry, as every string is.
                Number::from_literal(&text).map_or(Self::String(text), Self::Number)
            }
            serde_json::Value::String(text) => Self::String(text),
            serde_json::Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(map) => Self::Object(map.into()),
        }
    }
}

impl From<Map<String, serde_json::Value>> for Object {
    fn from(map: Map<String, serde_json::Value>) -> Self {
        Self::from_entries(map.into_iter().map(|(key, value)| (key, value.into())).collect())
    }
}
