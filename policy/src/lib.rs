//! Vault's ACL language: text to [`Policy`], policies to [`Acl`], a [`Question`] to a [`Decision`]. Pure.
//!
//! A question that no rule allows is refused. Of all rules that match a path, one decides:
//!
//! 1. the rule for exactly this path (for a list, also the one without the slash at the end);
//! 2. otherwise of the rules with wildcards the one of highest priority. A rule is of lower priority if its
//!    first `+` or `*` comes earlier; if it ends in `*` and the other does not; if it has more `+`; if it is
//!    shorter; if it sorts before the other.
//!
//! Policies of one token that have a rule for the same pattern are merged into one rule: `deny` wins over
//! everything, other capabilities add up.
//!
//! A path may have facts of the caller in it, `{{identity.entity.id}}` for instance: its rule counts for nobody until
//! [`Policy::resolve`] has put them in.
//!
//! Never in this crate: IO, tokens, and which paths exist.
//!
//! ```
//! use onrecord_policy::{Acl, Operation, Policy, Question};
//!
//! let policy = Policy::parse("app", r#"path "secret/data/app/*" { capabilities = ["read"] }"#)?;
//! let acl = Acl::new([&policy]);
//! let question = Question::new(Operation::Read, "secret/data/app/db");
//! assert!(acl.decide(&question).allowed);
//! assert_eq!(acl.capabilities("secret/data/other"), ["deny"]);
//! # Ok::<(), onrecord_policy::ParseError>(())
//! ```

mod acl;
mod capability;
mod error;
mod hints;
mod parameters;
mod pattern;
mod policy;
mod rule;
mod template;

pub use acl::{Acl, Decision};
pub use capability::{Capability, Operation};
pub use error::{ParseError, PathError};
pub use hints::hints;
pub use policy::Policy;
pub use rule::{Question, Refusal, Rule};
pub use template::IdentityField;
