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
}

impl Flag {
    /// A flag without default.
    pub const fn new(name: &'static str, kind: FlagKind, about: &'static str) -> Self {
        Self { name, alias: "", kind, default: "", variable: "", about }
    }

    /// With a default, as help shows it.
    #[must_use]
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = text;
        self
    }

    /// With an environment variable.
    #[must_use]
    pub const fn variable(mut self, name: &'static str) -> Self {
        self.variable = name;
        self
    }

    /// With a second name.
    #[must_use]
    pub const fn alias(mut self, name: &'static str) -> Self {
        self.alias = name;
        self
    }
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
}

impl Output {
    /// The flags.
    pub fn flags(self) -> &'static [Flag] {
        match self {
            Self::Text => &[],
            Self::Format => FORMAT_FLAGS,
            Self::Field | Self::Raw => FIELD_FLAGS,
        }
    }
}

/// Flags of every command that calls a server.
pub(crate) const HTTP_FLAGS: &[Flag] = &[
    Flag::new("address", FlagKind::Text, "Address of the server.")
        .default("https://127.0.0.1:8200")
        .variable("ADDR"),
    Flag::new("agent-address", FlagKind::Text, "Address of an agent. If set, it is used instead of -address.")
        .variable("AGENT_ADDR"),
    Flag::new(
        "ca-cert",
        FlagKind::Text,
        "PEM file with the CA certificates to verify the server's certificate. It is used instead of -ca-path.",
    )
    .variable("CACERT"),
    Flag::new("ca-path", FlagKind::Text, "Folder of PEM files with the CA certificates to verify the server's certificate.").variable("CAPATH"),
    Flag::new(
        "client-cert",
        FlagKind::Text,
        "PEM file with the client certificate. -client-key is needed with it.",
    )
    .variable("CLIENT_CERT"),
    Flag::new("client-key", FlagKind::Text, "PEM file with the private key of -client-cert.").variable("CLIENT_KEY"),
    Flag::new(
        "disable-redirects",
        FlagKind::Bool,
        "Do not follow a redirect of the server. By default one redirect is followed.",
    )
    .default("false")
    .variable("DISABLE_REDIRECTS"),
    Flag::new(
        "header",
        FlagKind::Pairs,
        "Header to send, as NAME=VALUE. May be given several times. Names that begin with X-Vault- are reserved.",
    ),
    Flag::new("mfa", FlagKind::Texts, "Code of a second factor to send. May be given several times.")
        .variable("MFA"),
    Flag::new("namespace", FlagKind::Text, "Namespace of the request.").alias("ns").variable("NAMESPACE"),
    Flag::new("non-interactive", FlagKind::Bool, "Do not prompt, and do not read standard input.")
        .default("false"),
    Flag::new("output-curl-string", FlagKind::Bool, "Print the request as a curl command instead of sending it.")
        .default("false"),
    Flag::new(
        "output-policy",
        FlagKind::Bool,
        "Print a policy that allows the request, instead of sending the request.",
    )
    .default("false"),
    Flag::new("policy-override", FlagKind::Bool, "Ask the server to override a soft-mandatory policy.")
        .default("false"),
    Flag::new("tls-server-name", FlagKind::Text, "Name to verify in the server's certificate, instead of the host in the address.")
        .variable("TLS_SERVER_NAME"),
    Flag::new(
        "tls-skip-verify",
        FlagKind::Bool,
        "Do not verify the server's certificate. Anyone on the network path can then read and change requests and responses.",
    )
    .default("false")
    .variable("SKIP_VERIFY"),
    Flag::new("wrap-ttl", FlagKind::Duration, "Wrap the response in a single-use token with this TTL.")
        .variable("WRAP_TTL"),
];

const FORMAT: Flag = Flag::new("format", FlagKind::Text, "Output format: table, json or yaml.")
    .default("table")
    .variable("FORMAT");

/// `-format`.
const FORMAT_FLAGS: &[Flag] = &[FORMAT];

/// `-format` and `-field`.
const FIELD_FLAGS: &[Flag] =
    &[Flag::new("field", FlagKind::Text, "Print only this field. On a terminal a newline follows."), FORMAT];
