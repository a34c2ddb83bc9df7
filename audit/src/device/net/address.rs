//! Addresses as texts: `host:port` with all that Go's `net.SplitHostPort` knows, and the names of services.
//! Never in it: looking up hosts.

use std::sync::Arc;

use crate::device::error::net::NetCause;

/// Where the machine keeps the names of services (services(5)).
const SERVICES: &str = "/etc/services";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HostPort<'a> {
    /// A name or an IP address, without brackets; empty for this host.
    pub(super) host: &'a str,
    pub(super) port: u16,
}

/// Takes an address apart. `protocol` is `tcp` or `udp`, for the name of a service.
pub(super) fn parse<'a>(address: &'a str, protocol: &str) -> Result<HostPort<'a>, NetCause> {
    if address.is_empty() {
        return Err(NetCause::NoAddress);
    }
    let (host, port) =
        split(address).map_err(|problem| NetCause::Address { address: Arc::from(address), problem })?;
    Ok(HostPort { host, port: port_of(port, protocol)? })
}

/// Splits at the last colon, with Go's words for what cannot be split.
fn split(address: &str) -> Result<(&str, &str), &'static str> {
    const MISSING: &str = "missing port in address";
    const TOO_MANY: &str = "too many colons in address";
    let (before, port) = address.rsplit_once(':').ok_or(MISSING)?;
    let (host, outside) = match address.strip_prefix('[') {
        Some(inside) => {
            let (host, after) = inside.split_once(']').ok_or("missing ']' in address")?;
            match after.strip_prefix(':') {
                Some(rest) if rest == port => (host, port),
                Some(_) => return Err(TOO_MANY),
                None => return Err(MISSING),
            }
        }
        None if before.contains(':') => return Err(TOO_MANY),
        None => (before, address),
    };
    if host.contains('[') || outside.contains('[') {
        return Err("unexpected '[' in address");
    }
    if outside.contains(']') {
        return Err("unexpected ']' in address");
    }
    Ok((host, port))
}

fn port_of(text: &str, protocol: &str) -> Result<u16, NetCause> {
    if text.is_empty() {
        return Ok(0);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let invalid = |_| NetCause::Address { address: Arc::from(text), problem: "invalid port" };
        return text.parse().map_err(invalid);
    }
    let services = std::fs::read_to_string(SERVICES).unwrap_or_default();
    service(&services, text, protocol).ok_or_else(|| NetCause::UnknownPort(Arc::from(text)))
}

/// The port of a service: `name port/protocol [alias…] [# comment]`.
fn service(services: &str, name: &str, protocol: &str) -> Option<u16> {
    let mut lines =
        services.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    lines.find_map(|mut words| {
        let first = words.next()?;
        let (port, of) = words.next()?.split_once('/')?;
        let named = std::iter::once(first).chain(words).any(|known| known.eq_ignore_ascii_case(name));
        if named && of == protocol { port.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_as_the_clients_know_it() {
        for (address, host, port) in [
            ("127.0.0.1:9090", "127.0.0.1", 9090),
            ("localhost:1", "localhost", 1),
            (":514", "", 514),
            ("[::1]:80", "::1", 80),
            ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
            ("host:", "host", 0),
            ("[]:7", "", 7),
        ] {
            assert_eq!(parse(address, "tcp"), Ok(HostPort { host, port }), "{address}");
        }
        for (address, problem) in [
            ("127.0.0.1", "missing port in address"),
            ("host", "missing port in address"),
            ("[::1]", "missing port in address"),
            ("[::1]x:80", "missing port in address"),
            ("::1:80", "too many colons in address"),
            ("[::1]:80:90", "too many colons in address"),
            ("[::1:80", "missing ']' in address"),
            ("a[b]:80", "unexpected '[' in address"),
            ("[a[b]:80", "unexpected '[' in address"),
            ("a]b:80", "unexpected ']' in address"),
        ] {
            let expected = NetCause::Address { address: Arc::from(address), problem };
            assert_eq!(parse(address, "tcp"), Err(expected), "{address}");
        }
        assert_eq!(parse("", "tcp"), Err(NetCause::NoAddress));
        let invalid = NetCause::Address { address: Arc::from("65536"), problem: "invalid port" };
        assert_eq!(parse("h:65536", "tcp"), Err(invalid));
        let unknown = NetCause::UnknownPort(Arc::from("no-such-service"));
        assert_eq!(parse("h:no-such-service", "tcp"), Err(unknown));
        assert_eq!(parse("h:-1", "tcp"), Err(NetCause::UnknownPort(Arc::from("-1"))));
    }

    #[test]
    fn services_have_names_aliases_and_protocols() {
        let services = "# all\nsyslog\t514/udp\nshell 514/tcp cmd syslog # no\nhttp 80/tcp www\n";
        assert_eq!(service(services, "syslog", "udp"), Some(514));
        assert_eq!(service(services, "SYSLOG", "tcp"), Some(514));
        assert_eq!(service(services, "www", "tcp"), Some(80));
        assert_eq!(service(services, "www", "udp"), None);
        assert_eq!(service(services, "no", "tcp"), None);
    }
}
