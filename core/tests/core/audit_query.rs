//! `sys/audit-query` through the whole pipeline of a server with files as devices.
//! Never in it: filters (tests of onrecord-trail).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use onrecord_core::{AuditSettings, EnableRequest, Settings};
use onrecord_storage::Storage;
use onrecord_storage::embedded::Embedded;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::{Reply, TestServer, ask, core_on, eventually};
use crate::snapshot::{restored, save};

async fn enable(world: &TestServer, path: &str, file: &Path, raw: bool) {
    let options = json!({"file_path": file, "log_raw": raw.to_string()});
    let said = world
        .root("PUT", &format!("sys/audit/{path}"), Some(json!({"type": "file", "options": options})))
        .await;
    assert_eq!(said.status, 204, "{}", said.text);
}

/// A server with these devices, raw or not, and the file of each: NAME.log in one folder.
async fn server_with<const N: usize>(devices: [(&str, bool); N]) -> (TempDir, TestServer, [PathBuf; N]) {
    let folder = TempDir::new().unwrap();
    let world = TestServer::new().await;
    let files = devices.map(|(name, _)| folder.path().join(format!("{name}.log")));
    for ((name, raw), file) in devices.iter().zip(&files) {
        enable(&world, name, file, *raw).await;
    }
    (folder, world, files)
}

async fn write(world: &TestServer, name: &str) {
    let said = world.root("POST", &format!("cubbyhole/{name}"), Some(json!({"password": "s3cret"}))).await;
    assert_eq!(said.status, 204, "{}", said.text);
}

async fn query(world: &TestServer, body: Value) -> Reply {
    world.root("POST", "sys/audit-query", Some(body)).await
}

/// The answer to a query that is accepted.
async fn answer(world: &TestServer, body: Value) -> Value {
    let said = query(world, body).await;
    assert_eq!(said.status, 200, "{}", said.text);
    said.body["data"].clone()
}

fn paths(answer: &Value) -> Vec<&str> {
    answer["rows"].as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_query_finds_requests_in_the_current_file_and_its_rotated_siblings() {
    let (folder, world, [file]) = server_with([("file", false)]).await;
    write(&world, "before").await;
    fs::rename(&file, folder.path().join("file.log.1")).unwrap();
    assert_eq!(world.root("POST", "sys/audit-reopen/file", None).await.status, 200);
    write(&world, "after").await;
    assert_eq!(world.root("POST", "sys/audit-rotate-salt/file", None).await.status, 200);
    write(&world, "resalted").await;
    let found = answer(&world, json!({"filter": "path~cubbyhole/* op=create"})).await;
    assert_eq!(paths(&found), ["cubbyhole/before", "cubbyhole/after", "cubbyhole/resalted"]);
    assert_eq!((&found["complete"], &found["bound"]), (&json!(true), &Value::Null));
    assert_eq!(found["devices"]["file/"].as_array().unwrap().len(), 2);
    let row = &found["rows"][0];
    assert_eq!((&row["status"], &row["who"], &row["denied"]), (&json!(204), &json!("root"), &json!(false)));
    let two = answer(
        &world,
        json!({"filter": "path~cubbyhole/*", "limit": 2, "fields": ["path", "request.data.password"]}),
    )
    .await;
    assert_eq!((two["rows"].as_array().unwrap().len(), &two["bound"]), (2, &json!("limit")));
    assert_eq!(two["complete"], false);
    assert!(two["rows"][0]["request.data.password"].as_str().unwrap().starts_with("hmac-sha256:"));
}

#[tokio::test]
async fn a_query_is_on_record_with_its_filter_hashed_and_is_left_out_of_answers() {
    let (_folder, world, [file]) = server_with([("file", false)]).await;
    write(&world, "x").await;
    let filter = "path=cubbyhole/x";
    answer(&world, json!({"filter": filter})).await;
    let all = answer(&world, json!({})).await;
    assert!(paths(&all).iter().all(|path| *path != "sys/audit-query"), "{all}");
    assert_eq!(all["own_questions_left_out"], 2, "that of before, and the request entry of itself");
    let own = answer(&world, json!({"own_questions": true, "filter": "path=sys/audit-query"})).await;
    assert_eq!(paths(&own).len(), 3);
    let log = fs::read_to_string(&file).unwrap();
    assert!(!log.contains(filter) && log.contains("\"path\":\"sys/audit-query\""));
}

#[tokio::test]
async fn a_query_reads_neither_raw_devices_nor_lines_of_others() {
    let (folder, world, _) = server_with([("file", false), ("raw", true)]).await;
    write(&world, "x").await;
    let (_other_folder, other, [file_of_other]) = server_with([("file", false)]).await;
    write(&other, "of-another-server").await;
    fs::rename(file_of_other, folder.path().join("file.log.1")).unwrap();
    let found = answer(&world, json!({"filter": "path~cubbyhole/*"})).await;
    assert_eq!(paths(&found), ["cubbyhole/x"]);
    assert_eq!(found["lines_passed_over"], 3, "what came after its probe");
    assert!(found["skipped"]["raw/"].as_str().unwrap().contains("raw device"));
    assert!(!found.to_string().contains("s3cret"));
}

#[tokio::test]
async fn lines_in_the_clear_of_a_device_that_was_raw_are_not_answered() {
    let (folder, world, [_, raw]) = server_with([("file", false), ("raw", true)]).await;
    write(&world, "x").await;
    let login = json!({"password": "s3cret"});
    assert_ne!(world.send(ask("POST", "auth/userpass/login/ann").json(&login)).await.status, 200);
    assert_eq!(world.root("DELETE", "sys/audit/raw", None).await.status, 204);
    // Its lines are of a salt of this server.
    fs::rename(&raw, folder.path().join("file.log.1")).unwrap();
    for filter in ["path~cubbyhole/*", "request.data.password=s3cret", "path~auth/*"] {
        let found =
            answer(&world, json!({"filter": filter, "fields": ["path", "token", "request.data.password"]}))
                .await;
        assert!(!found.to_string().contains("s3cret"), "{found}");
        let tokens = found["rows"].as_array().unwrap().iter().filter_map(|row| row["token"].as_str());
        assert!(tokens.into_iter().all(|token| token.starts_with("hmac-sha256:")), "{found}");
    }
}

#[tokio::test]
async fn a_raw_line_does_not_take_the_place_of_the_same_request_on_a_hashing_device() {
    // The file of the raw one is read first.
    let (folder, world, [raw, _]) = server_with([("raw", true), ("file", false)]).await;
    let data = || Some(json!({"password": "hmac-sha256:s3cret"}));
    assert_eq!(world.root("POST", "cubbyhole/ann", data()).await.status, 204);
    assert_eq!(world.root("POST", "sys/audit-rotate-salt/raw", None).await.status, 200);
    assert_eq!(world.root("POST", "cubbyhole/bob", data()).await.status, 204);
    assert_eq!(world.root("DELETE", "sys/audit/raw", None).await.status, 204);
    assert!(fs::read_to_string(&raw).unwrap().contains("hmac-sha256:s3cret"));
    fs::rename(&raw, folder.path().join("file.log.1")).unwrap();
    let fields = json!({"filter": "path~cubbyhole/*", "fields": ["path", "request.data.password"]});
    let found = answer(&world, fields).await;
    assert!(!found.to_string().contains("s3cret"), "{found}");
    assert_eq!(paths(&found), ["cubbyhole/ann", "cubbyhole/bob"]);
}

/// The settings of a file device of the configuration.
fn declared(file: &Path, raw: bool) -> AuditSettings {
    let options = [("file_path", file.to_str().unwrap()), ("log_raw", if raw { "true" } else { "false" })];
    let device = EnableRequest {
        kind: "file".to_owned(),
        path: "file".to_owned(),
        description: String::new(),
        local: false,
        options: options.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    };
    AuditSettings { declared_devices: vec![device], ..AuditSettings::default() }
}

#[tokio::test]
async fn of_a_salt_with_lines_of_both_kinds_the_raw_ones_are_not_answered() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.log");
    let world = TestServer::new().await;
    for (name, raw) in [("hashed", false), ("raw", true), ("hashed-again", false)] {
        world.core.reload(declared(&file, raw)).await.unwrap();
        write(&world, name).await;
        let hash = world.root("POST", "sys/audit-hash/file", Some(json!({"input": "s3cret"}))).await;
        assert_eq!(hash.status, 200);
    }
    let guess = answer(&world, json!({"filter": "request.data.input=s3cret"})).await;
    assert_eq!((&guess["rows"], &guess["own_questions_left_out"]), (&json!([]), &json!(0)));
    // Nothing but their number is said of them.
    assert_eq!((&guess["undecided"], &guess["complete"]), (&json!(0), &json!(false)));
    assert_eq!((&guess["withheld"], &guess["lines_passed_over"]), (&json!(4), &json!(4)));
    assert_eq!(guess["missing"], 0);
    let found =
        answer(&world, json!({"filter": "path~cubbyhole/*", "fields": ["path", "request.data.password"]}))
            .await;
    assert_eq!(paths(&found), ["cubbyhole/hashed", "cubbyhole/hashed-again"]);
    assert!(fs::read_to_string(&file).unwrap().contains("s3cret") && !found.to_string().contains("s3cret"));
}

#[tokio::test]
async fn a_raw_line_of_a_salt_with_lines_of_both_kinds_leaves_its_place_to_another_device() {
    let folder = TempDir::new().unwrap();
    let (file, other) = (folder.path().join("audit.log"), folder.path().join("other.log"));
    let world = TestServer::new().await;
    world.core.reload(declared(&file, false)).await.unwrap();
    write(&world, "hashed").await;
    world.core.reload(declared(&file, true)).await.unwrap();
    // Its file is read after the other one.
    enable(&world, "other", &other, false).await;
    write(&world, "raw").await;
    // A device that is raw now is not read at all.
    world.core.reload(declared(&file, false)).await.unwrap();
    assert!(fs::read_to_string(&file).unwrap().contains("s3cret"));
    // The second one is true of lines in the clear, too: that a row is missing would tell that.
    for filter in ["path~cubbyhole/*", "path~cubbyhole/* and (request.data.password=s3cret or op=create)"] {
        let found =
            answer(&world, json!({"filter": filter, "fields": ["path", "request.data.password"]})).await;
        assert_eq!(paths(&found), ["cubbyhole/hashed", "cubbyhole/raw"], "{filter}");
        assert!(!found.to_string().contains("s3cret"), "{filter}");
    }
    let guess = answer(&world, json!({"filter": "request.data.password=s3cret"})).await;
    assert_eq!(guess["rows"], json!([]));
    // Nor does it hide a request entry whose answer the other device lacks, whatever the filter says of the text in the clear.
    let text = fs::read_to_string(&other).unwrap();
    let is_answer = |line: &&str| line.contains("cubbyhole/raw") && line.contains("\"type\":\"response\"");
    let left: String = text.lines().filter(|line| !is_answer(line)).flat_map(|line| [line, "\n"]).collect();
    assert_ne!(left, text);
    fs::rename(&other, folder.path().join("other.log.1")).unwrap();
    assert_eq!(world.root("POST", "sys/audit-reopen/other", None).await.status, 200);
    fs::write(folder.path().join("other.log.1"), left).unwrap();
    for filter in ["path=cubbyhole/raw", "path=cubbyhole/raw and not request.data.password=s3cret"] {
        let found = answer(&world, json!({"filter": filter, "fields": ["path", "status"]})).await;
        assert_eq!(
            (&found["rows"], &found["unanswered"]),
            (&json!([{"path": "cubbyhole/raw"}]), &json!(1)),
            "{filter}"
        );
    }
}

#[tokio::test]
async fn a_restoration_makes_no_raw_line_one_that_is_taken_for_hashed() {
    let folder = TempDir::new().unwrap();
    let [directory, snapshot, file] = ["data", "snapshot", "audit.log"].map(|name| folder.path().join(name));
    let storage = || Storage::start(Embedded::open(&directory).unwrap()).unwrap();
    let (key, root) = {
        let world = TestServer::on(storage(), Settings::default()).await;
        world.core.reload(declared(&file, false)).await.unwrap();
        write(&world, "hashed").await;
        save(&world, &snapshot).await;
        world.core.reload(declared(&file, true)).await.unwrap();
        write(&world, "raw").await;
        world.core.seal(Duration::from_secs(10)).await;
        (world.key, world.root)
    };
    // What the devices still wrote has ended.
    eventually(|| Embedded::open(&directory).is_ok()).await;
    restored(&directory, &snapshot);
    let world = TestServer { core: core_on(storage(), Settings::default()), root, key };
    world.core.unseal(&world.key).await.unwrap();
    world.core.reload(declared(&file, false)).await.unwrap();
    assert!(fs::read_to_string(&file).unwrap().contains("s3cret"));
    let found =
        answer(&world, json!({"filter": "path~cubbyhole/*", "fields": ["path", "request.data.password"]}))
            .await;
    assert_eq!(paths(&found), ["cubbyhole/hashed"]);
    assert!(!found.to_string().contains("s3cret"), "{found}");
}

#[tokio::test]
async fn an_answer_with_a_torn_or_undecided_entry_is_not_complete() {
    let (folder, world, [file]) = server_with([("file", false)]).await;
    write(&world, "x").await;
    let filter = json!({"filter": "path~cubbyhole/* and request.data.password=x"});
    let found = answer(&world, filter.clone()).await;
    assert_eq!((&found["undecided"], &found["complete"]), (&json!(0), &json!(true)));
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().find(|line| line.contains("cubbyhole/x")).unwrap();
    let torn = format!("{}\n{line}\n", &line[..line.len() / 2]);
    let rotated = folder.path().join("file.log.1");
    fs::write(&rotated, torn).unwrap();
    let found = answer(&world, filter).await;
    assert_eq!((&found["torn"], &found["complete"]), (&json!(1), &json!(false)));
    fs::remove_file(rotated).unwrap();
    // Its data is replaced by a digest.
    let many: Vec<u32> = (0..200_000).collect();
    world.root("POST", "cubbyhole/many", Some(json!({"password": "s3cret", "many": many}))).await;
    let found = answer(&world, json!({"filter": "path=cubbyhole/many and request.data.password=x"})).await;
    assert_eq!((&found["undecided"], &found["complete"]), (&json!(1), &json!(false)), "{found}");
}

#[tokio::test]
async fn a_huge_file_without_a_newline_ends_a_query_at_its_time_limit() {
    let (folder, world, _) = server_with([("file", false)]).await;
    write(&world, "x").await;
    // Sparse: it takes no room.
    let huge = fs::File::create(folder.path().join("file.log.1")).unwrap();
    huge.set_len(1 << 40).unwrap();
    for _ in 0..2 {
        let found = answer(&world, json!({"time_limit": "200ms"})).await;
        // The second one is let in: the thread of the first has ended.
        assert_eq!((&found["bound"], &found["complete"]), (&json!("time"), &json!(false)));
    }
}

#[tokio::test]
async fn a_query_needs_sudo_and_names_what_it_does_not_accept() {
    let world = TestServer::new().await;
    for (body, part) in [
        (json!({"filter": "pth=x"}), "did you mean \"path\"?"),
        (json!({"filter": "a".repeat(9000)}), "\"filter\" is longer than 8192 bytes"),
        (json!({"since": "soon"}), "\"since\": "),
        (json!({"since": "2026-02-01", "until": "2026-01-01"}), "\"since\" must be before \"until\""),
        (json!({"limit": 0}), "\"limit\" must be between 1 and 1000 rows"),
        (json!({"limit": 1001}), "\"limit\" must be between 1 and 1000 rows"),
        (json!({"time_limit": "2m"}), "at most 30 seconds"),
        (json!({"fields": ["pth"]}), "unknown field \"pth\" (did you mean \"path\"?)"),
    ] {
        let said = query(&world, body).await;
        assert!(said.status == 400 && said.error().contains(part), "{part}: {}", said.text);
    }
    let policy = "path \"sys/audit-query\" { capabilities = [\"create\", \"update\"] }";
    assert_eq!(world.root("POST", "sys/policies/acl/q", Some(json!({"policy": policy}))).await.status, 204);
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["q"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap();
    let said = world.send(ask("POST", "sys/audit-query").token(token).json(&json!({}))).await;
    assert_eq!(said.status, 403);
    let none = answer(&world, json!({})).await;
    assert_eq!((&none["rows"], &none["entries"]), (&json!([]), &json!(0)));
}
