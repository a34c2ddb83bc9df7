//! The register as a reader of lines sees it: every field by its path from the line's beginning, with its treatment in
//! words. Never in it: a field that is not in the table.

use super::{REGISTER, Row, Treatment};

/// A field of a line.
#[derive(Clone, Debug)]
pub struct LineField {
    /// Its path, such as `auth.policy_results.granting_policies[].name`.
    pub path: String,
    /// Its row of the register.
    pub row: &'static Row,
}

/// Whether a field's content can be read in a line of a device that is not raw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// It can be read.
    Clear,
    /// Its hash is written.
    Hashed,
    /// As the operator configured it.
    Configured,
}

impl Visibility {
    /// `clear`, `hashed`, `configured`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Hashed => "hashed",
            Self::Configured => "configured",
        }
    }
}

impl Treatment {
    /// Whether the content can be read.
    pub const fn visibility(self) -> Visibility {
        match self {
            Self::Token
            | Self::TokenAlways
            | Self::Accessor
            | Self::AccessorAlways
            | Self::Data
            | Self::Digest => Visibility::Hashed,
            Self::Headers => Visibility::Configured,
            Self::Word
            | Self::Instant
            | Self::Number
            | Self::Flag
            | Self::Mark
            | Self::Clear
            | Self::ClearList
            | Self::ClearMap
            | Self::ClearListMap
            | Self::Path
            | Self::Template
            | Self::TemplateList
            | Self::Object
            | Self::ObjectList => Visibility::Clear,
        }
    }

    /// The treatment in a few words.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Word => "one of a closed list of words",
            Self::Instant => "a time that the server made",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Mark => "16 hex digits that the server made",
            Self::Clear => "a text; a token in it, or what looks like one, is hashed",
            Self::ClearList => "a list of texts; tokens in them are hashed",
            Self::ClearMap => "texts by name; tokens in them are hashed",
            Self::ClearListMap => "lists of texts by name; tokens in them are hashed",
            Self::Path => "a path; tokens in it, and segments that a route calls sensitive, are hashed",
            Self::Template => "a text of the program, without any text of a client",
            Self::TemplateList => "texts of the program, without any text of a client",
            Self::Token => "hashed if there is one",
            Self::TokenAlways => "hashed even where it is empty",
            Self::Accessor => "hashed if there is one; clear on a device with hmac_accessor=false",
            Self::AccessorAlways => {
                "hashed even where it is empty; clear on a device with hmac_accessor=false"
            }
            Self::Data => {
                "every string hashed, except under keys that the mount lists as audit_non_hmac_*_keys; numbers, truth values \
                 and keys clear"
            }
            Self::Headers => "each header hashed or clear, as sys/config/auditing/request-headers says",
            Self::Digest => "an HMAC under the device's salt; SHA-256 on a raw device",
            Self::Object => "an object of fields",
            Self::ObjectList => "a list of objects of fields",
        }
    }
}

/// Every field of a line that has content of its own, in the order of a line.
pub fn line_fields() -> Vec<LineField> {
    let mut fields = Vec::new();
    collect("entry", "", &mut fields);
    fields
}

fn collect(object: &str, before: &str, fields: &mut Vec<LineField>) {
    for row in REGISTER.iter().filter(|row| row.object == object) {
        let path = format!("{before}{}", row.key);
        match (row.treatment, row.inner) {
            (Treatment::ObjectList, Some(inner)) => collect(inner, &format!("{path}[]."), fields),
            (_, Some(inner)) => collect(inner, &format!("{path}."), fields),
            (_, None) => fields.push(LineField { path, row }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_field_of_a_line_and_every_path_occurs_once() {
        let fields = line_fields();
        // The summary that replaces a `data` over a limit is not a field of its own.
        for row in REGISTER.iter().filter(|row| row.inner.is_none() && row.object != "digest") {
            let found = fields.iter().any(|field| (field.row.object, field.row.key) == (row.object, row.key));
            assert!(found, "{}.{}", row.object, row.key);
        }
        let mut paths: Vec<_> = fields.iter().map(|field| &field.path).collect();
        paths.sort();
        assert!(paths.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(paths.iter().any(|path| *path == "auth.policy_results.granting_policies[].name"));
    }
}
