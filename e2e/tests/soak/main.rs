//! The soak: faults of a server and its devices, at random and by a seed, under a load of reads and writes.
//! Whenever things are quiet, and at the end, the checker judges all logs, beside the clients' own list of answered
//! requests. `just soak 7 10` runs ten minutes of seed 7; without anything set it is twenty seconds of seed 1.
//!
//! The same seed gives the same plan; what each step meets depends on the machine.

mod clients;
mod daemons;
mod peer;
mod plan;
mod process;
mod stanzas;
mod world;

use std::time::{Duration, Instant};

use plan::{Plan, Step};
use world::World;

/// All logs are judged this often while it runs.
const JUDGE_EVERY: Duration = Duration::from_mins(1);

/// No test: what the soak starts as the peer of a socket device.
#[test]
#[ignore = "the soak starts it"]
fn the_peer_as_a_process() {
    process::run();
}

#[test]
fn after_random_faults_everything_that_was_answered_is_on_record() {
    let number = |name: &str, default: u64| -> u64 {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (seed, seconds) = (number("SOAK_SEED", 1), number("SOAK_SECONDS", 20));
    println!("soak: seed {seed}, {seconds} s");
    let mut plan = Plan::of(seed);
    let mut world = World::start();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut judge_at = Instant::now() + JUDGE_EVERY;
    while Instant::now() < end {
        let (load, step) = plan.next();
        // The load goes on for this time, which is part of the plan.
        std::thread::sleep(load);
        let restarted = matches!(step, Step::Kill(_) | Step::Stop);
        world.take(step);
        if restarted && Instant::now() > judge_at {
            world.judge();
            judge_at = Instant::now() + JUDGE_EVERY;
        }
    }
    world.heal();
    world.judge();
    println!("soak: seed {seed}, {seconds} s: {}", world.counts());
    println!(
        "soak: verdict: nothing that was answered is off the record; each log on disk declares what it lacks"
    );
}
