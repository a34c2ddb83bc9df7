//! `operator members`, `operator step-down`, `version-history` and `plugin`.

use super::kit::cli;

#[test]
fn the_nodes_of_the_cluster_are_listed() {
    let nodes = r#"{"data":{"nodes":[{"active_node":true,"api_address":"","cluster_address":"","hostname":"h","last_echo":null,"version":"1"}]}}"#;
    let table = "Host Name    API Address    Cluster Address    Active Node    Version    Last Echo\n---------    -----------    ---------------    -----------    -------    ---------\nh            n/a            n/a                true           1          n/a\n";
    cli().reply(200, nodes).run(&["operator", "members"]).is(0, table, "").sent(&["GET /v1/sys/ha-status"]);
}

#[test]
fn the_only_node_steps_down_and_says_that_it_stays() {
    let outcome = cli().reply(204, "").run(&["operator", "step-down"]);
    let stdout = format!("Success! Stepped down: {}\n", outcome.url);
    let stderr = "An OnRecord server is the only node of its cluster: it stays active.\n";
    outcome.is(0, &stdout, stderr).sent(&["PUT /v1/sys/step-down"]);
}

#[test]
fn versions_are_listed() {
    let history = r#"{"data":{"keys":["0.1.0"],"key_info":{"0.1.0":{"build_date":null,"previous_version":null,"timestamp_installed":"2026-11-22T10:00:00Z"}}}}"#;
    let table = "Version    Installation Time       Build Date\n-------    -----------------       ----------\n0.1.0      2026-11-22T10:00:00Z    n/a\n";
    let outcome = cli().reply(200, history).run(&["version-history"]);
    outcome.is(0, table, "").sent(&["GET /v1/sys/version-history?list=true"]);
}

#[test]
fn engines_and_login_methods_are_listed() {
    let catalog = r#"{"data":{"auth":["userpass"],"detailed":[{"builtin":true,"deprecation_status":"supported","name":"userpass","type":"auth","version":"v1"},{"builtin":true,"deprecation_status":"supported","name":"kv","type":"secret","version":"v1"}],"secret":["kv"]}}"#;
    let table = "Name        Type      Version\n----        ----      -------\nuserpass    auth      v1\nkv          secret    v1\n";
    cli()
        .reply(200, catalog)
        .run(&["plugin", "list"])
        .is(0, table, "")
        .sent(&["GET /v1/sys/plugins/catalog"]);
    let table = "Name    Type      Version    Deprecation Status\n----    ----      -------    ------------------\nkv      secret    v1         supported\n";
    cli().reply(200, catalog).run(&["plugin", "list", "-detailed", "secret"]).is(0, table, "");
    let outcome = cli().run(&["plugin", "list", "x"]);
    outcome.is(1, "", "Invalid type \"x\". Accepted: auth, database or secret.\n");
    let outcome = cli().reply(200, r#"{"data":{"name":"kv"}}"#).run(&["plugin", "info", "secret", "kv"]);
    outcome
        .is(0, "Key     Value\n---     -----\nname    kv\n", "")
        .sent(&["GET /v1/sys/plugins/catalog/secret/kv"]);
}
