//! The walk over an entry in the order of a line. It names each field by the register and leaves the rest to the writer.
//! Never in it: a key as text, a decision about clear and hashed, or the syntax of a format.

use onrecord_value::Time;

use super::auth_cache::Key;
use super::order::members;
use super::syntax::Syntax;
use super::writer::Writer;
use crate::entry::{
    Auth, Elided, Entry, Gap, GrantingPolicy, Mount, Namespace, Operation, Part, PolicyResults, Record,
    Request, Response, Secret, Torn, WrapInfo,
};
use crate::patch::Patch;
use crate::register::{self, Field, kind};
use crate::seq_set::SeqRange;

pub(super) struct Walk<'e, 'a> {
    pub(super) entry: &'e Entry<'a>,
    pub(super) time: Time,
    pub(super) record: Option<Record>,
    pub(super) elide: bool,
}

impl<'a> Walk<'_, 'a> {
    pub(super) fn line<S: Syntax>(&self, w: &mut Writer<'_, 'a, S>) {
        let entry = self.entry;
        members!(S, field of entry {
            TIME => w.instant(field, self.time);
            TYPE => w.word(field, entry.entry_type().as_str());
            AUTH => w.object(field, |w| auth(w, &entry.auth, key_of(w, &entry.auth)));
            REQUEST => w.object(field, |w| request(w, &entry.request));
            RESPONSE => if let Some(answer) = &entry.response {
                let elide = self.elide && entry.request.operation == Some(Operation::List);
                w.object(field, |w| response(w, answer, elide));
            };
            ERROR => w.template(field, entry.error);
            FORWARDED_FROM => w.clear(field, entry.forwarded_from);
            FORWARDED => w.flag(field, entry.forwarded);
            DURATION => w.number(field, entry.duration_ns);
            GAP => if let Some(missed) = &entry.gap {
                w.object(field, |w| gap(w, missed));
            };
            ELIDED => if let Some(whole) = &entry.elided {
                w.object(field, |w| elided(w, whole));
            };
            PART => if let Some(piece) = &entry.part {
                w.object(field, |w| part(w, piece));
            };
            RECORD => if let Some(values) = self.record {
                w.object(field, |w| record(w, values));
            };
        });
    }
}

/// The key under which the caller's `auth` may be cached. Only the caller's may: a cached object has the offsets where
/// the caller's token and accessor are written for the first time in a line; their other occurrences are copies.
fn key_of<S: Syntax>(w: &Writer<'_, '_, S>, auth: &Auth<'_>) -> Option<Key> {
    let steady = auth.num_uses == 0 && auth.remaining_uses == 0 && !auth.entity_created;
    match (auth.cache_key, w.redactor.formatter()) {
        (Some(facts), Some(formatter)) if steady => Some(Key { formatter, facts: facts.number() }),
        _ => None,
    }
}

/// `key`: the key under which the object may be cached.
fn auth<'e, S: Syntax>(w: &mut Writer<'_, 'e, S>, auth: &Auth<'e>, key: Option<Key>) {
    if key.is_some_and(|key| w.write_cached(key, |w| results(w, &register::auth::POLICY_RESULTS, auth))) {
        return;
    }
    let start = w.out.len();
    let mut results_range = start..start;
    members!(S, field of auth {
        CLIENT_TOKEN => w.token(field, auth.client_token);
        ACCESSOR => w.accessor(field, auth.accessor);
        DISPLAY_NAME => w.clear(field, auth.display_name);
        POLICIES => w.clear_list(field, auth.policies);
        TOKEN_POLICIES => w.clear_list(field, auth.token_policies);
        IDENTITY_POLICIES => w.clear_list(field, auth.identity_policies);
        EXTERNAL_NAMESPACE_POLICIES => w.clear_list_map(field, auth.external_namespace_policies);
        NO_DEFAULT_POLICY => w.flag(field, auth.no_default_policy);
        POLICY_RESULTS => {
            results_range.start = w.out.len();
            results(w, field, auth);
            results_range.end = w.out.len();
        };
        METADATA => w.clear_map(field, auth.metadata);
        NUM_USES => w.number(field, auth.num_uses);
        REMAINING_USES => w.number(field, auth.remaining_uses);
        ENTITY_ID => w.clear(field, auth.entity_id);
        ENTITY_CREATED => w.flag(field, auth.entity_created);
        TOKEN_TYPE => w.word(field, auth.token_type.as_str());
        TOKEN_TTL => w.number(field, auth.token_ttl);
        TOKEN_ISSUE_TIME => if let Some(issued) = auth.token_issue_time {
            w.issue_time(field, issued);
        };
    });
    if let Some(key) = key {
        w.cache(key, start, results_range);
    }
}

/// The one member that differs from entry to entry of a token.
#[inline]
fn results<S: Syntax>(w: &mut Writer<'_, '_, S>, field: &'static Field<kind::Object>, auth: &Auth<'_>) {
    if let Some(results) = &auth.policy_results {
        w.object(field, |w| policy_results(w, results));
    }
}

#[inline]
fn policy_results<S: Syntax>(w: &mut Writer<'_, '_, S>, results: &PolicyResults<'_>) {
    members!(S, field of policy_results {
        ALLOWED => w.flag(field, results.allowed);
        GRANTING_POLICIES => if !results.granting_policies.is_empty() {
            w.objects(field, results.granting_policies.iter(), granting_policy);
        };
    });
}

#[inline]
fn granting_policy<S: Syntax>(w: &mut Writer<'_, '_, S>, policy: GrantingPolicy<'_>) {
    members!(S, field of granting_policy {
        NAME => w.clear(field, policy.name);
        NAMESPACE_ID => w.clear(field, policy.namespace_id);
        NAMESPACE_PATH => w.clear(field, policy.namespace_path);
        TYPE => w.clear(field, policy.kind);
    });
}

#[inline]
fn request<'e, S: Syntax>(w: &mut Writer<'_, 'e, S>, request: &Request<'e>) {
    let Mount { point, kind, accessor, running_version, running_sha256, class, is_external_plugin } =
        request.mount;
    // In the order of either format `data` is written before `data_over_limit`.
    let mut exceeded = None;
    members!(S, field of request {
        ID => w.clear(field, request.id);
        CLIENT_ID => w.clear(field, request.client_id);
        REPLICATION_CLUSTER => w.clear(field, request.replication_cluster);
        OPERATION => if let Some(operation) = request.operation {
            w.word(field, operation.as_str());
        };
        MOUNT_POINT => w.clear(field, point);
        MOUNT_TYPE => w.clear(field, kind);
        MOUNT_ACCESSOR => w.clear(field, accessor);
        MOUNT_RUNNING_VERSION => w.clear(field, running_version);
        MOUNT_RUNNING_SHA256 => w.clear(field, running_sha256);
        MOUNT_CLASS => w.clear(field, class);
        MOUNT_IS_EXTERNAL_PLUGIN => w.flag(field, is_external_plugin);
        CLIENT_TOKEN => w.token(field, request.client_token);
        CLIENT_TOKEN_ACCESSOR => w.accessor(field, request.client_token_accessor);
        NAMESPACE => if let Some(place) = &request.namespace {
            w.object(field, |w| namespace(w, place));
        };
        PATH => w.path(field, request.path);
        DATA => exceeded = w.data(field, request.data, false);
        POLICY_OVERRIDE => w.flag(field, request.policy_override);
        REMOTE_ADDRESS => w.clear(field, request.remote_address);
        REMOTE_PORT => w.number(field, request.remote_port.into());
        WRAP_TTL => w.number(field, request.wrap_ttl);
        HEADERS => w.headers(field, request.headers);
        CLIENT_CERTIFICATE_SERIAL_NUMBER => w.clear(field, request.client_certificate_serial_number);
        DATA_OVER_LIMIT => if let Some(limit) = exceeded {
            w.word(field, limit.as_str());
        };
    });
}

#[inline]
fn namespace<S: Syntax>(w: &mut Writer<'_, '_, S>, place: &Namespace<'_>) {
    members!(S, field of namespace {
        ID => w.clear(field, place.id);
        PATH => w.clear(field, place.path);
    });
}

#[inline]
fn response<'e, S: Syntax>(w: &mut Writer<'_, 'e, S>, response: &Response<'e>, elide: bool) {
    let Mount { point, kind, accessor, running_version, running_sha256, class, is_external_plugin } =
        response.mount;
    // In the order of either format `data` is written before `data_over_limit`.
    let mut exceeded = None;
    members!(S, field of response {
        AUTH => if let Some(issued) = &response.auth {
            w.object(field, |w| auth(w, issued, None));
        };
        MOUNT_POINT => w.clear(field, point);
        MOUNT_TYPE => w.clear(field, kind);
        MOUNT_ACCESSOR => w.clear(field, accessor);
        MOUNT_RUNNING_PLUGIN_VERSION => w.clear(field, running_version);
        MOUNT_RUNNING_SHA256 => w.clear(field, running_sha256);
        MOUNT_CLASS => w.clear(field, class);
        MOUNT_IS_EXTERNAL_PLUGIN => w.flag(field, is_external_plugin);
        SECRET => if let Some(lease) = response.secret {
            w.object(field, |w| secret(w, lease));
        };
        DATA => exceeded = w.data(field, response.data, elide);
        WARNINGS => w.template_list(field, response.warnings);
        REDIRECT => w.clear(field, response.redirect);
        WRAP_INFO => if let Some(info) = &response.wrap_info {
            w.object(field, |w| wrap_info(w, info));
        };
        HEADERS => w.headers(field, response.headers);
        STATUS_CODE => w.number(field, response.status_code.into());
        DATA_OVER_LIMIT => if let Some(limit) = exceeded {
            w.word(field, limit.as_str());
        };
    });
}

#[inline]
fn secret<S: Syntax>(w: &mut Writer<'_, '_, S>, lease: Secret<'_>) {
    members!(S, field of secret {
        LEASE_ID => w.clear(field, lease.lease_id);
    });
}

fn wrap_info<'e, S: Syntax>(w: &mut Writer<'_, 'e, S>, info: &WrapInfo<'e>) {
    members!(S, field of wrap_info {
        TTL => w.number(field, info.ttl);
        TOKEN => w.token_always(field, info.token);
        ACCESSOR => w.accessor_always(field, info.accessor);
        CREATION_TIME => w.instant(field, info.creation_time);
        CREATION_PATH => w.clear(field, info.creation_path);
        WRAPPED_ACCESSOR => w.accessor(field, info.wrapped_accessor);
    });
}

fn gap<S: Syntax>(w: &mut Writer<'_, '_, S>, gap: &Gap<'_>) {
    members!(S, field of gap {
        MISSED => w.number(field, gap.missed);
        RANGES => if !gap.ranges.is_empty() {
            w.objects(field, gap.ranges.iter(), range);
        };
        SINCE => if let Some(since) = gap.since {
            w.instant(field, since);
        };
        REASON => w.template(field, gap.reason);
        TORN => if let Some(tail) = &gap.torn {
            w.object(field, |w| torn(w, tail));
        };
        BOOT => if let Some(boot) = gap.boot {
            w.mark(field, boot.number());
        };
        ENDED => w.flag(field, gap.ended);
    });
}

fn range<S: Syntax>(w: &mut Writer<'_, '_, S>, missed: SeqRange) {
    members!(S, field of range {
        FROM => w.number(field, missed.from);
        TO => w.number(field, missed.to);
    });
}

fn torn<S: Syntax>(w: &mut Writer<'_, '_, S>, tail: &Torn<'_>) {
    members!(S, field of torn {
        BYTES => w.number(field, tail.bytes);
        SHA256 => w.clear(field, tail.sha256);
        KEPT_AS => w.clear(field, tail.kept_as);
    });
}

fn elided<S: Syntax>(w: &mut Writer<'_, '_, S>, whole: &Elided<'_>) {
    members!(S, field of elided {
        BYTES => w.number(field, whole.bytes);
        SHA256 => w.clear(field, whole.sha256);
    });
}

fn part<S: Syntax>(w: &mut Writer<'_, '_, S>, piece: &Part<'_>) {
    members!(S, field of part {
        NUMBER => w.number(field, piece.number);
        OF => w.number(field, piece.of);
        BYTES => w.number(field, piece.bytes);
        SHA256 => w.clear(field, piece.sha256);
        TEXT => w.clear(field, piece.text);
    });
}

#[inline]
fn record<S: Syntax>(w: &mut Writer<'_, '_, S>, Record { seq, boot, salt, device }: Record) {
    members!(S, field of record {
        SEQ => w.number(field, seq);
        BOOT => w.mark(field, boot.number());
        SALT => w.salt_mark(field, salt, Patch::SaltId);
        DEVICE => if let Some(first) = device {
            w.salt_mark(field, first, Patch::FirstSaltId);
        };
    });
}
