//! What is stored of one key: its metadata and its versions, in one record as long as that is small
//! (docs/adr/0005-kv-layout.md). Never in it: requests, replies, storage.

use std::borrow::Cow;

use onrecord_value::{GoDuration, Object, Time};

use super::config::Config;
use crate::engine::codec::{self, Broken, Reader, Writer};

/// The first byte of a record. Another one is from a newer release.
const FORMAT: u8 = 1;
/// The size in bytes up to which a key's record holds its versions.
const INLINE_BYTES: usize = 4096;
/// What one version takes in a record beside its data, at most.
const VERSION_BYTES: usize = 48;
/// How many versions a key keeps if neither it nor the engine says otherwise.
const KEPT: u64 = 10;

mod body_tag {
    pub(super) const GONE: u8 = 0;
    pub(super) const INLINE: u8 = 1;
    pub(super) const OUTSIDE: u8 = 2;
}

/// A key: borrowed from its stored bytes as far as it has not changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record<'a> {
    pub(super) created: Time,
    /// When a version or the metadata changed last.
    pub(super) updated: Time,
    /// The newest version; 0 if there never was one.
    pub(super) current: u64,
    /// The oldest version that is kept; 0 as long as none was dropped.
    pub(super) oldest: u64,
    /// How often the metadata was written.
    pub(super) metadata_version: u64,
    pub(super) settings: Config,
    /// What its owner says about it: texts by name.
    pub(super) custom: Option<Object>,
    /// By number, upwards.
    pub(super) versions: Vec<Version<'a>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Version<'a> {
    /// 1 for the first.
    pub(super) number: u64,
    pub(super) created: Time,
    /// From when on it counts as deleted.
    pub(super) deletion: Option<Time>,
    pub(super) body: Body<'a>,
}

/// Where a version's data is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body<'a> {
    Gone,
    Inline(Cow<'a, [u8]>),
    /// In the group of this number, a record beside the key's.
    Outside(u64),
}

/// What became of a record that was settled.
pub(super) struct Settled {
    pub(super) bytes: Vec<u8>,
    /// Versions that moved out of it: the number of their group, and its record.
    pub(super) group: Option<(u64, Vec<u8>)>,
}

impl Version<'_> {
    pub(super) const fn destroyed(&self) -> bool {
        matches!(self.body, Body::Gone)
    }

    /// Whether its data is there to be read.
    pub(super) fn readable(&self, now: Time) -> bool {
        !self.destroyed() && self.deletion.is_none_or(|deletion| deletion > now)
    }
}

impl<'a> Record<'a> {
    pub(super) fn new(now: Time) -> Self {
        Self {
            created: now,
            updated: now,
            current: 0,
            oldest: 0,
            metadata_version: 0,
            settings: Config::default(),
            custom: None,
            versions: Vec::new(),
        }
    }

    pub(super) fn version(&self, number: u64) -> Option<&Version<'a>> {
        self.index(number).and_then(|at| self.versions.get(at))
    }

    pub(super) fn version_mut(&mut self, number: u64) -> Option<&mut Version<'a>> {
        self.index(number).and_then(|at| self.versions.get_mut(at))
    }

    fn index(&self, number: u64) -> Option<usize> {
        self.versions.binary_search_by_key(&number, |version| version.number).ok()
    }

    /// Appends a version and drops those beyond the limit. The key's limit counts before the engine's.
    pub(super) fn push(&mut self, now: Time, data: impl Into<Cow<'a, [u8]>>, engine: &Config) {
        self.current += 1;
        self.updated = now;
        let deletion = self.settings.deletion_time(engine, now);
        let body = Body::Inline(data.into());
        self.versions.push(Version { number: self.current, created: now, deletion, body });
        let kept = [self.settings.max_versions, engine.max_versions].into_iter().find(|max| *max > 0);
        let kept = usize::try_from(kept.unwrap_or(KEPT)).unwrap_or(usize::MAX);
        let surplus = self.versions.len().saturating_sub(kept);
        self.versions.drain(..surplus);
        if surplus > 0 {
            self.oldest = self.versions.first().map_or(self.current, |version| version.number);
        }
    }

    /// The groups that hold data of its versions, upwards.
    pub(super) fn groups(&self) -> Vec<u64> {
        let mut groups: Vec<u64> = self
            .versions
            .iter()
            .filter_map(|version| if let Body::Outside(group) = version.body { Some(group) } else { None })
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The bytes to store. If the record would be too large, versions move out of it, as one group: the newest if it is
    /// too large alone, else all others, so that the newest stays readable with one look-up as long as it can.
    pub(super) fn settle(mut self) -> Settled {
        let mut writer = Writer::with_capacity(512);
        self.write_head(&mut writer);
        let head = writer.len() + self.versions.len() * VERSION_BYTES;
        let newest = self.versions.last().map_or(0, inline_bytes);
        let last = self.versions.len().saturating_sub(1);
        let group = if head + self.versions.iter().map(inline_bytes).sum::<usize>() <= INLINE_BYTES {
            None
        } else if head + newest > INLINE_BYTES {
            move_out(self.versions.get_mut(last..).unwrap_or_default())
        } else {
            move_out(self.versions.get_mut(..last).unwrap_or_default())
        };
        self.write_versions(&mut writer);
        Settled { bytes: writer.finish(), group }
    }

    fn write_head(&self, writer: &mut Writer) {
        writer.byte(FORMAT);
        writer.time(self.created);
        writer.time(self.updated);
        writer.count(self.current);
        writer.count(self.oldest);
        writer.count(self.metadata_version);
        self.settings.write(writer);
        writer.flag(self.custom.is_some());
        if let Some(custom) = &self.custom {
            writer.object(custom);
        }
    }

    fn write_versions(&self, writer: &mut Writer) {
        writer.count(self.versions.len() as u64);
        for version in &self.versions {
            writer.count(version.number);
            writer.time(version.created);
            writer.maybe_time(version.deletion);
            match &version.body {
                Body::Gone => writer.byte(body_tag::GONE),
                Body::Inline(data) => {
                    writer.byte(body_tag::INLINE);
                    writer.blob(data);
                }
                Body::Outside(group) => {
                    writer.byte(body_tag::OUTSIDE);
                    writer.count(*group);
                }
            }
        }
    }

    /// Reads a stored record. The data of versions is not looked into.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Broken> {
        codec::decode(bytes, FORMAT, Self::read)
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, Broken> {
        let mut record = Self {
            created: reader.time()?,
            updated: reader.time()?,
            current: reader.count()?,
            oldest: reader.count()?,
            metadata_version: reader.count()?,
            settings: Config::read(reader)?,
            custom: if reader.flag()? { Some(reader.object()?) } else { None },
            versions: Vec::new(),
        };
        let mut last = 0;
        for _ in 0..reader.count()? {
            let version = Version {
                number: reader.count()?,
                created: reader.time()?,
                deletion: reader.maybe_time()?,
                body: match reader.byte()? {
                    body_tag::GONE => Body::Gone,
                    body_tag::INLINE => Body::Inline(Cow::Borrowed(reader.blob()?)),
                    body_tag::OUTSIDE => Body::Outside(reader.count()?),
                    _ => return Err(Broken),
                },
            };
            if version.number <= last || version.number > record.current {
                return Err(Broken);
            }
            last = version.number;
            record.versions.push(version);
        }
        Ok(record)
    }
}

fn inline_bytes(version: &Version<'_>) -> usize {
    if let Body::Inline(data) = &version.body { data.len() } else { 0 }
}

/// Takes the data of versions into a group, whose number is that of the newest of them.
fn move_out(versions: &mut [Version<'_>]) -> Option<(u64, Vec<u8>)> {
    let group = versions.iter().rfind(|version| matches!(version.body, Body::Inline(_)))?.number;
    let mut members = Vec::new();
    for version in versions.iter_mut().filter(|version| matches!(version.body, Body::Inline(_))) {
        if let Body::Inline(data) = std::mem::replace(&mut version.body, Body::Outside(group)) {
            members.push((version.number, data));
        }
    }
    Some((group, encode_group(&members)))
}

/// Number and data of a version in a group.
type Member<'a> = (u64, Cow<'a, [u8]>);

fn encode_group(members: &[Member<'_>]) -> Vec<u8> {
    let mut writer =
        Writer::with_capacity(16 + members.iter().map(|(_, data)| data.len() + 12).sum::<usize>());
    writer.byte(FORMAT);
    writer.count(members.len() as u64);
    for (number, data) in members {
        writer.count(*number);
        writer.blob(data);
    }
    writer.finish()
}

fn decode_group(bytes: &[u8]) -> Result<Vec<Member<'_>>, Broken> {
    codec::decode(bytes, FORMAT, |reader| {
        let count = reader.count()?;
        (0..count).map(|_| Ok((reader.count()?, Cow::Borrowed(reader.blob()?)))).collect()
    })
}

/// The data of one version in the record of its group.
pub(super) fn in_group(bytes: &[u8], number: u64) -> Result<Option<Cow<'_, [u8]>>, Broken> {
    Ok(decode_group(bytes)?.into_iter().find(|(other, _)| *other == number).map(|(_, data)| data))
}

pub(super) fn without(bytes: &[u8], numbers: &[u64]) -> Result<Vec<u8>, Broken> {
    let mut members = decode_group(bytes)?;
    members.retain(|(number, _)| !numbers.contains(number));
    Ok(encode_group(&members))
}

impl Config {
    /// When a version written now counts as deleted: after the shorter of the engine's and the key's time; never if
    /// either is negative.
    fn deletion_time(&self, engine: &Self, now: Time) -> Option<Time> {
        let (key, engine) = (self.delete_version_after, engine.delete_version_after);
        if key.is_negative() || engine.is_negative() {
            return None;
        }
        let after = match (key.is_zero(), engine.is_zero()) {
            (true, true) => return None,
            (true, false) => engine,
            (false, true) => key,
            (false, false) => GoDuration::min(key, engine),
        };
        after.to_std().map(|after| now + after)
    }
}

#[cfg(test)]
mod tests {
    use onrecord_value::{GoDuration, Object, Time};
    use proptest::prelude::*;

    use super::super::config::Config;
    use super::{Body, INLINE_BYTES, Record, Settled, in_group, without};

    fn at(seconds: i64) -> Time {
        Time::from_unix(1_700_000_000 + seconds, 5)
    }

    /// Writes a version as a request would, and stores the record.
    fn write(stored: &[u8], now: Time, data: Vec<u8>, engine: &Config) -> Settled {
        let mut record = if stored.is_empty() { Record::new(now) } else { Record::decode(stored).unwrap() };
        record.push(now, data, engine);
        record.settle()
    }

    #[test]
    fn a_record_keeps_the_bytes_of_the_first_release() {
        let mut record = Record::new(at(0));
        record.settings.cas_required = true;
        record.custom = Some([("team", "blue")].into_iter().collect());
        for version in 1..=3 {
            record.push(at(version), vec![7; 3], &Config::default());
        }
        record.versions[0].body = Body::Gone;
        record.versions[1].deletion = Some(at(9));
        record.versions[1].body = Body::Outside(2);
        let settled = record.clone().settle();
        assert_eq!(const_hex::encode(&settled.bytes), GOLDEN);
        assert_eq!(Record::decode(&settled.bytes).unwrap(), record);
    }

    /// A key with a version destroyed, one deleted and in a group, and one in the record.
    const GOLDEN: &str = "0180c49fd50c0586c49fd50c05030000000100000101047465616d0404626c7565030182c49fd50c0500000284c49fd5\
         0c050192c49fd50c0502020386c49fd50c05000103070707";

    #[test]
    fn small_versions_all_stay_in_one_record() {
        let engine = Config::default();
        let mut stored = Vec::new();
        for version in 1..=10 {
            let settled = write(&stored, at(version), vec![7; 200], &engine);
            assert!(settled.group.is_none());
            stored = settled.bytes;
        }
        let record = Record::decode(&stored).unwrap();
        assert_eq!((record.current, record.oldest, record.versions.len()), (10, 0, 10));
        assert!(stored.len() <= INLINE_BYTES);
    }

    #[test]
    fn the_newest_version_stays_and_all_others_move_out_together() {
        let engine = Config::default();
        let mut settled = write(&[], at(1), vec![1; 1000], &engine);
        for version in 2..=3 {
            settled = write(&settled.bytes, at(version), vec![7; 1000], &engine);
            assert!(settled.group.is_none());
        }
        settled = write(&settled.bytes, at(4), vec![4; 1000], &engine);
        let (group, members) = settled.group.unwrap();
        assert_eq!(group, 3);
        assert_eq!(in_group(&members, 1).unwrap().unwrap().as_ref(), [1; 1000]);
        let record = Record::decode(&settled.bytes).unwrap();
        assert_eq!(record.version(1).unwrap().body, Body::Outside(3));
        assert!(matches!(&record.version(4).unwrap().body, Body::Inline(data) if data.len() == 1000));
        assert_eq!(record.groups(), [3]);
        let fewer = without(&members, &[1, 3]).unwrap();
        assert_eq!(in_group(&fewer, 1).unwrap(), None);
        assert_eq!(in_group(&fewer, 2).unwrap().unwrap().as_ref(), [7; 1000]);
    }

    #[test]
    fn a_version_too_large_for_the_record_moves_out_alone() {
        let engine = Config::default();
        let settled = write(&[], at(1), vec![1; 100], &engine);
        let settled = write(&settled.bytes, at(2), vec![2; 100_000], &engine);
        let (group, members) = settled.group.unwrap();
        assert_eq!((group, in_group(&members, 1).unwrap()), (2, None));
        assert!(settled.bytes.len() < 300);
        let record = Record::decode(&settled.bytes).unwrap();
        assert!(matches!(record.version(1).unwrap().body, Body::Inline(_)));
    }

    #[test]
    fn beyond_the_limit_the_oldest_are_dropped() {
        let engine = Config { max_versions: 2, ..Config::default() };
        let settled = write(&[], at(1), vec![1; 5000], &engine);
        let settled = write(&settled.bytes, at(2), vec![2; 10], &engine);
        assert_eq!(Record::decode(&settled.bytes).unwrap().groups(), [1]);
        let settled = write(&settled.bytes, at(3), vec![3; 10], &engine);
        let record = Record::decode(&settled.bytes).unwrap();
        assert_eq!((record.current, record.oldest, record.groups().len()), (3, 2, 0));
        assert_eq!(record.versions.iter().map(|version| version.number).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn the_keys_own_limit_counts_before_the_engines() {
        let engine = Config { max_versions: 2, ..Config::default() };
        let mut record = Record::new(at(0));
        record.settings.max_versions = 4;
        for _ in 0..6 {
            record.push(at(1), vec![1], &engine);
        }
        assert_eq!(record.versions.len(), 4);
    }

    #[test]
    fn the_shorter_time_to_deletion_wins_and_a_negative_one_switches_it_off() {
        let with =
            |seconds| Config { delete_version_after: GoDuration::from_secs(seconds), ..Config::default() };
        let after = |key, engine| with(key).deletion_time(&with(engine), at(0));
        assert_eq!(after(0, 0), None);
        assert_eq!(after(60, 0), Some(at(60)));
        assert_eq!(after(0, 30), Some(at(30)));
        assert_eq!(after(60, 30), Some(at(30)));
        assert_eq!(after(-1, 30), None);
        assert_eq!(after(60, -1), None);
    }

    proptest! {
        #[test]
        fn what_was_stored_comes_back(
            sizes in prop::collection::vec(0_usize..3000, 0..15),
            custom in prop::option::of(prop::collection::vec((".{1,9}", ".{0,9}"), 0..4)),
            max in 0_u64..20,
        ) {
            let engine = Config::default();
            let mut record = Record::new(at(0));
            record.settings.max_versions = max;
            record.custom = custom.map(|pairs| pairs.into_iter().collect::<Object>());
            for (index, size) in sizes.iter().enumerate() {
                record.push(at(i64::try_from(index).unwrap()), vec![9; *size], &engine);
            }
            let wanted = record.clone();
            let settled = record.settle();
            let back = Record::decode(&settled.bytes).unwrap();
            prop_assert_eq!(back.custom, wanted.custom);
            prop_assert_eq!(back.versions.len(), wanted.versions.len());
            for (version, before) in back.versions.iter().zip(&wanted.versions) {
                let Body::Inline(before) = &before.body else { panic!() };
                match &version.body {
                    Body::Inline(data) => prop_assert_eq!(data, before),
                    Body::Outside(group) => {
                        let (number, members) = settled.group.as_ref().unwrap();
                        prop_assert_eq!(group, number);
                        let data = in_group(members, version.number).unwrap().unwrap();
                        prop_assert_eq!(&data, before);
                    }
                    Body::Gone => prop_assert!(false),
                }
            }
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(mut bytes in prop::collection::vec(any::<u8>(), 1..400)) {
            drop(Record::decode(&bytes));
            bytes[0] = 1;
            drop(Record::decode(&bytes));
            drop(in_group(&bytes, 1));
            drop(without(&bytes, &[1]));
        }

        #[test]
        fn a_damaged_record_never_panics(at_byte in 0_usize..300, with in any::<u8>()) {
            let mut record = Record::new(at(0));
            record.push(at(1), vec![1; 100], &Config::default());
            record.push(at(2), vec![2; 100], &Config::default());
            let mut bytes = record.settle().bytes;
            let len = bytes.len();
            bytes[at_byte % len] ^= with;
            drop(Record::decode(&bytes));
        }
    }
}
