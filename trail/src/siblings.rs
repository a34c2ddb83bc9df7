//! The files of one log: the current one, and those that a rotation left beside it.
//! Never in it: their contents.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::check::log_name;

/// Files of one log beyond these are left out, the oldest first.
const FILES_MAX: usize = 1000;

/// The files of the log that a device writes to `file`: that file, and beside it NAME.1, NAME-DATE, compressed or not. Only regular
/// files: no links, no pipes.
///
/// # Errors
/// The folder cannot be read.
pub fn files_of_log(file: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(name), Some(folder)) = (file.file_name().and_then(|name| name.to_str()), file.parent()) else {
        return Ok(vec![file.to_owned()]);
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_sibling = |other: &str| !other.contains(".torn-") && log_name(other) == name;
        let belongs = entry.file_name().to_str().is_some_and(|other| other == name || is_sibling(other));
        if belongs && entry.file_type()?.is_file() {
            let modified =
                entry.metadata().and_then(|known| known.modified()).unwrap_or(std::time::UNIX_EPOCH);
            files.push((entry.path(), modified));
        }
    }
    // The current file last: the oldest are left out.
    files.sort_by_key(|(path, modified)| (path.file_name() == file.file_name(), *modified, path.clone()));
    let extra = files.len().saturating_sub(FILES_MAX);
    Ok(files.split_off(extra).into_iter().map(|(path, _)| path).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_log_has_its_current_file_and_what_rotations_left() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in [
            "a.log",
            "a.log.1",
            "a.log.2.gz",
            "a.log-20261101.zst",
            "b.log",
            "a.log2",
            "a.log.torn-1",
            "xa.log",
        ] {
            fs::write(at(name), "").unwrap();
        }
        fs::create_dir(at("a.log.3")).unwrap();
        symlink("/etc/passwd", at("a.log.4")).unwrap();
        let old = fs::File::options().append(true).open(at("a.log.2.gz")).unwrap();
        old.set_modified(std::time::UNIX_EPOCH).unwrap();
        let mut files = files_of_log(&at("a.log")).unwrap();
        assert_eq!((files.first(), files.last()), (Some(&at("a.log.2.gz")), Some(&at("a.log"))));
        files.sort();
        assert_eq!(files, ["a.log", "a.log-20261101.zst", "a.log.1", "a.log.2.gz"].map(at));
        assert!(files_of_log(Path::new("/nowhere-at-all/a.log")).is_err());
    }
}
