//! A salt kept in a file, for a service that has no storage of its own for secrets.
//! Never in it: hashing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use onrecord_entry::{Boot, Salt};
use zeroize::Zeroizing;

/// The salt in a file. If there is no file, it is created with a random salt, readable by its owner alone, and is durable
/// when this returns. Two processes that begin at the same time get the same salt.
///
/// # Errors
/// The file cannot be read or created, or it holds something other than one line of text.
pub fn read_or_create(path: impl AsRef<Path>) -> io::Result<Salt> {
    let path = path.as_ref();
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path)?;
            read(path)
        }
        read => read,
    }
}

fn read(path: &Path) -> io::Result<Salt> {
    let text = Zeroizing::new(fs::read_to_string(path)?);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    if line.is_empty() || line.chars().any(char::is_control) {
        let problem = format!("{} does not hold a salt: it must be one line of text", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok(Salt::new(line))
}

/// The file appears under its name with its whole content, or not at all: a crash leaves no empty salt.
fn create(path: &Path) -> io::Result<()> {
    let text = Salt::random_text()?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", Boot::random()?.number()));
    let unfinished = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let linked = file
        .write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&unfinished, path));
    let removed = fs::remove_file(&unfinished);
    match linked {
        // Another process was first: its salt is the one.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => linked?,
    }
    removed?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
