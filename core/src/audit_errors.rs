//! The texts that may stand in `error` and `warnings` of an entry: fixed, without anything of a client's (I1).

use onrecord_entry::text::Template;

pub(crate) const INVALID_REQUEST: Template = Template::new("1 error occurred:\n\t* invalid request\n\n");
pub(crate) const PERMISSION_DENIED: Template = Template::new("1 error occurred:\n\t* permission denied\n\n");
pub(crate) const PERMISSION_DENIED_PLAIN: Template = Template::new("permission denied");
pub(crate) const UNSUPPORTED_OPERATION: Template =
    Template::new("1 error occurred:\n\t* unsupported operation\n\n");
pub(crate) const UNSUPPORTED_PATH: Template = Template::new("1 error occurred:\n\t* unsupported path\n\n");
pub(crate) const INTERNAL_ERROR: Template = Template::new("1 error occurred:\n\t* internal error\n\n");
pub(crate) const PANIC: Template =
    Template::new("1 error occurred:\n\t* internal error: the handler panicked\n\n");
pub(crate) const SHAPING_FAILED: Template = Template::new(
    "1 error occurred:\n\t* internal error: making the answer panicked; the request was carried out\n\n",
);
pub(crate) const ENTRY_FAILED: Template = Template::new(
    "1 error occurred:\n\t* internal error: building the response entry panicked; the answer is withheld\n\n",
);
pub(crate) const NOT_ON_RECORD: Template =
    Template::new("the request could not be put on record; nothing was done");

pub(crate) const BAD_JSON: Template = Template::new("failed to decode JSON input");
pub(crate) const BAD_FORM: Template = Template::new("failed to parse form data");
pub(crate) const BODY_TOO_LARGE: Template = Template::new("http: request body too large");
/// The body came more slowly than the least rate.
pub(crate) const BODY_TOO_SLOW: Template = Template::new("the request body arrived too slowly");
pub(crate) const NOT_UTF_8: Template = Template::new("the request body is not UTF-8");
/// A login that proved nothing: which of its parts was wrong is not told.
pub(crate) const LOGIN_REFUSED: Template = Template::new("1 error occurred:\n\t* invalid credentials\n\n");
/// The credentials were right, the client's address was not.
pub(crate) const LOGIN_ELSEWHERE: Template = Template::new(
    "1 error occurred:\n\t* the client's address is outside of the blocks of addresses that the login is bound to\n\n",
);
/// The failed login that locks its account.
pub(crate) const LOGIN_LOCKS: Template = Template::new(
    "1 error occurred:\n\t* invalid credentials; the account is locked now, after too many failed logins\n\n",
);
/// A login at a locked account: its credentials were not looked at.
pub(crate) const LOGIN_LOCKED: Template = Template::new(
    "1 error occurred:\n\t* permission denied: the account is locked after too many failed logins\n\n",
);
/// Too many requests wait that need much computation.
pub(crate) const TOO_MUCH_WORK: Template =
    Template::new("the server is at its limit of requests that need much computation; nothing was done");
/// There was no room for the answer.
pub(crate) const NO_ROOM: Template =
    Template::new("the server is at its limit of memory for answers; the answer was not made");
/// There are as many leases as a quota allows.
pub(crate) const LEASE_QUOTA: Template = Template::new("lease count quota exceeded");
pub(crate) const BAD_QUERY: Template = Template::new("invalid query parameter");
pub(crate) const WRITE_TO_SLASH: Template = Template::new("cannot write to a path ending in '/'");
pub(crate) const RELATIVE_PATH: Template = Template::new("relative path");
pub(crate) const UNSUPPORTED_METHOD: Template = Template::new("unsupported method");
/// A header that asks for a feature this server does not have.
pub(crate) const UNSUPPORTED_HEADER: Template = Template::new("unsupported request header");
/// The listener's rules for `X-Forwarded-For` refuse it.
pub(crate) const FORWARDING: Template =
    Template::new("the listener's rules for X-Forwarded-For refuse the request");
/// A body that is compressed.
pub(crate) const CONTENT_ENCODING: Template = Template::new("unsupported content encoding");
/// The settings of CORS do not name the origin.
pub(crate) const ORIGIN: Template = Template::new("origin not allowed");
pub(crate) const BAD_WRAP_TTL: Template = Template::new("error parsing X-Vault-Wrap-TTL header");
pub(crate) const NOT_WRAPPABLE: Template = Template::new("the answer of this path cannot be wrapped");
/// A wrapping token that was used before, has expired, or never was one.
pub(crate) const WRAPPING_TOKEN: Template = Template::new("wrapping token is not valid or does not exist");
/// A key share came too soon after wrong ones.
pub(crate) const TOO_MANY_WRONG_SHARES: Template =
    Template::new("too many wrong key shares came from this address");
/// A query of the audit logs came while another one ran.
pub(crate) const QUERY_RUNNING: Template = Template::new("another query of the audit logs is running");
/// What the response entry says is done could not be stored: nothing has changed.
pub(crate) const NOT_STORED: Template =
    Template::new("what the response entry says is done could not be stored; nothing has changed");
pub(crate) const OUTSIDE: Template = Template::new("path outside the API");

pub(crate) const WARN_NO_SUCH_POLICY: Template = Template::new("a policy does not exist");
pub(crate) const WARN_NO_DEFAULT_ISSUER: Template = Template::new("there is no default issuer any more");
pub(crate) const WARN_CAPPED: Template = Template::new("a value was limited");
pub(crate) const WARN_WRONG_PATH: Template =
    Template::new("The path is not one of a versioned key-value engine.");
pub(crate) const WARN_AT_ROOT: Template =
    Template::new("Only listing is possible at the root of a versioned key-value engine.");
pub(crate) const WARN_UNKNOWN_OPTION: Template =
    Template::new("An option of the audit device is not known and has no effect");
pub(crate) const WARN_IGNORED: Template = Template::new("Endpoint ignored unrecognized parameters");
pub(crate) const WARN_NO_BARCODE: Template = Template::new("no barcode was drawn");
pub(crate) const WARN_TIDY: Template = Template::new("the certificates were tidied");
pub(crate) const WARN_KEY_EXISTS: Template = Template::new("the key already existed");
