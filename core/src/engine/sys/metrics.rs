//! `sys/metrics`: what is measured, as JSON or, with `format=prometheus`, as text.
//! Never in it: what is measured, or how it is written (`metrics`).

use onrecord_value::quote;

use crate::engine::{Call, fields};
use crate::metrics;
use crate::outcome::{Refusal, Reply};
use crate::unsealed::Unsealed;

/// Reads them.
pub(super) fn read(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let format = fields::text(call.data, "format")?.unwrap_or_default();
    let prometheus = match &*format {
        "" | "json" => false,
        "prometheus" => true,
        other => {
            let text = format!("metric response format {} unknown", quote::quote(other));
            return Err(Refusal::invalid(text));
        }
    };
    let raw = metrics::body(&open.meters, &open.host, Some(open), prometheus);
    Ok(Reply { raw: Some(raw), ..Reply::default() })
}
