//! The address of a server, and the URL of a path of the API: cleaned as a POSIX path, escaped by RFC 3986.
//! Never in it: connections, and the environment of the process.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::path::PathBuf;
use thiserror::Error;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Tcp {
        tls: bool,
        /// Host name or address, without brackets.
        host: String,
        /// Port; 443 or 80 when the address named none.
        port: u16,
    },
    Unix(PathBuf),
}

/// The address of a server: `http://host:port/prefix`, `https://…` or `unix:///path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    endpoint: Endpoint,
    /// Host and port as written, as in the `Host` header.
    authority: String,
    prefix: String,
}

/// Why an address is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// `://` without a scheme before it.
    #[error("parse {0:?}: missing protocol scheme")]
    EmptyScheme(String),
    /// No `://`, such as `127.0.0.1:8200`.
    #[error("parse {0:?}: missing protocol scheme (write http://{0} or https://{0})")]
    MissingScheme(String),
    /// A scheme other than `http`, `https` and `unix`.
    #[error("unsupported protocol scheme {0:?} (http, https and unix are known)")]
    UnknownScheme(String),
    /// The part after the last colon is not a port number.
    #[error("parse {0:?}: invalid port after host")]
    Port(String),
    /// No host.
    #[error("parse {0:?}: no Host in request URL")]
    MissingHost(String),
}

impl Address {
    /// Reads an address as a user writes it.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(AddressError::MissingScheme(text.to_owned()));
        };
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "" => return Err(AddressError::EmptyScheme(text.to_owned())),
            "http" => false,
            "https" => true,
            "unix" => {
                return Ok(Self {
                    endpoint: Endpoint::Unix(PathBuf::from(rest)),
                    authority: "localhost".to_owned(),
                    prefix: String::new(),
                });
            }
            other => return Err(AddressError::UnknownScheme(other.to_owned())),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = split_port(authority).ok_or_else(|| AddressError::Port(text.to_owned()))?;
        if host.is_empty() {
            return Err(AddressError::MissingHost(text.to_owned()));
        }
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(Self {
            endpoint: Endpoint::Tcp { tls, host: host.to_owned(), port },
            authority: authority.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query of a URL of the API, escaped; `path` begins behind `/v1/`.
    pub(crate) fn target(&self, path: &str, query: &[(String, String)]) -> String {
        let path = clean(&format!("{}/v1/{path}", self.prefix));
        let path = utf8_percent_encode(&path, PATH);
        if query.is_empty() { path.to_string() } else { format!("{path}?{}", encode_query(query)) }
    }

    /// The path of a URL that is not one of the API, escaped: below the address's own prefix.
    pub(crate) fn target_outside_api(&self, path: &str) -> String {
        utf8_percent_encode(&clean(&format!("{}/{path}", self.prefix)), PATH).to_string()
    }

    /// The URL of a target. That of a Unix socket names the host `localhost`.
    pub(crate) fn url(&self, target: &str) -> String {
        let scheme = if matches!(self.endpoint, Endpoint::Tcp { tls: true, .. }) { "https" } else { "http" };
        format!("{scheme}://{}{target}", self.authority)
    }

    /// The address and the target that a redirect names. A relative `Location` keeps the origin.
    pub(crate) fn redirected(&self, location: &str) -> Option<(Self, String)> {
        if location.starts_with('/') {
            return Some((self.clone(), location.to_owned()));
        }
        let address = Self::parse(location).ok()?;
        let behind = location.split_once("://").map_or("", |(_, rest)| rest);
        let target = behind.find('/').and_then(|at| behind.get(at..)).unwrap_or("/").to_owned();
        Some((address, target))
    }

    /// Whether the connection is TLS or a Unix socket, which never leaves the machine.
    pub(crate) fn protected(&self) -> bool {
        !matches!(self.endpoint, Endpoint::Tcp { tls: false, .. })
    }
}

/// Splits `host:port`, `[v6]:port` or a bare host; `None` when the port is not a number.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            None if after.is_empty() => Some((host, None)),
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => None,
        };
    }
    match authority.rsplit_once(':') {
        None => Some((authority, None)),
        Some((host, "")) => Some((host, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
    }
}

/// A path without empty, `.` and `..` segments, as POSIX path cleaning does it: `/a//b/../c/` is `/a/c`.
pub(crate) fn clean(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

/// What a path escapes (RFC 3986, section 3.3; the sub-delimiters `! ' ( ) *` are escaped too, as Go does).
const PATH: &AsciiSet = &QUERY
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');
/// What a query parameter escapes (RFC 3986, section 2.3: all but the unreserved characters).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Query text sorted by key, spaces as `+` (`application/x-www-form-urlencoded`).
fn encode_query(query: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = query.iter().collect();
    sorted.sort_by(|left, right| left.0.cmp(&right.0));
    let escape = |text| utf8_percent_encode(text, QUERY).to_string().replace("%20", "+");
    let pairs = sorted.into_iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(address: &str, path: &str) -> String {
        let address = Address::parse(address).unwrap();
        address.url(&address.target(path, &[]))
    }

    #[test]
    fn paths_are_cleaned_and_escaped() {
        for (path, expected) in [
            ("sys/audit/file/", "/v1/sys/audit/file"),
            ("sys/audit/a//b", "/v1/sys/audit/a/b"),
            ("sys/audit/x/../y", "/v1/sys/audit/y"),
            ("sys/audit/../up", "/v1/sys/up"),
            ("sys/audit/c d%2Fé", "/v1/sys/audit/c%20d%252F%C3%A9"),
            ("a/b?c#d", "/v1/a/b%3Fc%23d"),
            ("a/(b)!*'", "/v1/a/%28b%29%21%2A%27"),
            ("a/$&+,:;=@-_.~", "/v1/a/$&+,:;=@-_.~"),
        ] {
            assert_eq!(url("http://h:1", path), format!("http://h:1{expected}"), "{path}");
        }
    }

    #[test]
    fn a_path_in_the_address_is_kept() {
        assert_eq!(url("https://h/vault/", "sys/audit"), "https://h/vault/v1/sys/audit");
    }

    #[test]
    fn queries_are_sorted_and_escaped() {
        let query = [("b".to_owned(), "x y&z".to_owned()), ("a".to_owned(), "é".to_owned())];
        let target = Address::parse("http://h:1").unwrap().target("p", &query);
        assert_eq!(target, "/v1/p?a=%C3%A9&b=x+y%26z");
    }

    #[test]
    fn an_address_gives_its_endpoint() {
        let tcp = |tls, host: &str, port| Endpoint::Tcp { tls, host: host.to_owned(), port };
        for (text, expected) in [
            ("http://127.0.0.1:8200", tcp(false, "127.0.0.1", 8200)),
            ("https://vault.example", tcp(true, "vault.example", 443)),
            ("http://[::1]:8200/", tcp(false, "::1", 8200)),
            ("unix:///run/x.sock", Endpoint::Unix(PathBuf::from("/run/x.sock"))),
        ] {
            assert_eq!(Address::parse(text).unwrap().endpoint(), &expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_address_is_refused_with_the_reason() {
        for (text, expected) in [
            ("://nowhere", "parse \"://nowhere\": missing protocol scheme"),
            (
                "127.0.0.1:8200",
                "parse \"127.0.0.1:8200\": missing protocol scheme (write http://127.0.0.1:8200 or https://127.0.0.1:8200)",
            ),
            ("ftp://h", "unsupported protocol scheme \"ftp\" (http, https and unix are known)"),
            ("http://h:x", "parse \"http://h:x\": invalid port after host"),
            ("http://", "parse \"http://\": no Host in request URL"),
        ] {
            assert_eq!(Address::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
    }
}
