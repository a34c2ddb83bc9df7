//! Where file devices may be placed, and which peers socket devices may talk to: what an API may touch on the machine (I4),
//! as one value. A place is known by what it is, and not by a name: a bind mount, a link or a spelling opens nothing.
//! Never in it: opening and connecting; the devices do that, and have what they opened checked.

mod addresses;
mod location;
mod mounts;

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::claim::{Claim, Claims, FileId, Succession};
use addresses::Reserved;
pub(crate) use location::Location;
use mounts::Mounts;
pub use onrecord_value::{AddressBlock, AddressBlockError};

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
    own_files: Vec<PathBuf>,
    addresses: Vec<AddressBlock>,
    listeners: Vec<SocketAddr>,
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
            own_files: Vec::new(),
            addresses: Vec::new(),
            listeners: Vec::new(),
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

    /// Allows addresses of this block although they are link-local or a metadata service's.
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

    /// Keeps devices off a file of the server's own.
    #[must_use]
    pub fn keep_off(mut self, file: impl Into<PathBuf>) -> Self {
        self.own_files.push(file.into());
        self
    }

    /// Keeps sockets off an address where this server listens.
    #[must_use]
    pub fn with_listener(mut self, address: SocketAddr) -> Self {
        self.listeners.push(address);
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

    /// These limits, with the other's knowledge of files in use and of the server's listeners: limits that changed while devices
    /// are enabled.
    #[must_use]
    pub fn sharing(self, other: &Self) -> Self {
        Self { claims: other.claims.clone(), listeners: other.listeners.clone(), ..self }
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

    /// Whether a file may be in this place: the file itself, or a directory.
    pub(crate) fn allows_location(&self, location: &Location) -> bool {
        !self.limited || self.allows(location, FORBIDDEN, &self.narrowed)
    }

    /// Whether an opened file is one of the server's own.
    pub(crate) fn is_own_file(&self, file: FileId) -> bool {
        let same = |own: &PathBuf| rustix::fs::stat(own).is_ok_and(|stat| FileId::of(&stat) == file);
        self.limited && self.own_files.iter().any(same)
    }

    /// Checks the address that a device is about to connect to. An error says why it may not.
    pub fn check_address(&self, address: SocketAddr) -> Result<(), &'static str> {
        if !self.limited {
            return Ok(());
        }
        match addresses::reserved(address.ip(), &self.addresses) {
            Some(Reserved::LinkLocal) => {
                Err("a device made through the API may not talk to a link-local address")
            }
            Some(Reserved::Metadata) => {
                Err("a device made through the API may not talk to the address of a metadata service")
            }
            None if addresses::is_listener(address, &self.listeners) => {
                Err("a device made through the API may not talk to a listener of this server")
            }
            None => Ok(()),
        }
    }

    /// Whether a device may talk to the Unix socket whose name was opened.
    pub fn allows_socket(&self, socket: impl AsFd) -> bool {
        !self.limited || Location::of_socket(socket).is_some_and(|place| self.allows(&place, SOCKETS, &[]))
    }

    /// Whether a place is not the server's own and, unless that is widened, not the system's; and one of `only`, if there are some.
    /// It is so under all its names, and by each directory that it is in.
    fn allows(&self, location: &Location, system: &[&str], only: &[PathBuf]) -> bool {
        let (own, system) = (Directories::new(&self.own), Directories::new(system));
        let (widened, only) = (Directories::with_all_names(&self.widened), Directories::with_all_names(only));
        let named = |name: &PathBuf| {
            !own.contain(name)
                && (widened.contain(name) || !system.contain(name))
                && (only.names.is_empty() || only.contain(name))
        };
        let above = &location.ancestors;
        let within = |directories: &Directories| above.iter().position(|id| directories.ids.contains(id));
        // The innermost decides: what is widened may lie in what is the system's, and have the system's in it. What is widened and
        // not there yet is known by its names; it is asked for again when it is made.
        let may_be_made = location.is_missing && location.names.iter().all(|name| widened.contain(name));
        let reserved = within(&system)
            .is_some_and(|system| within(&widened).is_none_or(|widened| system < widened) && !may_be_made);
        !location.names.is_empty() && location.names.iter().all(named) && within(&own).is_none() && !reserved
    }
}

/// What a list of directories is known by: their names, and their numbers. `/bin` is often a link to `/usr/bin`.
#[derive(Default)]
struct Directories {
    names: Vec<PathBuf>,
    ids: Vec<FileId>,
}

impl Directories {
    fn new(directories: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        let mut all = Self::default();
        for directory in directories {
            let directory = directory.as_ref();
            all.ids.extend(rustix::fs::stat(directory).map(|stat| FileId::of(&stat)));
            all.names.extend(std::fs::canonicalize(directory));
            all.names.push(directory.to_owned());
        }
        all
    }

    /// Also by their other names: what an operator allows by one of them is allowed by all.
    fn with_all_names(directories: &[PathBuf]) -> Self {
        let mut all = Self::new(directories);
        if let (false, Some(mounts)) = (directories.is_empty(), Mounts::read()) {
            all.names.extend(directories.iter().flat_map(|directory| Location::names_of(directory, &mounts)));
        }
        all
    }

    fn contain(&self, name: &Path) -> bool {
        self.names.iter().any(|directory| name.starts_with(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directories_of_the_system_are_out_of_reach() {
        let placement = Placement::api().keep_out("/srv/onrecord/data");
        for directory in FORBIDDEN {
            assert!(!placement.allows_location(&Location::named(directory)), "{directory}");
            assert!(
                !placement.allows_location(&Location::named(&format!("{directory}/deep/er"))),
                "{directory}"
            );
        }
        assert!(!placement.allows_location(&Location::named("/srv/onrecord/data/x")));
        for directory in ["/", "/var/log", "/srv", "/etcetera", "/srv/onrecord/database"] {
            assert!(placement.allows_location(&Location::named(directory)), "{directory}");
        }
    }

    #[test]
    fn configuration_widens_and_narrows() {
        let placement = Placement::api().widen("/var/lib/logs").narrow("/var").keep_out("/var/lib/logs/own");
        assert!(placement.allows_location(&Location::named("/var/lib/logs/a")));
        assert!(!placement.allows_location(&Location::named("/var/lib/other")));
        assert!(!placement.allows_location(&Location::named("/srv")));
        assert!(!placement.allows_location(&Location::named("/var/lib/logs/own")));
        assert!(placement.for_configuration().allows_location(&Location::named("/etc")));
    }

    #[test]
    fn link_local_addresses_and_the_sockets_of_the_system_are_out_of_reach() {
        let placement = Placement::api().widen("/run/audit").keep_out("/srv/data");
        let wide = placement.clone().widen_address("169.254.7.0/24".parse().unwrap());
        let own: SocketAddr = "127.0.0.1:8200".parse().unwrap();
        let placement = placement.with_listener(own);
        let allows = |placement: &Placement, address: &str| {
            placement.check_address(SocketAddr::new(address.parse().unwrap(), 8200)).is_ok()
        };
        for address in ["169.254.169.254", "fe80::1", "64:ff9b::a9fe:a9fe", "100.100.100.200"] {
            assert!(!allows(&placement, address) && !allows(&wide, address), "{address}");
            assert!(allows(&placement.for_configuration(), address));
        }
        assert!(allows(&wide, "169.254.7.1") && !allows(&placement, "169.254.7.1"));
        for address in ["::1", "10.0.0.1", "169.253.0.1", "fec0::1", "2001:db8::1"] {
            assert!(allows(&placement, address), "{address}");
        }
        assert!(allows(&wide, "127.0.0.1") && !allows(&wide.sharing(&placement), "127.0.0.1"));
        assert!(placement.for_configuration().check_address(own).is_ok());
        let allows = |path: &str| placement.allows(&Location::named(path), SOCKETS, &[]);
        for path in ["/run/docker.sock", "/var/run/x", "/run/systemd/journal/dev-log", "/srv/data/s"] {
            assert!(!allows(path), "{path}");
        }
        for path in ["/run/audit/in", "/tmp/x", "/runner/x", "/dev/log"] {
            assert!(allows(path), "{path}");
        }
    }

    #[test]
    fn a_place_is_known_by_all_its_names_and_by_the_directories_it_is_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let id = |path: &Path| FileId::of(&rustix::fs::stat(path).unwrap());
        let (own, wide, plain) = (path("own"), path("wide"), path("plain"));
        let placement = Placement::api().keep_out(&own).widen(&wide);
        let place = |names: &[&str], above: &[&Path]| Location {
            names: names.iter().map(PathBuf::from).collect(),
            ancestors: above.iter().map(|path| id(path)).collect(),
            is_missing: false,
        };
        let etc = Path::new("/etc");
        assert!(placement.allows_location(&place(&["/srv/a"], &[&plain, dir.path()])));
        assert!(!placement.allows_location(&place(&["/srv/a", "/etc/a"], &[&plain])), "another name");
        assert!(!placement.allows_location(&place(&["/srv/a"], &[&plain, etc])), "another directory");
        assert!(!placement.allows_location(&place(&["/srv/a"], &[&own, &wide])), "the server's own");
        assert!(placement.allows_location(&place(&["/srv/a"], &[&wide, etc])), "widened within the system's");
        assert!(
            !placement.allows_location(&place(&["/srv/a"], &[etc, &wide])),
            "the system's within the widened"
        );
        assert!(!placement.allows_location(&place(&[], &[&plain])), "nothing is known");
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
