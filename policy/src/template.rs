//! Paths with parts that stand for facts of the caller, `{{identity.entity.id}}` for instance: how they are written, and what
//! becomes of the path when the facts are known. A value never means more than itself: one with a `/`, or one that would be
//! a wildcard, takes what a rule allows away and leaves what it denies.
//! Never in it: whose facts they are, and where they come from.

use crate::error::PathError;
use crate::pattern::Pattern;

/// A fact of the caller that a path can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityField {
    /// `identity.entity.id`.
    EntityId,
    /// `identity.entity.name`.
    EntityName,
    /// `identity.entity.metadata.KEY`.
    EntityMetadata(String),
    /// `identity.entity.aliases.ACCESSOR.id`: the alias at the mount with this accessor.
    AliasId(String),
    /// `identity.entity.aliases.ACCESSOR.name`.
    AliasName(String),
    /// `identity.entity.aliases.ACCESSOR.metadata.KEY`: the accessor and the key.
    AliasMetadata(String, String),
    /// `identity.entity.aliases.ACCESSOR.custom_metadata.KEY`: the accessor and the key.
    AliasCustomMetadata(String, String),
    /// `identity.groups.ids.ID.name`: a group that the entity is in.
    GroupNameOfId(String),
    /// `identity.groups.names.NAME.id`: a group that the entity is in.
    GroupIdOfName(String),
}

/// What is accepted between the braces.
pub(crate) const FORMS: [&str; 9] = [
    "identity.entity.id",
    "identity.entity.name",
    "identity.entity.metadata.KEY",
    "identity.entity.aliases.ACCESSOR.id",
    "identity.entity.aliases.ACCESSOR.name",
    "identity.entity.aliases.ACCESSOR.metadata.KEY",
    "identity.entity.aliases.ACCESSOR.custom_metadata.KEY",
    "identity.groups.ids.ID.name",
    "identity.groups.names.NAME.id",
];

/// A path with fields in it: texts, and the field after each but the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathTemplate {
    parts: Vec<(Box<str>, IdentityField)>,
    rest: Box<str>,
}

/// What becomes of a path when the facts are known.
pub(crate) enum Resolved {
    Pattern(Pattern),
    /// A value is missing: the path matches nothing.
    Nothing,
    /// A value would make it match more than it says. With that value taken as it is, it is this, where that is a pattern at
    /// all; else it is everything with the beginning that the template has.
    TooWide(Pattern),
}

impl PathTemplate {
    /// The template of a text; `None` if it has no fields.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, PathError> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or(PathError::OpenTemplate)?;
            let field = field(name.trim()).ok_or_else(|| PathError::Template(name.trim().to_owned()))?;
            parts.push((before.into(), field));
            rest = after;
        }
        Ok((!parts.is_empty()).then(|| Self { parts, rest: rest.into() }))
    }

    /// The pattern with these values.
    pub(crate) fn resolve(&self, value: &dyn Fn(&IdentityField) -> Option<String>) -> Resolved {
        let (mut text, mut plain, mut is_wide) = (String::new(), String::new(), false);
        for (before, field) in &self.parts {
            let Some(value) = value(field).filter(|value| !value.is_empty()) else {
                return Resolved::Nothing;
            };
            is_wide |= value.contains(['/', '*']);
            text.push_str(before);
            text.push_str(&value);
            plain.push_str(before);
            plain.push('x');
        }
        text.push_str(&self.rest);
        plain.push_str(&self.rest);
        let wildcards = |text: &str| text.split('/').filter(|segment| *segment == "+").count();
        is_wide |= wildcards(&text) != wildcards(&plain);
        match Pattern::new(&text) {
            Some(pattern) if !is_wide => Resolved::Pattern(pattern),
            Some(pattern) => Resolved::TooWide(pattern),
            None => {
                let before = self.parts.first().map_or("", |(before, _)| &**before);
                Resolved::TooWide(Pattern::Prefix(before.strip_prefix('/').unwrap_or(before).into()))
            }
        }
    }
}

fn field(name: &str) -> Option<IdentityField> {
    let rest = name.strip_prefix("identity.")?;
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    if let Some(rest) = rest.strip_prefix("entity.") {
        return match rest.split_once('.') {
            None if rest == "id" => Some(IdentityField::EntityId),
            None if rest == "name" => Some(IdentityField::EntityName),
            Some(("metadata", key)) => Some(IdentityField::EntityMetadata(filled(key)?)),
            Some(("aliases", rest)) => {
                let (accessor, fact) = rest.split_once('.')?;
                let accessor = filled(accessor)?;
                match fact.split_once('.') {
                    None if fact == "id" => Some(IdentityField::AliasId(accessor)),
                    None if fact == "name" => Some(IdentityField::AliasName(accessor)),
                    Some(("metadata", key)) => Some(IdentityField::AliasMetadata(accessor, filled(key)?)),
                    Some(("custom_metadata", key)) => {
                        Some(IdentityField::AliasCustomMetadata(accessor, filled(key)?))
                    }
                    _ => None,
                }
            }
            _ => None,
        };
    }
    let rest = rest.strip_prefix("groups.")?;
    if let Some(id) = rest.strip_prefix("ids.").and_then(|rest| rest.strip_suffix(".name")) {
        return Some(IdentityField::GroupNameOfId(filled(id)?));
    }
    let name = rest.strip_prefix("names.").and_then(|rest| rest.strip_suffix(".id"))?;
    Some(IdentityField::GroupIdOfName(filled(name)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_names_its_field() {
        for form in FORMS {
            assert!(field(form).is_some(), "{form}");
        }
        assert_eq!(
            field("identity.entity.aliases.a_1.metadata.k.e.y"),
            Some(IdentityField::AliasMetadata("a_1".into(), "k.e.y".into()))
        );
        assert_eq!(field("identity.groups.names.a.b.id"), Some(IdentityField::GroupIdOfName("a.b".into())));
        for wrong in [
            "",
            "identity",
            "identity.entity",
            "identity.entity.metadata.",
            "identity.entity.ids",
            "entity.id",
            "identity.groups.ids..name",
        ] {
            assert_eq!(field(wrong), None, "{wrong}");
        }
    }
}
