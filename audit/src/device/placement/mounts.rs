//! The mounts that this process sees (`/proc/self/mountinfo`, proc(5)), and under which names they show a directory or file.
//! Never in it: which names are allowed.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

pub(super) struct Mounts(Vec<Mount>);

/// One mount: a directory, or a file, of a file system, shown at a place.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    number: u64,
    /// The numbers of its device, as the kernel writes them. A subvolume has those of the whole.
    file_system: OsString,
    /// What of the file system is shown.
    root: PathBuf,
    /// Where.
    point: PathBuf,
}

impl Mounts {
    /// The mounts there are now; `None` if they cannot be found out.
    pub(super) fn read() -> Option<Self> {
        Self::parse(&std::fs::read("/proc/self/mountinfo").ok()?)
    }

    fn parse(table: &[u8]) -> Option<Self> {
        let lines = table.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(Mount::parse).collect::<Option<_>>().map(Self)
    }

    /// All names that lead to what has this path in the mount of this number, hidden ones included; `None` if that mount is not
    /// seen.
    pub(super) fn names(&self, number: u64, path: &Path) -> Option<Vec<PathBuf>> {
        let own = self.0.iter().find(|mount| mount.number == number)?;
        let place = below(&own.root, path.strip_prefix(&own.point).ok()?);
        let same = self.0.iter().filter(|mount| mount.file_system == own.file_system);
        Some(
            same.filter_map(|mount| Some(below(&mount.point, place.strip_prefix(&mount.root).ok()?)))
                .collect(),
        )
    }
}

fn below(directory: &Path, rest: &Path) -> PathBuf {
    // Joining nothing would add a slash.
    if rest.as_os_str().is_empty() { directory.to_owned() } else { directory.join(rest) }
}

impl Mount {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = line.split(|byte| *byte == b' ');
        let number = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
        let file_system = OsString::from_vec(words.nth(1)?.to_vec());
        Some(Self { number, file_system, root: path(words.next()?), point: path(words.next()?) })
    }
}

/// A path of the table, in which some bytes are a backslash and three octal digits.
fn path(word: &[u8]) -> PathBuf {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let digits = after.get(..3).filter(|_| *byte == b'\\');
        let escaped = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        plain.push(escaped.unwrap_or(*byte));
        if escaped.is_some() {
            rest = after.get(3..).unwrap_or_default();
        }
    }
    OsString::from_vec(plain).into()
}

/// The number of the mount through which a descriptor was opened.
pub(super) fn number(fd: impl AsFd) -> Option<u64> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd())).ok()?;
    info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
45 44 254:0 / / rw,relatime - ext4 /dev/vda rw
60 45 0:6 / /dev rw - devtmpfs devtmpfs rw
67 45 254:0 /etc /tmp/whole rw master:1 - ext4 /dev/vda rw
68 45 254:0 /etc/cron.d /tmp/a\\040b rw - ext4 /dev/vda rw
69 45 254:0 /etc/empty.txt /tmp/file.log rw - ext4 /dev/vda rw
70 45 0:40 /@/etc /srv/sub rw - btrfs /dev/vdb rw,subvol=/@
71 45 0:40 /@ /mnt rw - btrfs /dev/vdb rw,subvol=/@
72 45 0:4 net:[4026532281] /run/netns/a rw - nsfs nsfs rw
";

    fn names(number: u64, path: &str) -> Option<Vec<String>> {
        let names = Mounts::parse(TABLE.as_bytes()).unwrap().names(number, Path::new(path))?;
        Some(names.into_iter().map(|name| name.to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn a_directory_has_a_name_in_each_mount_that_shows_it() {
        let all = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(names(45, "/srv/logs"), all(&["/srv/logs"]));
        assert_eq!(names(67, "/tmp/whole"), all(&["/etc", "/tmp/whole"]));
        assert_eq!(names(67, "/tmp/whole/x"), all(&["/etc/x", "/tmp/whole/x"]));
        assert_eq!(names(68, "/tmp/a b/x"), all(&["/etc/cron.d/x", "/tmp/whole/cron.d/x", "/tmp/a b/x"]));
        assert_eq!(names(45, "/etc/cron.d"), all(&["/etc/cron.d", "/tmp/whole/cron.d", "/tmp/a b"]));
        assert_eq!(
            names(69, "/tmp/file.log"),
            all(&["/etc/empty.txt", "/tmp/whole/empty.txt", "/tmp/file.log"])
        );
        assert_eq!(names(70, "/srv/sub/x"), all(&["/srv/sub/x", "/mnt/etc/x"]));
        assert_eq!(names(60, "/dev/shm"), all(&["/dev/shm"]));
    }

    #[test]
    fn what_is_not_known_has_no_names() {
        assert_eq!(names(99, "/srv"), None);
        assert_eq!(names(67, "/srv"), None);
        for damaged in ["x", "45 44 254:0 /", "x 44 254:0 / / rw"] {
            assert!(Mounts::parse(damaged.as_bytes()).is_none(), "{damaged}");
        }
        assert!(Mounts::read().is_some_and(|mounts| !mounts.0.is_empty()));
        assert!(number(std::fs::File::open("/").unwrap()).is_some());
    }

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(path(b"/a\\040b\\134040\\9"), Path::new("/a b\\040\\9"));
    }
}
