//! The fields of each object of a line and the facts that they hold: the one table by which lines are written and read.
//! Never in it: a key as text, a decision about clear and hashed, or the syntax of a format.

use onrecord_value::Time;

use super::auth_cache::Key;
use super::syntax::Syntax;
use super::writer::{Write, Writer};
use crate::decode::reader::{Read, Reader};
use crate::entry::{
    Auth, DeviceCheckpoint, Elided, Entry, Gap, GrantingPolicy, Namespace, Part, PolicyResults, Record,
    RefusedRequests, Request, Response, Secret, Torn, TreeFacts, WrapInfo,
};
use crate::patch::Patch;
use crate::register;
use crate::seq_set::SeqRange;

/// Takes one step for each field of an object: in the order of the register, or where the syntax wants it, in that of
/// the keys' bytes. Which one that is, and the sorted order itself, are known when it is compiled.
macro_rules! in_order {
    ($syntax:ident, $field:ident of $object:ident { $($name:ident => $step:expr;)* }) => {
        if $syntax::SORTED {
            #[allow(
                non_camel_case_types,
                clippy::upper_case_acronyms,
                reason = "they are the names of the fields"
            )]
            #[derive(Clone, Copy)]
            enum Member {
                $($name,)*
            }
            const MEMBERS: &[(&str, Member)] = &sorted([
                $((register::$object::$name.key(), Member::$name),)*
            ]);
            for (_, member) in MEMBERS {
                match member {
                    $(Member::$name => {
                        let $field = &register::$object::$name;
                        $step;
                    })*
                }
            }
        } else {
            $({
                let $field = &register::$object::$name;
                $step;
            })*
        }
    };
}

/// The fields of objects, each with the method by which the [`Writer`] writes it and the [`Reader`] reads it, and with
/// the fact that it holds.
macro_rules! members {
    ($($type:ty as $object:ident { $($name:ident: $method:ident $($fact:ident).+;)* })*) => {$(
        impl<'a> Write<'a> for $type {
            #[inline]
            fn write<S: Syntax>(&self, w: &mut Writer<'_, 'a, S>) {
                in_order!(S, field of $object { $($name => write!(w $method field, self.$($fact).+);)* });
            }
        }

        impl<'a> Read<'a> for $type {
            fn read(object: Reader<'a>) -> Self {
                let mut facts = Self::default();
                $(facts.$($fact).+ = object.$method(&register::$object::$name);)*
                facts
            }
        }
    )*};
}

/// Objects are borrowed: they are large.
macro_rules! write {
    ($w:ident object $field:ident, $fact:expr) => {
        $w.object($field, $fact.as_ref())
    };
    ($w:ident results $field:ident, $fact:expr) => {
        $w.results($field, $fact.as_ref())
    };
    ($w:ident $method:ident $field:ident, $fact:expr) => {
        $w.$method($field, $fact)
    };
}

members! {
    Auth<'a> as auth {
        CLIENT_TOKEN: token client_token;
        ACCESSOR: accessor accessor;
        DISPLAY_NAME: clear display_name;
        POLICIES: clear_list policies;
        TOKEN_POLICIES: clear_list token_policies;
        IDENTITY_POLICIES: clear_list identity_policies;
        EXTERNAL_NAMESPACE_POLICIES: clear_list_map external_namespace_policies;
        NO_DEFAULT_POLICY: flag no_default_policy;
        POLICY_RESULTS: results policy_results;
        METADATA: clear_map metadata;
        NUM_USES: number num_uses;
        REMAINING_USES: number remaining_uses;
        ENTITY_ID: clear entity_id;
        ENTITY_CREATED: flag entity_created;
        TOKEN_TYPE: word token_type;
        TOKEN_TTL: number token_ttl;
        TOKEN_ISSUE_TIME: issue_time token_issue_time;
    }
    PolicyResults<'a> as policy_results {
        ALLOWED: flag allowed;
        GRANTING_POLICIES: objects granting_policies;
        DENYING_POLICIES: objects denying_policies;
    }
    GrantingPolicy<'a> as granting_policy {
        NAME: clear name;
        NAMESPACE_ID: clear namespace_id;
        NAMESPACE_PATH: clear namespace_path;
        TYPE: clear kind;
    }
    Request<'a> as request {
        ID: clear id;
        CLIENT_ID: clear client_id;
        REPLICATION_CLUSTER: clear replication_cluster;
        OPERATION: word operation;
        MOUNT_POINT: clear mount.point;
        MOUNT_TYPE: clear mount.kind;
        MOUNT_ACCESSOR: clear mount.accessor;
        MOUNT_RUNNING_VERSION: clear mount.running_version;
        MOUNT_RUNNING_SHA256: clear mount.running_sha256;
        MOUNT_CLASS: clear mount.class;
        MOUNT_IS_EXTERNAL_PLUGIN: flag mount.is_external_plugin;
        CLIENT_TOKEN: token client_token;
        CLIENT_TOKEN_ACCESSOR: accessor client_token_accessor;
        NAMESPACE: object namespace;
        PATH: path path;
        DATA: request_data data;
        POLICY_OVERRIDE: flag policy_override;
        REMOTE_ADDRESS: clear remote_address;
        REMOTE_PORT: number remote_port;
        WRAP_TTL: number wrap_ttl;
        HEADERS: headers headers;
        CLIENT_CERTIFICATE_SERIAL_NUMBER: clear client_certificate_serial_number;
        DATA_OVER_LIMIT: over_limit data.exceeded;
        CLIENT_ADDRESS: clear client_address;
        CLIENT_PORT: number client_port;
        TRACE_ID: clear trace_id;
        PARENT_ID: clear parent_id;
    }
    Namespace<'a> as namespace {
        ID: clear id;
        PATH: clear path;
    }
    Response<'a> as response {
        AUTH: object auth;
        MOUNT_POINT: clear mount.point;
        MOUNT_TYPE: clear mount.kind;
        MOUNT_ACCESSOR: clear mount.accessor;
        MOUNT_RUNNING_PLUGIN_VERSION: clear mount.running_version;
        MOUNT_RUNNING_SHA256: clear mount.running_sha256;
        MOUNT_CLASS: clear mount.class;
        MOUNT_IS_EXTERNAL_PLUGIN: flag mount.is_external_plugin;
        SECRET: object secret;
        DATA: response_data data;
        WARNINGS: template_list warnings;
        REDIRECT: clear redirect;
        WRAP_INFO: object wrap_info;
        HEADERS: headers headers;
        STATUS_CODE: number status_code;
        DATA_OVER_LIMIT: over_limit data.exceeded;
    }
    Secret<'a> as secret {
        LEASE_ID: clear lease_id;
    }
    WrapInfo<'a> as wrap_info {
        TTL: number ttl;
        TOKEN: token_always token;
        ACCESSOR: accessor_always accessor;
        CREATION_TIME: instant_always creation_time;
        CREATION_PATH: clear creation_path;
        WRAPPED_ACCESSOR: accessor wrapped_accessor;
    }
    Gap<'a> as gap {
        MISSED: number missed;
        RANGES: objects ranges;
        SINCE: instant since;
        REASON: template reason;
        TORN: object torn;
        BOOT: boot boot;
        ENDED: flag ended;
        TREE: object tree;
    }
    TreeFacts<'a> as tree {
        SIZE: number size;
        ROOT: clear root;
        LINES: number lines;
        KEPT_AS: clear kept_as;
    }
    DeviceCheckpoint<'a> as checkpoint {
        ORIGIN: clear origin;
        SIZE: number size;
        ROOT: clear root;
        NOTE: clear note;
    }
    RefusedRequests<'a> as refused {
        COUNT: number count;
        SINCE: instant since;
        UNTIL: instant until;
        REASON: template reason;
    }
    SeqRange as range {
        FROM: number from;
        TO: number to;
    }
    Torn<'a> as torn {
        BYTES: number bytes;
        SHA256: clear sha256;
        KEPT_AS: clear kept_as;
    }
    Elided<'a> as elided {
        BYTES: number bytes;
        SHA256: clear sha256;
    }
    Part<'a> as part {
        NUMBER: number number;
        OF: number of;
        BYTES: number bytes;
        SHA256: clear sha256;
        TEXT: clear text;
    }
}

/// A line: its entry, and what identifies it.
pub(super) struct Line<'e, 'a> {
    pub(super) entry: &'e Entry<'a>,
    pub(super) time: Time,
    pub(super) record: Option<Record>,
}

impl<'a> Line<'_, 'a> {
    pub(super) fn write<S: Syntax>(&self, w: &mut Writer<'_, 'a, S>) {
        let entry = self.entry;
        in_order!(S, field of entry {
            TIME => w.instant_always(field, self.time);
            TYPE => w.word(field, Some(entry.entry_type()));
            AUTH => w.braced(field, |w| callers_auth(w, &entry.auth));
            REQUEST => w.object(field, Some(&entry.request));
            RESPONSE => w.object(field, entry.response.as_ref());
            ERROR => w.template(field, entry.error);
            FORWARDED_FROM => w.clear(field, entry.forwarded_from);
            FORWARDED => w.flag(field, entry.forwarded);
            DURATION => w.number(field, entry.duration_ns);
            GAP => w.object(field, entry.gap.as_ref());
            ELIDED => w.object(field, entry.elided.as_ref());
            PART => w.object(field, entry.part.as_ref());
            REFUSED => w.object(field, entry.refused.as_ref());
            CHECKPOINT => w.object(field, entry.checkpoint.as_ref());
            RECORD => if let Some(values) = self.record {
                w.braced(field, |w| record(w, values));
            };
        });
    }
}

impl<'a> Read<'a> for Entry<'a> {
    fn read(line: Reader<'a>) -> Self {
        use register::entry as field;
        Self {
            auth: line.object(&field::AUTH).unwrap_or_default(),
            request: line.object(&field::REQUEST).unwrap_or_default(),
            response: line.object(&field::RESPONSE),
            error: line.template(&field::ERROR),
            forwarded_from: line.clear(&field::FORWARDED_FROM),
            forwarded: line.flag(&field::FORWARDED),
            duration_ns: line.number(&field::DURATION),
            gap: line.object(&field::GAP),
            elided: line.object(&field::ELIDED),
            part: line.object(&field::PART),
            refused: line.object(&field::REFUSED),
            checkpoint: line.object(&field::CHECKPOINT),
        }
    }
}

/// The caller's `auth`, from the cache or written. Only the caller's is cached: a cached object has the offsets where
/// the caller's token and accessor are written for the first time in a line; their other occurrences are copies.
fn callers_auth<'e, S: Syntax>(w: &mut Writer<'_, 'e, S>, auth: &Auth<'e>) {
    let steady = auth.num_uses == 0 && auth.remaining_uses == 0 && !auth.entity_created;
    let key = match (auth.cache_key, w.redactor.formatter) {
        (Some(facts), Some(formatter)) if steady => Some(Key { formatter, facts: facts.number() }),
        _ => None,
    };
    // The results are the one member that differs from entry to entry of a token.
    let results = auth.policy_results.as_ref();
    if key.is_some_and(|key| w.write_cached(key, |w| w.results(&register::auth::POLICY_RESULTS, results))) {
        return;
    }
    let start = w.out.len();
    auth.write(w);
    if let Some(key) = key {
        w.cache(key, start);
    }
}

#[inline]
fn record<S: Syntax>(w: &mut Writer<'_, '_, S>, Record { seq, boot, salt, device }: Record) {
    in_order!(S, field of record {
        SEQ => w.number(field, seq);
        BOOT => w.boot(field, Some(boot));
        SALT => w.salt_mark(field, salt, Patch::SaltId);
        DEVICE => if let Some(first) = device {
            w.salt_mark(field, first, Patch::FirstSaltId);
        };
    });
}

/// What is named, in the order of the bytes of the names.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which an index beyond the end stops")]
const fn sorted<T: Copy, const N: usize>(mut named: [(&str, T); N]) -> [(&str, T); N] {
    let mut done = 1;
    while done < N {
        let mut at = done;
        while at > 0 && is_before(named[at].0.as_bytes(), named[at - 1].0.as_bytes()) {
            named.swap(at, at - 1);
            at -= 1;
        }
        done += 1;
    }
    named
}

const fn is_before(mut one: &[u8], mut other: &[u8]) -> bool {
    loop {
        match (one, other) {
            (_, []) => return false,
            ([], _) => return true,
            ([a, more @ ..], [b, rest @ ..]) => {
                if *a != *b {
                    return *a < *b;
                }
                (one, other) = (more, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sorted;

    #[test]
    fn names_are_sorted_by_their_bytes() {
        let names = ["b", "a_c", "a", "", "ab", "a_b"];
        let mut expected = names;
        expected.sort_unstable();
        assert_eq!(sorted(names.map(|name| (name, ()))).map(|(name, ())| name), expected);
    }
}
