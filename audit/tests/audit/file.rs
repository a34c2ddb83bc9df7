//! The file device on a real file system: torn lines, files that go away, disks that fill up.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::kit::broker::{
    Line, assert_complete, broker, entry, form, patient, probe, read, record, seqs, strict,
};
use crate::kit::file::{append, line, mode_of, open, open_with, set_mode};
use crate::kit::until;
use onrecord_audit::device::Notice;
use onrecord_audit::{Broker, DeviceConfig, Placement, Wait as _};
use onrecord_entry::format::Format;
use onrecord_entry::gap::Gap;
use onrecord_entry::text::Template;
use onrecord_entry::{Boot, Entry, FormatOptions, Formatter, SeqRange, Stamp};
use onrecord_value::Time;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sha2::{Digest, Sha256};

/// The lines of a file; the last must be whole.
fn lines_of(path: &Path) -> Vec<Vec<u8>> {
    let content = std::fs::read(path).unwrap();
    assert!(content.is_empty() || content.ends_with(b"\n"), "the last line is torn");
    content.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn enable(broker: &Broker, path: &Path) {
    broker.restore(DeviceConfig::new("file/", open(path, &Placement::api()).unwrap(), form())).unwrap();
}

#[test]
fn lines_are_appended_to_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    std::fs::write(&path, line(1)).unwrap();
    let mut device = open(&path, &Placement::api()).unwrap();
    let appended = append(&mut *device, &[line(2), line(3)]);
    assert!((appended.lines, appended.error.is_none()) == (2, true));
    assert_eq!(lines_of(&path), [line(1), line(2), line(3)]);
    assert!(device.notices().is_empty());
}

#[test]
fn a_torn_tail_is_kept_aside_cut_off_and_told() {
    let dir = tempfile::tempdir().unwrap();
    for (name, whole) in [("a.log", line(1)), ("only.log", Vec::new())] {
        let path = dir.path().join(name);
        let torn = line(2)[..40].to_vec();
        std::fs::write(&path, [whole.clone(), torn.clone()].concat()).unwrap();
        let mut device = open(&path, &Placement::api()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        let notices = device.notices();
        let [Notice::TornTail { bytes: 40, sha256, kept_as }] = &notices[..] else { panic!("{notices:?}") };
        assert_eq!(*sha256, const_hex::encode(Sha256::digest(&torn)));
        assert!(kept_as.starts_with(&format!("{name}.torn-20")), "{kept_as}");
        assert_eq!(std::fs::read(dir.path().join(kept_as)).unwrap(), torn);
        assert_eq!(mode_of(&dir.path().join(kept_as)), 0o600);
        assert!(device.notices().is_empty(), "reported once");
    }
}

#[test]
fn a_torn_tail_is_on_record_in_the_log_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    std::fs::write(&path, [&line(1), &line(2)[..30]].concat()).unwrap();
    let broker = broker(strict());
    let device = open(&path, &Placement::api()).unwrap();
    broker.enable(DeviceConfig::new("file/", device, form()), Some(probe())).wait().unwrap();
    let lines = read(&lines_of(&path));
    assert!(matches!(&lines[1], Line::Gap { torn: true, .. }), "{lines:?}");
}

/// A line of an ordinary request.
fn request_line(seq: u64, boot: u64) -> Vec<u8> {
    request_line_in(Format::Json, seq, boot)
}

fn request_line_in(format: Format, seq: u64, boot: u64) -> Vec<u8> {
    let stamp = Stamp { time: Time::from_unix_nanos(0), seq, boot: Boot::new(boot) };
    let mut line = Vec::new();
    let form = Formatter::new(FormatOptions { format, ..FormatOptions::default() }, form().salt().clone());
    form.format(&entry("secret/a"), &stamp, &mut line).unwrap();
    line
}

#[test]
fn holes_that_a_killed_server_left_are_told_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let open_after = |lines: Vec<Vec<u8>>| {
        std::fs::write(&path, lines.concat()).unwrap();
        open(&path, &Placement::api()).unwrap().notices()
    };
    let lines = |seqs: &[u64]| seqs.iter().map(|seq| request_line(*seq, 3)).collect::<Vec<_>>();
    assert_eq!(open_after(lines(&[1, 2, 4, 3])), []);
    let boot = Boot::new(3);
    let missing = |ranges: &[(u64, u64)]| {
        let ranges = ranges.iter().map(|&(from, to)| SeqRange { from, to }).collect();
        [Notice::Unfinished { boot, seqs: ranges }]
    };
    assert_eq!(open_after(lines(&[1, 2, 5, 4, 7])), missing(&[(3, 3), (6, 6)]));
    // Another start's entries are another matter.
    let mixed = [vec![request_line(1, 2), request_line(9, 2)], lines(&[1, 2])].concat();
    assert_eq!(open_after(mixed), []);
    // In a file that was begun later, what comes first may belong to the one before.
    assert_eq!(open_after(lines(&[7, 9])), []);
    let later: Vec<u64> = (1000..1400).chain([1402]).collect();
    assert_eq!(open_after(lines(&later)), missing(&[(1400, 1401)]));
}

#[test]
fn holes_since_the_probe_of_a_young_device_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let open_after = |seqs: &[u64]| {
        let mut lines = Vec::new();
        let stamp = Stamp { time: Time::from_unix_nanos(0), seq: 436, boot: Boot::new(3) };
        form().format(&Entry::probe("an id"), &stamp, &mut lines).unwrap();
        lines.extend(seqs.iter().flat_map(|seq| request_line(*seq, 3)));
        std::fs::write(&path, lines).unwrap();
        open(&path, &Placement::api()).unwrap().notices()
    };
    let missing =
        |from: u64, to: u64| [Notice::Unfinished { boot: Boot::new(3), seqs: SeqRange { from, to }.into() }];
    // What was numbered between the probe and the first entry went to others.
    assert_eq!(open_after(&[]), []);
    assert_eq!(open_after(&[439, 438, 440]), []);
    assert_eq!(open_after(&[439, 438, 440, 442]), missing(441, 441));
}

#[test]
fn holes_are_found_in_jsonx_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let pairs = [("file_path", path.to_str().unwrap()), ("format", "jsonx")];
    let form = Formatter::new(
        FormatOptions { format: Format::Jsonx, ..FormatOptions::default() },
        form().salt().clone(),
    );
    let open = || crate::kit::file::open_with(&pairs, &Placement::api()).unwrap();
    let lines: Vec<_> = [1, 2, 4].map(|seq| request_line_in(Format::Jsonx, seq, 3)).into();
    std::fs::write(&path, lines.concat()).unwrap();
    let missing = Notice::Unfinished { boot: Boot::new(3), seqs: SeqRange { from: 3, to: 3 }.into() };
    assert_eq!(open().notices(), [missing]);

    // Once a gap entry has declared them, or a probe shows that the device is new, they are not reported again.
    let stamp = |seq| Stamp { time: Time::from_unix_nanos(0), seq, boot: Boot::new(3) };
    let ranges = [SeqRange { from: 3, to: 3 }];
    let gap = Gap {
        missed: 1,
        ranges: (&ranges[..]).into(),
        since: None,
        reason: Template::new("a test"),
        torn: None,
        boot: None,
        ended: false,
        tree: None,
    };
    let mut text = lines.concat();
    form.format(&Entry::gap("an id", gap), &stamp(4), &mut text).unwrap();
    form.format(&Entry::probe("an id"), &stamp(8), &mut text).unwrap();
    text.extend(request_line_in(Format::Jsonx, 9, 3));
    std::fs::write(&path, text).unwrap();
    assert_eq!(open().notices(), []);
}

#[test]
fn holes_that_a_gap_or_a_probe_explains_are_not_told_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let broker = broker(strict());
    let enable = || {
        let config = DeviceConfig::new("file/", open(&path, &Placement::api()).unwrap(), form());
        broker.enable(config, Some(probe())).wait().unwrap();
    };
    let disable = || {
        assert!(broker.drain(Duration::from_mins(10)).is_empty());
        assert!(broker.disable("file/"));
        // It lets the file go when its writer has ended.
        until("the file can be opened", || open(&path, &Placement::api()).is_ok());
    };
    let beside = onrecord_audit::device::faulty::FaultControl::new();
    crate::kit::broker::enable(&broker, "beside/", &beside);
    enable();
    (1..=3).for_each(|seq| assert_eq!(record(&broker, "a"), Ok(seq)));
    disable();
    (4..=6).for_each(|seq| assert_eq!(record(&broker, "a"), Ok(seq)));
    enable();
    (7..=8).for_each(|seq| assert_eq!(record(&broker, "a"), Ok(seq)));
    disable();
    assert_eq!(open(&path, &Placement::api()).unwrap().notices(), []);
}

#[test]
fn entries_from_before_a_device_was_enabled_without_a_probe_are_not_told_as_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    // What an earlier start left there, which had other devices too.
    std::fs::write(&path, [request_line(1, 3), request_line(9, 3)].concat()).unwrap();
    let broker = broker(strict());
    let beside = onrecord_audit::device::faulty::FaultControl::new();
    crate::kit::broker::enable(&broker, "beside/", &beside);
    (1..=3).for_each(|seq| assert_eq!(record(&broker, "a"), Ok(seq)));
    // Enough lines that the order of the first ones is no excuse any more.
    for (first, count) in [(4, 400), (406, 2)] {
        let config = DeviceConfig::new("file/", open(&path, &Placement::api()).unwrap(), form());
        broker.enable(config, None).wait().unwrap();
        (first..first + count).for_each(|seq| assert_eq!(record(&broker, "a"), Ok(seq)));
        assert!(broker.drain(Duration::from_mins(10)).is_empty());
        assert!(broker.disable("file/"));
        until("the file can be opened", || open(&path, &Placement::api()).is_ok());
        assert_eq!(open(&path, &Placement::api()).unwrap().notices(), [], "enabled before {first}");
        let next = first + count;
        (next..next + 2).for_each(|seq| assert_eq!(record(&broker, "a"), Ok(seq)));
    }
}

#[test]
fn a_new_start_puts_the_holes_of_the_last_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    std::fs::write(&path, [request_line(1, 3), request_line(3, 3)].concat()).unwrap();
    let broker = broker(strict());
    enable(&broker, &path);
    record(&broker, "a").unwrap();
    let lines = lines_of(&path);
    let line = onrecord_entry::decode(&lines[2]).unwrap();
    let gap = line.entry().gap.unwrap();
    assert_eq!(
        (gap.missed, gap.boot, gap.ranges.iter().next()),
        (1, Some(Boot::new(3)), Some(SeqRange { from: 2, to: 2 }))
    );
    // Its own holes are no business of the file's: they wait, or are counted.
    assert!(broker.reopen(None, Duration::from_mins(10)).iter().all(|(_, done)| done.is_ok()));
    record(&broker, "a").unwrap();
    assert_eq!(lines_of(&path).len(), 5);
}

#[test]
fn a_file_that_went_away_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/a.log");
    let mut device = open(&path, &Placement::api()).unwrap();
    assert!(append(&mut *device, &[line(1)]).error.is_none());

    std::fs::remove_file(&path).unwrap();
    // Not even a look is needed: nothing is written to a file without a name.
    assert!(append(&mut *device, &[line(2)]).error.is_none());
    assert_eq!((lines_of(&path), device.notices()), (vec![line(2)], vec![Notice::Removed]));

    std::fs::rename(&path, dir.path().join("deep/a.log.1")).unwrap();
    device.check().unwrap();
    assert!(append(&mut *device, &[line(3)]).error.is_none());
    assert_eq!((lines_of(&path), device.notices()), (vec![line(3)], vec![Notice::Moved]));
    assert_eq!(lines_of(&dir.path().join("deep/a.log.1")), [line(2)]);

    std::fs::rename(&path, dir.path().join("deep/a.log.2")).unwrap();
    std::fs::write(&path, line(4)).unwrap();
    device.check().unwrap();
    assert!(append(&mut *device, &[line(5)]).error.is_none());
    assert_eq!((lines_of(&path), device.notices()), (vec![line(4), line(5)], vec![Notice::Replaced]));

    std::fs::remove_dir_all(dir.path().join("deep")).unwrap();
    device.check().unwrap();
    assert_eq!((lines_of(&path), device.notices()), (Vec::new(), vec![Notice::Removed]));
}

#[test]
fn a_file_that_was_cut_shorter_is_told_and_no_line_is_left_torn() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let mut device = open(&path, &Placement::api()).unwrap();
    assert!(append(&mut *device, &[line(1), line(2)]).error.is_none());
    let (whole, cut) = (line(1).len() as u64, line(1).len() as u64 + 20);
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
    assert!(append(&mut *device, &[line(3)]).error.is_none());
    assert_eq!(lines_of(&path), [line(1), line(3)]);
    let notices = device.notices();
    let before = whole + line(2).len() as u64;
    assert_eq!(notices[0], Notice::Truncated { from: before, to: cut });
    assert!(matches!(notices[1], Notice::TornTail { bytes: 20, .. }), "{notices:?}");
}

#[test]
fn r_mode_a_file_made_after_a_rotation_has_the_mode_of_the_device() {
    let dir = tempfile::tempdir().unwrap();
    for (text, expected) in [(None, 0o600), (Some("0640"), 0o640), (Some("0600"), 0o600)] {
        let path = dir.path().join(format!("{expected:o}-{}.log", text.is_some()));
        let mut pairs = vec![("file_path", path.to_str().unwrap())];
        pairs.extend(text.map(|text| ("mode", text)));
        let mut device = open_with(&pairs, &Placement::api()).unwrap();
        let rotated = |number: u8| path.with_extension(format!("log.{number}"));
        // Made again by a write, by a look, and when it is opened again.
        std::fs::remove_file(&path).unwrap();
        assert!(append(&mut *device, &[line(1)]).error.is_none());
        assert_eq!(mode_of(&path), expected);
        std::fs::rename(&path, rotated(1)).unwrap();
        device.check().unwrap();
        assert_eq!(mode_of(&path), expected);
        std::fs::rename(&path, rotated(2)).unwrap();
        device.reopen().unwrap();
        assert!(append(&mut *device, &[line(2)]).error.is_none());
        assert_eq!(mode_of(&path), expected);
        set_mode(&path, 0o666);
        device.reopen().unwrap();
        assert_eq!(mode_of(&path), expected);
        for number in 1..=2 {
            assert_eq!(mode_of(&rotated(number)), expected, "renamed file {number}");
        }
    }
}

#[test]
fn a_removed_file_is_noticed_without_traffic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let broker = broker(strict());
    enable(&broker, &path);
    record(&broker, "a").unwrap();
    std::fs::remove_file(&path).unwrap();
    let noticed = || path.exists() && std::fs::metadata(&path).unwrap().len() > 0;
    until("the file is made again and the loss is reported", noticed);
    let lines = read(&lines_of(&path));
    assert!(matches!(&lines[..], [Line::Gap { reason, .. }] if reason.contains("removed")), "{lines:?}");
}

#[test]
fn renaming_and_reopening_under_load_loses_tears_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let broker = Arc::new(broker(strict()));
    enable(&broker, &path);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let broker = Arc::clone(&broker);
            std::thread::spawn(move || (0..2000).for_each(|_| assert!(record(&broker, "a").is_ok())))
        })
        .collect();
    let mut rotated: Vec<PathBuf> = Vec::new();
    while !threads.iter().all(std::thread::JoinHandle::is_finished) {
        let to = dir.path().join(format!("a.log.{}", rotated.len()));
        // Nothing to rename: the device has not made the file again yet.
        if std::fs::rename(&path, &to).is_ok() {
            rotated.push(to);
        }
        assert!(broker.reopen(None, Duration::from_mins(10)).iter().all(|(_, done)| done.is_ok()));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(rotated.len() > 5, "{}", rotated.len());
    rotated.push(path);
    let lines: Vec<_> = rotated.iter().flat_map(|path| read(&lines_of(path))).collect();
    assert_complete(&lines, 6000);
    assert_eq!(seqs(&lines).len(), 6000, "every one as an entry");
}

/// Runs one test of this program again in a process that is not killed for writing beyond its limit.
fn in_a_child(test: &str) -> bool {
    if std::env::var_os("ONRECORD_CHILD").is_some() {
        return true;
    }
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("ONRECORD_CHILD", "1")
        .status()
        .unwrap();
    assert!(status.success(), "in the child");
    false
}

fn limit_files_to(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum }).unwrap();
}

#[test]
fn lines_on_standard_output_are_whole_and_a_closed_one_is_an_error() {
    const TEST: &str = "file::lines_on_standard_output_are_whole_and_a_closed_one_is_an_error";
    let placement = Placement::api();
    if let Some(what) = std::env::var_os("ONRECORD_CHILD") {
        let mut device = crate::kit::file::open_with(&[("file_path", "stdout")], &placement).unwrap();
        if what == "closed" {
            println!("ready");
            std::io::read_to_string(std::io::stdin()).unwrap();
            let error = append(&mut *device, &[line(1)]).error.map(|error| error.to_string());
            // The harness has lost its output, too: the exit code shows the result.
            std::process::exit(if error.as_deref() == Some("write /dev/stdout: broken pipe") {
                0
            } else {
                3
            });
        }
        println!();
        let appended = append(&mut *device, &[line(1), line(2)]);
        assert_eq!((appended.lines, appended.error), (2, None));
        return;
    }
    let child = |what: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", TEST, "--nocapture", "--test-threads=1"]).env("ONRECORD_CHILD", what);
        command
    };
    let output = child("open").output().unwrap();
    assert!(output.status.success());
    let expected = [line(1), line(2)].concat();
    assert!(output.stdout.windows(expected.len()).any(|part| part == expected));
    let mut closed = child("closed").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(closed.stdout.take().unwrap());
    let mut heard = String::new();
    while !heard.contains("ready") {
        assert_ne!(reader.read_line(&mut heard).unwrap(), 0);
    }
    drop(reader);
    drop(closed.stdin.take());
    assert_eq!(closed.wait().unwrap().code(), Some(0));
}

#[test]
fn with_fsync_lines_are_synced_before_the_device_has_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let pairs = [("file_path", path.to_str().unwrap()), ("durability", "fsync")];
    let mut device = crate::kit::file::open_with(&pairs, &Placement::api()).unwrap();
    let appended = append(&mut *device, &[line(1), line(2)]);
    assert_eq!((appended.lines, appended.error), (2, None));
    assert_eq!(device.sync(), Ok(()));
    assert_eq!(lines_of(&path).len(), 2);
}

#[test]
fn a_line_that_does_not_fit_is_taken_back() {
    if !in_a_child("file::a_line_that_does_not_fit_is_taken_back") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let mut device = open(&path, &Placement::api()).unwrap();
    let lines: Vec<_> = (1..=10).map(line).collect();
    let end: usize = lines[..4].iter().map(Vec::len).sum();
    limit_files_to(Some(end as u64 + 50));
    let appended = append(&mut *device, &lines);
    let text = appended.error.map(|error| error.to_string());
    assert_eq!((appended.lines, text), (4, Some(format!("write {}: file too large", path.display()))));
    assert_eq!(lines_of(&path), lines[..4]);
    limit_files_to(None);
    assert!(append(&mut *device, &lines[4..]).error.is_none());
    assert_eq!((lines_of(&path), device.notices()), (lines, Vec::new()));
}

#[test]
fn an_only_device_without_room_refuses_and_recovers_by_itself() {
    if !in_a_child("file::an_only_device_without_room_refuses_and_recovers_by_itself") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fill_and_recover(&dir.path().join("a.log"), || limit_files_to(Some(10_000)), || limit_files_to(None));
}

#[test]
fn a_full_file_system_refuses_and_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(dir.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    }
    let ballast = dir.path().join("ballast");
    let fill = || std::fs::write(&ballast, vec![0; 40_000]).unwrap();
    fill_and_recover(&dir.path().join("a.log"), fill, || std::fs::remove_file(&ballast).unwrap());
    let unmounted = Command::new("umount").arg(dir.path()).status().unwrap();
    assert!(unmounted.success());
}

fn fill_and_recover(path: &Path, fill: impl FnOnce(), free: impl FnOnce()) {
    let broker = broker(strict());
    enable(&broker, path);
    fill();
    let mut settled = 0;
    let refused = loop {
        match record(&broker, "some/path/of/a/request") {
            Ok(_) => settled += 1,
            Err(refused) => break refused,
        }
    };
    assert!(settled > 3, "{settled}");
    let text = refused.to_string();
    assert!(text.contains("no space left on device") || text.contains("file too large"), "{text}");
    for _ in 0..20 {
        assert!(record(&broker, "a/longer/path/that/does/not/fit/even/if/something/shorter/would").is_err());
    }
    assert_eq!(seqs(&read(&lines_of(path))).len(), settled, "no torn line, and nothing that was refused");
    free();
    let last = record(&broker, "a").unwrap();
    let lines = read(&lines_of(path));
    assert_complete(&lines, last);
    assert_eq!(seqs(&lines).len(), settled + 1);
}

#[test]
fn a_file_device_and_a_hung_one_do_not_disturb_each_other() {
    use onrecord_audit::device::faulty::{Fault, FaultControl};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let broker = broker(patient());
    let hung = FaultControl::with(Fault::Hang);
    crate::kit::broker::enable(&broker, "hung/", &hung);
    enable(&broker, &path);
    for seq in 1..=200 {
        assert!(broker.record_request(&entry("a")).wait().is_ok());
        assert_eq!(broker.last_seq(), seq);
    }
    assert_complete(&read(&lines_of(&path)), 200);
    hung.set(Fault::None);
}

#[test]
fn an_empty_file_made_for_a_device_that_fails_its_probe_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let placement = Placement::api();
    let mut device = open(&path, &placement).unwrap();
    assert!(path.exists());
    device.withdraw();
    assert!(!path.exists());
    let mut device = open(&path, &placement).unwrap();
    assert_eq!(append(&mut *device, &[line(1)]).lines, 1);
    device.withdraw();
    assert!(path.exists(), "what holds a line stays");
}

#[test]
fn r_preflight_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/er/a.log");
    let options = onrecord_audit::DeviceOptions::parse(
        "file",
        &crate::kit::file::options(&[("file_path", path.to_str().unwrap())]),
    )
    .unwrap();
    options.preflight(&Placement::api(), Arc::new(onrecord_audit::SystemClock::new())).unwrap();
    assert!(!dir.path().join("deep").exists());
}
