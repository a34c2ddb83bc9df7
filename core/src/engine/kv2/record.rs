//! What is stored of one key: its metadata and its versions, in one record as long as that is small
//! (docs/adr/0005-kv-layout.md). Never in it: requests, replies, storage.

use std::borrow::Cow;

use onrecord_value::{GoDuration, Object, Time};

use super::config::Config;
use crate::engine::codec::{Broken, Reader, Writer};

/// The first byte of a record. Another one is from a newer release.
const FORMAT: u8 = 1;
/// Versions stay in their key's record as long as it has at most so many bytes.
const INLINE_BYTES: usize = 4096;
/// What one version takes in a record beside its data, at most.
const VERSION_BYTES: usize = 48;
/// How many versions a key keeps if neither it nor the engine says otherwise.
const KEPT: u64 = 10;

mod body_tag {
    pub(super) const GONE: u8 = 0;
    pub(super) const INLINE: u8 = 1;
    pub(super) const SPILLED: u8 = 2;
}

/// A key: borrowed from its stored bytes as far as it has not changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record<'a> {
    /// When the key came to be.
    pub(super) created: Time,
    /// When a version or the metadata changed last.
    pub(super) updated: Time,
    /// The newest version; 0 if there never was one.
    pub(super) current: u64,
    /// The oldest version that is kept; 0 as long as none was dropped.
    pub(super) oldest: u64,
    /// How often the metadata was written.
    pub(super) metadata_version: u64,
    /// The key's own settings.
    pub(super) settings: Config,
    /// What its owner says about it: texts by name.
    pub(super) custom: Option<Object>,
    /// By number, upwards.
    pub(super) versions: Vec<Version<'a>>,
}

/// One version of a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Version<'a> {
    /// 1 for the first.
    pub(super) number: u64,
    /// When it was written.
    pub(super) created: Time,
    /// From when on it counts as deleted.
    pub(super) deletion: Option<Time>,
    /// Its data.
    pub(super) body: Body<'a>,
}

/// Where a version's data is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body<'a> {
    /// Destroyed.
    Gone,
    /// In the key's record.
    Inline(Cow<'a, [u8]>),
    /// In a record of its own.
    Spilled,
}

/// What became of a record that was settled: its bytes, and the versions whose data must go into records of their own.
pub(super) struct Settled {
    /// The key's record.
    pub(super) bytes: Vec<u8>,
    /// Number and data of each version that moves out.
    pub(super) spilled: Vec<(u64, Vec<u8>)>,
}

impl Version<'_> {
    /// Whether its data was destroyed.
    pub(super) const fn destroyed(&self) -> bool {
        matches!(self.body, Body::Gone)
    }

    /// Whether its data is there to be read.
    pub(super) fn readable(&self, now: Time) -> bool {
        !self.destroyed() && self.deletion.is_none_or(|deletion| deletion > now)
    }
}

impl<'a> Record<'a> {
    /// A key without versions.
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

    /// The version of a number.
    pub(super) fn version(&self, number: u64) -> Option<&Version<'a>> {
        self.index(number).and_then(|at| self.versions.get(at))
    }

    /// The version of a number, to change it.
    pub(super) fn version_mut(&mut self, number: u64) -> Option<&mut Version<'a>> {
        self.index(number).and_then(|at| self.versions.get_mut(at))
    }

    fn index(&self, number: u64) -> Option<usize> {
        self.versions.binary_search_by_key(&number, |version| version.number).ok()
    }

    /// Appends a version and drops those beyond the limit; returns the numbers of dropped versions whose data has a
    /// record of its own. The key's limit counts before the engine's.
    pub(super) fn push(&mut self, now: Time, data: impl Into<Cow<'a, [u8]>>, engine: &Config) -> Vec<u64> {
        self.current += 1;
        self.updated = now;
        let deletion = self.settings.deletion_time(engine, now);
        self.versions.push(Version {
            number: self.current,
            created: now,
            deletion,
            body: Body::Inline(data.into()),
        });
        let kept = [self.settings.max_versions, engine.max_versions].into_iter().find(|max| *max > 0);
        let kept = usize::try_from(kept.unwrap_or(KEPT)).unwrap_or(usize::MAX);
        let surplus = self.versions.len().saturating_sub(kept);
        let dropped: Vec<u64> = self
            .versions
            .drain(..surplus)
            .filter(|version| version.body == Body::Spilled)
            .map(|version| version.number)
            .collect();
        if surplus > 0 {
            self.oldest = self.versions.first().map_or(self.current, |version| version.number);
        }
        dropped
    }

    /// The bytes to store. If the record would be too large, its oldest versions move out first, so that the newest
    /// stays readable with one look-up as long as it can.
    pub(super) fn settle(mut self) -> Settled {
        let mut head = Writer::with_capacity(256);
        self.write_head(&mut head);
        let mut head = head.finish();
        let mut size = head.len()
            + self
                .versions
                .iter()
                .map(|version| {
                    VERSION_BYTES + if let Body::Inline(data) = &version.body { data.len() } else { 0 }
                })
                .sum::<usize>();
        let mut spilled = Vec::new();
        for version in &mut self.versions {
            if size <= INLINE_BYTES {
                break;
            }
            if let Body::Inline(data) = &mut version.body {
                size -= data.len();
                spilled.push((version.number, std::mem::take(data).into_owned()));
                version.body = Body::Spilled;
            }
        }
        let mut writer = Writer::with_capacity(size);
        self.write_versions(&mut writer);
        head.append(&mut writer.finish());
        Settled { bytes: head, spilled }
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
                Body::Spilled => writer.byte(body_tag::SPILLED),
            }
        }
    }

    /// Reads a stored record. The data of versions is not looked into.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Broken> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != FORMAT {
            return Err(Broken);
        }
        let mut record = Self {
            created: reader.time()?,
            updated: reader.time()?,
            current: reader.count()?,
            oldest: reader.count()?,
            metadata_version: reader.count()?,
            settings: Config::read(&mut reader)?,
            custom: if reader.flag()? { Some(reader.object()?) } else { None },
            versions: Vec::new(),
        };
        let count = reader.count()?;
        record.versions.reserve(usize::try_from(count).map_or(0, |count| count.min(64)));
        let mut last = 0;
        for _ in 0..count {
            let version = Version {
                number: reader.count()?,
                created: reader.time()?,
                deletion: reader.maybe_time()?,
                body: match reader.byte()? {
                    body_tag::GONE => Body::Gone,
                    body_tag::INLINE => Body::Inline(Cow::Borrowed(reader.blob()?)),
                    body_tag::SPILLED => Body::Spilled,
                    _ => return Err(Broken),
                },
            };
            if version.number <= last || version.number > record.current {
                return Err(Broken);
            }
            last = version.number;
            record.versions.push(version);
        }
        reader.end()?;
        Ok(record)
    }
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
    use super::{Body, INLINE_BYTES, Record};

    fn at(seconds: i64) -> Time {
        Time::from_unix(1_700_000_000 + seconds, 5)
    }

    /// Writes a version as a request would, and stores the record.
    fn write(stored: &[u8], now: Time, data: Vec<u8>, engine: &Config) -> (Vec<u8>, Vec<u64>, Vec<u64>) {
        let mut record = if stored.is_empty() { Record::new(now) } else { Record::decode(stored).unwrap() };
        let dropped = record.push(now, data, engine);
        let settled = record.settle();
        (settled.bytes, settled.spilled.iter().map(|(number, _)| *number).collect(), dropped)
    }

    #[test]
    fn small_versions_all_stay_in_one_record() {
        let engine = Config::default();
        let mut stored = Vec::new();
        for version in 1..=10 {
            let (bytes, spilled, dropped) = write(&stored, at(version), vec![7; 200], &engine);
            assert!(spilled.is_empty() && dropped.is_empty());
            stored = bytes;
        }
        let record = Record::decode(&stored).unwrap();
        assert_eq!((record.current, record.oldest, record.versions.len()), (10, 0, 10));
        assert!(stored.len() <= INLINE_BYTES);
    }

    #[test]
    fn the_newest_version_stays_inline_and_the_oldest_moves_out() {
        let engine = Config::default();
        let (stored, spilled, _) = write(&[], at(1), vec![1; 2500], &engine);
        assert!(spilled.is_empty());
        let (stored, spilled, _) = write(&stored, at(2), vec![2; 2500], &engine);
        assert_eq!(spilled, [1]);
        let record = Record::decode(&stored).unwrap();
        assert_eq!(record.version(1).unwrap().body, Body::Spilled);
        assert!(matches!(&record.version(2).unwrap().body, Body::Inline(data) if data.len() == 2500));
    }

    #[test]
    fn a_version_too_large_for_the_record_moves_out_at_once() {
        let (stored, spilled, _) = write(&[], at(1), vec![1; 100_000], &Config::default());
        assert_eq!(spilled, [1]);
        assert!(stored.len() < 200);
    }

    #[test]
    fn beyond_the_limit_the_oldest_are_dropped_with_their_own_records() {
        let engine = Config { max_versions: 2, ..Config::default() };
        let (stored, _, _) = write(&[], at(1), vec![1; 5000], &engine);
        let (stored, _, _) = write(&stored, at(2), vec![2; 10], &engine);
        let (stored, _, dropped) = write(&stored, at(3), vec![3; 10], &engine);
        assert_eq!(dropped, [1]);
        let record = Record::decode(&stored).unwrap();
        assert_eq!((record.current, record.oldest), (3, 2));
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
                let spilled = settled.spilled.iter().find(|(number, _)| *number == version.number);
                match (&version.body, &before.body, spilled) {
                    (Body::Inline(data), Body::Inline(before), None) => prop_assert_eq!(data, before),
                    (Body::Spilled, Body::Inline(before), Some((_, data))) => prop_assert_eq!(data, &before.to_vec()),
                    _ => prop_assert!(false),
                }
            }
            prop_assert!(settled.bytes.len() <= INLINE_BYTES || back.versions.iter().all(|v| v.body == Body::Spilled));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(mut bytes in prop::collection::vec(any::<u8>(), 1..400)) {
            let _ = Record::decode(&bytes);
            bytes[0] = 1;
            let _ = Record::decode(&bytes);
        }

        #[test]
        fn a_damaged_record_never_panics(at_byte in 0_usize..300, with in any::<u8>()) {
            let mut record = Record::new(at(0));
            record.push(at(1), vec![1; 100], &Config::default());
            record.push(at(2), vec![2; 100], &Config::default());
            let mut bytes = record.settle().bytes;
            let len = bytes.len();
            bytes[at_byte % len] ^= with;
            let _ = Record::decode(&bytes);
        }
    }
}
