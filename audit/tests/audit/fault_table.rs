//! Every operation of a device, going wrong in every way, alone, beside a device that works, and required: what the
//! operator reads, the state of the device, and the outcome of a request. Never in it: real files and sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use crate::kit::broker::{
    BOOT, Line, assert_complete, builder, enable, entry, form, patient, read, record, seqs,
};
use onrecord_audit::broker::Why;
use onrecord_audit::device::Notice;
use onrecord_audit::device::faulty::{Call, Fault, FaultControl};
use onrecord_audit::status::{Health, Observer};
use onrecord_audit::{Broker, DeviceConfig, DeviceError, NotOnRecord, RequestOnRecord, Rules, Wait as _};

/// *Reported*: what `reopen` or `drain` says of the device. *Health*: its state after that, before any request.
/// Then a request, with the device alone, beside one that works, and required beside one that works:
/// `settled`, `refused` at once, `late` (settled when the device goes on), `timed-out` (it never does), `unaudited`.
/// A device that is slow goes on by itself; one that hangs does not, and is then disabled, which must not wait.
/// A close cannot be refused: a device's errors at its end are not reported.
const TABLE: &str = "
    operation  fault                                    | reported  health  | alone      beside   required
    append     refused,half-done,done-but-failed,panics | -         failing | refused    settled  refused
    append     slow                                     | -         lagging | late       settled  late
    append     hung                                     | -         lagging | timed-out  settled  timed-out
    reopen     refused,half-done,done-but-failed,panics | error     failing | settled    settled  settled
    reopen     slow                                     | ok        lagging | late       settled  late
    reopen     hung                                     | timed-out lagging | timed-out  settled  timed-out
    sync       refused,half-done,done-but-failed,panics | error     healthy | settled    settled  settled
    sync       slow                                     | ok        lagging | late       settled  late
    sync       hung                                     | timed-out lagging | timed-out  settled  timed-out
    check      refused,half-done,done-but-failed,panics | -         failing | settled    settled  settled
    check      slow                                     | -         lagging | late       settled  late
    check      hung                                     | -         lagging | timed-out  settled  timed-out
    notices    refused,half-done,done-but-failed,panics | -         healthy | settled    settled  settled
    notices    slow                                     | -         lagging | late       settled  late
    notices    hung                                     | -         lagging | timed-out  settled  timed-out
    close      panics,slow,hung                         | -         gone    | unaudited  settled  settled
";

const LONG: Duration = Duration::from_mins(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Company {
    Alone,
    Beside,
    Required,
}

#[derive(Debug)]
struct Row {
    operation: &'static str,
    fault: &'static str,
    reported: &'static str,
    health: &'static str,
    outcomes: [&'static str; 3],
}

fn rows() -> Vec<Row> {
    let words = |line: &'static str| line.split_whitespace().filter(|word| *word != "|").collect::<Vec<_>>();
    let lines = TABLE.lines().map(words).filter(|words| !words.is_empty()).skip(1);
    lines
        .flat_map(|words| {
            let [operation, faults, reported, health, alone, beside, required] = words[..] else {
                panic!("{words:?}")
            };
            let outcomes = [alone, beside, required];
            faults.split(',').map(move |fault| Row { operation, fault, reported, health, outcomes })
        })
        .collect()
}

impl Row {
    fn fault(&self) -> Fault {
        match self.fault {
            "refused" => Fault::Refuse,
            "half-done" => Fault::Half,
            "done-but-failed" => Fault::DoneButFailed,
            "panics" => Fault::Panic,
            // Slow is a hang that ends, so that the test and no clock says how long it takes.
            "slow" | "hung" => Fault::Hang,
            other => panic!("{other}"),
        }
    }

    fn blocks(&self) -> bool {
        self.fault() == Fault::Hang
    }

    fn call(&self) -> Option<Call> {
        Some(match self.operation {
            "append" => return None,
            "reopen" => Call::Reopen,
            "sync" => Call::Sync,
            "check" => Call::Check,
            "notices" => Call::Notices,
            "close" => Call::Close,
            other => panic!("{other}"),
        })
    }
}

/// Whether the sick device has ever failed.
#[derive(Default)]
struct Failed(AtomicBool);

impl Observer for Failed {
    fn changed(&self, path: &str, _: Health, to: Health, _: Option<&DeviceError>) {
        self.0.fetch_or(path == "sick/" && to == Health::Failing, Ordering::SeqCst);
    }
}

/// One cell of the table.
struct Cell {
    row: Row,
    company: Company,
    broker: Broker,
    failed: Arc<Failed>,
    sick: FaultControl,
    well: FaultControl,
}

impl Cell {
    fn new(row: Row, company: Company) -> Self {
        let (sick, well) = (FaultControl::new(), FaultControl::new());
        if row.operation == "check" {
            sick.look_every(Duration::from_millis(1));
        }
        let (rules, failed) = (Rules { audit_timeout: LONG, ..patient() }, Arc::<Failed>::default());
        let observer = Arc::clone(&failed) as Arc<dyn Observer>;
        let broker = builder().rules(rules).observer(observer).build_with_boot(BOOT);
        let config = DeviceConfig::new("sick/", sick.device(), form());
        let config = if company == Company::Required { config.required() } else { config };
        broker.restore(config).unwrap();
        if company != Company::Alone {
            enable(&broker, "well/", &well);
        }
        Self { row, company, broker, failed, sick, well }
    }

    fn name(&self) -> String {
        format!("{} {} {:?}", self.row.operation, self.row.fault, self.company)
    }

    fn health(&self) -> Health {
        self.broker.status().iter().find(|status| &*status.path == "sick/").unwrap().health
    }

    /// Whether the device is in the state of the table. One that failed may work again a moment later, when it has
    /// reported its losses; and one that works may lag for a moment.
    fn is_as_expected(&self) -> bool {
        let failed = self.failed.0.load(Ordering::SeqCst);
        match self.row.health {
            "gone" => true,
            "failing" => failed,
            other => !failed && self.health().to_string() == other,
        }
    }

    fn until(&self, what: &str, met: impl Fn() -> bool) {
        crate::kit::until(&format!("{}: {what}", self.name()), met);
    }

    fn set(&self, fault: Fault) {
        match self.row.call() {
            None => self.sick.set(fault),
            Some(call) => self.sick.set_on(call, fault),
        }
    }

    /// Makes the operation go wrong. Returns what the operator reads of it.
    fn provoke(&self) -> &'static str {
        // Its writer begins by asking for notices, which is to go well.
        self.sick.wait_for_calls_of(Call::Notices, 1);
        let asked = self.sick.calls_of(Call::Notices);
        self.set(self.row.fault());
        // This notice must not be lost in any of it.
        self.sick.notice(Notice::Replaced);
        let time_limit = if self.row.blocks() { Duration::ZERO } else { LONG };
        let text = |done: Result<(), Why>| match done {
            Ok(()) => "ok",
            Err(Why::TimedOut) => "timed-out",
            Err(_) => "error",
        };
        let done = match self.row.operation {
            "reopen" => {
                let reopened = self.broker.reopen(None, time_limit);
                text(reopened.into_iter().find(|(path, _)| &**path == "sick/").unwrap().1)
            }
            "sync" => {
                let drained = self.broker.drain(time_limit);
                text(
                    drained
                        .into_iter()
                        .find(|(path, _)| &**path == "sick/")
                        .map_or(Ok(()), |(_, why)| Err(why)),
                )
            }
            "check" if !self.row.blocks() => {
                // One may have been under way.
                self.sick.wait_for_calls_of(Call::Check, self.sick.calls_of(Call::Check) + 2);
                "-"
            }
            // It is asked for them after each write.
            "notices" => {
                drop(self.broker.record_request(&entry("a")));
                self.sick.wait_for_calls_of(Call::Notices, asked + 1);
                "-"
            }
            "close" => {
                assert!(self.broker.disable("sick/"), "{}", self.name());
                "-"
            }
            _ => "-",
        };
        if self.row.blocks() && self.row.operation != "append" {
            self.sick.wait_until_hanging();
        }
        done
    }

    fn outcome_of(result: Result<RequestOnRecord, NotOnRecord>) -> &'static str {
        match result {
            Ok(_) => "settled",
            Err(NotOnRecord::NoDevice) => "unaudited",
            Err(NotOnRecord::Refused(refused))
                if refused.causes.iter().any(|cause| cause.why == Why::TimedOut) =>
            {
                "timed-out"
            }
            Err(_) => "refused",
        }
    }

    /// Makes a request. While the device blocks, the request may have to wait for it.
    fn request(&self, expected: &str) -> &'static str {
        let mut recording = Box::pin(self.broker.record_request(&entry("a")));
        if expected == "late" || expected == "timed-out" {
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..2 {
                let polled = recording.as_mut().poll(&mut context);
                assert!(polled.is_pending(), "{}: {polled:?}", self.name());
            }
            self.sick.wait_until_hanging();
            self.until("it lags", || self.health() == Health::Lagging);
            if self.company == Company::Required {
                self.well.wait_for(|lines| seqs(&read(lines)).last() == Some(&self.broker.last_seq()));
            }
            let polled = recording.as_mut().poll(&mut context);
            assert!(polled.is_pending(), "{}: {polled:?}", self.name());
            if expected == "late" {
                self.set(Fault::None);
                return match Self::outcome_of(recording.wait()) {
                    "settled" => "late",
                    other => other,
                };
            }
            self.broker.set_rules(&Rules { audit_timeout: Duration::from_millis(1), ..patient() });
        }
        Self::outcome_of(recording.wait())
    }

    /// A device that hangs is disabled, another is enabled in its place, and neither waits.
    fn replace_the_hung_one(&self) {
        let hung = self.row.fault == "hung";
        if hung && self.row.operation != "close" {
            assert!(self.broker.disable("sick/"));
        }
        if hung || self.row.operation == "close" {
            let new = FaultControl::new();
            enable(&self.broker, "sick/", &new);
            let seq = record(&self.broker, "a").unwrap();
            assert_eq!(seqs(&read(&new.wait_for_lines(1))), [seq], "{}", self.name());
        }
    }

    /// When the fault has ended, the device works, and has or declares every entry.
    fn recover(&self) {
        self.replace_the_hung_one();
        let gone = self.row.fault == "hung" || self.row.operation == "close";
        let last = self.broker.last_seq() - u64::from(gone);
        self.set(Fault::None);
        if gone {
            self.sick.wait_until_dropped();
        } else {
            let outcome = record(&self.broker, "a");
            assert!(outcome.is_ok(), "{}: {outcome:?}", self.name());
            self.until("it is healthy", || {
                drop(self.broker.record_request(&entry("a")).wait());
                self.health() == Health::Healthy
            });
        }
        assert!(self.broker.drain(LONG).is_empty(), "{}", self.name());
        let lines = read(&self.sick.lines());
        let last = if gone { last } else { self.broker.last_seq() };
        let doubled = self.row.operation == "append" && self.row.fault == "done-but-failed";
        if doubled {
            // The entry is there, and is declared as missed: the device said that it does not have it.
            assert!(lines.contains(&Line::Entry(1)) && declared(&lines).contains(&1), "{lines:?}");
        } else if self.row.operation != "close" {
            let entries: Vec<_> = lines.iter().filter(|line| !is_notice(line)).cloned().collect();
            assert_complete(&entries, last);
        }
        if self.row.operation != "close" && !(self.row.operation == "notices" && self.row.fault == "hung") {
            let notices = lines.iter().filter(|line| is_notice(line) && !is_its_end(line)).count();
            assert!(notices == 1 || doubled && notices == 2, "{}: its notice: {lines:?}", self.name());
        }
        if self.company != Company::Alone {
            assert_complete(&read(&self.well.lines()), self.broker.last_seq());
        }
    }
}

/// A device that was disabled says so.
fn is_its_end(line: &Line) -> bool {
    matches!(line, Line::Gap { reason, .. } if reason == "the device was disabled")
}

fn is_notice(line: &Line) -> bool {
    matches!(line, Line::Gap { missed: 0, .. })
}

fn declared(lines: &[Line]) -> Vec<u64> {
    let ranges =
        lines.iter().filter_map(|line| if let Line::Gap { ranges, .. } = line { Some(ranges) } else { None });
    ranges.flatten().flat_map(|(from, to)| *from..=*to).collect()
}

fn check(row: Row, company: Company) {
    let (expected, column) = (row.outcomes[company as usize], company as usize);
    let cell = Cell::new(row, company);
    let reported = cell.provoke();
    // A caller that asks for a slow one waits for it, which no caller does here.
    let slow = cell.row.fault == "slow" && reported == "timed-out";
    assert!(reported == cell.row.reported || slow, "{}: reported {reported}", cell.name());
    // A device that only shows when it is written to is asked for one request first.
    let shown_by_a_request = cell.row.blocks() || cell.row.operation == "append";
    if !shown_by_a_request {
        cell.until("its health", || cell.is_as_expected());
    }
    assert_eq!(cell.request(expected), expected, "{}, column {column}", cell.name());
    if cell.row.operation == "append" && !cell.row.blocks() || cell.row.fault == "hung" {
        cell.until("its health", || cell.is_as_expected());
    }
    cell.broker.set_rules(&Rules { audit_timeout: LONG, ..patient() });
    cell.recover();
}

#[test]
fn every_operation_that_goes_wrong_costs_what_the_table_says() {
    for company in [Company::Alone, Company::Beside, Company::Required] {
        for row in rows() {
            check(row, company);
        }
    }
}

#[test]
fn the_table_has_every_operation_with_every_fault() {
    let operations = ["append", "reopen", "sync", "check", "notices", "close"];
    let faults = ["refused", "half-done", "done-but-failed", "panics", "slow", "hung"];
    let rows = rows();
    for operation in operations {
        for fault in faults {
            let has = rows.iter().filter(|row| (row.operation, row.fault) == (operation, fault)).count();
            let is_reported = operation != "close" || ["panics", "slow", "hung"].contains(&fault);
            assert_eq!(has, usize::from(is_reported), "{operation} {fault}");
        }
    }
}
