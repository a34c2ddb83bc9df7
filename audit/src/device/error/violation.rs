//! Why a file is not safe to write to. Never in it: finding that out (`device::file::safety`).

/// Why a file is refused although it could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The path has a `.` or `..` component.
    #[error("the path has a dot component")]
    DotComponent,
    /// The name does not end as that of a log.
    #[error("the name must end in .log, .json, .jsonl, .xml or .txt")]
    Name,
    /// The directory is one of the system's, of the server's own, or outside of those allowed.
    #[error("audit files are not allowed in this directory")]
    Directory,
    /// The directory's real path cannot be found out.
    #[error("the directory cannot be resolved")]
    Unresolvable,
    /// The last component is a symbolic link.
    #[error("is a symbolic link")]
    SymbolicLink,
    /// Not a regular file.
    #[error("is not a regular file")]
    NotRegular,
    /// Several names lead to the file.
    #[error("has more than one link")]
    SeveralLinks,
    /// The file can be executed, or changes the user.
    #[error("has execute, setuid or setgid bits")]
    Executable,
    /// The file begins with something that no audit device wrote.
    #[error("is not empty and does not begin with an audit entry")]
    ForeignContent,
}
