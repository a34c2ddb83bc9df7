//! The fields of a proof are private.
use onrecord_audit::{RequestOnRecord, ResponseOnRecord};

fn main() {
    let _request = RequestOnRecord { seq: 1 };
    let _response = ResponseOnRecord { seq: 1 };
}
