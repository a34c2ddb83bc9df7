//! Tiles and bundles of entries, their names and their bytes (C2SP tlog-tiles): 256 hashes of one level are a tile, and
//! the 256 entries below a tile of level 0 are a bundle.
//! Never in it: a store.

use std::fmt;

use crate::hash::{Digest, Hash};

/// How many hashes a full tile has, and how many entries a full bundle.
pub const TILE_WIDTH: u64 = 256;

/// Which hashes a tile has: `width` of them, from `index * 256` on, of those with `256^level` leaves below each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TileId {
    /// 0 for hashes of leaves, 1 for roots of full tiles of level 0, and so on.
    pub level: u8,
    /// Its place in the level, from 0.
    pub index: u64,
    /// 1 to 256; below 256 it is a partial tile.
    pub width: u64,
}

/// What a resource of a tiled log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileKind {
    /// Hashes.
    Hashes,
    /// Entries; the level is 0.
    Entries,
}

/// A tile with its hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Which.
    pub id: TileId,
    /// As many as the id's width says.
    pub hashes: Vec<Hash>,
}

/// Consecutive entries of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// The entries, each the digest of a line.
    pub entries: Vec<Digest>,
}

/// Bytes that are not a tile or a bundle of the expected width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// There are more or fewer bytes than the width asks for.
    #[error("{found} bytes, expected {expected}")]
    Length {
        /// How many there must be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// An entry that is not 32 bytes long.
    #[error("entry {place} is {length} bytes long; the digest of a line is 32")]
    Entry {
        /// Its place in the bundle, from 0.
        place: u64,
        /// How long it is.
        length: u16,
    },
}

impl TileId {
    /// The tile that has the hash of this place in its level, in a tree of `size` leaves. `None` if the tree has no such hash.
    pub fn of_hash(level: u8, place: u64, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        if place >= hashes {
            return None;
        }
        let index = place / TILE_WIDTH;
        let width = (hashes - index * TILE_WIDTH).min(TILE_WIDTH);
        Some(Self { level, index, width })
    }

    /// The same tile when it is full.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }

    /// The name below the log's prefix, such as `tile/0/x001/x234/067.p/5`.
    pub fn path(self, kind: TileKind) -> String {
        let mut path = match kind {
            TileKind::Hashes => format!("tile/{}", self.level),
            TileKind::Entries => "tile/entries".to_owned(),
        };
        let digits = format!("{:03}", self.index);
        // The first group may have fewer than three digits; it is filled up.
        let padded = format!("{digits:0>width$}", width = digits.len().div_ceil(3) * 3);
        let groups = padded.len() / 3;
        for (at, digit) in padded.chars().enumerate() {
            if at % 3 == 0 {
                path.push('/');
                if at / 3 + 1 < groups {
                    path.push('x');
                }
            }
            path.push(digit);
        }
        if self.width < TILE_WIDTH {
            path.push_str(".p/");
            path.push_str(&self.width.to_string());
        }
        path
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path(TileKind::Hashes))
    }
}

impl Tile {
    /// The hashes one after the other.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| hash.0).collect()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) writes; a full tile may stand where a partial one is asked for.
    pub fn from_bytes(id: TileId, bytes: &[u8]) -> Result<Self, BundleError> {
        let (expected, found) = (id.width * 32, bytes.len() as u64);
        if found != expected && found != TILE_WIDTH * 32 {
            return Err(BundleError::Length { expected, found });
        }
        let width = usize::try_from(id.width).unwrap_or(usize::MAX);
        let (chunks, _) = bytes.as_chunks::<32>();
        Ok(Self { id, hashes: chunks.iter().take(width).map(|chunk| Hash(*chunk)).collect() })
    }
}

impl Bundle {
    /// The entries, each behind its length as a big-endian number of 16 bits.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.entries.len() * 34);
        for entry in &self.entries {
            bytes.extend_from_slice(&32_u16.to_be_bytes());
            bytes.extend_from_slice(entry);
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) writes: `width` entries, of which a full bundle may have more.
    pub fn from_bytes(width: u64, bytes: &[u8]) -> Result<Self, BundleError> {
        let (expected, found) = (width * 34, bytes.len() as u64);
        let (chunks, rest) = bytes.as_chunks::<34>();
        let mut entries = Vec::with_capacity(chunks.len());
        for (place, chunk) in (0_u64..).zip(chunks) {
            let [high, low, entry @ ..] = chunk;
            let length = u16::from_be_bytes([*high, *low]);
            if length != 32 {
                return Err(BundleError::Entry { place, length });
            }
            entries.push(*entry);
        }
        if !rest.is_empty() || found != expected && found != TILE_WIDTH * 34 {
            return Err(BundleError::Length { expected, found });
        }
        entries.truncate(usize::try_from(width).unwrap_or(usize::MAX));
        Ok(Self { entries })
    }
}
