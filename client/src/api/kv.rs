//! The key/value engine: the version of a mount, and the paths of version 2.
//! Never in it: other engines.

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::response::AnswerError;
use http::Method;
use onrecord_value::Value;

/// The key/value mount of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvMount {
    /// Path of the mount, ending in `/`.
    pub path: String,
    /// 1 or 2.
    pub version: u8,
}

impl KvMount {
    /// The path behind the mount.
    pub fn rest<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix(self.path.as_str()).unwrap_or(if path == self.path.trim_end_matches('/') {
            ""
        } else {
            path
        })
    }

    /// The API's path of `path` in one of the parts of a version 2 mount (`data`, `metadata`, …).
    pub fn part(&self, part: &str, path: &str) -> String {
        format!("{}{part}/{}", self.path, self.rest(path)).trim_end_matches('/').to_owned()
    }
}

impl Client {
    /// The paths of the key/value engines that the token may use, each ending in `/`.
    pub async fn visible_kv_mounts(&self) -> Result<Vec<String>, Error> {
        let data = self.plain().get_data("sys/internal/ui/mounts").await?;
        let mounts = data.object("secret").ok_or(AnswerError::Field("secret"))?;
        let is_kv = |mount: &Value| mount.as_object().and_then(|mount| mount.str("type")) == Some("kv");
        Ok(mounts.iter().filter(|(_, mount)| is_kv(mount)).map(|(path, _)| path.to_owned()).collect())
    }

    /// The mount that serves `path`. A server without this endpoint has version 1.
    pub async fn kv_mount(&self, path: &str) -> Result<KvMount, Error> {
        let request = Request::new(Method::GET, format!("sys/internal/ui/mounts/{path}"));
        let data = match self.plain().send(request).await {
            Ok(response) => response.data()?,
            Err(error) if error.status() == Some(404) => {
                return Ok(KvMount { path: String::new(), version: 1 });
            }
            Err(error) => return Err(error),
        };
        let version = match data.object("options").and_then(|options| options.get("version")) {
            Some(Value::String(text)) if text == "2" => 2,
            Some(Value::Number(number)) if number.as_i64() == Some(2) => 2,
            _ => 1,
        };
        Ok(KvMount { path: data.str("path").unwrap_or_default().to_owned(), version })
    }
}

#[cfg(test)]
mod tests {
    use super::KvMount;

    #[test]
    fn a_path_is_mapped_to_a_part_of_its_mount() {
        let mount = KvMount { path: "team/kv/".to_owned(), version: 2 };
        for (path, expected) in [
            ("team/kv/app", "team/kv/data/app"),
            ("team/kv", "team/kv/data"),
            ("team/kv/a/b/", "team/kv/data/a/b"),
        ] {
            assert_eq!(mount.part("data", path), expected);
        }
    }
}
