//! The broker with devices that work: what lands where, in which order, and what comes back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

use std::sync::Arc;

use onrecord_audit::device::fault::FaultControl;
use onrecord_audit::{
    Boot, Broker, Enrolment, Entry, Form, Operation, Options, Probe, Recorded, Request, Rules, Salt,
    SystemClock, decode, wait,
};

fn broker() -> Broker {
    Broker::new(Rules::default(), Boot::new(7), Arc::new(SystemClock::new()))
}

fn form(salt: &str) -> Form {
    Form::new(Options::default(), Arc::new(Salt::new(salt)))
}

fn probe() -> Probe {
    Probe { id: "00000000-0000-4000-8000-000000000001".to_owned(), salt: Arc::new(Salt::new("thrown away")) }
}

fn entry(path: &str) -> Entry<'_> {
    let request = Request { operation: Some(Operation::Read), path: path.into(), ..Request::default() };
    Entry { request, ..Entry::default() }
}

#[test]
fn an_entry_reaches_every_device_before_it_settles() {
    let broker = broker();
    let (first, second) = (FaultControl::new(), FaultControl::new());
    wait(broker.enable(Enrolment::new("first/", first.device(), form("1")), Some(probe()))).unwrap();
    wait(broker.enable(Enrolment::new("second/", second.device(), form("2")), None)).unwrap();
    let Recorded::Settled(settled) = broker.record(&entry("secret/a")).wait().unwrap() else { panic!() };
    assert_eq!(settled.seq(), 1);
    assert_eq!((first.lines().len(), second.lines().len()), (2, 1));
    let line = decode(&second.lines()[0]).unwrap();
    assert_eq!(line.entry().request.path, "secret/a".into());
}
