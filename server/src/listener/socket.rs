//! The sockets of listeners: a TCP address, or a path in the file system with the owner and mode that its stanza names.
//! Never in it: connections.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net as unix;
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::net::{TcpListener, UnixListener};

use super::client_socket::Accepted;
use crate::config::UnixSocketConfig;
use crate::error::StartError;

/// How many connections wait to be accepted, as tokio has it for TCP.
const BACKLOG: i32 = 1024;

/// A bound socket.
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// A bound Unix socket. Its file is removed when this is dropped, if it is still this socket's.
pub(crate) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    file: (u64, u64),
}

impl Socket {
    /// Binds a TCP address.
    pub(super) async fn tcp(address: &str) -> io::Result<Self> {
        Ok(Self::Tcp(TcpListener::bind(address).await?))
    }

    /// Binds a path. Owner and mode are set before anyone can connect.
    pub(super) fn unix(path: &str, config: &UnixSocketConfig) -> Result<Self, StartError> {
        let path = Path::new(path);
        remove_stale(path)?;
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        let owner = (config.user.as_deref().map(user_id), config.group.as_deref().map(group_id));
        let (user, group) = (owner.0.transpose()?, owner.1.transpose()?);
        if user.is_some() || group.is_some() {
            std::os::unix::fs::chown(path, user, group)?;
        }
        if let Some(mode) = config.mode {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        rustix::net::listen(&socket, BACKLOG)?;
        let listener = UnixListener::from_std(unix::UnixListener::from(socket))?;
        let file = identity(path)?;
        Ok(Self::Unix(UnixSocket { listener, path: path.to_owned(), file }))
    }

    /// Its address, if it is one of the internet.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// The kind of listener.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Unix(_) => "unix",
        }
    }

    /// Waits for a connection, and where it comes from if it comes from an address.
    pub(super) async fn accept(&self) -> io::Result<(Accepted, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Accepted::Tcp(stream.into_std()?), Some(peer)))
            }
            Self::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                Ok((Accepted::Unix(stream.into_std()?), None))
            }
        }
    }
}

/// The address or path.
impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(_) => f.write_str("?"),
            },
            Self::Unix(socket) => socket.path.display().fmt(f),
        }
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            fs::remove_file(&self.path).ok();
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Removes the socket that a server left which did not end in order. One that somebody serves, and a file of any other kind,
/// stays.
fn remove_stale(path: &Path) -> Result<(), StartError> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err("there is a file of this name that is not a socket".into());
    }
    match unix::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(fs::remove_file(path)?),
        Ok(_) => Err("another program serves this socket".into()),
        Err(error) => Err(format!("the socket that is there cannot be looked at: {error}").into()),
    }
}

/// A user's number, by name or as a number.
pub(crate) fn user_id(name: &str) -> Result<u32, StartError> {
    id_in("/etc/passwd", name).ok_or_else(|| format!("socket_user: there is no user {name:?}").into())
}

/// A group's number, by name or as a number.
pub(crate) fn group_id(name: &str) -> Result<u32, StartError> {
    id_in("/etc/group", name).ok_or_else(|| format!("socket_group: there is no group {name:?}").into())
}

/// `name:x:1000:…` (passwd(5), group(5)).
fn id_in(file: &str, name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let text = fs::read_to_string(file).ok()?;
    let mut found =
        text.lines().map(|line| line.split(':')).filter(|fields| fields.clone().next() == Some(name));
    found.next()?.nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(mode: Option<u32>) -> UnixSocketConfig {
        UnixSocketConfig { mode, user: None, group: None }
    }

    #[tokio::test]
    async fn a_socket_has_its_mode_and_goes_with_its_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.sock");
        let name = path.to_str().unwrap();
        let socket = Socket::unix(name, &config(Some(0o600))).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let Err(refused) = Socket::unix(name, &config(None)) else { panic!("it is in use") };
        assert_eq!(refused.to_string(), "another program serves this socket");
        drop(socket);
        assert!(!path.exists());
        drop(unix::UnixListener::bind(&path).unwrap());
        let again = Socket::unix(name, &config(None));
        assert!(again.is_ok(), "one that nobody serves is replaced");
        drop(again);
        fs::write(&path, "a file").unwrap();
        let Err(refused) = Socket::unix(name, &config(None)) else { panic!("it is a file") };
        assert!(refused.to_string().contains("not a socket"));
        assert!(path.exists());
    }

    #[test]
    fn owners_are_known_by_name_and_by_number() {
        assert_eq!(
            (user_id("root").unwrap(), user_id("1234").unwrap(), group_id("root").unwrap()),
            (0, 1234, 0)
        );
        assert!(user_id("no such user").unwrap_err().to_string().contains("\"no such user\""));
    }
}
