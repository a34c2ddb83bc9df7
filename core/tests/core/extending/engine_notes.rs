//! A secrets engine: notes that only grow. A write adds a line to a note, a read gives all lines.
//! Never in it: tokens, policies and recording, which are settled before a handler is called.

use std::sync::Arc;

use onrecord_core::engine::codec::{decode_object, encode_object};
use onrecord_core::engine::{Call, Engine, EngineKind, Handled, Mounting, Path, Space, fields};
use onrecord_core::outcome::{Outcome, Refusal};
use onrecord_storage::Read;
use onrecord_value::{Object, Value, object};

/// A mount of the engine.
pub struct Notes {
    space: Arc<Space>,
}

/// The row: `type` of a mount, how it is mounted, what help says of it.
pub static KIND: EngineKind = EngineKind::new::<Notes>("notes", Mounting::Secrets, "Notes that only grow");

impl Engine for Notes {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("notes/?", "List the notes.").list(|notes, _, _| Handled::read(notes.list())),
        Path::<Self>::new("notes/{name}", "Read a note, add a line to it, delete it.")
            .description("A write takes `line`.")
            .read(|notes, _, call| Handled::read(notes.read(call)))
            .write(|notes, _, call| Handled::pending(notes.add(call)))
            .delete(|notes, _, call| Handled::pending(notes.delete(call))),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self { space })
    }
}

impl Notes {
    fn list(&self) -> Read<'_, Result<Outcome, Refusal>> {
        self.space.list("").map(|names| names.map(Outcome::keys))
    }

    fn read(&self, call: &Call<'_>) -> Read<'_, Result<Outcome, Refusal>> {
        self.space.get(call.captured).map(|stored| match stored? {
            None => Ok(Outcome::absent()),
            Some(stored) => Ok(Outcome::data(decode_object(stored.expose())?)),
        })
    }

    async fn add(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let line = fields::text(call.data, "line")?.unwrap_or_default();
        if line.is_empty() {
            return Err(Refusal::bad_request("\"line\" must be a text of at least one character"));
        }
        // The closure sees the value as all changes before this one leave it, and makes one batch.
        self.space
            .change(call.captured, None, call.permit, |old, batch| {
                let mut note = old.map_or_else(|| Ok(Object::new()), |old| decode_object(old.expose()))?;
                let mut lines = note.get("lines").and_then(Value::as_array).unwrap_or_default().to_vec();
                lines.push(Value::from(&*line));
                note.insert("lines", Value::Array(lines));
                batch.put(call.captured, &encode_object(&note))
            })
            .await?;
        Ok(Outcome::data(object! { "name" => call.captured }))
    }

    async fn delete(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        self.space.change(call.captured, None, call.permit, |_, batch| batch.delete(call.captured)).await?;
        Ok(Outcome::empty())
    }
}
