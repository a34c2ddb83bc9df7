//! The documents' examples for file audit devices, as printed, typed into a shell.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::shell::Shell;
use onrecord_e2e::wait::eventually;
use rustix::process::Signal;
use serde_json::{Value, json};

/// What is kept secret in these tests.
const SECRET: &str = "s3cr3t-of-the-documents";

/// A server without a device, a shell beside it and a folder for its logs.
fn scene() -> (Server, Shell, Place) {
    let server = Server::dev(&["-dev-audit=off"]);
    let shell = Shell::of(&server);
    (server, shell, Place::new())
}

/// Keeps a secret and reads it back.
fn keep_a_secret(shell: &Shell) {
    let put = shell.does(&format!("vault kv put secret/app password={SECRET}"));
    assert!(put.contains("secret/data/app"), "{put}");
    let got = shell.does("vault kv get -field=password secret/app");
    assert_eq!(got, SECRET);
}

/// Waits until each of these logs has this number of such responses: of several devices one is enough for an answer.
fn wait_for_responses(logs: &[&Path], count: usize, is_one: impl Fn(&Value) -> bool) {
    let counted = |entry: &Value| entry["type"] == "response" && is_one(&entry["request"]);
    let has = |log: &Path| log::lines(log).iter().filter(|entry| counted(entry)).count() == count;
    eventually("each log has the responses", || logs.iter().all(|log| has(log)));
}

/// Of the secret that was kept.
fn of_the_secret(request: &Value) -> bool {
    request["path"] == "secret/data/app"
}

/// The log holds each request and its response as one line each, the secret hashed, and `audit hash` finds the hash in it.
fn assert_on_record(shell: &Shell, device: &str, text: &str) -> Vec<Value> {
    let entries: Vec<Value> = text.lines().map(|line| onrecord_schema::checked(line.as_bytes())).collect();
    assert!(text.ends_with('\n'), "the last line is whole");
    for (id, counts) in log::pairs(&entries) {
        // The enabling of this very device has its response here, and the probe is an entry of its own.
        let of = |kind: &str| entries.iter().find(|e| e["type"] == kind && e["request"]["id"] == id.as_str());
        let path = of("request").or_else(|| of("response")).expect("one of them")["request"]["path"].clone();
        let expected = match path.as_str() {
            Some("sys/audit/test" | "sys/audit/checkpoint") => (1, 0),
            Some(path) if path == format!("sys/audit/{}", device.trim_end_matches('/')) => (0, 1),
            _ => (1, 1),
        };
        // The calls that this function and its callers make later come to the log as well, and so do their pairs.
        assert_eq!(counts, expected, "{path}: {text}");
    }
    let paths: BTreeSet<&str> =
        entries.iter().filter_map(|entry| entry["request"]["path"].as_str()).collect();
    assert!(paths.contains("secret/data/app"), "{paths:?}");
    assert!(!text.contains(SECRET), "{text}");
    let hash = shell.does(&format!("vault audit hash {device} {SECRET}"));
    let hash = hash.trim_end();
    assert!(hash.starts_with("hmac-sha256:"), "{hash}");
    let data = |kind: &str| {
        entries
            .iter()
            .filter(|e| e["type"] == kind && e["request"]["path"] == "secret/data/app")
            .map(|e| e[kind]["data"]["data"]["password"].clone())
            .filter(|value| !value.is_null())
            .collect::<Vec<_>>()
    };
    assert_eq!(data("request"), [hash], "the secret as it was put");
    assert_eq!(data("response"), [hash], "the secret as it was read");
    entries
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the log is there")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the log is there").permissions().mode() & 0o7777
}

/// A log that the test may make and removes again with its tree, with a name that the documents print.
struct Printed(PathBuf);

impl Printed {
    /// `None` if it or its tree is there already, or it cannot be made: then it is somebody else's.
    fn claim(path: &str) -> Option<Self> {
        let path = PathBuf::from(path);
        if Self::tree(&path).exists() {
            return None;
        }
        fs::OpenOptions::new().write(true).create_new(true).open(&path).ok()?;
        Some(Self(path))
    }

    fn tree(log: &Path) -> PathBuf {
        log.with_added_extension("tlog")
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
        drop(fs::remove_dir_all(Self::tree(&self.0)));
    }
}

#[test]
fn the_first_example_works_as_printed() {
    let Some(printed) = Printed::claim("/var/log/vault_audit.log") else {
        eprintln!("/var/log/vault_audit.log is not ours to write: the example is not typed as printed here");
        return;
    };
    let (_server, shell, _dir) = scene();
    assert_eq!(
        shell.does("vault audit enable file file_path=/var/log/vault_audit.log"),
        "Success! Enabled the file audit device at: file/\n"
    );
    keep_a_secret(&shell);
    assert_eq!(
        shell.does("vault audit list"),
        "Path     Type    Description\n----     ----    -----------\nfile/    file    n/a\n"
    );
    assert_on_record(&shell, "file/", &read(&printed.0));
    assert_eq!(mode(&printed.0), 0o600);
    assert_eq!(
        shell.does("vault audit disable file/"),
        "Success! Disabled audit device (if it was enabled) at: file/\n"
    );
}

#[test]
fn a_device_has_the_path_it_is_given() {
    let (_server, shell, place) = scene();
    let path = place.path("vault_audit.log");
    assert_eq!(
        shell.does(&format!("vault audit enable -path=\"vault_audit_1\" file file_path={}", path.display())),
        "Success! Enabled the file audit device at: vault_audit_1/\n"
    );
    keep_a_secret(&shell);
    assert_on_record(&shell, "vault_audit_1/", &read(&path));
}

#[test]
fn folders_on_the_way_are_made() {
    let (_server, shell, place) = scene();
    let path = place.path("deep/er/audit.log");
    shell.does(&format!("vault audit enable -path=deep/er file file_path={}", path.display()));
    keep_a_secret(&shell);
    assert_on_record(&shell, "deep/er/", &read(&path));
    assert_eq!(mode(path.parent().expect("a folder")), 0o700, "a folder can be passed through");
}

#[test]
fn r_stdout_standard_output_is_a_device() {
    let (server, shell, _dir) = scene();
    for word in ["stdout", "STDOUT"] {
        assert_eq!(
            shell.does(&format!("vault audit enable file file_path={word}")),
            "Success! Enabled the file audit device at: file/\n"
        );
        let before = server.stdout().len();
        keep_a_secret(&shell);
        // The pipe is read by a thread of the test.
        eventually("the entries come", || server.stdout()[before..].matches("secret/data/app").count() >= 4);
        let stdout = server.stdout();
        let entries: Vec<Value> = stdout
            .lines()
            .filter(|line| line.starts_with("{\"time\""))
            .map(|line| onrecord_schema::checked(line.as_bytes()))
            .collect();
        assert!(entries.len() > 4);
        assert!(!stdout.contains(SECRET));
        let hash = shell.does(&format!("vault audit hash file {SECRET}"));
        assert!(stdout.contains(hash.trim_end()), "{hash} in {stdout}");
        shell.does("vault audit disable file");
    }
}

#[test]
fn discard_keeps_nothing_and_lets_all_go_on() {
    let (server, shell, place) = scene();
    shell.does("vault audit enable file file_path=discard");
    let before = server.stdout();
    keep_a_secret(&shell);
    assert!(shell.does(&format!("vault audit hash file {SECRET}")).starts_with("hmac-sha256:"));
    assert_eq!(server.stdout(), before);
    assert_eq!(fs::read_dir(place.dir()).expect("a folder").count(), 0);
    assert!(!shell.home().join("discard").exists());
}

#[test]
fn log_raw_writes_secrets_in_the_clear_and_only_there() {
    let (server, shell, place) = scene();
    let (raw, hashed) = (place.path("raw.log"), place.path("hashed.log"));
    shell.does(&format!("vault audit enable file file_path={}", hashed.display()));
    shell.does(&format!(
        "vault audit enable -path=file-raw file file_path={} log_raw=true hmac_accessor=false",
        raw.display()
    ));
    keep_a_secret(&shell);
    wait_for_responses(&[&raw, &hashed], 2, of_the_secret);
    let text = read(&raw);
    let entries = log::lines(&raw);
    assert!(entries.iter().any(|entry| entry["request"]["data"]["data"]["password"] == SECRET), "{text}");
    assert!(entries.iter().any(|entry| entry["response"]["data"]["data"]["password"] == SECRET), "{text}");
    let put = entries.iter().find(|entry| entry["request"]["path"] == "secret/data/app").expect("an entry");
    assert_eq!(put["request"]["client_token"], server.token.as_str());
    assert!(!text.contains("hmac-sha256:") || text.contains("audit-hash"), "{text}");
    let text = read(&hashed);
    assert!(!text.contains(SECRET), "the device beside it hashes: {text}");
    assert!(!text.contains("\"client_token\":\"root\""), "{text}");
}

#[test]
fn hmac_accessor_false_leaves_accessors_in_the_clear_and_nothing_else() {
    let (server, shell, place) = scene();
    let path = place.path("audit.log");
    shell.does(&format!("vault audit enable file file_path={} hmac_accessor=false", path.display()));
    keep_a_secret(&shell);
    let accessor = server.call("GET", "auth/token/lookup-self", None).json()["data"]["accessor"].clone();
    let accessor = accessor.as_str().expect("an accessor").to_owned();
    let entries = assert_on_record(&shell, "file/", &read(&path));
    let put = entries.iter().find(|entry| entry["request"]["path"] == "secret/data/app").expect("an entry");
    assert_eq!(put["auth"]["accessor"], accessor.as_str());
    assert_eq!(put["request"]["client_token_accessor"], accessor.as_str());
    assert!(put["auth"]["client_token"].as_str().expect("a text").starts_with("hmac-sha256:"));
    let made = shell.does("vault token create -format=json");
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let answer = log::lines(&path)
        .into_iter()
        .rfind(|entry| entry["type"] == "response" && entry["request"]["path"] == "auth/token/create")
        .expect("an entry");
    assert_eq!(answer["response"]["auth"]["accessor"], made["auth"]["accessor"]);
    assert_ne!(answer["response"]["auth"]["client_token"], made["auth"]["client_token"]);
}

#[test]
fn r_mode_a_mode_is_set_and_never_executes() {
    let (_server, shell, place) = scene();
    for (number, given, before, expected) in [
        (0, "", None, 0o600),
        (1, "mode=0640", None, 0o640),
        (2, "mode=0644", None, 0o644),
        (3, "mode=0777", None, 0o666),
        (4, "mode=755", None, 0o644),
        (5, "mode=7", None, 0o006),
        (6, "", Some(0o644), 0o600),
        (7, "mode=0640", Some(0o600), 0o640),
        (8, "mode=0000", Some(0o644), 0o644),
        (9, "mode=0", Some(0o604), 0o604),
    ] {
        let path = place.path(format!("{number}.log"));
        if let Some(before) = before {
            fs::write(&path, "").expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(before)).expect("a mode");
        }
        shell.does(&format!("vault audit enable -path=m{number} file file_path={} {given}", path.display()));
        assert_eq!(mode(&path), expected, "{given:?} on {before:?} is {:o}", mode(&path));
    }
    keep_a_secret(&shell);
    assert_on_record(&shell, "m9/", &read(&place.path("9.log")));
    let absent = place.path("absent.log");
    let error =
        shell.refuses(2, &format!("vault audit enable file file_path={} mode=0000", absent.display()));
    assert!(
        error.contains(&format!("* stat {}: no such file or directory", absent.display())),
        "mode=0000 wants a file: {error}"
    );
}

#[test]
fn a_prefix_begins_each_line() {
    let (server, shell, place) = scene();
    let (path, by_api) = (place.path("audit.log"), place.path("api.log"));
    // The command line reads a value that begins with @ from a file; a backslash says that it is meant.
    let enable = format!("vault audit enable file file_path={} prefix=\"\\@cee: \"", path.display());
    shell.does(&enable);
    let body = json!({"type": "file", "options": {"file_path": by_api, "prefix": "@cee: "}});
    assert_eq!(server.call("PUT", "sys/audit/api", Some(body)).status, 204);
    keep_a_secret(&shell);
    for (device, path) in [("file", &path), ("api", &by_api)] {
        let stripped: String = read(path)
            .lines()
            .filter(|line| !line.contains("sys/audit/api") && !line.contains("sys/audit-hash"))
            .map(|line| line.strip_prefix("@cee: ").unwrap_or_else(|| panic!("no prefix: {line}")))
            .flat_map(|line| [line, "\n"])
            .collect();
        assert_on_record(&shell, device, &stripped);
    }
    // A file that begins so is known again.
    shell.does("vault audit disable file");
    shell.does(&enable);
}

#[test]
fn r_elide_list_responses_counts_keys_instead_of_naming_them() {
    let (_server, shell, place) = scene();
    let (short, long) = (place.path("short.log"), place.path("long.log"));
    shell.does(&format!("vault audit enable -path=long file file_path={}", long.display()));
    shell.does(&format!(
        "vault audit enable -path=short file file_path={} elide_list_responses=true log_raw=true",
        short.display()
    ));
    shell.does("vault kv put secret/app a=b && vault kv put secret/other a=b");
    assert_eq!(shell.does("vault kv list secret"), "Keys\n----\napp\nother\n");
    wait_for_responses(&[&short, &long], 1, |request| request["operation"] == "list");
    let keys = |path: &Path| {
        let entry = log::lines(path)
            .into_iter()
            .rfind(|e| e["type"] == "response" && e["request"]["operation"] == "list")
            .expect("an entry");
        entry["response"]["data"]["keys"].clone()
    };
    assert_eq!(keys(&short), 2);
    assert_eq!(keys(&long).as_array().map(Vec::len), Some(2));
}

#[test]
fn several_devices_have_a_salt_each() {
    let (_server, shell, place) = scene();
    let devices: Vec<(String, PathBuf)> =
        (1..=3).map(|n| (format!("file{n}"), place.path(format!("{n}.log")))).collect();
    for (name, path) in &devices {
        shell.does(&format!("vault audit enable -path={name} file file_path={}", path.display()));
    }
    keep_a_secret(&shell);
    let logs: Vec<&Path> = devices.iter().map(|(_, path)| path.as_path()).collect();
    wait_for_responses(&logs, 2, of_the_secret);
    let hashes: BTreeSet<String> =
        devices.iter().map(|(name, _)| shell.does(&format!("vault audit hash {name} {SECRET}"))).collect();
    assert_eq!(hashes.len(), 3, "each has its own: {hashes:?}");
    for (name, path) in &devices {
        let own = shell.does(&format!("vault audit hash {name} {SECRET}"));
        let text = read(path);
        assert!(text.contains(own.trim_end()));
        for hash in &hashes {
            assert_eq!(text.contains(hash.trim_end()), *hash == own, "{name} knows its own hash only");
        }
    }
    let ids = |path: &Path| -> BTreeSet<String> {
        let of_secret = log::lines(path).into_iter().filter(|e| e["request"]["path"] == "secret/data/app");
        of_secret.map(|e| format!("{} {}", e["type"], e["request"]["id"])).collect()
    };
    assert_eq!(ids(&devices[0].1).len(), 4, "put and get, with their responses");
    assert_eq!(ids(&devices[0].1), ids(&devices[1].1));
    assert_eq!(ids(&devices[0].1), ids(&devices[2].1));
}

#[test]
fn sighup_opens_a_renamed_file_again() {
    let (server, shell, place) = scene();
    let (path, rotated) = (place.path("audit.log"), place.path("audit.log.1"));
    shell.does(&format!("vault audit enable file file_path={}", path.display()));
    shell.does("vault kv put secret/before a=b");
    shell.does(&format!("mv {} {} && kill -HUP {}", path.display(), rotated.display(), server.pid()));
    eventually("the file is made again", || path.exists());
    keep_a_secret(&shell);
    // The rotation comes in between two requests or within one; together the two files are whole.
    let text = read(&rotated) + &read(&path);
    assert!(read(&rotated).contains("secret/data/before"));
    assert!(read(&path).contains("secret/data/app"));
    assert_eq!(mode(&path), 0o600);
    assert!(!text.contains(SECRET));
    let hash = shell.does(&format!("vault audit hash file {SECRET}"));
    assert!(read(&path).contains(hash.trim_end()), "the salt stays");
    server.signal(Signal::HUP);
    shell.does("vault status");
}

#[test]
fn devices_are_listed_in_each_form() {
    let (_server, shell, place) = scene();
    let empty = shell.run("vault audit list").exits(2);
    assert_eq!(empty.stdout, "No audit devices are enabled.\n");
    assert_eq!(shell.does("vault audit list -format=json"), "{}\n");
    assert_eq!(shell.does("vault audit list -format=yaml"), "{}\n");
    let dir = place.dir().display();
    shell.does(&format!("vault audit enable -description=\"for the auditors\" file file_path={dir}/a.log"));
    shell.does(&format!(
        "vault audit enable -path=b -local file file_path={dir}/b.log log_raw=true mode=0640"
    ));
    assert_eq!(
        shell.does("vault audit list"),
        "Path     Type    Description\n----     ----    -----------\nb/       file    n/a\nfile/    file    for the auditors\n"
    );
    let detailed = shell.does("vault audit list -detailed");
    let lines: Vec<&str> = detailed.lines().collect();
    assert_eq!(lines[0], "Path     Type    Description         Replication    Options");
    assert_eq!(lines[1], "----     ----    -----------         -----------    -------");
    assert_eq!(
        lines[2],
        format!(
            "b/       file    n/a                 local          file_path={dir}/b.log log_raw=true mode=0640"
        )
    );
    assert_eq!(
        lines[3],
        format!("file/    file    for the auditors    replicated     file_path={dir}/a.log")
    );
    assert_eq!(
        shell.does("vault audit list -format=json"),
        format!(
            r#"{{
  "b/": {{
    "type": "file",
    "description": "",
    "options": {{
      "file_path": "{dir}/b.log",
      "log_raw": "true",
      "mode": "0640"
    }},
    "local": true,
    "path": "b/"
  }},
  "file/": {{
    "type": "file",
    "description": "for the auditors",
    "options": {{
      "file_path": "{dir}/a.log"
    }},
    "local": false,
    "path": "file/"
  }}
}}
"#
        )
    );
    for form in ["yaml", "yml"] {
        assert_eq!(
            shell.does(&format!("vault audit list -format={form}")),
            format!(
                "b/:\n  description: \"\"\n  local: true\n  options:\n    file_path: {dir}/b.log\n    log_raw: \"true\"\n    mode: \"0640\"\n  path: b/\n  type: file\n\
                 file/:\n  description: for the auditors\n  local: false\n  options:\n    file_path: {dir}/a.log\n  path: file/\n  type: file\n"
            )
        );
    }
}

#[test]
fn a_disabled_device_is_written_no_more_and_its_salt_is_gone_from_its_path() {
    let (server, shell, place) = scene();
    let path = place.path("audit.log");
    let enable = format!("vault audit enable file file_path={}", path.display());
    shell.does(&enable);
    keep_a_secret(&shell);
    let before = shell.does(&format!("vault audit hash file {SECRET}"));
    shell.does("vault audit disable file/");
    // Its thread writes that it ends, perhaps after the answer.
    server.eventually("the log has its end", || {
        fs::read_to_string(&path)
            .is_ok_and(|log| log.lines().next_back().is_some_and(|line| line.contains("\"ended\":true")))
    });
    let size = fs::metadata(&path).expect("it stays").len();
    shell.does("vault kv get secret/app");
    assert_eq!(fs::metadata(&path).expect("it stays").len(), size, "nothing more is written to it");
    assert_eq!(
        shell.does("vault audit disable never-enabled"),
        "Success! Disabled audit device (if it was enabled) at: never-enabled/\n"
    );
    let error = shell.refuses(2, &format!("vault audit hash file {SECRET}"));
    assert!(error.contains("* unknown audit backend \"file/\""), "{error}");
    shell.does(&enable);
    assert_ne!(shell.does(&format!("vault audit hash file {SECRET}")), before, "a new device has a new salt");
}

#[test]
fn the_old_spellings_work_under_both_names() {
    let (_server, shell, place) = scene();
    for program in ["vault", "onrecord"] {
        let path = place.path(format!("{program}.log"));
        let enable = shell.run(&format!("{program} audit-enable file file_path={}", path.display())).exits(0);
        assert_eq!(enable.stdout, "Success! Enabled the file audit device at: file/\n");
        let warning = enable.stderr.replace('\n', " ");
        assert!(
            warning.contains(&format!("The \"{program} audit-enable\" command is deprecated.")),
            "{warning}"
        );
        assert!(warning.contains(&format!("Please use \"{program} audit enable\" instead.")), "{warning}");
        keep_a_secret(&shell);
        assert!(shell.does(&format!("{program} audit-list")).contains("file/    file    n/a"));
        assert_on_record(&shell, "file/", &read(&path));
        let disable = shell.run(&format!("{program} audit-disable file")).exits(0);
        assert_eq!(disable.stdout, "Success! Disabled audit device (if it was enabled) at: file/\n");
        assert!(disable.stderr.contains("is deprecated"), "{}", disable.stderr);
    }
}

#[test]
fn the_program_is_the_same_under_both_names() {
    let (_server, shell, place) = scene();
    let path = place.path("audit.log");
    shell.does(&format!("onrecord audit enable file file_path={}", path.display()));
    for line in
        ["audit list -detailed", "kv put secret/a b=c", "version", "audit nosuch", "nosuch", "audit enable"]
    {
        let ours = shell.run(&format!("onrecord {line}"));
        let theirs = shell.run(&format!("vault {line}"));
        assert_eq!(ours.code, theirs.code, "{line}");
        if !line.starts_with("kv") {
            assert_eq!(ours.stdout, theirs.stdout, "{line}");
        }
        assert_eq!(
            ours.stderr.replace("onrecord", "vault"),
            theirs.stderr.replace("onrecord", "vault"),
            "{line}"
        );
    }
}
