//! The bodies of log records in requests of OTLP over HTTP (Protocol Buffers, compressed by gzip or not).
//! Never in it: attributes, resources, other signals.

use std::io::{self, BufRead, Read, Write};

use flate2::read::GzDecoder;

/// From an `ExportLogsServiceRequest` to the text of a body: the numbers of the fields of resource logs, scope logs, log records,
/// body and string.
const BODY: [u64; 5] = [1, 2, 2, 5, 1];

/// Takes requests of one connection until it ends, and hands over the bodies of each before it is answered.
pub fn serve(mut reader: impl BufRead, mut writer: impl Write, take: impl Fn(Vec<String>)) -> io::Result<()> {
    loop {
        let Some((length, is_gzip)) = head(&mut reader)? else { return Ok(()) };
        let mut message = vec![0; length];
        reader.read_exact(&mut message)?;
        if is_gzip {
            let mut plain = Vec::new();
            GzDecoder::new(message.as_slice()).read_to_end(&mut plain)?;
            message = plain;
        }
        let mut bodies = Vec::new();
        texts(&message, &BODY, &mut bodies);
        take(bodies);
        writer.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
        )?;
    }
}

/// The length of the body of the next request, and whether it is compressed. `None` at the end of the connection.
fn head(reader: &mut impl BufRead) -> io::Result<Option<(usize, bool)>> {
    let (mut length, mut is_gzip, mut line) = (None, false, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.split_once(':') else {
            if line == "\r\n" {
                return Ok(Some((length.expect("a request with a length"), is_gzip)));
            }
            assert_eq!(line.trim_end(), "POST /v1/logs HTTP/1.1");
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok(),
            "content-encoding" => is_gzip = value.trim() == "gzip",
            _ => {}
        }
    }
}

/// The texts at a path of field numbers in a message.
fn texts(message: &[u8], path: &[u64], found: &mut Vec<String>) {
    let Some((wanted, below)) = path.split_first() else {
        return found.push(String::from_utf8(message.to_vec()).expect("a text"));
    };
    let mut rest = message;
    while !rest.is_empty() {
        let key = varint(&mut rest);
        let length = match key & 7 {
            0 => {
                varint(&mut rest);
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut rest)).expect("a length"),
            5 => 4,
            other => panic!("a field of the wire type {other}"),
        };
        let (value, after) = rest.split_at_checked(length).expect("a whole field");
        rest = after;
        if key >> 3 == *wanted && key & 7 == 2 {
            texts(value, below, found);
        }
    }
}

fn varint(rest: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().expect("a whole number");
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}
