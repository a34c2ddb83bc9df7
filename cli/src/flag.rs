//! Flags: what a flag is, and the flags that many commands share.
//! Never in it: commands, and how words are parsed.

/// The kind of a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagKind {
    /// `-x`, `-x=true`.
    Bool,
    /// One text; the last one given is used.
    Text,
    /// Texts; each use adds one.
    Texts,
    /// `KEY=VALUE`; each use adds a pair.
    Pairs,
    /// `90`, `1h30m`, `1d`.
    Duration,
    /// A whole number.
    Integer,
}

impl FlagKind {
    /// As shown in help, between `<` and `>`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "",
            Self::Text | Self::Texts => "string",
            Self::Pairs => "key=value",
            Self::Duration => "duration",
            Self::Integer => "int",
        }
    }
}

/// A flag of a command.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Name without dashes.
    pub name: &'static str,
    /// Another name for the same.
    pub alias: &'static str,
    /// The kind of its value.
    pub kind: FlagKind,
    /// The default, as help shows it; empty for none.
    pub default: &'static str,
    /// The environment variable with the same meaning, without `VAULT_`; empty for none.
    pub variable: &'static str,
    /// The help text: sentences.
    pub about: &'static str,
    /// For a flag that users of other servers know and that is refused here: why, and what to do instead; else empty.
    pub refused: &'static str,
    /// Sent as other servers' clients do, with nothing here that would heed it: no help names it.
    pub unlisted: bool,
}

macro_rules! constructors {
    ($($name:ident: $kind:ident),*) => {$(
        pub(crate) const fn $name(name: &'static str, about: &'static str) -> Self {
            Self::new(name, FlagKind::$kind, about)
        }
    )*};
}

/// Functions that set the field of their name, for rows that state only what deviates.
macro_rules! setters {
    ($($field:ident: $kind:ty),*) => {$(
        pub(crate) const fn $field(self, $field: $kind) -> Self {
            Self { $field, ..self }
        }
    )*};
}
pub(crate) use setters;

impl Flag {
    const fn new(name: &'static str, kind: FlagKind, about: &'static str) -> Self {
        Self { name, alias: "", kind, default: "", variable: "", about, refused: "", unlisted: false }
    }

    /// A flag that is false by default.
    pub(crate) const fn bool(name: &'static str, about: &'static str) -> Self {
        Self::new(name, FlagKind::Bool, about).default("false")
    }

    constructors!(text: Text, texts: Texts, pairs: Pairs, duration: Duration, integer: Integer);
    setters!(
        default: &'static str, variable: &'static str, alias: &'static str, refused: &'static str,
        unlisted: bool
    );
}

/// Which output flags a command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// None: it prints text only.
    Text,
    /// `-format`.
    Format,
    /// `-format` and `-field`.
    Field,
    /// `-format`, also with the value `raw`, and `-field`.
    Raw,
    /// A `-format` of the command's own.
    Own,
    /// `-format`, also with the values `jsonl` and `csv`.
    Rows,
}

impl Output {
    /// The flags.
    pub fn flags(self) -> &'static [Flag] {
        match self {
            Self::Text | Self::Own => &[],
            Self::Format => &[FORMAT],
            Self::Field | Self::Raw => &[FIELD, FORMAT],
            Self::Rows => &[FORMAT_OF_ROWS],
        }
    }

    /// The formats that a user may choose.
    pub(crate) const fn formats(self) -> &'static [&'static str] {
        match self {
            Self::Text | Self::Own | Self::Format | Self::Field => &["table", "json", "yaml"],
            Self::Raw => &["table", "json", "yaml", "raw"],
            Self::Rows => &["table", "json", "jsonl", "csv", "yaml"],
        }
    }
}

// The flags of TLS, which some commands have that call no OnRecord server.
pub(crate) const CA_CERT: Flag = Flag::text(
    "ca-cert",
    "PEM file with the CA certificates to verify the server's certificate. It is used instead of -ca-path.",
)
.variable("CACERT");
pub(crate) const CA_PATH: Flag =
    Flag::text("ca-path", "Folder of PEM files with the CA certificates to verify the server's certificate.")
        .variable("CAPATH");
pub(crate) const CLIENT_CERT: Flag =
    Flag::text("client-cert", "PEM file with the client certificate. -client-key is needed with it.")
        .variable("CLIENT_CERT");
pub(crate) const CLIENT_KEY: Flag =
    Flag::text("client-key", "PEM file with the private key of -client-cert.").variable("CLIENT_KEY");
pub(crate) const TLS_SERVER_NAME: Flag = Flag::text(
    "tls-server-name",
    "Name to verify in the server's certificate, instead of the host in the address.",
)
.variable("TLS_SERVER_NAME");
pub(crate) const TLS_SKIP_VERIFY: Flag = Flag::bool(
    "tls-skip-verify",
    "Do not verify the server's certificate. Anyone on the network path can then read and change requests and responses.",
)
.variable("SKIP_VERIFY");

pub(crate) const HTTP_FLAGS: &[Flag] = &[
    Flag::text("address", "Address of the server.").default("https://127.0.0.1:8200").variable("ADDR"),
    Flag::text("agent-address", "Address of an agent. If set, it is used instead of -address.")
        .variable("AGENT_ADDR"),
    CA_CERT,
    CA_PATH,
    CLIENT_CERT,
    CLIENT_KEY,
    Flag::bool(
        "disable-redirects",
        "Do not follow a redirect of the server. By default one redirect is followed.",
    )
    .variable("DISABLE_REDIRECTS"),
    Flag::pairs(
        "header",
        "Header to send, as NAME=VALUE. May be given several times. Names that begin with X-Vault- are reserved.",
    ),
    Flag::texts("mfa", "Code of a second factor to send. May be given several times.")
        .variable("MFA")
        .unlisted(true),
    Flag::text("namespace", "Namespace of the request.").alias("ns").variable("NAMESPACE").unlisted(true),
    Flag::bool("non-interactive", "Do not prompt, and do not read standard input."),
    Flag::bool("output-curl-string", "Print the request as a curl command instead of sending it."),
    Flag::bool("output-policy", "Print a policy that allows the request, instead of sending the request."),
    Flag::bool("policy-override", "Ask the server to override a soft-mandatory policy.").unlisted(true),
    TLS_SERVER_NAME,
    TLS_SKIP_VERIFY,
    Flag::text("unlock-key", "Key that unlocks a locked namespace.")
        .refused("there is one namespace only, and it cannot be locked"),
    Flag::duration("wrap-ttl", "Wrap the response in a single-use token with this TTL.").variable("WRAP_TTL"),
];

const FORMAT: Flag =
    Flag::text("format", "Output format: table, json or yaml.").default("table").variable("FORMAT");

const FORMAT_OF_ROWS: Flag = Flag::text(
    "format",
    "Output format: table, json, jsonl, csv or yaml. jsonl and csv have the rows alone; what is to be said about them is on \
     standard error.",
)
.default("table")
.variable("FORMAT");

const FIELD: Flag = Flag::text("field", "Print only this field. On a terminal a newline follows.");
