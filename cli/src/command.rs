//! The commands, one file a group. Each file has its rows of the table and the functions they name.

pub(crate) mod audit;
pub(crate) mod generic;
pub(crate) mod kv;
pub(crate) mod log;
pub(crate) mod login;
pub(crate) mod operator;
pub(crate) mod policy;
pub(crate) mod secrets;
pub(crate) mod server;
pub(crate) mod status;
pub(crate) mod token;

use crate::failure::Failure;
use crate::grammar::Invocation;
use crate::pairs;
use crate::session::Session;
use onrecord_value::Object;

/// A path as the API wants it: without blanks and slashes at its ends. One that climbs is refused.
fn sanitize(path: &str) -> Result<String, Failure> {
    without_dots(path.trim().trim_matches('/')).map(str::to_owned)
}

/// A mount's path as it is shown: one slash at the end.
fn with_slash(path: &str) -> String {
    format!("{}/", path.trim_end_matches('/'))
}

/// Refuses paths that climb: the URL would be another than the one that is shown.
fn without_dots(path: &str) -> Result<&str, Failure> {
    if path.split('/').any(|segment| segment == ".." || segment == ".") {
        return Err(Failure::usage(format!(
            "Invalid path {path:?}: a path has no \".\" and \"..\" segments; write the path itself."
        )));
    }
    Ok(path)
}

/// `K=V` arguments.
fn data(session: &mut Session<'_>, invocation: &Invocation, words: &[String]) -> Result<Object, Failure> {
    pairs::parse(session.world, words, !invocation.is_set("non-interactive"))
        .map_err(|error| Failure::usage(format!("Failed to parse K=V data: {error}")))
}

/// `K=V` arguments whose values must be texts.
fn text_data(
    session: &mut Session<'_>,
    invocation: &Invocation,
    words: &[String],
) -> Result<Vec<(String, String)>, Failure> {
    let pairs = data(session, invocation, words)?;
    pairs::texts(pairs).map_err(|error| Failure::usage(format!("Failed to parse K=V data: {error}")))
}

/// `K=V` arguments as the parameters of a query; a key that comes again is sent again.
fn query(
    session: &mut Session<'_>,
    invocation: &Invocation,
    words: &[String],
) -> Result<Vec<(String, String)>, Failure> {
    let pairs = data(session, invocation, words)?;
    let mut list = Vec::new();
    for (key, value) in &pairs {
        match value.as_array() {
            Some(values) => {
                list.extend(values.iter().map(|one| (key.to_owned(), crate::printer::plain(one))));
            }
            None => list.push((key.to_owned(), crate::printer::plain(value))),
        }
    }
    Ok(list)
}
