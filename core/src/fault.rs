//! The texts that may stand in `error` of an entry: fixed, without anything of a client's (I1).

use onrecord_audit::Template;

/// The handler refused the request as it was put.
pub const INVALID_REQUEST: Template = Template::of("1 error occurred:\n\t* invalid request\n\n");
/// Policy, or an unknown, expired or used-up token.
pub const PERMISSION_DENIED: Template = Template::of("1 error occurred:\n\t* permission denied\n\n");
/// The request entry's form of a token that is not valid.
pub const PERMISSION_DENIED_PLAIN: Template = Template::of("permission denied");
/// The path exists, the operation on it does not.
pub const UNSUPPORTED_OPERATION: Template = Template::of("1 error occurred:\n\t* unsupported operation\n\n");
/// No engine, or no route of it, takes the path.
pub const UNSUPPORTED_PATH: Template = Template::of("1 error occurred:\n\t* unsupported path\n\n");
/// The server failed.
pub const INTERNAL_ERROR: Template = Template::of("1 error occurred:\n\t* internal error\n\n");
