//! Configuration that changes while the server runs, devices removed while it does not, and losses that outlive it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use onrecord_audit::Rules;
use onrecord_audit::status::Health;
use onrecord_core::Reloaded;
use onrecord_core::{AuditSettings, EnableRequest, Settings};
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use serde_json::{Value, json};

use crate::kit::{TestServer, core_on};

const TIMEOUT: Duration = Duration::from_secs(10);

struct Scene {
    world: TestServer,
    folder: tempfile::TempDir,
    storage: Storage,
}

fn settings(declared: &[EnableRequest]) -> AuditSettings {
    AuditSettings { declared_devices: declared.to_vec(), ..AuditSettings::default() }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn paths(path: &Path) -> Vec<String> {
    lines(path).iter().map(|line| line["request"]["path"].as_str().unwrap().to_owned()).collect()
}

impl Scene {
    async fn new() -> Self {
        let storage = Storage::start(Memory::new()).unwrap();
        let world = TestServer::on(storage.clone(), Settings::default()).await;
        Self { world, folder: tempfile::tempdir().unwrap(), storage }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, path: &str, name: &str, more: &[(&str, &str)]) -> EnableRequest {
        let mut options = vec![("file_path".to_owned(), self.path(name).to_str().unwrap().to_owned())];
        options.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        EnableRequest {
            kind: "file".into(),
            path: path.into(),
            description: String::new(),
            local: false,
            options: options.into_iter().collect(),
        }
    }

    async fn reload(&self, settings: AuditSettings) -> Result<Vec<String>, String> {
        match self.world.core.reload(settings).await {
            Ok(Reloaded::Applied(done)) => Ok(done),
            Ok(_) => Ok(vec!["later".to_owned()]),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn listed(&self) -> Value {
        self.world.root("GET", "sys/audit", None).await.body["data"].clone()
    }

    /// The same storage under another process.
    async fn restarted(&self, audit: AuditSettings) -> Result<TestServer, String> {
        let core = core_on(self.storage.clone(), Settings { audit, ..Settings::default() });
        let world = TestServer { core, root: self.world.root.clone(), key: self.world.key.clone() };
        world.core.unseal(&world.key).await.map(|()| world).map_err(|error| error.to_string())
    }
}

#[tokio::test]
async fn r_reconcile_the_stanzas_are_applied_to_a_running_server() {
    let scene = Scene::new().await;
    let (one, two) = (scene.file("one", "one.log", &[]), scene.file("two", "two.log", &[]));
    assert_eq!(
        scene.reload(settings(&[one.clone(), two])).await.unwrap(),
        ["add one/ (file)", "add two/ (file)"]
    );
    assert_eq!(scene.reload(settings(std::slice::from_ref(&one))).await.unwrap(), ["remove two/ (file)"]);
    let before = scene.world.root("PUT", "sys/audit-hash/one", Some(json!({"input": "x"}))).await;

    let changed = scene.file("one", "one.log", &[("mode", "0640"), ("format", "jsonx")]);
    assert_eq!(
        scene.reload(settings(std::slice::from_ref(&changed))).await.unwrap(),
        ["change one/ (file): format, mode"]
    );
    assert_eq!(scene.listed().await["one/"]["options"]["format"], "jsonx");
    let after = scene.world.root("PUT", "sys/audit-hash/one", Some(json!({"input": "x"}))).await;
    assert_eq!(before.body["data"], after.body["data"], "it keeps its salt");
    let text = std::fs::read_to_string(scene.path("one.log")).unwrap();
    assert!(text.starts_with('{') && text.trim_end().lines().last().unwrap().starts_with("<json:object"));

    let count = text.lines().count();
    let told = EnableRequest { description: "for people".into(), ..changed };
    let done = scene.reload(settings(&[told])).await.unwrap();
    assert_eq!(done, ["change one/: its description, without opening it"]);
    let text = std::fs::read_to_string(scene.path("one.log")).unwrap();
    assert_eq!(text.lines().count(), count, "no probe");
    assert_eq!(scene.listed().await["one/"]["description"], "for people");
    assert_eq!(scene.reload(settings(&[])).await.unwrap(), ["remove one/ (file)"]);
    assert_eq!(scene.listed().await, json!({}));
}

#[tokio::test]
async fn a_device_may_move_to_another_path_and_keep_its_file() {
    let scene = Scene::new().await;
    scene.reload(settings(&[scene.file("old", "a.log", &[])])).await.unwrap();
    scene.reload(settings(&[scene.file("old/er", "a.log", &[])])).await.unwrap();
    assert_eq!(scene.listed().await.as_object().unwrap().keys().collect::<Vec<_>>(), ["old/er/"]);
}

#[tokio::test]
async fn r_declarative_what_cannot_be_applied_leaves_all_as_it_was() {
    let scene = Scene::new().await;
    let good = scene.file("good", "good.log", &[]);
    scene.reload(settings(std::slice::from_ref(&good))).await.unwrap();
    let body = json!({"type": "file", "options": {"file_path": scene.path("api.log")}});
    assert_eq!(scene.world.root("PUT", "sys/audit/api", Some(body)).await.status, 204);
    let before = scene.listed().await;
    let new = scene.file("new", "new.log", &[]);
    let cases = [
        (scene.file("bad", "folder/", &[]), "is a directory"),
        (scene.file("bad", "b.log", &[("format", "xml")]), "unknown format type \"xml\""),
        (scene.file("bad", "good.log", &[]), "another audit device writes to this file"),
        (scene.file("api", "x.log", &[]), "already created by API"),
        (scene.file("api/deep", "x.log", &[]), "path already in use"),
        (scene.file("good", "folder/", &[]), "is a directory"),
    ];
    for (bad, text) in cases {
        let mut all = vec![new.clone(), bad];
        if all[1].path != "good" {
            all.push(good.clone());
        }
        let refused = scene.reload(settings(&all)).await.unwrap_err();
        assert!(refused.contains(text), "{refused}");
        assert_eq!(scene.listed().await, before);
        assert!(scene.world.root("GET", "sys/mounts", None).await.status == 200);
        let demanding = AuditSettings { fail_closed: true, ..settings(&all) };
        scene.reload(demanding).await.unwrap_err();
        assert!(!scene.world.core.audit_settings().fail_closed);
    }
    assert!(!scene.path("x.log").exists() && !scene.path("b.log").exists());
    scene.reload(settings(&[good, new])).await.unwrap();
}

#[tokio::test]
async fn the_rule_changes_with_the_configuration() {
    let scene = Scene::new().await;
    let one = scene.file("one", "one.log", &[]);
    let rules = Rules { minimum: 2, ..Rules::default() };
    let two = AuditSettings { fail_closed: true, rules, ..settings(std::slice::from_ref(&one)) };
    scene.reload(two.clone()).await.unwrap();
    assert_eq!(scene.world.root("GET", "sys/mounts", None).await.status, 500);
    let refused = scene.reload(AuditSettings { declared_devices: Vec::new(), ..two }).await.unwrap_err();
    assert_eq!(refused, "the configuration demands 2 audit devices and would leave 0");
    scene.reload(settings(&[one])).await.unwrap();
    assert_eq!(scene.world.root("GET", "sys/mounts", None).await.status, 200);
    let shut = AuditSettings {
        placement: onrecord_audit::Placement::api().with_api_creation(false),
        ..AuditSettings::default()
    };
    scene.reload(shut).await.unwrap();
    let body = json!({"type": "file", "options": {"file_path": scene.path("api.log")}});
    let refused = scene.world.root("PUT", "sys/audit/api", Some(body)).await;
    assert!(refused.error().starts_with("cannot enable audit device via API"), "{}", refused.text);
}

#[tokio::test]
async fn a_sealed_server_applies_it_when_it_is_unsealed() {
    let scene = Scene::new().await;
    scene.world.core.seal(TIMEOUT).await;
    let one = scene.file("one", "one.log", &[]);
    assert_eq!(scene.reload(settings(&[one])).await.unwrap(), ["later"]);
    assert!(!scene.path("one.log").exists());
    scene.world.core.unseal(&scene.world.key).await.unwrap();
    assert_eq!(scene.listed().await["one/"]["type"], "file");
}

#[tokio::test]
async fn what_is_read_while_the_server_is_unsealed_is_in_force_at_once() {
    let scene = Scene::new().await;
    let body = json!({"type": "file", "options": {"file_path": scene.path("api.log")}});
    assert_eq!(scene.world.root("PUT", "sys/audit/api", Some(body)).await.status, 204);
    scene.world.core.seal(TIMEOUT).await;
    let one = scene.file("one", "one.log", &[]);
    // The unsealing has begun, and waits for the stored device to open.
    let unsealing = scene.world.core.unseal(&scene.world.key);
    let (unsealed, reloaded) = tokio::join!(biased; unsealing, scene.reload(settings(&[one])));
    unsealed.unwrap();
    assert_eq!(reloaded.unwrap(), ["add one/ (file)"]);
    assert_eq!(scene.listed().await["one/"]["type"], "file");
}

#[tokio::test]
async fn more_devices_than_there_can_be_change_nothing() {
    let scene = Scene::new().await;
    let many: Vec<_> = (0..65)
        .map(|number| EnableRequest {
            options: [("file_path".to_owned(), "discard".to_owned())].into(),
            ..scene.file(&format!("d{number}"), "", &[])
        })
        .collect();
    let refused = scene.reload(settings(&many)).await.unwrap_err();
    assert!(refused.starts_with("there can be 64 audit devices at once"), "{refused}");
    assert!(scene.listed().await.as_object().is_none_or(serde_json::Map::is_empty));
    scene.reload(settings(&many[..64])).await.unwrap();
    assert_eq!(scene.listed().await.as_object().unwrap().len(), 64);
    let refused = scene.reload(settings(&many[1..])).await.unwrap_err();
    assert!(refused.starts_with("there can be 64 audit devices at once"), "{refused}");
    assert_eq!(scene.listed().await.as_object().unwrap().len(), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn r_quorum_a_required_device_holds_all_up_and_a_minimum_counts() {
    let scene = Scene::new().await;
    let room = scene.path("room");
    std::fs::create_dir(&room).unwrap();
    let one = scene.file("one", "one.log", &[("required", "true")]);
    let two = scene.file("two", "room/two.log", &[]);
    scene.reload(settings(&[one.clone(), two.clone()])).await.unwrap();
    assert_eq!(scene.listed().await["one/"]["options"]["required"], "true");
    let required = |path: &str| {
        let status = scene.world.core.unsealed().unwrap().broker.status();
        status.iter().find(|status| &*status.path == path).unwrap().required
    };
    assert!(required("one/") && !required("two/"));
    let spoil = |on: bool| {
        let log = room.join("two.log");
        if on {
            std::fs::remove_file(&log).unwrap();
            std::fs::create_dir(&log).unwrap();
        } else {
            std::fs::remove_dir(&log).unwrap();
        }
    };
    let get = async || scene.world.root("GET", "sys/mounts", None).await.status;
    spoil(true);
    assert_eq!(get().await, 200, "the required one works");
    spoil(false);
    while scene.world.core.unsealed().unwrap().broker.status().iter().any(|s| s.health != Health::Healthy) {
        get().await;
    }
    let swapped =
        [scene.file("one", "one.log", &[]), scene.file("two", "room/two.log", &[("required", "true")])];
    scene.reload(settings(&swapped)).await.unwrap();
    assert!(!required("one/") && required("two/"));
    spoil(true);
    assert_eq!(get().await, 500, "the required one does not");
    spoil(false);
    while get().await != 200 {}
    // And the other rule: two of two.
    let rules = Rules { minimum: 2, ..Rules::default() };
    scene.reload(AuditSettings { rules, ..settings(&[one, two]) }).await.unwrap();
    assert_eq!(get().await, 200);
    spoil(true);
    assert_eq!(get().await, 500);
    spoil(false);
    while get().await != 200 {}
}

#[tokio::test]
async fn r_reconcile_devices_exchange_their_files_and_no_two_get_one() {
    let scene = Scene::new().await;
    let both = |a: &str, b: &str| settings(&[scene.file("a", a, &[]), scene.file("b", b, &[])]);
    scene.reload(both("x.log", "y.log")).await.unwrap();
    let get = async |path: &str| assert_eq!(scene.world.root("GET", path, None).await.status, 200);
    get("sys/mounts").await;
    scene.reload(both("y.log", "x.log")).await.unwrap();
    get("sys/auth").await;
    let salts = |name: &str| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of = |line: Value| (text(&line["request"]["path"]), text(&line["record"]["salt"]));
        let entries = lines(&scene.path(name)).into_iter().map(of);
        entries.filter(|(path, _)| path == "sys/mounts" || path == "sys/auth").collect()
    };
    let (x, y) = (salts("x.log"), salts("y.log"));
    // Both entries of both requests, the second ones from the device that had the other file.
    assert_eq!((x.len(), y.len()), (4, 4));
    assert_eq!((&x[0].1, &y[0].1), (&y[3].1, &x[3].1));
    assert_ne!(x[0].1, y[0].1);
    // Only one device may take over a file that is left.
    let refused =
        scene.reload(settings(&[scene.file("c", "x.log", &[]), scene.file("d", "x.log", &[])])).await;
    assert!(refused.unwrap_err().contains("another audit device writes to this file"));
    get("sys/mounts").await;
}

#[tokio::test]
async fn a_device_given_the_file_of_another_is_refused_and_named_and_leaves_the_file_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new().await;
    let mode = |name: &str| scene.path(name).metadata().unwrap().permissions().mode() & 0o777;
    let before = [scene.file("m", "m.log", &[]), scene.file("z", "z.log", &[])];
    scene.reload(settings(&before)).await.unwrap();
    let listed = scene.listed().await;
    let keeps = |path, name| scene.file(path, name, &[("prefix", "> ")]);
    let intrudes = |path, name| scene.file(path, name, &[("mode", "0644")]);
    let cases = [
        // A new device, and one that is there, each wants a file whose device keeps it and has other options.
        (vec![keeps("m", "m.log"), before[1].clone(), intrudes("c", "m.log")], "m.log", "c/"),
        (vec![intrudes("m", "z.log"), keeps("z", "z.log")], "z.log", "m/"),
    ];
    for (wanted, file, named) in cases {
        let count = std::fs::read_to_string(scene.path(file)).unwrap().lines().count();
        let refused = scene.reload(settings(&wanted)).await.unwrap_err();
        assert!(refused.contains(&format!("(path: {named})")), "{refused}");
        assert!(refused.contains("another audit device writes to this file"), "{refused}");
        assert_eq!(mode(file), 0o600, "{named}");
        let text = std::fs::read_to_string(scene.path(file)).unwrap();
        // An entry of a request before this may still have been on its way to this device.
        let probes = text.lines().skip(count).filter(|line| line.contains("\"sys/audit/test\""));
        assert!(probes.clone().all(|line| line.starts_with("> ")), "no probe of {named}: {text}");
        assert_eq!(scene.listed().await, listed);
    }
    scene.reload(settings(&before)).await.unwrap();
}

#[tokio::test]
async fn a_discarding_device_cannot_be_required() {
    let scene = Scene::new().await;
    let body = json!({"type": "file", "options": {"file_path": "discard", "required": true}});
    let refused = scene.world.root("PUT", "sys/audit/d", Some(body)).await;
    assert_eq!(
        (refused.status, refused.error()),
        (400, "a device that discards everything cannot be required")
    );
}

#[tokio::test]
async fn r_escape_a_device_is_removed_on_the_machine_and_the_act_is_on_record() {
    let scene = Scene::new().await;
    let stuck = scene.path("stuck.log");
    let body = json!({"type": "file", "options": {"file_path": stuck}});
    assert_eq!(scene.world.root("PUT", "sys/audit/stuck", Some(body)).await.status, 204);
    scene.world.core.seal(TIMEOUT).await;
    std::fs::remove_file(&stuck).unwrap();
    std::fs::create_dir(&stuck).unwrap();
    let refused = scene.restarted(AuditSettings::default()).await.err().unwrap();
    assert!(refused.contains("failed to setup audit table: stuck/"), "{refused}");
    assert!(refused.contains("is a directory"), "{refused}");

    let core = core_on(scene.storage.clone(), Settings::default());
    {
        let repair = core.repair(&scene.world.key).await.unwrap().unwrap();
        assert_eq!(
            repair.devices().await.unwrap().iter().map(|device| &*device.path).collect::<Vec<_>>(),
            ["stuck/"]
        );
        assert_eq!(repair.remove("absent", 7).await.unwrap(), None);
        assert_eq!(repair.remove("stuck/", 7).await.unwrap().unwrap().path, "stuck/");
        assert!(repair.devices().await.unwrap().is_empty());
    }
    assert!(core.seal_status().await.unwrap().sealed);

    // Without a device nothing can have it on record; it is kept until one can.
    let without = scene.restarted(AuditSettings::default()).await.unwrap();
    without.core.keep_record().await;
    without.core.seal(TIMEOUT).await;
    let later = scene.restarted(settings(&[scene.file("new", "new.log", &[])])).await.unwrap();
    assert_eq!(later.root("GET", "sys/mounts", None).await.status, 200);
    let log = scene.path("new.log");
    assert_eq!(
        paths(&log),
        ["sys/audit/test", "sys/audit/repair/stuck", "sys/audit/repair/stuck", "sys/mounts", "sys/mounts"]
    );
    let entry = &lines(&log)[1];
    assert_eq!((&entry["type"], &entry["request"]["operation"]), (&json!("request"), &json!("delete")));
    assert_eq!(entry["request"]["data"]["uid"], 7);
    assert!(entry["request"]["data"]["at"].as_i64().unwrap() > 1_600_000_000);
    later.core.keep_record().await;
    later.core.seal(TIMEOUT).await;
    let again = scene.restarted(settings(&[scene.file("new", "new.log", &[])])).await.unwrap();
    again.core.keep_record().await;
    assert_eq!(lines(&log).len(), 5, "once");
}

#[tokio::test]
async fn a_wrong_key_repairs_nothing() {
    let scene = Scene::new().await;
    assert!(scene.world.core.repair(&scene.world.key).await.is_err(), "an unsealed server");
    let core = core_on(scene.storage.clone(), Settings::default());
    assert!(core.repair(&"cd".repeat(32)).await.is_err());
    assert!(core.repair("no key").await.is_err());
}

#[tokio::test]
async fn what_a_device_missed_before_a_kill_it_tells_after_it() {
    let scene = Scene::new().await;
    let (well, sick) = (scene.file("well", "well.log", &[]), scene.file("sick", "room/sick.log", &[]));
    scene.reload(settings(&[well.clone(), sick.clone()])).await.unwrap();
    let log = scene.path("room/sick.log");
    std::fs::remove_file(&log).unwrap();
    std::fs::create_dir(&log).unwrap();
    for _ in 0..3 {
        assert_eq!(scene.world.root("GET", "sys/mounts", None).await.status, 200);
    }
    scene.world.core.keep_record().await;
    // Killed: nothing is drained and nothing told.
    std::fs::remove_dir(&log).unwrap();
    let kept = scene.world.core.unsealed().unwrap().broker.losses();
    let missed: u64 = kept.iter().flat_map(|(_, losses)| losses).map(|loss| loss.count).sum();
    assert!(missed >= 6, "{kept:?}");
    let boot = scene.world.core.unsealed().unwrap().broker.boot();
    // The files of the killed one are free: this stands for the end of its process.
    scene.world.core.unsealed().unwrap().broker.disable("well/");
    scene.world.core.unsealed().unwrap().broker.disable("sick/");
    std::fs::remove_file(&log).ok();

    let later = scene.restarted(settings(&[well, sick])).await.unwrap();
    later.root("GET", "sys/mounts", None).await;
    let told = lines(&log);
    let gap = told.iter().find(|line| line["gap"]["boot"] == format!("{:016x}", boot.number()));
    let gap = gap.unwrap_or_else(|| panic!("{told:?}"));
    assert_eq!(gap["gap"]["missed"], missed);
    later.core.keep_record().await;
    later.core.seal(TIMEOUT).await;
    std::fs::remove_file(&log).unwrap();
    let again = scene.restarted(AuditSettings::default()).await.unwrap();
    again.root("GET", "sys/mounts", None).await;
    assert!(lines(&log).iter().all(|line| line["gap"]["missed"].as_u64().unwrap_or(0) == 0), "told once");
}

#[tokio::test]
async fn reopening_names_each_device_and_what_came_of_it() {
    let scene = Scene::new().await;
    scene
        .reload(settings(&[scene.file("one", "one.log", &[]), scene.file("two", "room/two.log", &[])]))
        .await
        .unwrap();
    let (one, rotated) = (scene.path("one.log"), scene.path("one.log.1"));
    std::fs::rename(&one, &rotated).unwrap();
    std::fs::remove_file(scene.path("room/two.log")).unwrap();
    std::fs::create_dir(scene.path("room/two.log")).unwrap();
    let said = scene.world.root("POST", "sys/audit-reopen", None).await;
    let devices = &said.body["data"]["devices"];
    assert_eq!((said.status, &devices["one/"]), (200, &json!({"result": "reopened"})));
    assert_eq!(devices["two/"]["result"], "failed");
    assert!(devices["two/"]["error"].as_str().unwrap().contains("is a directory"));
    assert_eq!(paths(&rotated).last().unwrap(), "sys/audit-reopen");
    assert_eq!(paths(&one), ["sys/audit-reopen"], "the response entry is in the new file");
    let said = scene.world.root("PUT", "sys/audit-reopen/one", None).await;
    assert_eq!(said.body["data"]["devices"], json!({"one/": {"result": "reopened"}}));
    let said = scene.world.root("POST", "sys/audit-reopen/three", None).await;
    assert_eq!((said.status, said.error()), (400, "unknown audit backend \"three/\""));
}
