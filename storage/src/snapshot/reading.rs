//! Reads a snapshot file from its first byte to its last and checks it on the way.
//! Never in it: what becomes of the records, or keys: it proves a file whole, not that its server wrote it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{
    END, FORMAT, HEADER_MAX, Header, MAC_LENGTH, MAGIC, SnapshotError, SnapshotInfo, VALUE_MAX, hex,
};
use crate::key;

/// Reads a snapshot and hands each record to `each`, before the checksum at the end is known to be right: what is made of
/// the records counts only if this returns without an error.
pub fn read<E: From<SnapshotError>>(
    path: &Path,
    mut each: impl FnMut(&str, &[u8]) -> Result<(), E>,
) -> Result<SnapshotInfo, E> {
    let file = File::open(path).map_err(SnapshotError::Io)?;
    let mut source = Source { reader: BufReader::with_capacity(1 << 20, file), hash: Sha256::new(), at: 0 };
    let (format, header) = source.header()?;
    let (mut records, mut last) = (0_u64, String::new());
    while let Some((key, value)) = source.record()? {
        if records > 0 && key <= last {
            return Err(source.damaged("its keys are not in order").into());
        }
        each(&key, &value)?;
        records += 1;
        last = key;
    }
    let (count, content_sha256) = (source.number()?, hex(&source.hash));
    let mac = source.mac()?;
    let expected = source.hash.clone().finalize();
    if source.bytes(expected.len())? != expected[..] {
        return Err(source.damaged("the checksum at its end is not that of its contents").into());
    }
    if count != records || header.records != records {
        return Err(source.damaged("it does not hold the number of records that it names").into());
    }
    let (bytes, sha256) = (source.at, hex(&source.hash));
    source.end()?;
    Ok(SnapshotInfo { format, header, bytes, sha256, content_sha256, mac })
}

struct Source {
    reader: BufReader<File>,
    hash: Sha256,
    at: u64,
}

impl Source {
    fn damaged(&self, what: &str) -> SnapshotError {
        SnapshotError::Damaged { at: self.at, what: what.to_owned() }
    }

    /// The next bytes. No more memory is taken than there are bytes in the file.
    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, SnapshotError> {
        let mut bytes = Vec::with_capacity(length.min(1 << 20));
        self.reader.by_ref().take(length as u64).read_to_end(&mut bytes)?;
        self.at += bytes.len() as u64;
        if bytes.len() < length {
            return Err(SnapshotError::Incomplete(self.at));
        }
        self.hash.update(&bytes);
        Ok(bytes)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], SnapshotError> {
        let bytes = self.bytes(LENGTH)?;
        bytes.try_into().map_err(|_| SnapshotError::Incomplete(self.at))
    }

    fn number(&mut self) -> Result<u64, SnapshotError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn text(&mut self, length: usize) -> Result<String, SnapshotError> {
        let bytes = self.bytes(length)?;
        String::from_utf8(bytes).map_err(|_| self.damaged("a text in it is not UTF-8"))
    }

    /// The HMAC. Anything else in its place could add lines to the note of a restoration.
    fn mac(&mut self) -> Result<String, SnapshotError> {
        let mac = self.text(MAC_LENGTH)?;
        if mac.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(mac)
        } else {
            Err(self.damaged("its HMAC is not 64 lowercase hex digits"))
        }
    }

    /// The next record; none at the end.
    fn record(&mut self) -> Result<Option<(String, Vec<u8>)>, SnapshotError> {
        let key_length = u32::from_be_bytes(self.array()?);
        if key_length == END {
            return Ok(None);
        }
        let value_length = u32::from_be_bytes(self.array()?);
        let (key_length, value_length) = (key_length as usize, value_length as usize);
        if key_length > key::STORED_MAX_BYTES || value_length > VALUE_MAX {
            return Err(self.damaged("a record in it is longer than records can be"));
        }
        let key = self.text(key_length)?;
        if key.is_empty() {
            return Err(self.damaged("a record in it has no key"));
        }
        Ok(Some((key, self.bytes(value_length)?)))
    }

    fn header(&mut self) -> Result<(u64, Header), SnapshotError> {
        let mut start = vec![0; MAGIC.len()];
        match self.reader.read_exact(&mut start) {
            Ok(()) if start == MAGIC.as_bytes() => {}
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
            Ok(()) | Err(_) => return Err(SnapshotError::NotASnapshot),
        }
        self.hash.update(&start);
        self.at = start.len() as u64;
        let format = self.line()?;
        let format = format.parse().map_err(|_| self.damaged("its format is not a number"))?;
        if format != FORMAT {
            return Err(SnapshotError::Format(format));
        }
        let mut header = Header {
            created: 0,
            cluster: String::new(),
            server: String::new(),
            storage: String::new(),
            store_format: 0,
            records: 0,
        };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok((format, header));
            }
            let wrong = |_| self.damaged("a number before its records cannot be read");
            match line.split_once(' ') {
                Some(("created", text)) => header.created = text.parse().map_err(wrong)?,
                Some(("cluster", text)) => text.clone_into(&mut header.cluster),
                Some(("server", text)) => text.clone_into(&mut header.server),
                Some(("storage", text)) => text.clone_into(&mut header.storage),
                Some(("store-format", text)) => header.store_format = text.parse().map_err(wrong)?,
                Some(("records", text)) => header.records = text.parse().map_err(wrong)?,
                _ => {}
            }
        }
    }

    /// The next line, without its newline.
    fn line(&mut self) -> Result<String, SnapshotError> {
        let mut line = Vec::new();
        loop {
            let [byte] = self.array()?;
            if byte == b'\n' {
                break;
            }
            line.push(byte);
            if self.at > HEADER_MAX as u64 {
                return Err(self.damaged("the text before its records does not end"));
            }
        }
        String::from_utf8(line).map_err(|_| self.damaged("a text in it is not UTF-8"))
    }

    fn end(&mut self) -> Result<(), SnapshotError> {
        match self.reader.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(self.damaged("something follows after its end")),
        }
    }
}
