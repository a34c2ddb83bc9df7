//! The items of a request: one in the body itself, or many in `batch_input`, each with an outcome of its own.
//! Never in it: what is done with an item.

use onrecord_value::{Object, Value, object};

use super::error::TransitError;
use crate::engine::Call;
use crate::engine::fields;
use crate::engine::tools::decode_base64;
use crate::outcome::{Outcome, Refusal, Reply, ReplyShape, Warning};

/// How many items a batch may have.
const MOST_ITEMS: usize = 10_000;

/// Whether items that fail make the status of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failures {
    /// The answer is 400, or the status that the client asks for if other items have succeeded.
    SetStatus,
    /// The answer is 200.
    AreListed,
}

/// The items of a request, as `read` takes them.
pub(super) struct Batch<T> {
    items: Vec<Item<T>>,
    pub(super) answer: BatchAnswer,
}

struct Item<T> {
    input: Result<T, TransitError>,
    reference: Option<String>,
}

/// What an answer needs to know of the request.
pub(super) struct BatchAnswer {
    is_batch: bool,
    failures: Failures,
    partial_status: Option<u16>,
    warnings: Vec<Warning>,
    references: Vec<Option<String>>,
}

/// The outcome of one item.
pub(super) type ItemResult = Result<Object, TransitError>;

impl<T> Batch<T> {
    /// Reads the items of a call. `known` are the fields of the body beside those of batches.
    pub(super) fn read(
        call: &Call<'_>,
        known: &[&str],
        failures: Failures,
        read: impl Fn(&Object) -> Result<T, TransitError>,
    ) -> Result<Self, Refusal> {
        let mut known = known.to_vec();
        known.extend(["batch_input", "partial_failure_response_code", "reference"]);
        let items = match fields::sent(call.data, "batch_input") {
            None => vec![Item { input: read(call.data), reference: None }],
            Some(sent) => Self::read_items(sent, read)?,
        };
        let answer = BatchAnswer {
            is_batch: fields::sent(call.data, "batch_input").is_some(),
            failures,
            partial_status: partial_status(call.data)?,
            warnings: fields::unrecognized(call.data, &known).into_iter().collect(),
            references: items.iter().map(|item| item.reference.clone()).collect(),
        };
        Ok(Self { items, answer })
    }

    fn read_items(
        sent: &Value,
        read: impl Fn(&Object) -> Result<T, TransitError>,
    ) -> Result<Vec<Item<T>>, Refusal> {
        let wrong = || Refusal::invalid("failed to parse batch_input: it must be a list of maps");
        let sent = sent.as_array().ok_or_else(wrong)?;
        if sent.is_empty() {
            return Err(Refusal::invalid("missing batch input to process: batch_input is empty"));
        }
        if sent.len() > MOST_ITEMS {
            let count = sent.len();
            return Err(Refusal::invalid(format!(
                "batch_input has {count} items; it may have {MOST_ITEMS} at most"
            )));
        }
        let item = |item: &Value| {
            let item = item.as_object().ok_or_else(wrong)?;
            let reference = fields::text(item, "reference")?.map(std::borrow::Cow::into_owned);
            Ok(Item { input: read(item), reference })
        };
        sent.iter().map(item).collect()
    }

    /// How many items there are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The items that could be read.
    pub(super) fn readable(&self) -> impl Iterator<Item = &T> {
        self.items.iter().filter_map(|item| item.input.as_ref().ok())
    }

    /// The first item's refusal, where there is no batch: nothing need be looked at then.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let first = self.items.first().filter(|_| !self.answer.is_batch)?;
        first.input.as_ref().err().cloned().map(Refusal::from)
    }

    /// Does each item, and makes the answer of what comes of them.
    pub(super) fn run(self, mut work: impl FnMut(T) -> ItemResult) -> Outcome {
        let results = self.items.into_iter().map(|item| item.input.and_then(&mut work)).collect();
        self.answer.finish(results)
    }
}

impl BatchAnswer {
    /// Whether the request is a batch.
    pub(super) const fn is_batch(&self) -> bool {
        self.is_batch
    }

    fn finish(self, results: Vec<ItemResult>) -> Outcome {
        let Self { is_batch, failures, partial_status, warnings, references } = self;
        if !is_batch {
            return match results.into_iter().next() {
                Some(Ok(data)) => Reply { data: Some(data), warnings, ..Reply::default() }.into(),
                Some(Err(error)) => Refusal::from(error).into(),
                None => Refusal::internal().into(),
            };
        }
        let failed = results.iter().filter(|result| result.is_err()).count();
        let is_internal = results.iter().any(|result| matches!(result, Err(TransitError::Internal)));
        let status = match (failures, failed) {
            (Failures::AreListed, _) | (Failures::SetStatus, 0) => None,
            _ if is_internal => Some(500),
            (_, failed) if failed < results.len() => Some(partial_status.unwrap_or(400)),
            _ => Some(400),
        };
        let shown = results.into_iter().zip(references).map(|(result, reference)| {
            let mut shown = result.unwrap_or_else(|error| object! { "error" => error.text() });
            if let Some(reference) = reference {
                shown.insert("reference", reference);
            }
            Value::from(shown)
        });
        let data = object! { "batch_results" => shown.collect::<Vec<_>>() };
        let shape = match status {
            None | Some(200) => ReplyShape::Envelope,
            Some(status) => ReplyShape::Status(status),
        };
        Reply { data: Some(data), warnings, shape, ..Reply::default() }.into()
    }
}

/// The status that a client wants of a batch of which only a part fails.
fn partial_status(data: &Object) -> Result<Option<u16>, Refusal> {
    let Some(wanted) = fields::whole(data, "partial_failure_response_code")?.filter(|wanted| *wanted != 0)
    else {
        return Ok(None);
    };
    let has_body = |status: &u16| (200..600).contains(status) && ![204, 205, 304].contains(status);
    u16::try_from(wanted).ok().filter(has_body).map(Some).ok_or_else(|| {
        Refusal::invalid(format!(
            "partial_failure_response_code is {wanted}; it must be the status of an answer with a body, from 200 to 599"
        ))
    })
}

/// A text of an item.
pub(super) fn text(item: &Object, field: &str) -> Result<Option<String>, TransitError> {
    match fields::text(item, field) {
        Ok(text) => Ok(text.map(std::borrow::Cow::into_owned)),
        Err(refusal) => Err(TransitError::Rejected(refusal.text.unwrap_or_default())),
    }
}

/// Bytes of an item that are sent as base64; `None` if the field was not sent.
pub(super) fn bytes(item: &Object, field: &str) -> Result<Option<Vec<u8>>, TransitError> {
    let Some(text) = text(item, field)? else { return Ok(None) };
    decode_base64(&text)
        .map(Some)
        .map_err(|error| TransitError::rejected(format!("failed to base64-decode {field}: {error}")))
}

/// A whole number of an item, 0 if it was not sent.
pub(super) fn whole(item: &Object, field: &str) -> Result<i64, TransitError> {
    match fields::whole(item, field) {
        Ok(number) => Ok(number.unwrap_or(0)),
        Err(refusal) => Err(TransitError::Rejected(refusal.text.unwrap_or_default())),
    }
}
