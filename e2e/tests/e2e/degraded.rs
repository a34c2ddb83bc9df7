//! Servers that lack a device: at unseal, by their configuration, or because the rule asks for more than there is.

use std::fs;
use std::path::{Path, PathBuf};

use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Launch, Server};
use onrecord_e2e::shell::Shell;
use serde_json::{Value, json};

fn file(path: &Path) -> Value {
    json!({"type": "file", "options": {"file_path": path}})
}

fn enable(server: &Server, name: &str, path: &Path) -> (u16, String) {
    let answer = server.call("PUT", &format!("sys/audit/{name}"), Some(file(path)));
    (answer.status, answer.error())
}

/// An unseal that does not work: its status and its error.
fn fails_to_unseal(server: &Server, key: &str) -> (u16, String) {
    let answer = server.call("PUT", "sys/unseal", Some(json!({"key": key})));
    assert_eq!(server.call("GET", "sys/seal-status", None).json()["sealed"], true, "it stays sealed");
    (answer.status, answer.error())
}

fn listed(server: &Server) -> Vec<String> {
    let listed = server.call("GET", "sys/audit", None).json();
    listed["data"].as_object().expect("a table").keys().cloned().collect()
}

/// Puts a folder where a log was; returns where the log is now.
fn take_away(path: &Path) -> PathBuf {
    let kept = path.with_extension("kept");
    fs::rename(path, &kept).expect("a rename");
    fs::create_dir(path).expect("a folder");
    kept
}

fn give_back(path: &Path, kept: &Path) {
    fs::remove_dir(path).expect("an empty folder");
    fs::rename(kept, path).expect("a rename");
}

#[test]
fn a_device_that_cannot_be_opened_leaves_the_server_degraded_if_another_works() {
    let place = Place::new();
    let (good, bad) = (place.path("good.log"), place.path("bad.log"));
    let mut server = place.embedded("");
    let key = server.open_up();
    let token = server.token.clone();
    assert_eq!(enable(&server, "good", &good).0, 204);
    assert_eq!(enable(&server, "bad", &bad).0, 204);
    assert!(server.stop());
    let kept = take_away(&bad);

    let mut server = place.embedded("");
    server.token = token;
    server.unseal(&key);
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
    assert_eq!(listed(&server), ["bad/", "good/"], "it stays in the table");
    let output = server.wait_for_log("runs without this audit device");
    let line =
        output.lines().find(|line| line.contains("runs without this audit device")).expect("it is said");
    for part in ["path=\"bad/\"", "is a directory"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    // Where the device writes to is for those who may see its options.
    let (path, told) =
        (bad.to_str().expect("UTF-8"), server.device("bad/")["last_error"]["text"].to_string());
    assert!(!line.contains(path) && told.contains(path), "{line}; {told}");

    give_back(&bad, &kept);
    // It comes back by itself, and says what it missed.
    let gap = || {
        server.call("GET", "sys/mounts", None);
        log::lines(&bad).into_iter().find(|entry| entry["request"]["path"] == "sys/audit/gap")
    };
    let mut found = None;
    server.eventually("its gap entry comes", || {
        found = gap();
        found.is_some()
    });
    let found = found.expect("a gap entry");
    assert_eq!(found["type"], "request", "{found}");
    // The good one may be a moment behind until the server has ended.
    assert!(server.stop());
    let in_both =
        |path: &Path| log::pairs(&log::lines(path)).into_iter().filter(|(_, n)| *n == (1, 1)).count();
    assert!(in_both(&good) > in_both(&bad));
    assert!(log::assert_nothing_lost(&[&good, &bad], &[]).declared() > 0);
}

#[test]
fn without_any_device_that_opens_unsealing_fails_and_says_why() {
    let place = Place::new();
    let (one, two) = (place.path("one.log"), place.path("two.log"));
    let mut server = place.embedded("");
    let key = server.open_up();
    let token = server.token.clone();
    assert_eq!(enable(&server, "one", &one).0, 204);
    assert_eq!(enable(&server, "deep/two", &two).0, 204);
    assert!(server.stop());
    let kept = [take_away(&one), take_away(&two)];

    let mut server = place.embedded("");
    let shell = Shell::of(&server);
    let (status, error) = fails_to_unseal(&server, &key);
    assert_eq!(status, 500, "{error}");
    let output = shell.refuses(2, &format!("onrecord operator unseal {key}"));
    for text in [&error, &output, &server.wait_for_log("unsealing failed")] {
        for part in [
            "one/",
            "deep/two/",
            one.to_str().expect("UTF-8"),
            two.to_str().expect("UTF-8"),
            "is a directory",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    assert_eq!(server.call("GET", "sys/mounts", None).status, 503);

    give_back(&one, &kept[0]);
    server.token = token;
    server.unseal(&key);
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200, "one is enough");
}

#[test]
fn a_server_that_must_have_a_device_does_nothing_without_one() {
    let place = Place::new();
    let mut server = place.embedded("audit {\n  minimum = 1\n}");
    server.open_up();
    let body = json!({"type": "kv", "options": {"version": "1"}});
    for (method, path, body) in [
        ("GET", "sys/mounts", None),
        ("POST", "sys/mounts/kv", Some(body.clone())),
        ("POST", "auth/token/create", Some(json!({}))),
        ("GET", "auth/token/lookup-self", None),
        ("PUT", "sys/policies/acl/p", Some(json!({"policy": "path \"a\" { capabilities = [\"read\"] }"}))),
        ("GET", "sys/audit", None),
        ("DELETE", "sys/audit/file", None),
        ("PUT", "sys/audit-hash/file", Some(json!({"input": "x"}))),
        ("GET", "no/such/mount", None),
    ] {
        let answer = server.call(method, path, body);
        assert_eq!(answer.status, 500, "{method} {path}");
        assert!(!answer.error().is_empty(), "{method} {path} says why");
    }
    for path in ["sys/seal-status", "sys/leader", "sys/init"] {
        assert_eq!(server.call("GET", path, None).status, 200, "{path} is exempt");
    }
    assert_eq!(server.call("GET", "sys/health", None).status, 503, "and this one says so");
    let refused = server.call("PUT", "sys/audit/file", Some(file(Path::new("/etc/x.log"))));
    assert_eq!(refused.status, 400, "a wrong device is no device");
    assert_eq!(server.call("GET", "sys/mounts", None).status, 500);

    // Enabling the first device is let through, and then all is as usual; nothing of the refused requests had an effect.
    let path = place.path("audit.log");
    assert_eq!(enable(&server, "file", &path), (204, String::new()));
    assert!(server.call("GET", "sys/mounts", None).json()["data"].get("kv/").is_none());
    assert_eq!(server.call("GET", "sys/policies/acl/p", None).status, 404);
    assert_eq!(server.call("POST", "sys/mounts/kv", Some(body)).status, 204);

    let last = server.call("DELETE", "sys/audit/file", None);
    assert_eq!(
        (last.status, last.error()),
        (400, "cannot disable the last audit device: the configuration demands one".to_owned())
    );
    let shell = Shell::of(&server);
    assert!(
        shell.refuses(2, "onrecord audit disable file").contains("* cannot disable the last audit device")
    );
    assert_eq!(enable(&server, "other", &place.path("other.log")).0, 204);
    assert_eq!(server.call("DELETE", "sys/audit/file", None).status, 204, "there is another");
    assert_eq!(server.call("DELETE", "sys/audit/other", None).status, 400);
    server.disable("unknown");
}

#[test]
fn a_server_that_must_have_two_devices_can_be_given_them() {
    let place = Place::new();
    let mut server = place.embedded("audit {\n  minimum = 2\n}");
    server.open_up();
    let status = |server: &Server| server.call("GET", "sys/mounts", None).status;
    assert_eq!(status(&server), 500);
    assert_eq!(enable(&server, "one", &place.path("one.log")), (204, String::new()));
    assert_eq!(status(&server), 500, "one is not enough");
    assert_eq!(enable(&server, "two", &place.path("two.log")), (204, String::new()));
    assert_eq!(status(&server), 200);
    assert_eq!(server.call("DELETE", "sys/audit/one", None).status, 400, "two are needed");
    assert_eq!(status(&server), 200);
}

#[test]
fn a_server_without_devices_runs_and_says_so() {
    let place = Place::new();
    let mut server = place.embedded("");
    server.open_up();
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
    server.wait_for_log("NO AUDIT DEVICE IS ENABLED");
    let shell = Shell::of(&server);
    let said = shell.does("onrecord status").to_lowercase();
    assert!(said.contains("audit"), "status says it: {said}");
    let health = server.call("GET", "sys/health", None).json().to_string();
    assert!(health.contains("audit"), "health says it: {health}");
    assert_eq!(enable(&server, "file", &place.path("audit.log")).0, 204);
    server.disable("file");
    assert!(server.stop());
    let log = server.stderr();
    assert_eq!(log.matches("NO AUDIT DEVICE").count(), 2, "at the unsealing and at the disabling: {log}");
}

/// A device of the configuration.
fn stanza(name: &str, path: &Path, more: &str) -> String {
    format!(
        "audit \"file\" \"{name}\" {{\n  description = \"declared\"\n  options {{\n    file_path = \"{}\"\n    {more}\n  }}\n}}\n",
        path.display()
    )
}

#[test]
fn r_boot_the_configurations_devices_are_there_from_the_first_request_and_stay_its_own() {
    let place = Place::new();
    // Only file-safety binds them: the name need not be that of a log.
    let path = place.path("declared-trail");
    let config = stanza("main", &path, "mode = 0640");
    let mut server = place.embedded(&config);
    let key = server.open_up();
    let token = server.token.clone();
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
    let found = server.call("GET", "sys/audit", None).json()["data"]["main/"].clone();
    assert_eq!(found["description"], "declared");
    assert_eq!(found["options"], json!({"file_path": path, "mode": "0640"}));
    let refused = server.call("DELETE", "sys/audit/main", None);
    assert_eq!(
        (refused.status, refused.error()),
        (400, "cannot disable configuration-managed audit device".to_owned())
    );
    assert_eq!(enable(&server, "main", &place.path("x.log")), (400, "path already in use".to_owned()));
    let hash = |server: &Server| {
        server.call("PUT", "sys/audit-hash/main", Some(json!({"input": "x"}))).json()["data"]["hash"].clone()
    };
    let before = hash(&server);
    assert_eq!(enable(&server, "api", &place.path("api.log")).0, 204);
    assert!(server.stop());

    let mut server = place.embedded(&config);
    server.token.clone_from(&token);
    server.unseal(&key);
    assert_eq!(hash(&server), before, "the same configuration changes nothing");
    assert!(server.stop());

    let mut server = place.embedded("");
    server.token = token;
    server.unseal(&key);
    assert_eq!(
        listed(&server),
        ["api/"],
        "a device that is gone from the configuration is disabled; others stay"
    );
}

#[test]
fn devices_of_a_json_configuration() {
    let place = Place::new();
    let path = place.path("audit.log");
    let config = json!({
        "listener": {"tcp": {"address": "127.0.0.1:0", "tls_disable": true}},
        "storage": {"inmem": {}},
        "disable_mlock": true,
        "audit": [{"file": {"to-file": {"description": "of JSON", "options": {"file_path": path, "log_raw": true}}}}],
    });
    let file = place.path("onrecord.json");
    fs::write(&file, config.to_string()).expect("a file");
    let mut server = Launch::new(&[&format!("-config={}", file.display())]).start();
    server.open_up();
    let found = server.call("GET", "sys/audit", None).json()["data"]["to-file/"].clone();
    assert_eq!(found["options"], json!({"file_path": path, "log_raw": "true"}));
    assert!(!log::lines(&path).is_empty());
}

#[test]
fn what_the_configuration_may_not_change_keeps_the_server_sealed() {
    let place = Place::new();
    let (path, other) = (place.path("audit.log"), place.path("other.log"));
    let mut server = place.embedded(&stanza("main", &path, ""));
    let key = server.open_up();
    assert_eq!(enable(&server, "api", &place.path("api.log")).0, 204);
    assert!(server.stop());
    for (config, why) in [
        (stanza("main", &place.path("folder/"), ""), "is a directory"),
        (
            stanza("main", &path, "") + &stanza("api", &other, ""),
            "audit device in configuration (path: api/) was already created by API",
        ),
        (stanza("main", &path, "") + &stanza("new", &path, ""), "another audit device writes to this file"),
    ] {
        let mut server = place.embedded(&config);
        let (_, error) = fails_to_unseal(&server, &key);
        assert!(server.stop());
        assert!(error.contains(why) || server.stderr().contains(why), "{why}: {error}\n{}", server.stderr());
    }
    let server = place.embedded(&stanza("main", &path, ""));
    server.unseal(&key);
}

#[test]
fn a_broken_device_can_be_replaced_in_the_configuration() {
    let place = Place::new();
    let (broken, other) = (place.path("broken.log"), place.path("other.log"));
    let mut server = place.embedded(&stanza("main", &broken, ""));
    let key = server.open_up();
    let token = server.token.clone();
    assert!(server.stop());
    take_away(&broken);

    let server = place.embedded(&stanza("main", &broken, ""));
    let (_, error) = fails_to_unseal(&server, &key);
    assert!(error.contains("main/") && error.contains("is a directory"), "{error}");
    drop(server);

    // The only device that is left cannot be opened, but the configuration has another now.
    let mut server = place.embedded(&stanza("new", &other, ""));
    server.unseal(&key);
    server.token = token;
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
    assert_eq!(listed(&server), ["new/"]);
    assert!(log::lines(&other).iter().any(|entry| entry["request"]["path"] == "sys/mounts"));
}

#[test]
fn a_new_declared_device_that_cannot_be_opened_keeps_the_server_sealed() {
    let place = Place::new();
    let folder = place.path("folder");
    fs::create_dir(&folder).expect("a folder");
    let server = place.embedded(&stanza("main", &folder, ""));
    let answer =
        server.call("PUT", "sys/init", Some(json!({"secret_shares": 1, "secret_threshold": 1}))).json();
    let key = answer["keys_base64"][0].as_str().expect("a share").to_owned();
    let (status, error) = fails_to_unseal(&server, &key);
    assert_eq!(status, 500);
    for part in ["main/", folder.to_str().expect("UTF-8"), "is a directory"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    fs::remove_dir(&folder).expect("removed");
    server.unseal(&key);
}

#[test]
fn the_configuration_can_forbid_devices_made_through_the_api() {
    for switch in ["audit {\n  api_creation = false\n}", "unsafe_allow_api_audit_creation = false"] {
        let place = Place::new();
        let path = place.path("api.log");
        let mut server =
            place.embedded(&format!("{switch}\n{}", stanza("main", &place.path("main.log"), "")));
        server.open_up();
        let text = "cannot enable audit device via API; use declarative, config-based audit device management instead";
        assert_eq!(enable(&server, "api", &path), (400, text.to_owned()));
        let output = Shell::of(&server)
            .refuses(2, &format!("onrecord audit enable file file_path={}", path.display()));
        assert!(output.contains(text), "{output}");
        assert!(!path.exists());
        assert_eq!(listed(&server), ["main/"]);
    }
}

#[test]
fn the_configuration_can_forbid_prefixes() {
    for switch in ["audit {\n  prefixing = false\n}", "allow_audit_log_prefixing = false"] {
        let place = Place::new();
        let path = place.path("api.log");
        let mut server = place.embedded(switch);
        server.open_up();
        for prefix in ["@cee: ", ""] {
            let body = json!({"type": "file", "options": {"file_path": path, "prefix": prefix}});
            let answer = server.call("PUT", "sys/audit/api", Some(body));
            assert_eq!(
                (answer.status, answer.error()),
                (400, "audit log prefixing is not allowed".to_owned())
            );
            assert!(!path.exists());
        }
        assert_eq!(enable(&server, "api", &path).0, 204);
    }
}

#[test]
fn the_configuration_can_widen_and_narrow_where_files_may_be() {
    let place = Place::new();
    let (inside, outside) = (place.path("inside"), place.path("outside"));
    let config = format!("audit {{\n  only_directories = [\"{}\"]\n}}", inside.display());
    let mut server = place.embedded(&config);
    server.open_up();
    let refused = enable(&server, "x", &outside.join("a.log"));
    assert!(refused.1.ends_with("audit files are not allowed in this directory"), "{refused:?}");
    assert!(!outside.exists());
    assert_eq!(enable(&server, "x", &inside.join("deep/a.log")), (204, String::new()));
    drop(server);

    let place = Place::new();
    // The server's own data is out of reach, whatever is widened.
    let config = format!(
        "audit {{\n  allowed_directories = [\"/run/onrecord-e2e\", \"{}\"]\n}}",
        place.path("data").display()
    );
    let mut server = place.embedded(&config);
    server.open_up();
    for path in [place.path("data/x.log"), PathBuf::from("/run/x.log")] {
        let refused = enable(&server, "x", &path);
        assert!(refused.1.ends_with("audit files are not allowed in this directory"), "{refused:?}");
    }
    if fs::create_dir("/run/onrecord-e2e").is_ok() {
        let allowed = enable(&server, "x", Path::new("/run/onrecord-e2e/a.log"));
        fs::remove_dir_all("/run/onrecord-e2e").expect("removed");
        assert_eq!(allowed, (204, String::new()));
    }
}
