//! Error numbers of the system, in the words that Vault's clients and operators know (Go's `syscall.Errno`).
//! Never in it: deciding what to do about one.

use std::fmt;

use rustix::io::Errno as Raw;

/// An error number of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Errno(i32);

impl Errno {
    /// The number.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Whether there is no room: disk, quota or the process's file size limit. Opening again cannot help then.
    pub fn is_no_room(self) -> bool {
        [Raw::NOSPC, Raw::DQUOT, Raw::FBIG].iter().any(|raw| self.is(*raw))
    }

    pub(crate) fn is(self, raw: Raw) -> bool {
        raw.raw_os_error() == self.0
    }
}

impl From<Raw> for Errno {
    fn from(raw: Raw) -> Self {
        Self(raw.raw_os_error())
    }
}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(Raw::IO.raw_os_error()))
    }
}

impl fmt::Display for Errno {
    /// The C library's text with a small first letter, which is how Go made its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is(Raw::STALE) {
            return f.write_str("stale NFS file handle");
        }
        let error = std::io::Error::from_raw_os_error(self.0).to_string();
        let text = error.split_once(" (os error").map_or(&*error, |(text, _)| text);
        match text.split_at_checked(1) {
            Some((first, rest)) if !text.starts_with("Unknown error") => {
                write!(f, "{}{rest}", first.to_ascii_lowercase())
            }
            _ => write!(f, "errno {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: &[(Raw, &str)] = &[
        (Raw::PERM, "operation not permitted"),
        (Raw::NOENT, "no such file or directory"),
        (Raw::INTR, "interrupted system call"),
        (Raw::IO, "input/output error"),
        (Raw::NXIO, "no such device or address"),
        (Raw::BADF, "bad file descriptor"),
        (Raw::AGAIN, "resource temporarily unavailable"),
        (Raw::NOMEM, "cannot allocate memory"),
        (Raw::ACCESS, "permission denied"),
        (Raw::BUSY, "device or resource busy"),
        (Raw::EXIST, "file exists"),
        (Raw::NODEV, "no such device"),
        (Raw::NOTDIR, "not a directory"),
        (Raw::ISDIR, "is a directory"),
        (Raw::INVAL, "invalid argument"),
        (Raw::NFILE, "too many open files in system"),
        (Raw::MFILE, "too many open files"),
        (Raw::TXTBSY, "text file busy"),
        (Raw::FBIG, "file too large"),
        (Raw::NOSPC, "no space left on device"),
        (Raw::SPIPE, "illegal seek"),
        (Raw::ROFS, "read-only file system"),
        (Raw::PIPE, "broken pipe"),
        (Raw::NAMETOOLONG, "file name too long"),
        (Raw::LOOP, "too many levels of symbolic links"),
        (Raw::OVERFLOW, "value too large for defined data type"),
        (Raw::OPNOTSUPP, "operation not supported"),
        (Raw::DESTADDRREQ, "destination address required"),
        (Raw::MSGSIZE, "message too long"),
        (Raw::PROTOTYPE, "protocol wrong type for socket"),
        (Raw::PROTONOSUPPORT, "protocol not supported"),
        (Raw::AFNOSUPPORT, "address family not supported by protocol"),
        (Raw::ADDRINUSE, "address already in use"),
        (Raw::ADDRNOTAVAIL, "cannot assign requested address"),
        (Raw::NETDOWN, "network is down"),
        (Raw::NETUNREACH, "network is unreachable"),
        (Raw::CONNABORTED, "software caused connection abort"),
        (Raw::CONNRESET, "connection reset by peer"),
        (Raw::NOBUFS, "no buffer space available"),
        (Raw::NOTCONN, "transport endpoint is not connected"),
        (Raw::CONNREFUSED, "connection refused"),
        (Raw::HOSTDOWN, "host is down"),
        (Raw::HOSTUNREACH, "no route to host"),
        (Raw::TIMEDOUT, "connection timed out"),
        (Raw::STALE, "stale NFS file handle"),
        (Raw::DQUOT, "disk quota exceeded"),
    ];

    #[test]
    fn error_numbers_have_the_words_that_go_has_for_them() {
        for (raw, text) in TEXTS {
            assert_eq!(Errno::from(*raw).to_string(), *text);
        }
        assert_eq!(Errno(4711).to_string(), "errno 4711");
    }
}
