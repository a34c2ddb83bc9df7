//! A handler takes the proof that its request is on record; only the broker can make one.
use onrecord_audit::broker::Proof;
use onrecord_audit::{RequestOnRecord, ResponseOnRecord};

fn carry_out(_: &RequestOnRecord) {}

fn forged<P: Proof>() -> P {
    P::made(1)
}

fn main() {
    carry_out();
    carry_out(&RequestOnRecord::default());
    carry_out(&forged());
    let _response: ResponseOnRecord = forged();
}
