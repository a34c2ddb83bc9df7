//! All entities and groups in memory, by all that they are looked up by; and the groups that an entity is in.
//! Never in it: storage, or who may change what.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::records::{Alias, Entity, Group};

/// One change. A record that is put replaces the one with its id.
pub(crate) enum Change {
    PutEntity(Arc<Entity>),
    RemoveEntity(String),
    PutGroup(Arc<Group>),
    RemoveGroup(String),
}

/// Sorted by their ids, as they are listed.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) entities: BTreeMap<String, Arc<Entity>>,
    pub(crate) groups: BTreeMap<String, Arc<Group>>,
    /// Names are told apart without their case. Each of these maps has ids as its values.
    entity_names: HashMap<String, String>,
    group_names: HashMap<String, String>,
    entity_aliases: HashMap<String, String>,
    group_aliases: HashMap<String, String>,
    /// By accessor of the mount and name at it.
    entity_logins: HashMap<(String, String), String>,
    group_logins: HashMap<(String, String), String>,
    /// From an entity that was merged to the one that it was merged into.
    merged: HashMap<String, String>,
    /// The groups that have an entity, or a group, as their own member.
    groups_of_entity: HashMap<String, BTreeSet<String>>,
    groups_of_group: HashMap<String, BTreeSet<String>>,
}

fn login(alias: &Alias) -> (String, String) {
    (alias.mount_accessor.clone(), alias.name.clone())
}

impl State {
    /// The entity with this id, or the one that it was merged into.
    pub(crate) fn entity(&self, id: &str) -> Option<&Arc<Entity>> {
        self.entities.get(id).or_else(|| self.entities.get(self.merged.get(id)?))
    }

    pub(crate) fn entity_named(&self, name: &str) -> Option<&Arc<Entity>> {
        self.entities.get(self.entity_names.get(&name.to_lowercase())?)
    }

    /// The entity with the alias of this id.
    pub(crate) fn entity_of_alias(&self, id: &str) -> Option<&Arc<Entity>> {
        self.entities.get(self.entity_aliases.get(id)?)
    }

    /// The entity that has this name at a mount.
    pub(crate) fn entity_at(&self, mount_accessor: &str, name: &str) -> Option<&Arc<Entity>> {
        self.entities.get(self.entity_logins.get(&(mount_accessor.to_owned(), name.to_owned()))?)
    }

    pub(crate) fn group(&self, id: &str) -> Option<&Arc<Group>> {
        self.groups.get(id)
    }

    pub(crate) fn group_named(&self, name: &str) -> Option<&Arc<Group>> {
        self.groups.get(self.group_names.get(&name.to_lowercase())?)
    }

    pub(crate) fn group_of_alias(&self, id: &str) -> Option<&Arc<Group>> {
        self.groups.get(self.group_aliases.get(id)?)
    }

    pub(crate) fn group_at(&self, mount_accessor: &str, name: &str) -> Option<&Arc<Group>> {
        self.groups.get(self.group_logins.get(&(mount_accessor.to_owned(), name.to_owned()))?)
    }

    /// How many aliases of groups there are: a login without any looks no further.
    pub(crate) fn group_alias_count(&self) -> usize {
        self.group_aliases.len()
    }

    /// The groups that have the entity as their own member.
    pub(crate) fn direct_groups(&self, entity: &str) -> impl Iterator<Item = &Arc<Group>> {
        self.groups_of_entity.get(entity).into_iter().flatten().filter_map(|id| self.groups.get(id))
    }

    /// The groups that have the group as their own member.
    pub(crate) fn parents(&self, group: &str) -> impl Iterator<Item = &Arc<Group>> {
        self.groups_of_group.get(group).into_iter().flatten().filter_map(|id| self.groups.get(id))
    }

    /// All groups that the entity is in, its own before those that it is in through them.
    pub(crate) fn all_groups(&self, entity: &str) -> Vec<Arc<Group>> {
        let mut found: Vec<Arc<Group>> = self.direct_groups(entity).cloned().collect();
        let mut seen: HashSet<String> = found.iter().map(|group| group.id.clone()).collect();
        let mut next = 0;
        while let Some(group) = found.get(next).cloned() {
            let more = self.parents(&group.id).filter(|parent| seen.insert(parent.id.clone())).cloned();
            found.extend(more.collect::<Vec<_>>());
            next += 1;
        }
        found
    }

    /// Whether a group is, or has at any depth, one of the others.
    pub(crate) fn reaches(&self, group: &str, others: &[String]) -> bool {
        let mut waiting: Vec<&str> = others.iter().map(String::as_str).collect();
        let mut seen: HashSet<&str> = HashSet::new();
        while let Some(id) = waiting.pop() {
            if id == group {
                return true;
            }
            if seen.insert(id)
                && let Some(found) = self.groups.get(id)
            {
                waiting.extend(found.member_groups.iter().map(String::as_str));
            }
        }
        false
    }

    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::PutEntity(entity) => {
                self.remove_entity(&entity.id);
                self.add_entity(entity);
            }
            Change::RemoveEntity(id) => self.remove_entity(&id),
            Change::PutGroup(group) => {
                self.remove_group(&group.id);
                self.add_group(group);
            }
            Change::RemoveGroup(id) => self.remove_group(&id),
        }
    }

    fn add_entity(&mut self, entity: Arc<Entity>) {
        self.entity_names.insert(entity.name.to_lowercase(), entity.id.clone());
        for alias in &entity.aliases {
            self.entity_aliases.insert(alias.id.clone(), entity.id.clone());
            self.entity_logins.insert(login(alias), entity.id.clone());
        }
        for id in &entity.merged {
            self.merged.insert(id.clone(), entity.id.clone());
        }
        self.entities.insert(entity.id.clone(), entity);
    }

    fn remove_entity(&mut self, id: &str) {
        let Some(entity) = self.entities.remove(id) else { return };
        // What another has taken over since stays with that one.
        remove_if(&mut self.entity_names, &entity.name.to_lowercase(), id);
        for alias in &entity.aliases {
            remove_if(&mut self.entity_aliases, &alias.id, id);
            remove_if(&mut self.entity_logins, &login(alias), id);
        }
        for merged in &entity.merged {
            remove_if(&mut self.merged, merged, id);
        }
    }

    fn add_group(&mut self, group: Arc<Group>) {
        self.group_names.insert(group.name.to_lowercase(), group.id.clone());
        if let Some(alias) = &group.alias {
            self.group_aliases.insert(alias.id.clone(), group.id.clone());
            self.group_logins.insert(login(alias), group.id.clone());
        }
        let (entities, groups) = (&mut self.groups_of_entity, &mut self.groups_of_group);
        for (members, index) in [(&group.member_entities, entities), (&group.member_groups, groups)] {
            for member in members {
                index.entry(member.clone()).or_default().insert(group.id.clone());
            }
        }
        self.groups.insert(group.id.clone(), group);
    }

    fn remove_group(&mut self, id: &str) {
        let Some(group) = self.groups.remove(id) else { return };
        remove_if(&mut self.group_names, &group.name.to_lowercase(), id);
        if let Some(alias) = &group.alias {
            remove_if(&mut self.group_aliases, &alias.id, id);
            remove_if(&mut self.group_logins, &login(alias), id);
        }
        let (entities, groups) = (&mut self.groups_of_entity, &mut self.groups_of_group);
        for (members, index) in [(&group.member_entities, entities), (&group.member_groups, groups)] {
            for member in members {
                if let Some(of) = index.get_mut(member) {
                    of.remove(id);
                    if of.is_empty() {
                        index.remove(member);
                    }
                }
            }
        }
    }
}

fn remove_if<K: std::hash::Hash + Eq>(map: &mut HashMap<K, String>, key: &K, id: &str) {
    if map.get(key).is_some_and(|of| of == id) {
        map.remove(key);
    }
}
