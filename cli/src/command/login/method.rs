//! The login methods other than `token`: what each takes, and the request that it makes of it.
//! Never in it: prompts, and what becomes of the token.

use crate::command::Failure;
use onrecord_value::Object;
use zeroize::Zeroizing;

/// A login method.
pub(crate) struct LoginMethod {
    /// Its type, which is also where it is enabled by default.
    pub(crate) name: &'static str,
    /// Sentences for help.
    pub(crate) about: &'static str,
    /// What follows the flags in an example.
    pub(crate) example: &'static str,
    /// What it takes as `K=V`.
    pub(crate) fields: &'static [Field],
}

/// Something that a login takes.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(super) kind: FieldKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// Sent if it is given.
    Optional,
    /// The login fails without it.
    Required,
    /// A segment of the path; the login fails without it.
    Segment,
    /// Asked for with this question if it is not given.
    Secret(&'static str),
}

const fn field(name: &'static str, kind: FieldKind, about: &'static str) -> Field {
    Field { name, about, kind }
}

const METHODS: &[LoginMethod] = &[
    LoginMethod {
        name: "approle",
        about: "Logs in with the role id and a secret id of an AppRole. Programs do the same through the API.",
        example: "role_id=ROLE_ID secret_id=-",
        fields: &[
            field("role_id", FieldKind::Required, "The id of the role."),
            field(
                "secret_id",
                FieldKind::Secret("Secret ID (will be hidden): "),
                "A secret id of the role. Without it, you are prompted; - reads it from standard input. For a role \
                 without secret ids, give it empty.",
            ),
        ],
    },
    LoginMethod {
        name: "cert",
        about: "Logs in with the client certificate of the TLS connection: -client-cert and -client-key, or \
                VAULT_CLIENT_CERT and VAULT_CLIENT_KEY.",
        example: "-client-cert=web.pem -client-key=web-key.pem name=web",
        fields: &[field(
            "name",
            FieldKind::Optional,
            "The role to log in with. Without it, the server tries all roles.",
        )],
    },
    LoginMethod {
        name: "jwt",
        about: "Logs in with a JWT that the server can verify with its keys.",
        example: "role=deploy jwt=@token.jwt",
        fields: &[
            field(
                "role",
                FieldKind::Optional,
                "The role to log in with. Without it, the default role of the mount.",
            ),
            field(
                "jwt",
                FieldKind::Secret("JWT (will be hidden): "),
                "The signed JWT. Without it, you are prompted; - reads it from standard input.",
            ),
        ],
    },
    LoginMethod {
        name: "token",
        about: "Verifies a token with the server and stores it. Without TOKEN, you are prompted; if TOKEN is \"-\", it is \
                read from standard input.",
        example: "-",
        fields: &[],
    },
    LoginMethod {
        name: "userpass",
        about: "Logs in with a user name and a password.",
        example: "username=ann",
        fields: &[
            field("username", FieldKind::Segment, "The name of the user."),
            field(
                "password",
                FieldKind::Secret("Password (will be hidden): "),
                "The password. Without it, you are prompted; - reads it from standard input. On the command line it is \
                 in the shell's history.",
            ),
        ],
    },
];

/// Login methods of other servers.
const UNSUPPORTED: [&str; 15] = [
    "alicloud",
    "aws",
    "azure",
    "cf",
    "gcp",
    "github",
    "kerberos",
    "kubernetes",
    "ldap",
    "oci",
    "oidc",
    "okta",
    "pcf",
    "radius",
    "saml",
];

/// The method with a type.
pub(crate) fn find(name: &str) -> Option<&'static LoginMethod> {
    METHODS.iter().find(|method| method.name == name)
}

/// The types, for messages.
pub(crate) fn names() -> String {
    METHODS.iter().map(|method| method.name).collect::<Vec<_>>().join(", ")
}

/// Why there is no method of a type.
pub(super) fn unknown(program: &str, name: &str) -> Failure {
    let instead = match name {
        "oidc" | "saml" => {
            "; logins through a browser are not served, use -method=jwt with a JWT of the provider"
        }
        "kubernetes" => "; use -method=jwt with the token of the service account and the keys of the cluster",
        _ => "",
    };
    let known = names();
    Failure::usage(if UNSUPPORTED.contains(&name) {
        format!("-method={name} is not supported by OnRecord: the login methods are {known}{instead}.")
    } else {
        format!(
            "Unknown auth method: {name}. Use \"{program} auth list\" to see the enabled ones. The types are {known}."
        )
    })
}

/// The path below the mount and the body of a login.
pub(super) fn request(
    method: &LoginMethod,
    values: &[(&'static str, Zeroizing<String>)],
) -> (String, Object) {
    let mut path = "login".to_owned();
    let mut body = Object::new();
    for field in method.fields {
        let Some((_, value)) = values.iter().find(|(name, _)| *name == field.name) else { continue };
        match field.kind {
            FieldKind::Segment => path.extend(["/", value]),
            _ if value.is_empty() => {}
            _ => {
                body.insert(field.name, value.as_str());
            }
        }
    }
    (path, body)
}
