//! Lines of logs: what decodes is written again and decodes to the same; the checker takes any bytes as a log.
//! Never in it: the files of a log.

use std::io::Cursor;

use onrecord_entry::decode;
use onrecord_entry::format::Format;
use onrecord_trail::{Input, Options, check};

/// Decodes each line, and checks the bytes as a log, fast and thoroughly.
pub fn lines(data: &[u8]) {
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        let Ok(entry) = decode(line) else { continue };
        // Another server may order keys in its own way, but what we write is read back as it is.
        for format in [Format::Json, Format::Jsonx] {
            let mut written = Vec::new();
            entry.format_as(format, &mut written);
            assert_eq!(
                written.iter().position(|byte| *byte == b'\n'),
                Some(written.len() - 1),
                "one entry is one line"
            );
            let again = decode(&written).expect("what was written is read");
            assert_eq!((again.time(), again.record()), (entry.time(), entry.record()));
            let mut second = Vec::new();
            again.format_as(format, &mut second);
            assert_eq!(String::from_utf8_lossy(&second), String::from_utf8_lossy(&written));
        }
    }
    for thorough in [false, true] {
        let options = Options { thorough, answered: vec!["some-id".to_owned()], ..Options::default() };
        let input = Input::stream("fuzzed", Cursor::new(data.to_vec()));
        drop(check(vec![input], &options, &mut |_| {}));
    }
}
