//! A server that is killed again and again, with two files as its devices: whatever each file lacks, it declares, and
//! nothing else, as the checker judges. Never in it: renamed files; see `rotated`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::kit::broker::{probe, record, strict};
use crate::kit::file::options;
use onrecord_audit::broker::Loss;
use onrecord_audit::device::{Appended, Batch, Notice};
use onrecord_audit::{
    Broker, Device, DeviceConfig, DeviceError, DeviceOptions, Placement, SystemClock, Wait as _,
};
use onrecord_entry::gap::PROBE_PATH;
use onrecord_entry::{Boot, FormatOptions, Formatter, Salt, SeqSet, decode};
use onrecord_trail::{Input, Judge, Options, check};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const NAMES: [&str; 2] = ["one.log", "two.log"];

/// What a device does with an entry that it has been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is on its way until the kill.
    Never,
    /// It is written after the entry with this number.
    After(u64),
}

/// What happens to a device in one life of the server.
#[derive(Clone, Debug, Default)]
struct Plan {
    fates: HashMap<u64, Fate>,
    /// Its own lines are on their way until the kill.
    no_gaps: bool,
    /// Its file cannot be opened.
    unopened: bool,
}

fn never(seqs: &[u64]) -> Plan {
    Plan { fates: seqs.iter().map(|seq| (*seq, Fate::Never)).collect(), ..Plan::default() }
}

impl Plan {
    fn after(mut self, seq: u64, other: u64) -> Self {
        self.fates.insert(seq, Fate::After(other));
        self
    }
}

/// A file device whose process can be killed: from then on it writes nothing.
struct Mortal {
    file: Box<dyn Device>,
    plan: Plan,
    /// Held while it does anything.
    killed: Arc<Mutex<bool>>,
    waiting: HashMap<u64, Vec<Vec<u8>>>,
}

impl Mortal {
    fn write(&mut self, line: &[u8]) -> Option<DeviceError> {
        self.file.append(&Batch::new(line, &[line.len()])).error
    }

    fn take(&mut self, line: &[u8]) -> Option<DeviceError> {
        let decoded = decode(line).unwrap();
        if decoded.entry().gap.is_some() {
            return if self.plan.no_gaps { None } else { self.write(line) };
        }
        if decoded.entry().request.path == PROBE_PATH.into() {
            return self.write(line);
        }
        let seq = decoded.record().unwrap().seq;
        match self.plan.fates.get(&seq) {
            Some(Fate::Never) => None,
            Some(Fate::After(other)) => {
                self.waiting.entry(*other).or_default().push(line.to_vec());
                None
            }
            None => {
                let mut error = self.write(line);
                for late in self.waiting.remove(&seq).unwrap_or_default() {
                    error = error.or(self.write(&late));
                }
                error
            }
        }
    }
}

impl Device for Mortal {
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        let killed = Arc::clone(&self.killed);
        let killed = killed.lock().unwrap();
        if *killed {
            return Appended::all(batch);
        }
        for line in batch.each() {
            if let Some(error) = self.take(line) {
                return Appended::none(error);
            }
        }
        Appended::all(batch)
    }

    fn check(&mut self) -> Result<(), DeviceError> {
        let killed = self.killed.lock().unwrap();
        if *killed { Ok(()) } else { self.file.check() }
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.file.notices()
    }

    fn ends_with(&self) -> Option<(Boot, u64)> {
        self.file.ends_with()
    }

    fn earlier_ends(&self) -> Vec<(Boot, u64)> {
        self.file.earlier_ends()
    }

    fn declared(&self) -> Vec<(Boot, SeqSet)> {
        self.file.declared()
    }

    fn restored(&mut self, boot: Boot) {
        self.file.restored(boot);
    }
}

/// Two logs, and what a server keeps of their losses.
struct World {
    dir: tempfile::TempDir,
    boot: u64,
    kept: HashMap<String, Vec<Loss>>,
}

/// How a device comes to be enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Enabled {
    WithProbe,
    WithoutProbe,
    Restored,
}

impl World {
    fn new() -> Self {
        // A file system that keeps attributes, if there is one.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self { dir, boot: 0, kept: HashMap::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A life in which both devices are restored, and this many entries are recorded.
    fn restored(&mut self, entries: u64, plans: &[Plan; 2]) {
        self.life(Enabled::Restored, 0, entries, plans);
    }

    /// A life of the server up to its kill: the second device is enabled after `before` entries.
    fn life(&mut self, enabled: Enabled, before: u64, entries: u64, plans: &[Plan; 2]) {
        self.boot += 1;
        let broker = Broker::builder().rules(strict()).build_with_boot(Boot::new(self.boot));
        let killed = Arc::new(Mutex::new(false));
        let blocked: Vec<_> = NAMES.iter().zip(plans).filter(|(_, plan)| plan.unopened).collect();
        for (name, _) in &blocked {
            std::fs::rename(self.path(name), self.path(&format!("aside-{name}"))).unwrap();
            std::fs::create_dir(self.path(name)).unwrap();
        }
        let mut left = before;
        for (name, plan) in NAMES.iter().zip(plans.clone()) {
            self.enable(&broker, enabled, name, plan, &killed);
            (0..std::mem::take(&mut left)).for_each(|_| assert!(record(&broker, "a").is_ok()));
        }
        (0..entries).for_each(|_| assert!(record(&broker, "a").is_ok()));
        for ((path, losses), plan) in broker.losses().into_iter().zip(plans) {
            let kept = self.kept.entry(path.to_string()).or_default();
            // A report that is on its way is kept, too.
            kept.retain(|_| plan.no_gaps);
            kept.extend(losses);
        }
        *killed.lock().unwrap() = true;
        for (name, _) in &blocked {
            std::fs::remove_dir(self.path(name)).unwrap();
            std::fs::rename(self.path(&format!("aside-{name}")), self.path(name)).unwrap();
        }
    }

    fn enable(&self, broker: &Broker, enabled: Enabled, name: &str, plan: Plan, killed: &Arc<Mutex<bool>>) {
        let pairs = options(&[("file_path", self.path(name).to_str().unwrap())]);
        let options = DeviceOptions::parse("file", &pairs).unwrap();
        let (placement, clock) = (Placement::api(), Arc::new(SystemClock::new()));
        let start = Instant::now();
        let (file, error) = loop {
            let file = options.open_later(&placement, Arc::clone(&clock) as _);
            match options.open(&placement, Arc::clone(&clock) as _) {
                Ok(file) => break (file, None),
                Err(error) if plan.unopened => break (file, error.cause().cloned()),
                // The writer of the life before lets the file go in a moment.
                Err(error) => assert!(start.elapsed() < Duration::from_mins(1), "{error}"),
            }
        };
        let device = Mortal { file, plan, killed: Arc::clone(killed), waiting: HashMap::new() };
        let form = Formatter::new(FormatOptions::default(), Arc::new(Salt::new(name)));
        let config = DeviceConfig::new(name, Box::new(device), form)
            .losses(self.kept.get(name).cloned().unwrap_or_default());
        let config = match error {
            Some(error) => config.failing(error),
            None => config,
        };
        match enabled {
            Enabled::WithProbe => broker.enable(config, Some(probe())).wait().unwrap(),
            Enabled::WithoutProbe => broker.enable(config, None).wait().unwrap(),
            Enabled::Restored => broker.restore(config).unwrap(),
        }
    }

    /// After one more life, in which nothing goes wrong, each log declares exactly what it lacks.
    fn assert_nothing_lost(&mut self, case: &str) {
        self.restored(3, &[Plan::default(), Plan::default()]);
        let inputs = NAMES.iter().map(|name| Input::file(self.path(name))).collect();
        let report = check(inputs, &Options::default(), &mut |_| {}).unwrap();
        for device in &report.devices {
            for boot in &device.boots {
                let (undeclared, surplus) = (&boot.undeclared.first, &boot.surplus.first);
                let where_ = (&device.sources, boot.boot);
                assert!(
                    undeclared.is_empty() && surplus.is_empty(),
                    "{case}: {where_:?}: {undeclared:?} {surplus:?}"
                );
            }
        }
        assert!(report.is_complete(Judge::EachDevice), "{case}: {report:?}");
    }
}

#[test]
fn a_number_that_neither_device_has_is_declared_on_both() {
    let fine = Plan::default;
    let cases = [
        ("in order", fine(), fine()),
        ("the first comes late", never(&[]).after(1, 2), fine().after(1, 3)),
        ("the first comes late to the one that has more", fine(), fine().after(1, 4)),
    ];
    for (case, one, two) in cases {
        let mut world = World::new();
        world.life(Enabled::WithProbe, 1, 5, &[fine(), fine()]);
        let mut plans = [one, two];
        plans[0].fates.extend([(57, Fate::Never), (58, Fate::Never)]);
        plans[1].fates.insert(57, Fate::Never);
        world.restored(58, &plans);
        world.assert_nothing_lost(case);
    }
}

#[test]
fn the_first_numbers_of_a_start_are_declared_where_they_are_missing() {
    for lacks in [&[1][..], &[1, 2, 3], &[2, 4]] {
        let mut world = World::new();
        world.life(Enabled::WithProbe, 1, 5, &[Plan::default(), Plan::default()]);
        world.restored(9, &[Plan::default(), never(lacks)]);
        world.assert_nothing_lost(&format!("{lacks:?}"));
    }
}

#[test]
fn holes_of_a_device_that_was_enabled_in_a_start_are_declared() {
    for enabled in [Enabled::WithProbe, Enabled::WithoutProbe] {
        let mut world = World::new();
        // Both have it from the first on, for without a probe the checker demands that.
        let before = u64::from(enabled == Enabled::WithProbe) * 4;
        let late = never(&[20, 31]).after(before + 1, before + 3);
        world.life(enabled, before, 40, &[never(&[20, 25, 44]), late]);
        world.assert_nothing_lost(&format!("{enabled:?}"));
    }
}

#[test]
fn a_declaration_that_a_second_kill_prevents_is_made_later() {
    let no_gaps = || Plan { no_gaps: true, ..Plan::default() };
    let mut world = World::new();
    world.life(Enabled::WithProbe, 1, 9, &[never(&[4, 10]), never(&[6, 7])]);
    world.restored(4, &[no_gaps(), no_gaps()]);
    world.kept.clear();
    world.restored(4, &[no_gaps(), never(&[2])]);
    world.kept.clear();
    world.assert_nothing_lost("");
}

#[test]
fn what_a_device_has_that_is_not_there_in_the_next_start_is_declared_by_the_other() {
    let mut world = World::new();
    world.life(Enabled::WithProbe, 1, 9, &[never(&[4, 9, 10]), never(&[6])]);
    let away = Plan { unopened: true, ..Plan::default() };
    world.restored(4, &[never(&[3]), away]);
    world.assert_nothing_lost("");
}

#[test]
fn a_number_that_only_the_losses_kept_of_another_device_show_is_declared() {
    let mut world = World::new();
    world.life(Enabled::WithProbe, 1, 5, &[Plan::default(), Plan::default()]);
    world.restored(6, &[never(&[6]), Plan { unopened: true, ..Plan::default() }]);
    world.assert_nothing_lost("");
}

#[test]
fn a_number_that_only_gap_entries_of_another_device_show_is_declared() {
    let away = || Plan { unopened: true, ..Plan::default() };
    let mut world = World::new();
    world.life(Enabled::WithProbe, 1, 1, &[Plan::default(), Plan::default()]);
    world.restored(16, &[away(), never(&[16])]);
    // The first device reports what the server kept, while the second has no file to report anything in.
    world.restored(1, &[Plan::default(), away()]);
    world.assert_nothing_lost("");
}

#[test]
fn a_start_that_only_one_log_shows_is_declared_by_one_that_misses_the_next_start_too() {
    let mut world = World::new();
    world.life(Enabled::WithProbe, 0, 11, &[Plan::default(), Plan::default()]);
    // The second device has nothing of this start, and the first nothing of the next one.
    world.restored(1, &[Plan::default(), never(&[1])]);
    let away = Plan { unopened: true, ..never(&[1]) };
    world.restored(24, &[away, Plan { no_gaps: true, ..Plan::default() }]);
    world.assert_nothing_lost("");
    for name in NAMES {
        let text = std::fs::read_to_string(world.path(name)).unwrap();
        let missed = |boot: u64| {
            let of = |line: &str| {
                let decoded = decode(line.as_bytes()).unwrap();
                let gap = decoded.entry().gap?;
                (gap.boot == Some(Boot::new(boot))).then_some(gap.missed)
            };
            text.lines().filter_map(of).sum::<u64>()
        };
        assert_eq!((missed(2), missed(3)), if name == NAMES[0] { (0, 24) } else { (1, 0) }, "{name}");
    }
}

fn plan(numbers: u64) -> impl Strategy<Value = Plan> {
    let fate = prop_oneof![2 => Just(Fate::Never), 3 => (1..=6_u64).prop_map(Fate::After)];
    let fates = proptest::collection::hash_map(1..=numbers, fate, 0..6);
    (fates, proptest::bool::weighted(0.2), proptest::bool::weighted(0.15)).prop_map(
        |(mut fates, no_gaps, unopened)| {
            for (seq, fate) in &mut fates {
                if let Fate::After(more) = fate {
                    *more += seq;
                }
            }
            // What a device takes while its file is not open it does not have.
            Plan { fates, no_gaps: no_gaps && !unopened, unopened }
        },
    )
}

/// The same cases each time: one that fails is a bug to look at, and no reason to run the tests again. Others were tried with
/// `PROPTEST_CASES=600` and each `PROPTEST_RNG_SEED` from 1 to 20: to be done again after a change of what a log shows of earlier
/// starts. What fails then becomes a test with a name.
pub(crate) fn cases() -> ProptestConfig {
    let given = ProptestConfig::default();
    let cases = std::env::var_os("PROPTEST_CASES").map_or(40, |_| given.cases);
    let rng_seed = if given.rng_seed == RngSeed::Random { RngSeed::Fixed(57) } else { given.rng_seed };
    ProptestConfig { cases, rng_seed, ..given }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn whatever_happens_in_any_number_of_lives_each_log_declares_what_it_lacks(
        lives in proptest::collection::vec((1..30_u64, plan(30), plan(30)), 1..6),
        before in 0..3_u64,
    ) {
        let mut world = World::new();
        for (at, (entries, mut one, mut two)) in lives.clone().into_iter().enumerate() {
            // One of them at least is there.
            one.unopened &= !two.unopened;
            if at == 0 {
                (one.unopened, two.unopened) = (false, false);
                world.life(Enabled::WithProbe, before, entries, &[one, two]);
            } else {
                world.restored(entries, &[one, two]);
            }
        }
        world.assert_nothing_lost("");
    }
}
