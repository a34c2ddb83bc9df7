//! The texts that may stand in `error` and `warnings` of an entry: fixed, without anything of a client's (I1).

use onrecord_entry::text::Template;

/// The handler refused the request as it was put.
pub(crate) const INVALID_REQUEST: Template = Template::new("1 error occurred:\n\t* invalid request\n\n");
/// Policy, or an unknown, expired or used-up token.
pub(crate) const PERMISSION_DENIED: Template = Template::new("1 error occurred:\n\t* permission denied\n\n");
/// The request entry's form of a token that is not valid.
pub(crate) const PERMISSION_DENIED_PLAIN: Template = Template::new("permission denied");
/// The path exists, the operation on it does not.
pub(crate) const UNSUPPORTED_OPERATION: Template =
    Template::new("1 error occurred:\n\t* unsupported operation\n\n");
/// No engine, or no route of it, takes the path.
pub(crate) const UNSUPPORTED_PATH: Template = Template::new("1 error occurred:\n\t* unsupported path\n\n");
/// The server failed.
pub(crate) const INTERNAL_ERROR: Template = Template::new("1 error occurred:\n\t* internal error\n\n");
/// The handler panicked.
pub(crate) const PANIC: Template =
    Template::new("1 error occurred:\n\t* internal error: the handler panicked\n\n");
/// The request was carried out, and making its answer panicked.
pub(crate) const SHAPING_FAILED: Template = Template::new(
    "1 error occurred:\n\t* internal error: making the answer panicked; the request was carried out\n\n",
);
/// Building the response entry panicked.
pub(crate) const ENTRY_FAILED: Template = Template::new(
    "1 error occurred:\n\t* internal error: building the response entry panicked; the answer is withheld\n\n",
);
/// The request entry could not be put on record.
pub(crate) const NOT_ON_RECORD: Template =
    Template::new("the request could not be put on record; nothing was done");

/// The body is not JSON, or not an object.
pub(crate) const BAD_JSON: Template = Template::new("failed to decode JSON input");
/// The body is a form with more values than the limit.
pub(crate) const BAD_FORM: Template = Template::new("failed to parse form data");
/// The body is larger than the limit.
pub(crate) const BODY_TOO_LARGE: Template = Template::new("http: request body too large");
/// A query parameter of the API itself cannot be understood.
pub(crate) const BAD_QUERY: Template = Template::new("invalid query parameter");
/// A write to a path that ends in a slash.
pub(crate) const WRITE_TO_SLASH: Template = Template::new("cannot write to a path ending in '/'");
/// A path with `..` in it.
pub(crate) const RELATIVE_PATH: Template = Template::new("relative path");
/// An HTTP method that the API does not have.
pub(crate) const UNSUPPORTED_METHOD: Template = Template::new("unsupported method");
/// A header that asks for a feature this server does not have.
pub(crate) const UNSUPPORTED_HEADER: Template = Template::new("unsupported request header");
/// A URL outside the API.
pub(crate) const OUTSIDE: Template = Template::new("path outside the API");

/// A token was given a policy that does not exist.
pub(crate) const WARN_NO_SUCH_POLICY: Template = Template::new("a policy does not exist");
/// A limit of the server or the mount was applied.
pub(crate) const WARN_CAPPED: Template = Template::new("a value was limited");
/// The path is not one of the engine's; a hint went to the client.
pub(crate) const WARN_WRONG_PATH: Template =
    Template::new("The path is not one of a versioned key-value engine.");
/// The root of a versioned engine can only be listed.
pub(crate) const WARN_AT_ROOT: Template =
    Template::new("Only listing is possible at the root of a versioned key-value engine.");
/// Parameters that the endpoint does not know were ignored.
pub(crate) const WARN_IGNORED: Template = Template::new("Endpoint ignored unrecognized parameters");
