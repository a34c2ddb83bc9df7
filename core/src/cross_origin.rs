//! Cross-origin requests of browsers (the Fetch standard's CORS protocol): which of them the settings let through, and what
//! their answers say.
//! Never in it: the settings, or HTTP types.

use crate::audit_errors;
use crate::cors::Cors;
use crate::exchange::Headers;
use crate::outcome::Refusal;

/// The methods that a page may use.
pub(crate) const METHODS: &str = "DELETE, GET, HEAD, LIST, OPTIONS, PATCH, POST, PUT";
/// For how many seconds a browser may keep the answer to a preflight.
pub(crate) const MAX_AGE: &str = "300";

/// The request headers that pages may always set.
const STANDARD_HEADERS: [&str; 10] = [
    "Content-Type",
    "X-Requested-With",
    "X-Vault-AWS-IAM-Server-ID",
    "X-Vault-MFA",
    "X-Vault-No-Request-Forwarding",
    "X-Vault-Wrap-Format",
    "X-Vault-Wrap-TTL",
    "X-Vault-Policy-Override",
    "Authorization",
    "X-Vault-Token",
];

/// All request headers that pages may set.
fn all_headers(cors: &Cors) -> String {
    let more = cors.allowed_headers.iter().map(String::as_str);
    let more = more.filter(|name| !STANDARD_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name)));
    STANDARD_HEADERS.into_iter().chain(more).collect::<Vec<_>>().join(", ")
}

/// What a request with these headers means for the settings. None where they say nothing about it: they are disabled, or it
/// names no origin.
pub(crate) fn judge(cors: &Cors, method: &str, headers: &Headers) -> Option<Judgement> {
    if !cors.enabled {
        return None;
    }
    let origin = headers.get("origin").filter(|origin| !origin.is_empty())?;
    if !cors.allows(origin) {
        return Some(Judgement::Refused);
    }
    let wanted = headers.get("access-control-request-method");
    let preflight = match (method, wanted) {
        ("OPTIONS", Some(wanted)) if METHODS.split(", ").any(|method| method == wanted) => true,
        ("OPTIONS", Some(_)) => return Some(Judgement::UnknownMethod),
        _ => false,
    };
    let allowed_headers = preflight.then(|| all_headers(cors));
    Some(Judgement::Allowed(CorsGrant { origin: origin.to_owned(), allowed_headers }))
}

/// What becomes of a request that names an origin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The page may read the answer.
    Allowed(CorsGrant),
    /// The origin is not allowed.
    Refused,
    /// A preflight for a method that no request has.
    UnknownMethod,
}

impl Judgement {
    /// The answer that it has without being looked at any further: a preflight is answered, a foreign origin refused.
    pub(crate) fn answer(&self) -> Option<Refusal> {
        match self {
            Self::Allowed(CorsGrant { allowed_headers: Some(_), .. }) => Some(Refusal::preflight()),
            Self::Allowed(_) => None,
            Self::Refused => Some(Refusal::at_capture(403, "origin not allowed", audit_errors::ORIGIN)),
            Self::UnknownMethod => Some(Refusal::at_capture(
                405,
                format!("Access-Control-Request-Method must be one of {METHODS}"),
                audit_errors::UNSUPPORTED_METHOD,
            )),
        }
    }
}

/// A page of this origin may read the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsGrant {
    /// `Access-Control-Allow-Origin`.
    pub origin: String,
    /// `Access-Control-Allow-Headers`; only for a preflight.
    pub allowed_headers: Option<String>,
}

impl CorsGrant {
    /// `Access-Control-Allow-Methods`.
    pub const METHODS: &'static str = METHODS;
    /// `Access-Control-Max-Age`.
    pub const MAX_AGE: &'static str = MAX_AGE;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(headers: &[(&str, &str)]) -> Headers {
        let mut sent = Headers::new();
        for (name, value) in headers {
            sent.push(name, value);
        }
        sent
    }

    #[test]
    fn an_origin_is_allowed_as_the_settings_say() {
        let on = Cors {
            enabled: true,
            allowed_origins: vec!["https://a.example".to_owned()],
            allowed_headers: vec!["X-More".to_owned(), "x-vault-token".to_owned()],
        };
        let origin = ("Origin", "https://a.example");
        assert_eq!(judge(&Cors::default(), "GET", &sent(&[origin])), None);
        assert_eq!(judge(&on, "GET", &sent(&[])), None);
        let stranger = sent(&[("Origin", "https://a.example.evil")]);
        assert_eq!(judge(&on, "GET", &stranger), Some(Judgement::Refused));
        let granted = judge(&on, "GET", &sent(&[origin]));
        let grant = CorsGrant { origin: origin.1.to_owned(), allowed_headers: None };
        assert_eq!(granted, Some(Judgement::Allowed(grant)));
        let method = "Access-Control-Request-Method";
        let preflight = judge(&on, "OPTIONS", &sent(&[origin, (method, "LIST")]));
        let Some(Judgement::Allowed(grant)) = preflight else { panic!("it is allowed") };
        let headers = grant.allowed_headers.unwrap();
        assert!(headers.ends_with("X-Vault-Token, X-More"), "{headers}");
        let unknown = judge(&on, "OPTIONS", &sent(&[origin, (method, "TRACE")]));
        assert_eq!(unknown, Some(Judgement::UnknownMethod));
    }
}
