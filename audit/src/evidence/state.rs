//! How far the tree covers which file, beside the tree: so that a start finds the lines that it lacks. It is a hint: what
//! it says is compared with the file and with the tree.
//! Never in it: what follows from a comparison.

/// Its name in the folder.
pub(super) const NAME: &str = "state";
const HEAD: &str = "onrecord-tree-state 1";

/// Written after each checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The size of the tree that it belongs to.
    pub(super) size: u64,
    /// The inode of the file with the last line, and where that line ends.
    pub(super) inode: u64,
    pub(super) offset: u64,
    /// From this entry on the tree has the lines of that file from that offset on, without others between.
    pub(super) since: (u64, u64),
    /// The file keeps the attribute that names it.
    pub(super) named: bool,
    /// The device was ended in order: nothing was written after this.
    pub(super) ended: bool,
}

impl State {
    pub(super) fn to_text(self) -> String {
        let Self { size, inode, offset, since, named, ended } = self;
        let (named, ended) = (u8::from(named), u8::from(ended));
        let (from, at) = since;
        format!(
            "{HEAD}\nsize {size}\nfile {inode} {offset}\nsince {from} {at}\nnamed {named}\nended {ended}\n"
        )
    }

    /// Anything that is not as this version writes it counts as absent.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        if lines.next()? != HEAD {
            return None;
        }
        let mut numbers = |key: &str| -> Option<(u64, u64)> {
            let mut words = lines.next()?.split(' ');
            if words.next()? != key {
                return None;
            }
            let first = words.next()?.parse().ok()?;
            Some((first, words.next().map_or(Some(0), |second| second.parse().ok())?))
        };
        let (size, (inode, offset), since) = (numbers("size")?.0, numbers("file")?, numbers("since")?);
        let (named, ended) = (numbers("named")?.0 == 1, numbers("ended")?.0 == 1);
        let fits = since.0 <= size && since.1 <= offset;
        fits.then_some(Self { size, inode, offset, since, named, ended })
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn a_state_is_read_back_and_anything_else_is_none() {
        let state = State { size: 9, inode: 7, offset: 4711, since: (2, 0), named: true, ended: false };
        let text = state.to_text();
        assert_eq!(State::parse(text.as_bytes()), Some(state));
        for end in 0..text.len() - 2 {
            let cut = State::parse(&text.as_bytes()[..end]);
            assert!(cut.is_none() || cut == Some(state), "{end}: {cut:?}");
        }
        assert_eq!(State::parse(text.replace("since 2 0", "since 10 0").as_bytes()), None);
        assert_eq!(State::parse(b"\xff"), None);
    }
}
