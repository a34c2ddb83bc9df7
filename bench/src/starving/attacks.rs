//! The loads of a hostile client, each until the process is ended.
//! Never in it: what is measured.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use onrecord_e2e::attacker::{Attacker, allow_open_files};

const MIB: usize = 1 << 20;
/// How much of an upload is sent in one call.
const PIECE: usize = 64 * 1024;

/// The attacks: name and description.
pub const ATTACKS: [(&str, &str); 12] = [
    ("announced", "16 bodies of 32 MiB announced, none sent"),
    ("one-byte", "4,100 bodies of one byte announced from three addresses, none sent"),
    ("unread", "120 answers of 30 MB, none read"),
    ("unread-elsewhere", "*the same answers from another process*"),
    ("reading", "8 clients read 30 MB again and again"),
    ("reading-elsewhere", "*the same bytes from another process*"),
    ("not-utf-8", "40 uploads of 32 MiB that are not UTF-8, again and again"),
    ("ascii", "40 uploads of 32 MiB of ASCII, again and again"),
    ("values", "40 uploads of 32 MiB of small values, again and again"),
    ("ascii-elsewhere", "*the same bytes to another process, which throws them away*"),
    ("anonymous", "64 connections that write without a token, again and again"),
    ("idle", "5,000 connections from four addresses that send nothing"),
];

/// The same load on another process: what the machine has left for the server then.
const ELSEWHERE: &str = "-elsewhere";

/// Whether it is no attack on the server.
pub fn is_elsewhere(name: &str) -> bool {
    name.ends_with(ELSEWHERE)
}

/// What is done, wherever it is.
fn load_of(name: &str) -> &str {
    name.strip_suffix(ELSEWHERE).unwrap_or(name)
}

/// Whether an attack reads 30 MB: at `kv/large`, or from the other process.
pub fn reads_large_values(name: &str) -> bool {
    matches!(load_of(name), "unread" | "reading")
}

/// Attacks a server, says so once that is under way, and goes on until the process is ended.
pub fn run(name: &str, server: SocketAddr, token: &str) -> ! {
    allow_open_files(20_000);
    let name = load_of(name);
    let many = |count: usize, begin: &dyn Fn(&mut Attacker)| -> Vec<Attacker> {
        let start = |number: usize| {
            // From several addresses: one may have 2,048.
            let address = 66 + u8::try_from(number / 1500).expect("few thousand connections");
            let mut attacker = Attacker::from(Ipv4Addr::new(127, 0, 0, address), server);
            begin(&mut attacker);
            attacker
        };
        (0..count).map(start).collect()
    };
    let read_large = format!("GET /v1/kv/large HTTP/1.1\r\nHost: a\r\nX-Vault-Token: {token}\r\n\r\n");
    let held = match name {
        "announced" => many(16, &|attacker| attacker.announce("POST", "/v1/kv/never", token, 32 * MIB)),
        "one-byte" => many(4100, &|attacker| attacker.announce("POST", "/v1/kv/never", token, 1)),
        "unread" => many(120, &|attacker| attacker.send(read_large.as_bytes())),
        "idle" => many(5000, &|_| {}),
        "reading" => again_and_again(8, move |_| {
            let mut attacker = Attacker::connect(server);
            attacker.send(read_large.replace("Host: a", "Host: a\r\nConnection: close").as_bytes());
            attacker.rest();
        }),
        "anonymous" => again_and_again(64, move |_| {
            let mut attacker = Attacker::connect(server);
            for _ in 0..100 {
                attacker.send(b"POST /v1/kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{\"a\":\"b\"}");
                attacker.answer();
            }
        }),
        upload => {
            let body = body(upload, 32 * MIB);
            let token = token.to_owned();
            again_and_again(40, move |number| {
                let mut attacker = Attacker::connect(server);
                let length = body.len();
                attacker.send(
                    format!(
                        "POST /v1/kv/upload{number} HTTP/1.1\r\nHost: a\r\nX-Vault-Token: {token}\r\nContent-Length: \
                         {length}\r\nConnection: close\r\n\r\n"
                    )
                    .as_bytes(),
                );
                // As a network card would bring it: one long call would keep the kernel, and with it a processor of this
                // machine, for longer than any client elsewhere could.
                body.chunks(PIECE).for_each(|piece| attacker.send(piece));
                attacker.status();
            })
        }
    };
    println!("under way");
    drop(std::io::stdout().flush());
    loop {
        // `held` lives as long as the process.
        thread::park();
        std::hint::black_box(&held);
    }
}

/// Does something on this many threads, over and over.
fn again_and_again(threads: usize, act: impl Fn(usize) + Clone + Send + 'static) -> Vec<Attacker> {
    for number in 0..threads {
        let act = act.clone();
        thread::spawn(move || {
            loop {
                act(number);
            }
        });
    }
    Vec::new()
}

/// A JSON body of this size.
fn body(kind: &str, size: usize) -> Vec<u8> {
    let (start, unit, end): (&[u8], &[u8], &[u8]) = match kind {
        "not-utf-8" => (b"{\"a\":\"", b"\xff", b"\"}"),
        "ascii" => (b"{\"a\":\"", b"x", b"\"}"),
        "values" => (b"{\"a\":[1", b",1", b"]}"),
        other => panic!("no attack is called {other:?}"),
    };
    let mut body = start.to_vec();
    while body.len() + unit.len() + end.len() <= size {
        body.extend_from_slice(unit);
    }
    body.extend_from_slice(end);
    body
}
