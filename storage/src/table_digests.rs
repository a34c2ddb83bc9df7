//! Counts and keyed digests of all that is stored, by table: what an unsealing compares with what it finds, so that nothing
//! can be missing, or be an older one, without being noticed (ADR 0016). A table is all keys with the same first segment.
//! Never in it: what a table is for, or when it is checked.
//!
//! The digest of a table is the exclusive or of the MACs of its values: it does not depend on their order, and a change costs
//! two MACs, whatever the table's size. Each is stored under a mask that depends on the number of the record, so that
//! the record says nothing about the MAC of any value; the record itself ends in a MAC. The key is stored with the keyring.

use std::collections::BTreeMap;

use onrecord_seal::MacKey;

/// Where the record is stored.
pub const TABLES: &str = "barrier/tables";

/// The first bytes of a record; a later format gets others.
const FORM: &[u8; 4] = b"ORT1";
const MAC: usize = 32;
/// A longer value is known by its ends: an encrypted one begins with its term and its nonce, and ends in its tag.
const FIRST: usize = 20;
const LAST: usize = 16;

/// What a MAC is of.
const VALUE: &[u8] = b"v";
const MASK: &[u8] = b"m";
const RECORD: &[u8] = b"r";

type Digest = [u8; MAC];

/// The counts and digests of all tables.
#[derive(Clone)]
pub struct TableDigests {
    key: MacKey,
    /// Of the last record.
    number: u64,
    tables: BTreeMap<String, Table>,
    /// Whether a batch has put a record of its own: what is stored is another store's then.
    replaced: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Table {
    count: u64,
    digest: Digest,
}

/// A table that is not as it was left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", difference(.table, *.stored, *.found))]
pub struct TableDifference {
    /// The table's prefix, such as `policy/`.
    pub table: String,
    /// How many values it had when it was changed last.
    pub stored: u64,
    /// How many it has.
    pub found: u64,
}

fn difference(table: &str, stored: u64, found: u64) -> String {
    if stored == found {
        format!("the values below {table:?} are not those that were stored last")
    } else {
        format!("{found} values are stored below {table:?}, where there were {stored}")
    }
}

impl TableDigests {
    /// Those of an empty store.
    pub(crate) fn new(key: MacKey) -> Self {
        Self { key, number: 0, tables: BTreeMap::new(), replaced: false }
    }

    /// Those of a stored record; `None` if it was not made with this key, or is damaged.
    pub(crate) fn load(key: &MacKey, record: &[u8]) -> Option<Self> {
        let (body, mac) = record.split_last_chunk::<MAC>()?;
        if key.mac(&[RECORD, body]) != *mac {
            return None;
        }
        let (form, rest) = body.split_first_chunk::<4>()?;
        let (number, mut rest) = rest.split_first_chunk()?;
        let mut digests = Self::new(key.clone());
        digests.number = u64::from_be_bytes(*number);
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk()?;
            let (name, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            let (count, after) = after.split_first_chunk()?;
            let (masked, after) = after.split_first_chunk::<MAC>()?;
            rest = after;
            let mut digest = digests.mask(name);
            add(&mut digest, masked);
            let table = Table { count: u64::from_be_bytes(*count), digest };
            digests.tables.insert(String::from_utf8(name.to_vec()).ok()?, table);
        }
        (form == FORM).then_some(digests)
    }

    /// Those of a record with the same key.
    pub(crate) fn reload(&self, record: &[u8]) -> Option<Self> {
        Self::load(&self.key, record)
    }

    /// To be told of each change: what was stored at the key, and what will be.
    pub fn change(&mut self, key: &str, old: Option<&[u8]>, new: Option<&[u8]>) {
        if key == TABLES {
            self.replaced = true;
            return;
        }
        if old.is_none() && new.is_none() {
            return;
        }
        let name = table_of(key);
        if !self.tables.contains_key(name) {
            self.tables.insert(name.to_owned(), Table::default());
        }
        let macs = [old, new].map(|value| value.map(|value| self.mac(key, value)));
        let Some(table) = self.tables.get_mut(name) else { return };
        for mac in macs.iter().flatten() {
            add(&mut table.digest, mac);
        }
        table.count =
            table.count.saturating_add(u64::from(new.is_some())).saturating_sub(u64::from(old.is_some()));
        if table.count == 0 {
            self.tables.remove(name);
        }
    }

    /// The record to be stored with the changes; `None` if they put one themselves.
    pub fn next_record(&mut self) -> Option<Vec<u8>> {
        if self.replaced {
            return None;
        }
        self.number += 1;
        let mut record = Vec::with_capacity(64 + self.tables.len() * 64);
        record.extend_from_slice(FORM);
        record.extend_from_slice(&self.number.to_be_bytes());
        for (name, table) in &self.tables {
            let mut masked = self.mask(name.as_bytes());
            add(&mut masked, &table.digest);
            record.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
            record.extend_from_slice(name.as_bytes());
            record.extend_from_slice(&table.count.to_be_bytes());
            record.extend_from_slice(&masked);
        }
        let mac = self.key.mac(&[RECORD, &record]);
        record.extend_from_slice(&mac);
        Some(record)
    }

    /// Whether they are still those of what is stored.
    pub(crate) fn are_ours(&self) -> bool {
        !self.replaced
    }

    /// Whether a record of them was made.
    pub(crate) fn have_record(&self) -> bool {
        self.number > 0
    }

    /// Their key.
    pub(crate) fn key(&self) -> &MacKey {
        &self.key
    }

    /// The tables and their counts.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&str, u64)> {
        self.tables.iter().map(|(name, table)| (name.as_str(), table.count))
    }

    /// The first of these tables that is not the same here and in what was `found`.
    pub(crate) fn difference<'a>(
        &self,
        found: &Self,
        mut names: impl Iterator<Item = &'a str>,
    ) -> Option<TableDifference> {
        names.find_map(|name| {
            let [stored, found] =
                [self, found].map(|digests| digests.tables.get(name).copied().unwrap_or_default());
            (stored != found).then(|| TableDifference {
                table: name.to_owned(),
                stored: stored.count,
                found: found.count,
            })
        })
    }

    fn mac(&self, key: &str, value: &[u8]) -> Digest {
        let length = u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes();
        let bytes = value.len().to_be_bytes();
        let (first, last) = match (value.first_chunk::<FIRST>(), value.last_chunk::<LAST>()) {
            (Some(first), Some(last)) if value.len() > FIRST + LAST => (&first[..], &last[..]),
            _ => (value, &[][..]),
        };
        self.key.mac(&[VALUE, &length, key.as_bytes(), &bytes, first, last])
    }

    fn mask(&self, table: &[u8]) -> Digest {
        self.key.mac(&[MASK, &self.number.to_be_bytes(), table])
    }
}

impl std::fmt::Debug for TableDigests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TableDigests of {} tables", self.tables.len())
    }
}

/// The counts of a record, by table, without its key: for people. `None` if the bytes are not a record.
pub(crate) fn counts(record: &[u8]) -> Option<BTreeMap<String, u64>> {
    let (body, _) = record.split_last_chunk::<MAC>()?;
    let (form, rest) = body.split_first_chunk::<4>()?;
    let (_, mut rest) = rest.split_first_chunk::<8>()?;
    let mut counts = BTreeMap::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk()?;
        let (name, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let (count, after) = after.split_first_chunk()?;
        rest = after.split_first_chunk::<MAC>()?.1;
        counts.insert(String::from_utf8(name.to_vec()).ok()?, u64::from_be_bytes(*count));
    }
    (form == FORM).then_some(counts)
}

/// The table of a key: its first segment, with the slash; empty if it has but one.
pub(crate) fn table_of(key: &str) -> &str {
    key.find('/').and_then(|end| key.get(..=end)).unwrap_or_default()
}

fn add(digest: &mut Digest, other: &Digest) {
    for (byte, other) in digest.iter_mut().zip(other) {
        *byte ^= other;
    }
}
