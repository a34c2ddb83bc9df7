//! Every fuzz target on its seeds and on small random changes of them, by a fixed seed: `ONRECORD_FUZZ_CASES` sets how many.
//! Never in it: the long form (`just fuzz`).

use onrecord_fuzz::mutate::{Random, mutate};
use onrecord_fuzz::{TARGETS, Target};

/// Changes of a target's seeds that are tried with every build.
fn cases(usual: usize) -> usize {
    std::env::var("ONRECORD_FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn run(name: &str, usual: usize) {
    let target: &Target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let seeds = (target.seeds)();
    assert!(seeds.len() > 3, "{name} has seeds");
    for seed in &seeds {
        (target.run)(seed);
    }
    let mut random = Random::new(9);
    for _ in 0..cases(usual) {
        let input = mutate(&seeds[random.below(seeds.len())], &seeds[random.below(seeds.len())], &mut random);
        let shown = String::from_utf8_lossy(&input).into_owned();
        let ran = std::panic::catch_unwind(|| (target.run)(&input));
        assert!(ran.is_ok(), "{name} has a finding: {:?}", shown.chars().take(2000).collect::<String>());
    }
}

#[test]
fn any_bytes_on_a_connection_are_answered_on_record_or_refused() {
    run("http", 500);
}

#[test]
fn any_json_is_read_and_written_the_same_or_refused() {
    run("json", 5000);
}

#[test]
fn any_hcl_is_formatted_once_and_for_all_or_refused() {
    run("hcl", 5000);
}

#[test]
fn any_options_make_a_device_or_an_error() {
    run("options", 5000);
}

#[test]
fn any_line_decodes_to_what_is_written_again_or_is_refused() {
    run("lines", 500);
}

#[test]
fn any_filter_divides_the_rows_of_a_log_in_two_or_is_refused() {
    run("filter", 1000);
}

#[test]
fn a_changed_store_gives_no_other_value() {
    run("storage", 100);
}
