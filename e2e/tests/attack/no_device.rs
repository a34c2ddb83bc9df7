//! A server without any audit device says that nothing is audited, wherever it is asked.
//! Never in it: servers that refuse to run without one.

use onrecord_e2e::place::Place;
use onrecord_e2e::shell::Shell;
use serde_json::json;

#[test]
fn a_server_without_a_device_says_that_it_is_not_audited() {
    let place = Place::new();
    let server = place.in_memory("");
    let shell = Shell::of(&server);
    let mut silent = Vec::new();
    let mut expect = |what: &str, holds: bool, found: &str| {
        if !holds {
            silent.push(format!("{what}: {found}"));
        }
    };
    let says = |text: &str| text.to_lowercase().contains("not audited");
    let status = shell.run("onrecord audit status");
    expect("audit status exits with 2", status.code == Some(2), &format!("{:?}", status.code));
    expect("audit status", says(&status.stdout) || says(&status.stderr), &status.stdout);
    let status = shell.run("onrecord status");
    expect("status", says(&status.stdout) || says(&status.stderr), &status.stdout);
    let health = server.call("GET", "sys/health", None).json();
    expect("sys/health", health["audited"] == false, &health.to_string());
    let status = server.call("GET", "sys/audit-status", None).json();
    expect("sys/audit-status", status["data"]["audited"] == false, &status.to_string());
    let metrics = server.call("GET", "sys/metrics?format=prometheus", None);
    let metrics = String::from_utf8(metrics.body).expect("text");
    expect("metrics", metrics.lines().any(|line| line == "onrecord_audit_audited 0"), "no figure");
    let diagnosed = shell.run(&format!("onrecord operator diagnose -config='{}'", place.config().display()));
    expect("operator diagnose", says(&diagnosed.stdout), &diagnosed.stdout);
    // A device that keeps nothing is as good as none.
    server.enable("nothing", "file", &json!({"file_path": "discard"}));
    let status = shell.run("onrecord audit status");
    expect("discarding: audit status exits with 2", status.code == Some(2), &format!("{:?}", status.code));
    let health = server.call("GET", "sys/health", None).json();
    expect("discarding: sys/health", health["audited"] == false, &health.to_string());
    // The same with a device.
    server.enable_file("log", &place.path("audit.log"));
    let status = shell.run("onrecord status");
    expect("with a device: status", status.stderr.is_empty(), &status.stderr);
    let health = server.call("GET", "sys/health", None).json();
    expect("sys/health with a device", health["audited"] == true, &health.to_string());
    assert_eq!(shell.run("onrecord audit status").code, Some(0));
    assert!(silent.is_empty(), "{silent:#?}");
}
