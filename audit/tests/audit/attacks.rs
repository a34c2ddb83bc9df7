//! What somebody who may enable devices must not be able to make the server write to (decision 5).

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::kit::file::{append, line, mode_of, open, open_with, refusal, set_mode};
use onrecord_audit::Placement;
use onrecord_entry::format::Format;

#[track_caller]
fn refused(path: &Path, placement: &Placement, why: &str) {
    let text = refusal(open(path, placement));
    assert!(text.starts_with("sanity check failed; unable to open ") && text.ends_with(why), "{text}");
}

const DIRECTORY: &str = "audit files are not allowed in this directory";
const NAME: &str = "the name must end in .log, .json, .jsonl, .xml or .txt";
const FOREIGN: &str = "is not empty and does not begin with an audit entry";

#[test]
fn a_cron_file_is_out_of_reach() {
    for path in ["/etc/cron.d/job.log", "/var/spool/cron/crontabs/root.txt", "/etc/cron.d/new/job.log"] {
        refused(Path::new(path), &Placement::api(), DIRECTORY);
        assert!(!Path::new(path).exists());
    }
    assert!(!Path::new("/etc/cron.d/new").exists(), "nothing was made on the way");
    refused(Path::new("/etc/crontab"), &Placement::api(), NAME);
}

#[test]
fn authorized_keys_are_out_of_reach() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".ssh")).unwrap();
    let keys = home.path().join(".ssh/authorized_keys");
    refused(&keys, &Placement::api(), NAME);
    std::fs::write(&keys, "ssh-ed25519 AAAA somebody\n").unwrap();
    refused(&keys, &Placement::api(), NAME);
    // Nor by another name that leads there.
    let link = home.path().join("link.log");
    symlink(&keys, &link).unwrap();
    refused(&link, &Placement::api(), "is a symbolic link");
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), "ssh-ed25519 AAAA somebody\n");
}

#[test]
fn a_profile_script_is_out_of_reach() {
    refused(Path::new("/etc/profile.d/x.sh"), &Placement::api(), NAME);
    refused(Path::new("/etc/profile.d/x.txt"), &Placement::api(), DIRECTORY);
    let home = tempfile::tempdir().unwrap();
    refused(&home.path().join(".profile"), &Placement::api(), NAME);
    // A script under the name of a log is no log.
    let script = home.path().join("start.log");
    std::fs::write(&script, "#!/bin/sh\nexec true\n").unwrap();
    set_mode(&script, 0o644);
    refused(&script, &Placement::api(), FOREIGN);
    assert_eq!(mode_of(&script), 0o644, "a refused file is not touched");
}

#[test]
fn the_servers_own_files_are_out_of_reach() {
    let data = tempfile::tempdir().unwrap();
    let placement = Placement::api().keep_out(data.path()).widen(data.path());
    for path in ["vault.log", "core/deep.json"] {
        refused(&data.path().join(path), &placement, DIRECTORY);
    }
    // Nor by a link to the directory.
    let other = tempfile::tempdir().unwrap();
    symlink(data.path(), other.path().join("link")).unwrap();
    refused(&other.path().join("link/vault.log"), &placement, DIRECTORY);
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
}

#[test]
fn the_kernels_files_are_out_of_reach() {
    for path in ["/proc/self/mem.log", "/sys/kernel/x.txt", "/dev/shm/x.log", "/run/x.log"] {
        let text = refusal(open(Path::new(path), &Placement::api()));
        assert!(text.starts_with("sanity check failed;"), "{path}: {text}");
        assert!(!Path::new(path).exists());
    }
    refused(Path::new("/proc/self/root/etc/x.log"), &Placement::api(), DIRECTORY);
    refused(Path::new("/dev/shm/x.log"), &Placement::api(), DIRECTORY);
}

#[test]
fn dot_components_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for path in ["a/../x.log", "./x.log", "../x.log"] {
        refused(&dir.path().join(path), &Placement::api(), "the path has a dot component");
    }
}

#[test]
fn a_hard_link_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (target, link) = (dir.path().join("target"), dir.path().join("link.log"));
    std::fs::write(&target, line(1)).unwrap();
    set_mode(&target, 0o644);
    std::fs::hard_link(&target, &link).unwrap();
    refused(&link, &Placement::api(), "has more than one link");
    refused(&link, &Placement::api().for_configuration(), "has more than one link");
    assert_eq!(mode_of(&target), 0o644);
}

#[test]
fn a_symbolic_link_is_refused_dangling_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let (target, link) = (dir.path().join("target.log"), dir.path().join("link.log"));
    symlink(&target, &link).unwrap();
    refused(&link, &Placement::api(), "is a symbolic link");
    assert!(!target.exists());
    std::fs::write(&target, line(1)).unwrap();
    refused(&link, &Placement::api(), "is a symbolic link");
    refused(&link, &Placement::api().for_configuration(), "is a symbolic link");
}

#[test]
fn a_symbolic_link_swapped_in_between_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (log, victim) = (dir.path().join("audit.log"), dir.path().join("victim"));
    std::fs::write(&victim, "precious\n").unwrap();
    set_mode(&victim, 0o644);
    let mut device = open(&log, &Placement::api()).unwrap();
    assert!(append(&mut *device, &[line(1)]).error.is_none());
    std::fs::remove_file(&log).unwrap();
    symlink(&victim, &log).unwrap();
    // Each way to open the device again meets the same checks.
    let appended = append(&mut *device, &[line(2)]);
    assert_eq!((appended.lines, appended.error.is_some()), (0, true));
    assert!(device.check().is_err() && device.reopen().is_err());
    assert_eq!((std::fs::read_to_string(&victim).unwrap().as_str(), mode_of(&victim)), ("precious\n", 0o644));
}

#[test]
fn names_swapped_as_fast_as_can_be_never_lead_to_the_victim() {
    let dir = tempfile::tempdir().unwrap();
    let (log, spare, victim) = (dir.path().join("a.log"), dir.path().join("link"), dir.path().join("victim"));
    std::fs::write(&victim, "precious\n").unwrap();
    set_mode(&victim, 0o644);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                drop(std::fs::remove_file(&spare));
                symlink(&victim, &spare).unwrap();
                std::fs::rename(&spare, &log).unwrap();
                drop(std::fs::remove_file(&log));
            }
        });
        for seq in 0..2000 {
            if let Ok(mut device) = open(&log, &Placement::api()) {
                drop(append(&mut *device, &[line(seq)]));
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!((std::fs::read_to_string(&victim).unwrap().as_str(), mode_of(&victim)), ("precious\n", 0o644));
}

#[test]
fn files_that_can_be_executed_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (mode, keep) in [(0o700, true), (0o755, false), (0o4644, true), (0o2644, false)] {
        let path = dir.path().join(format!("{mode:o}.log"));
        std::fs::write(&path, line(1)).unwrap();
        set_mode(&path, mode);
        let text = path.to_str().unwrap();
        let mut pairs = vec![("file_path", text)];
        if keep {
            pairs.push(("mode", "0000"));
        }
        for placement in [Placement::api(), Placement::api().for_configuration()] {
            let text = refusal(open_with(&pairs, &placement));
            assert!(text.ends_with("has execute, setuid or setgid bits"), "{text}");
            assert_eq!(mode_of(&path), mode);
        }
    }
}

#[test]
fn things_that_are_no_files_are_refused_and_not_even_opened() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo.log");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    refused(&fifo, &Placement::api(), "is not a regular file");
    refused(&fifo, &Placement::api().for_configuration(), "is not a regular file");
    refused(Path::new("/dev/full"), &Placement::api().for_configuration(), "is not a regular file");
}

#[test]
fn only_logs_are_appended_to() {
    let dir = tempfile::tempdir().unwrap();
    let foreign: [&[u8]; 8] = [
        b"hello\n",
        b"{\"a\":1}\n",
        b"\n",
        b"{\"time\":\"x\"\n",
        b"#!/bin/sh\n# {\"time\":\"2024-01-01T00:00:00Z\"}\n",
        &[0xff; 100],
        b"<json:object name=\"auth\"></json:object>\n",
        b"#!/bin/sh\n# <json:object name=\"auth\">\n",
    ];
    for (at, content) in foreign.into_iter().enumerate() {
        let path = dir.path().join(format!("{at}.json"));
        std::fs::write(&path, content).unwrap();
        set_mode(&path, 0o640);
        refused(&path, &Placement::api(), FOREIGN);
        assert_eq!((std::fs::read(&path).unwrap().as_slice(), mode_of(&path)), (content, 0o640));
        // The operator's own configuration may do so.
        assert!(open(&path, &Placement::api().for_configuration()).is_ok());
    }
    for (name, prefix) in [("ours.log", ""), ("other-prefix.log", "@cee: ")] {
        let path = dir.path().join(name);
        for format in [Format::Json, Format::Jsonx] {
            let line = crate::kit::file::line_in(format, 1);
            std::fs::write(&path, [prefix.as_bytes(), &line].concat()).unwrap();
            assert!(open(&path, &Placement::api()).is_ok(), "{name}");
            // It was torn by a crash in its first line.
            std::fs::write(&path, [prefix.as_bytes(), &line[..60]].concat()).unwrap();
            assert!(open(&path, &Placement::api()).is_ok(), "{name}");
        }
    }
}

#[test]
fn a_file_has_one_device() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let placement = Placement::api();
    let first = open(&path, &placement).unwrap();
    let text = "another audit device writes to this file";
    refused(&path, &placement, text);
    refused(&path, &placement.for_configuration(), text);
    drop(first);
    let second = open(&path, &placement).unwrap();
    // A disabled device lets go although a hung call may still own it.
    second.claim().unwrap().release();
    assert!(open(&path, &placement).is_ok());
}

#[test]
fn configuration_can_widen_and_narrow() {
    let dir = tempfile::tempdir().unwrap();
    let narrow = Placement::api().narrow(dir.path().join("logs"));
    refused(&dir.path().join("a.log"), &narrow, DIRECTORY);
    assert!(open(&dir.path().join("logs/a.log"), &narrow).is_ok());
    let path = Path::new("/dev/shm").join(format!("onrecord-{}", std::process::id()));
    let wide = Placement::api().widen(&path);
    assert!(open(&path.join("a.log"), &wide).is_ok());
    std::fs::remove_dir_all(&path).unwrap();
}
