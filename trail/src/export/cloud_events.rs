//! `CloudEvents` 1.0 in their JSON format. The data have the columns of tables.
//! Never in it: escaping (`serde_json`).

use serde_json::{Map, Value, json};

use super::columns::{COLUMNS, Cell};
use crate::query::{Field, Row};

/// The event of a row.
pub(super) fn event(row: &Row) -> Value {
    let data: Map<String, Value> = COLUMNS
        .iter()
        .filter_map(|column| {
            let value = match column.cell(row) {
                Cell::Text(text) => Value::from(text?),
                Cell::List(list) if list.is_empty() => return None,
                Cell::List(list) => list.iter().map(|text| Value::from(text.as_ref())).collect(),
                Cell::Number(number) => number?.into(),
                Cell::Flag(flag) => flag?.into(),
                Cell::Time(time) => time?.to_string().into(),
            };
            Some((column.name.to_owned(), value))
        })
        .collect();
    let device = row.text(Field::Device).filter(|device| is_plain(device));
    let id = row.text(Field::Id).filter(|id| !id.is_empty());
    let mut event = json!({
        "specversion": "1.0",
        "type": "onrecord.audit.request",
        "source": device.map_or_else(|| "urn:onrecord:audit".to_owned(), |device| format!("urn:onrecord:audit:{device}")),
        "id": id.unwrap_or_else(|| "unknown".into()),
        "time": row.time().to_string(),
        "datacontenttype": "application/json",
        "data": data,
    });
    if let (Some(path), Some(event)) =
        (row.text(Field::Path).filter(|path| !path.is_empty()), event.as_object_mut())
    {
        event.insert("subject".to_owned(), path.into());
    }
    event
}

/// Whether a text can stand in a URN.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
