//! Where file devices may be placed, and which peers socket devices may talk to: what an API may touch on the machine (I4),
//! as one value. Never in it: looking at the file system; `file::safety` does that, on opened descriptors.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::claim::{Claim, Claims, Succession};

/// Directories which no device made through an API may write to.
const FORBIDDEN: &[&str] = &[
    "/etc",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/boot",
    "/dev",
    "/proc",
    "/sys",
    "/run",
    "/var/run",
    "/var/spool",
    "/var/lib",
];

/// Directories in which no device made through an API may talk to a socket (decision 5).
const SOCKETS: &[&str] = &["/run", "/var/run"];

/// How the name of a file must end.
const ENDINGS: &[&str] = &[".log", ".json", ".jsonl", ".xml", ".txt"];

/// The limits for the files of devices. Devices opened with clones of one placement also never share a file.
#[derive(Clone, Debug)]
pub struct Placement {
    pub(crate) limited: bool,
    api_creation: bool,
    prefixes: bool,
    widened: Vec<PathBuf>,
    narrowed: Vec<PathBuf>,
    own: Vec<PathBuf>,
    addresses: Vec<AddressBlock>,
    /// `None` for the usual places.
    pub(crate) syslog_socket: Option<PathBuf>,
    claims: Claims,
    successions: Vec<Succession>,
}

impl Placement {
    /// The limits for a device that is made through an API: the name ends in `.log`, `.json`, `.jsonl`, `.xml`
    /// or `.txt`; its directory is not one of the system's; the file is new, empty or begins with an entry.
    pub fn api() -> Self {
        Self {
            limited: true,
            api_creation: true,
            prefixes: true,
            widened: Vec::new(),
            narrowed: Vec::new(),
            own: Vec::new(),
            addresses: Vec::new(),
            syslog_socket: None,
            claims: Claims::default(),
            successions: Vec::new(),
        }
    }

    /// Allows a directory, and those in it, although it lies in one of the system's; for files and for sockets.
    #[must_use]
    pub fn widen(mut self, directory: impl Into<PathBuf>) -> Self {
        self.widened.push(directory.into());
        self
    }

    /// Allows link-local addresses of this block.
    #[must_use]
    pub fn widen_address(mut self, block: AddressBlock) -> Self {
        self.addresses.push(block);
        self
    }

    /// Allows files only in this directory, in those in it, and in others narrowed to.
    #[must_use]
    pub fn narrow(mut self, directory: impl Into<PathBuf>) -> Self {
        self.narrowed.push(directory.into());
        self
    }

    /// Keeps devices out of a directory of the server's own, widened or not.
    #[must_use]
    pub fn keep_out(mut self, directory: impl Into<PathBuf>) -> Self {
        self.own.push(directory.into());
        self
    }

    /// Whether devices may be made through the API at all.
    #[must_use]
    pub fn with_api_creation(mut self, allowed: bool) -> Self {
        self.api_creation = allowed;
        self
    }

    /// Whether devices made through the API may have a `prefix`.
    #[must_use]
    pub fn with_prefixes(mut self, allowed: bool) -> Self {
        self.prefixes = allowed;
        self
    }

    /// Says where the machine's syslog daemon listens, if that is none of the usual places.
    #[must_use]
    pub fn with_syslog_socket(mut self, socket: impl Into<PathBuf>) -> Self {
        self.syslog_socket = Some(socket.into());
        self
    }

    /// For devices which the operator's configuration file names: bound by file-safety alone (a regular file
    /// with one link, no execute bits, not a symbolic link). Shares the knowledge of files in use.
    #[must_use]
    pub fn for_configuration(&self) -> Self {
        Self { limited: false, ..self.clone() }
    }

    /// These limits, with the other's knowledge of files in use: limits that changed while devices are enabled.
    #[must_use]
    pub fn sharing(self, other: &Self) -> Self {
        Self { claims: other.claims.clone(), ..self }
    }

    /// For a device of a change in which the one with this claim leaves its file: it may write to the same file.
    #[must_use]
    pub fn succeeding(&self, claim: &Claim) -> Self {
        let mut new = self.clone();
        new.successions.push(claim.succession());
        new
    }

    /// Whether devices may be made through the API.
    pub const fn allows_api_creation(&self) -> bool {
        self.api_creation
    }

    /// Whether devices made through the API may have a `prefix`.
    pub const fn allows_prefixes(&self) -> bool {
        self.prefixes
    }

    /// A claim for a new device: to a file, or to nothing, so that the device learns when it is disabled
    /// ([`Claim::is_released`]).
    pub fn claim(&self) -> Claim {
        self.claims.claim(&self.successions)
    }

    /// Whether a file may have this name.
    pub(crate) fn allows_name(&self, name: &[u8]) -> bool {
        !self.limited
            || ENDINGS.iter().any(|ending| name.len() > ending.len() && name.ends_with(ending.as_bytes()))
    }

    pub(crate) fn allows_directory(&self, resolved: &Path) -> bool {
        if !self.limited {
            return true;
        }
        let narrowed = self.narrowed.is_empty() || is_inside(resolved, &self.narrowed);
        narrowed && self.allows(resolved, FORBIDDEN)
    }

    /// Whether a device may talk to this address.
    pub fn allows_address(&self, address: IpAddr) -> bool {
        !self.limited || !is_link_local(address) || self.addresses.iter().any(|block| block.contains(address))
    }

    /// Whether a device may talk to the Unix socket at this path, which has no symbolic links left.
    pub fn allows_socket(&self, resolved: &Path) -> bool {
        !self.limited || self.allows(resolved, SOCKETS)
    }

    /// Whether a path is neither in one of the server's own directories nor, unless that is widened, in one of the system's.
    fn allows(&self, resolved: &Path, system: &[&str]) -> bool {
        !is_inside(resolved, &self.own)
            && (is_inside(resolved, &self.widened) || !is_inside(resolved, system))
    }
}

/// Compares with the directories as they are named and as they resolve: `/bin` is often a link to `/usr/bin`.
fn is_inside(resolved: &Path, directories: &[impl AsRef<Path>]) -> bool {
    directories.iter().map(AsRef::as_ref).any(|directory| {
        resolved.starts_with(directory)
            || std::fs::canonicalize(directory).is_ok_and(|canonical| resolved.starts_with(canonical))
    })
}

/// A block of IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressBlock {
    first: IpAddr,
    /// How many leading bits all addresses share.
    bits: u8,
}

/// A text that is not a block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an IP address, nor a block of them such as 10.0.0.0/8")]
pub struct AddressBlockError;

impl FromStr for AddressBlock {
    type Err = AddressBlockError;

    fn from_str(text: &str) -> Result<Self, AddressBlockError> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| AddressBlockError)?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| AddressBlockError)?;
        if bits <= most { Ok(Self { first, bits }) } else { Err(AddressBlockError) }
    }
}

impl AddressBlock {
    /// Whether the address is in the block. An address that is mapped into IPv6 is taken for what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(other)) => (first.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(first), IpAddr::V6(other)) => (first.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        same >= u32::from(self.bits)
    }
}

/// Whether an address is link-local, in any of its disguises: as it is, mapped into IPv6, or behind NAT64.
fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            let behind_nat = match address.segments() {
                [0x64, 0xff9b, 0, 0, 0, 0, high, _] => high == 0xa9fe,
                _ => false,
            };
            behind_nat || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_contain_what_shares_their_leading_bits() {
        let contains = |block: &str, address: &str| {
            block.parse::<AddressBlock>().unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("169.254.7.0/24", "169.254.7.255"));
        assert!(contains("169.254.7.0/24", "::ffff:169.254.7.1"));
        assert!(!contains("169.254.7.0/24", "169.254.8.0"));
        assert!(contains("10.0.0.1", "10.0.0.1") && !contains("10.0.0.1", "10.0.0.2"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("fe80::/10", "febf::1") && !contains("fe80::/10", "fec0::"));
        for text in ["", "x", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8"] {
            assert_eq!(text.parse::<AddressBlock>(), Err(AddressBlockError), "{text}");
        }
    }

    #[test]
    fn the_directories_of_the_system_are_out_of_reach() {
        let placement = Placement::api().keep_out("/srv/onrecord/data");
        for directory in FORBIDDEN {
            assert!(!placement.allows_directory(Path::new(directory)), "{directory}");
            assert!(!placement.allows_directory(&Path::new(directory).join("deep/er")), "{directory}");
        }
        assert!(!placement.allows_directory(Path::new("/srv/onrecord/data/x")));
        for directory in ["/", "/var/log", "/srv", "/etcetera", "/srv/onrecord/database"] {
            assert!(placement.allows_directory(Path::new(directory)), "{directory}");
        }
    }

    #[test]
    fn configuration_widens_and_narrows() {
        let placement = Placement::api().widen("/var/lib/logs").narrow("/var").keep_out("/var/lib/logs/own");
        assert!(placement.allows_directory(Path::new("/var/lib/logs/a")));
        assert!(!placement.allows_directory(Path::new("/var/lib/other")));
        assert!(!placement.allows_directory(Path::new("/srv")));
        assert!(!placement.allows_directory(Path::new("/var/lib/logs/own")));
        assert!(placement.for_configuration().allows_directory(Path::new("/etc")));
    }

    #[test]
    fn link_local_addresses_and_the_sockets_of_the_system_are_out_of_reach() {
        let placement = Placement::api().widen("/run/audit").keep_out("/srv/data");
        let wide = placement.clone().widen_address("169.254.7.0/24".parse().unwrap());
        for address in
            ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "febf::1", "64:ff9b::a9fe:a9fe"]
        {
            let address = address.parse().unwrap();
            assert!(!placement.allows_address(address), "{address}");
            assert!(!wide.allows_address(address), "{address}");
            assert!(placement.for_configuration().allows_address(address));
        }
        assert!(wide.allows_address("169.254.7.1".parse().unwrap()));
        for address in ["127.0.0.1", "::1", "10.0.0.1", "169.253.0.1", "fec0::1", "2001:db8::1"] {
            assert!(placement.allows_address(address.parse().unwrap()), "{address}");
        }
        for path in ["/run/docker.sock", "/var/run/x", "/run/systemd/journal/dev-log", "/srv/data/s"] {
            assert!(!placement.allows_socket(Path::new(path)), "{path}");
        }
        for path in ["/run/audit/in", "/tmp/x", "/runner/x", "/dev/log"] {
            assert!(placement.allows_socket(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn names_must_look_like_logs() {
        let placement = Placement::api();
        for name in ["a.log", "a.json", "a.jsonl", "a.xml", "a.txt", "a.sh.log"] {
            assert!(placement.allows_name(name.as_bytes()), "{name}");
        }
        for name in ["authorized_keys", "profile.sh", "a.LOG", "a.log.sh", ".log", "log", "crontab"] {
            assert!(!placement.allows_name(name.as_bytes()), "{name}");
        }
    }
}
