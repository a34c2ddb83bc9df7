//! What is stored of entities and groups: one record each, with the aliases of an entity in its own, so that a login that
//! makes both writes once. Never in it: which of them belong together (`state`).

use onrecord_value::{Object, Time};

use crate::stored::record;

/// A person or a machine, whatever it logs in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entity {
    /// A random UUID.
    pub(crate) id: String,
    pub(crate) name: String,
    /// Texts by name.
    pub(crate) metadata: Object,
    /// Sorted.
    pub(crate) policies: Vec<String>,
    /// Its tokens are refused as long as it is.
    pub(crate) disabled: bool,
    pub(crate) aliases: Vec<Alias>,
    /// The ids of the entities that were merged into it: tokens of theirs are its tokens.
    pub(crate) merged: Vec<String>,
    pub(crate) created: Time,
    pub(crate) updated: Time,
}

/// The name of an entity, or of a group, at one mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alias {
    /// A random UUID.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) mount_accessor: String,
    /// What the login method says of the account.
    pub(crate) metadata: Object,
    /// What an operator says of it.
    pub(crate) custom_metadata: Object,
    /// The entities that it belonged to before they were merged.
    pub(crate) merged_from: Vec<String>,
    pub(crate) created: Time,
    pub(crate) updated: Time,
}

/// Entities, and other groups, with policies in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// A random UUID.
    pub(crate) id: String,
    pub(crate) name: String,
    /// Its members are set by logins, by its alias, and not by operators.
    pub(crate) is_external: bool,
    pub(crate) metadata: Object,
    /// Sorted.
    pub(crate) policies: Vec<String>,
    /// Sorted ids.
    pub(crate) member_entities: Vec<String>,
    /// Sorted ids.
    pub(crate) member_groups: Vec<String>,
    pub(crate) alias: Option<Alias>,
    /// Counts its changes, from 1.
    pub(crate) version: u64,
    pub(crate) created: Time,
    pub(crate) updated: Time,
}

record! { Entity() {
    "created" => created as Nanos,
    "id" => id,
    "name" => name,
    "updated" => updated as Nanos,
} optional {
    "aliases" => aliases as Sparse,
    "disabled" => disabled,
    "merged" => merged as Sparse,
    "metadata" => metadata,
    "policies" => policies as Sparse,
} }

record! { Alias() {
    "created" => created as Nanos,
    "id" => id,
    "mount_accessor" => mount_accessor,
    "name" => name,
    "updated" => updated as Nanos,
} optional {
    "custom_metadata" => custom_metadata,
    "merged_from" => merged_from as Sparse,
    "metadata" => metadata,
} }

record! { Group() {
    "created" => created as Nanos,
    "id" => id,
    "is_external" => is_external,
    "name" => name,
    "updated" => updated as Nanos,
    "version" => version,
} optional {
    "alias" => alias,
    "member_entities" => member_entities as Sparse,
    "member_groups" => member_groups as Sparse,
    "metadata" => metadata,
    "policies" => policies as Sparse,
} }

impl Entity {
    /// Its alias at a mount. It has at most one at each.
    pub(crate) fn alias_at(&self, mount_accessor: &str) -> Option<&Alias> {
        self.aliases.iter().find(|alias| alias.mount_accessor == mount_accessor)
    }
}

#[cfg(test)]
mod tests {
    use onrecord_value::object;

    use super::*;
    use crate::stored::Record as _;

    #[test]
    fn entities_and_groups_survive_storage_with_all_their_facts() {
        let time = |seconds| Time::from_unix(seconds, 5);
        let alias = Alias {
            id: "a".to_owned(),
            name: "bob".to_owned(),
            mount_accessor: "auth_userpass_1".to_owned(),
            metadata: object! { "k" => "v" },
            custom_metadata: object! { "c" => "d" },
            merged_from: vec!["old".to_owned()],
            created: time(1),
            updated: time(2),
        };
        let entity = Entity {
            id: "e".to_owned(),
            name: "Bob".to_owned(),
            metadata: object! { "team" => "blue" },
            policies: vec!["p".to_owned()],
            disabled: true,
            aliases: vec![alias.clone()],
            merged: vec!["m".to_owned()],
            created: time(3),
            updated: time(4),
        };
        assert_eq!(Entity::decode(&entity.encode(), ()).as_ref(), Some(&entity));
        let group = Group {
            id: "g".to_owned(),
            name: "ops".to_owned(),
            is_external: true,
            metadata: object! { "k" => "v" },
            policies: vec!["p".to_owned()],
            member_entities: vec!["e".to_owned()],
            member_groups: vec!["h".to_owned()],
            alias: Some(alias),
            version: 7,
            created: time(5),
            updated: time(6),
        };
        assert_eq!(Group::decode(&group.encode(), ()).as_ref(), Some(&group));
        assert!(Group::decode(b"{}", ()).is_none() && Entity::decode(b"{}", ()).is_none());
    }
}
