//! `audit status`.

use super::kit::cli;

const STATUS: &str = r#"{"data":{"boot":"00000000000000ab","devices":{"file/":{"able":true,"entries":12,"failures":0,"gaps":{"untold_entries":0},"lag_ms":0,"last_error":null,"missed":0,"queue":{"bytes":0,"capacity_bytes":16777216,"entries":0},"since":"2026-11-22T16:00:00Z","state":"healthy","type":"file"},"out/":{"able":false,"entries":3,"failures":2,"gaps":{"untold_entries":7},"lag_ms":6123,"last_error":{"text":"write stdout: broken pipe","time":"2026-11-22T16:01:00Z"},"missed":7,"queue":{"bytes":2048,"capacity_bytes":16777216,"entries":4},"since":"2026-11-22T16:01:00Z","state":"failing","type":"file"}},"last_seq":19,"rule":{"able":1,"lost":[],"met":true,"minimum":1,"ready":true,"required":[]}}}"#;
const HEALTH: &str = r#"{"initialized":true,"sealed":false,"audit_devices":1,"audit_rule_met":false,"audit_ready":false,"audit_device_states":{"file/":"failing"}}"#;
const TABLE: &str = "Key                  Value
---                  -----
Rule                 met
Minimum              1
Required             []
Required But Lost    []
Devices Able         1 of 2

Path     Type    State      Since                   Queue         Lag       Entries    Failures    Missed    Untold    Last Error
----     ----    -----      -----                   -----         ---       -------    --------    ------    ------    ----------
file/    file    healthy    2026-11-22T16:00:00Z    0B/16MiB      0ms       12         0           0         0         n/a
out/     file    failing    2026-11-22T16:01:00Z    2KiB/16MiB    6123ms    3          2           7         7         write stdout: broken pipe (2026-11-22T16:01:00Z)
";

#[test]
fn the_table_shows_the_rule_and_each_device() {
    cli().reply(200, STATUS).run(&["audit", "status"]).is(0, TABLE, "").sent(&["GET /v1/sys/audit-status"]);
    let unmet = STATUS.replace("\"met\":true", "\"met\":false");
    let outcome = cli().reply(200, &unmet).run(&["audit", "status"]);
    assert_eq!(outcome.code, 2, "for scripts");
    assert!(outcome.stdout.contains("Rule                 NOT MET"), "{}", outcome.stdout);
    let none = r#"{"data":{"devices":{},"rule":{"able":0,"met":true,"minimum":1}}}"#;
    let outcome = cli().reply(200, none).run(&["audit", "status"]);
    assert!(outcome.code == 2 && outcome.stdout.contains("\n\nNo audit devices are enabled.\n\n"));
    assert!(outcome.stdout.contains("Rule            NOT AUDITED"), "{}", outcome.stdout);
}

#[test]
fn a_server_that_keeps_no_entries_is_not_audited() {
    let discarding = STATUS.replace("\"boot\"", "\"audited\":false,\"boot\"");
    let outcome = cli().reply(200, &discarding).run(&["audit", "status"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stdout.contains("Rule                 NOT AUDITED"), "{}", outcome.stdout);
    let why =
        "\n\nThis server is not audited: no audit device keeps its entries. No request leaves a record.";
    assert!(outcome.stdout.contains(why), "{}", outcome.stdout);
    let audited = STATUS.replace("\"boot\"", "\"audited\":true,\"boot\"");
    cli().reply(200, &audited).run(&["audit", "status"]).is(0, TABLE, "");
}

#[test]
fn json_and_yaml_are_the_response_of_the_server() {
    let json = cli().reply(200, STATUS).run(&["audit", "status", "-format=json"]);
    assert!(json.code == 0 && json.stdout.contains("\"untold_entries\": 7"), "{}", json.stdout);
    let yaml = cli().reply(200, STATUS).run(&["audit", "status", "-format=yaml"]);
    assert!(yaml.code == 0 && yaml.stdout.contains("\n    lag_ms: 6123\n"), "{}", yaml.stdout);
}

#[test]
fn while_the_rule_is_not_met_the_states_of_health_are_shown() {
    let refused = |words: &[&str]| {
        let test = cli().variable("VAULT_MAX_RETRIES", "0");
        test.reply(500, r#"{"errors":["internal error"]}"#).reply(200, HEALTH).run(words)
    };
    let outcome = refused(&["audit", "status"]);
    outcome.sent(&[
        "GET /v1/sys/audit-status",
        "GET /v1/sys/health?auditcode=200&sealedcode=200&uninitcode=200",
    ]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.starts_with("The audit rule is not met, "), "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("Rule    NOT MET") && outcome.stdout.contains("file/    n/a     failing")
    );
    let json = refused(&["audit", "status", "-format=json"]);
    assert_eq!(json.code, 2);
    assert!(json.stdout.contains("\"state\": \"failing\"") && json.stdout.contains("\"met\": false"));
}

#[test]
fn other_errors_are_printed_unchanged() {
    let test = cli().variable("VAULT_MAX_RETRIES", "0");
    let outcome = test.reply(503, r#"{"errors":["Vault is sealed"]}"#).run(&["audit", "status"]);
    let error = outcome.refusal("GET", "/v1/sys/audit-status", 503, "Vault is sealed");
    outcome.is(2, "", &format!("Error reading the audit status: {error}"));
}

#[test]
fn watching_repeats_until_the_server_is_gone() {
    let test = cli().variable("VAULT_MAX_RETRIES", "0").reply(200, STATUS).reply(200, STATUS);
    let outcome = test.run(&["audit", "status", "-watch", "-interval=100ms"]);
    assert_eq!((outcome.code, outcome.stdout), (2, TABLE.repeat(2)));
    assert!(outcome.stderr.starts_with("Error reading the audit status: Get "), "{}", outcome.stderr);
}

#[test]
fn trees_have_a_table_of_their_own_that_says_what_is_wrong() {
    let good = r#""evidence":{"checkpoint_at":"2026-11-22T16:02:00Z","contradiction":null,"error":null,"lost":0,"size":12,"uncovered":1},"lag_ms":0"#;
    let outcome = cli().reply(200, &STATUS.replacen("\"lag_ms\":0", good, 1)).run(&["audit", "status"]);
    let table = "
Path     Lines In Tree    Last Checkpoint         Not Covered    Lost    Evidence
----     -------------    ---------------         -----------    ----    --------
file/    12               2026-11-22T16:02:00Z    1              0       ok
";
    outcome.is(0, &format!("{TABLE}{table}"), "");
    let bad = r#""evidence":{"checkpoint_at":null,"contradiction":{"reason":"the file is shorter","time":"T"},"error":"no space","error_since":"S","lost":3,"size":0,"uncovered":9,"witnesses":{"a":{"contradiction":true,"error":"set back"},"b":{"contradiction":false,"error":"down"},"c":{"contradiction":false,"error":null}}},"lag_ms":0"#;
    let outcome = cli().reply(200, &STATUS.replacen("\"lag_ms\":0", bad, 1)).run(&["audit", "status"]);
    let row = "file/    0                none               9              3       CONTRADICTION: the file is shorter (T); error: no space (since S); \
               WITNESS a REFUSES: set back; witness b: down";
    assert!(outcome.stdout.contains(row), "{}", outcome.stdout);
}

#[test]
fn verdicts_are_coloured_on_a_terminal_that_shows_colours_alone() {
    let shown = |test: super::kit::CommandTest| test.reply(200, STATUS).run(&["audit", "status"]).stdout;
    let coloured = shown(cli().on_terminal());
    for line in ["\u{1b}[92mRule                 met\u{1b}[0m\n", "\n\u{1b}[92mfile/    file    healthy "] {
        assert!(coloured.contains(line), "{coloured:?}");
    }
    assert!(coloured.contains("\n\u{1b}[91mout/     file    failing "), "{coloured:?}");
    assert!(coloured.contains("\nPath     Type "), "{coloured:?}");
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb"), ("VAULT_CLI_NO_COLOR", "1")] {
        assert_eq!(shown(cli().on_terminal().variable(name, value)), TABLE, "{name}");
    }
}
