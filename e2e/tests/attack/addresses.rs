//! Addresses that lead to a machine's metadata service, or to the server itself, are refused in every spelling, before
//! anything is sent. Nothing outside of this machine is resolved or dialled.
//! Never in it: what a device writes.

use std::net::{SocketAddr, TcpListener};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use serde_json::json;

/// Why a socket device with this address was refused.
fn refusal(server: &Server, address: &str, socket_type: &str) -> String {
    let options = json!({"address": address, "socket_type": socket_type, "write_timeout": "5s"});
    let answer = server.try_enable("s", "socket", &options);
    if answer.status == 204 {
        server.disable("s");
        return String::new();
    }
    answer.error()
}

#[test]
fn the_address_of_a_metadata_service_is_refused_in_every_spelling() {
    let place = Place::new();
    let server = place.in_memory("");
    let hosts = [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe%1]",
        "[::a9fe:a9fe]",
        "[::ffff:0:a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[2002:a9fe:a9fe::1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[64:ff9b:1:a9fe:a9:fe00::]",
        "[64:ff9b:1:fffe:fe:a9fe:a9fe:0]",
        "[2001:0:a9fe:a9fe::]",
        "[2001:0:7f00:1::5601:5601]",
        "[2001:db8::5efe:a9fe:a9fe]",
        "[2001:db8::200:5efe:a9fe:a9fe]",
        "[fe80::1%1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "[::ffff:100.100.100.200]",
        "[2002:6464:64c8::]",
    ];
    for host in hosts {
        for socket_type in ["tcp", "udp"] {
            let why = refusal(&server, &format!("{host}:80"), socket_type);
            assert!(
                why.contains("a device made through the API may not talk to"),
                "{host} {socket_type}: {why:?}"
            );
        }
    }
}

#[test]
fn a_listener_of_the_server_is_refused_in_every_spelling() {
    let place = Place::new();
    let more = "listener \"tcp\" {\n  address = \"0.0.0.0:0\"\n  tls_disable = true\n}\n";
    let server = place.in_memory(more);
    let addresses: Vec<SocketAddr> = server
        .stdout()
        .lines()
        .filter_map(|line| line.split("(addr: \"").nth(1)?.split('"').next()?.parse().ok())
        .collect();
    let [one, all] = addresses[..] else { panic!("two listeners in {}", server.stdout()) };
    let (one, all) = (one.port(), all.port());
    let mut own: Vec<String> = [
        "127.0.0.1",
        "localhost",
        "",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
    ]
    .iter()
    .flat_map(|host| [format!("{host}:{one}"), format!("{host}:{all}")])
    .collect();
    own.extend([
        format!("127.0.0.2:{all}"),
        format!("127.255.255.254:{all}"),
        format!("[::ffff:127.0.0.9]:{all}"),
    ]);
    for address in &own {
        for socket_type in ["tcp", "udp"] {
            let why = refusal(&server, address, socket_type);
            assert!(
                why.contains("may not talk to a listener of this server"),
                "{address} {socket_type}: {why:?}"
            );
        }
    }
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    assert_eq!(refusal(&server, &address, "tcp"), "");
}
