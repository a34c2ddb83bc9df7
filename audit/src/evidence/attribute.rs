//! What a file says of the tree, as an extended attribute that goes with it when it is renamed: which file the device
//! wrote before, and with which entry of the tree its lines begin. The path over several rotations is found by it.
//! Never in it: lines.

use std::fmt::Write as _;
use std::fs::File;

use rustix::fs::XattrFlags;

const NAME: &str = "user.onrecord.tree";
const VERSION: &str = "1";
const LENGTH_MAX: usize = 256;

/// `VERSION INODE PREVIOUS [SIZE OFFSET [+]]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FileMark {
    /// The inode of the file that the device wrote before; 0 for none.
    pub(super) previous: u64,
    /// How many entries the tree had before the first line of this file, and where that line begins.
    pub(super) begins: Option<(u64, u64)>,
    /// The tree has a checkpoint.
    pub(super) covered: bool,
}

impl FileMark {
    /// Of an open file, unless it has none, or that of a file which it is a copy of.
    pub(super) fn read(file: &File) -> Option<Self> {
        let mut value = vec![0; LENGTH_MAX];
        let length = rustix::fs::fgetxattr(file, NAME, value.as_mut_slice()).ok()?;
        let text = std::str::from_utf8(value.get(..length)?).ok()?;
        let mut words = text.split(' ');
        let mut number = || words.next()?.parse::<u64>().ok();
        if number()? != 1 || number()? != inode(file)? {
            return None;
        }
        let previous = number()?;
        let begins = number().zip(number());
        Some(Self { previous, begins, covered: text.ends_with(" +") })
    }

    /// Whether the file keeps it.
    pub(super) fn write(self, file: &File) -> bool {
        let Some(inode) = inode(file) else { return false };
        let mut text = format!("{VERSION} {inode} {}", self.previous);
        if let Some((size, offset)) = self.begins {
            // Writing to a string does not fail.
            let _always = write!(text, " {size} {offset}");
            if self.covered {
                text.push_str(" +");
            }
        }
        rustix::fs::fsetxattr(file, NAME, text.as_bytes(), XattrFlags::empty()).is_ok()
    }
}

fn inode(file: &File) -> Option<u64> {
    Some(rustix::fs::fstat(file).ok()?.st_ino)
}
