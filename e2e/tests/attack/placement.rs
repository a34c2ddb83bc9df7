//! A directory is known by what it is and not by its name: another name for it, made by a bind mount, opens nothing.
//! Each server runs in a mount namespace of its own, so that nothing of the machine is touched.
//! Never in it: symbolic links (the audit library's tests).

use std::fs;
use std::os::unix::net::UnixDatagram;

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::{mounts, say_skipped};
use serde_json::json;

/// A server whose mounts this script arranges, in the server's folder; `None` if this machine lets us make none.
fn server(place: &Place, config: &str, script: &str) -> Option<Server> {
    if let Err(why) = mounts::check() {
        say_skipped(&format!("no mount namespace can be made here: {why}"));
        return None;
    }
    place.configure(config);
    let mut server = place.launch().with_mounts(script, place.dir()).start();
    server.open_up();
    Some(server)
}

fn make(place: &Place, folders: &[&str]) {
    for name in folders {
        place.folder(name);
    }
}

/// Asks for a file device and says why it was refused; empty if it was not.
fn refusal(server: &Server, place: &Place, file: &str) -> String {
    let answer = server.try_enable("log", "file", &json!({"file_path": place.path(file)}));
    if answer.status == 204 {
        server.disable("log");
        return String::new();
    }
    assert_eq!(answer.status, 400, "{file}");
    answer.error()
}

fn refuses(server: &Server, place: &Place, files: &[&str]) {
    for file in files {
        let why = refusal(server, place, file);
        assert!(why.contains("audit files are not allowed in this directory"), "{file}: {why:?}");
        assert!(!place.path(file).exists(), "{file} was made");
    }
}

fn accepts(server: &Server, place: &Place, files: &[&str]) {
    for file in files {
        assert_eq!(refusal(server, place, file), "", "{file}");
    }
}

/// A directory of the system that is empty, not written to and the namespace's own.
const SPOOL: &str = "mount -t tmpfs none /var/spool\nmkdir -p /var/spool/cron/deep\n";

#[test]
fn a_directory_of_the_system_has_no_other_name() {
    let place = Place::new();
    make(&place, &["whole", "part", "outer/inner", "plain", "own", "other"]);
    let script = format!(
        "{SPOOL}
mount --bind /var/spool whole
mount --bind /var/spool/cron part
mount --bind part outer/inner
mount -t tmpfs none own
mount --bind plain other"
    );
    let Some(server) = server(&place, "", &script) else { return };
    refuses(
        &server,
        &place,
        &[
            "whole/a.log",
            "whole/cron/a.log",
            "whole/cron/deep/new/a.log",
            "part/a.log",
            "part/deep/a.log",
            "part/deep/new/er/a.log",
            "outer/inner/a.log",
        ],
    );
    accepts(&server, &place, &["plain/a.log", "own/a.log", "own/new/a.log", "other/b.log"]);
}

#[test]
fn an_empty_file_of_the_system_has_no_other_name() {
    let place = Place::new();
    let folder = place.folder("logs");
    for name in ["a.log", "b.log"] {
        fs::write(folder.join(name), "").expect("a file");
    }
    let script = format!(
        "{SPOOL}
touch /var/spool/deny
mount --bind /var/spool/deny logs/a.log"
    );
    let Some(server) = server(&place, "", &script) else { return };
    let why = refusal(&server, &place, "logs/a.log");
    assert!(why.contains("audit files are not allowed in this directory"), "{why:?}");
    accepts(&server, &place, &["logs/b.log"]);
}

#[test]
fn the_servers_own_directory_and_files_have_no_other_name() {
    let place = Place::new();
    make(&place, &["whole", "part", "conf.d", "shown"]);
    fs::create_dir_all(place.path("data/inner")).expect("a folder");
    fs::write(place.path("conf.d/rule.hcl"), "audit {\n  minimum = 0\n}\n").expect("written");
    let script = "mount --bind data whole\nmount --bind data/inner part\nmount --bind conf.d shown";
    if let Err(why) = mounts::check() {
        return say_skipped(&format!("no mount namespace can be made here: {why}"));
    }
    place.configure("");
    let config = format!("-config={}", place.config().display());
    let folder = format!("-config={}", place.path("conf.d").display());
    let launch = onrecord_e2e::process::Launch::new(&[&config, &folder]);
    let mut server = launch.with_mounts(script, place.dir()).start();
    server.open_up();
    refuses(
        &server,
        &place,
        &["data/a.log", "data/inner/a.log", "whole/a.log", "whole/inner/a.log", "part/a.log"],
    );
    refuses(&server, &place, &["conf.d/a.log", "shown/a.log", "shown/new/a.log"]);
}

#[test]
fn what_an_operator_allows_is_a_directory_and_not_a_name() {
    let place = Place::new();
    make(&place, &["wide/hole", "real/app", "only/hole", "else"]);
    let dir = place.dir().display();
    let allowed = format!("audit {{\n  allowed_directories = [\"{dir}/wide\"]\n}}\n");
    let script = format!(
        "{SPOOL}
mkdir /var/spool/audit /var/spool/audit/hole
mount --bind /var/spool/audit wide
mount --bind /var/spool/cron wide/hole"
    );
    {
        let Some(server) = server(&place, &allowed, &script) else { return };
        accepts(&server, &place, &["wide/a.log", "wide/new/a.log"]);
        refuses(&server, &place, &["wide/hole/a.log", "wide/hole/deep/a.log"]);
        assert_eq!(
            server.try_enable("x", "file", &json!({"file_path": "/var/spool/audit/x.log"})).status,
            204
        );
        assert_eq!(server.try_enable("y", "file", &json!({"file_path": "/var/spool/y.log"})).status, 400);
    }
    let place = Place::new();
    make(&place, &["wide/hole", "real/app", "real/hole", "only", "else"]);
    let dir = place.dir().display();
    let only = format!("audit {{\n  only_directories = [\"{dir}/only\"]\n}}\n");
    let Some(server) = server(&place, &only, "mount --bind real only\nmount --bind else only/hole") else {
        return;
    };
    accepts(&server, &place, &["only/a.log", "only/app/a.log", "real/b.log"]);
    refuses(&server, &place, &["only/hole/a.log", "else/a.log"]);
}

#[test]
fn a_socket_of_the_system_has_no_other_name() {
    let place = Place::new();
    let _peers = ["sockets", "others"]
        .map(|name| UnixDatagram::bind(place.folder(name).join("in")).expect("a socket"));
    let script = "mount -t tmpfs none /run\nmkdir /run/service\nmount --bind sockets /run/service";
    let Some(server) = server(&place, "", script) else { return };
    let ask = |path: &str| {
        let options = json!({"address": place.path(path), "socket_type": "unixgram"});
        server.try_enable("s", "socket", &options)
    };
    let answer = ask("sockets/in");
    assert!(answer.status == 400 && answer.error().contains("a socket of the system"), "{}", answer.error());
    assert_eq!(ask("others/in").status, 204);
}
