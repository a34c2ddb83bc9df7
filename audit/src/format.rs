//! The walk over an entry in the order of a line. It names each field by the register and leaves the rest to the writer.
//! Never in it: a key as text, or a decision about clear and hashed.

mod data;
mod digest;
mod json;

use onrecord_value::Time;

use crate::entry::{
    Auth, Entry, Gap, Mount, Namespace, Operation, PolicyResults, Record, Request, Response, WrapInfo,
};
use crate::form::{FormatError, Options};
use crate::limits::Budget;
use crate::redact::Redactor;
use crate::register as field;
use json::Writer;

/// Appends the line of an entry: prefix, object, newline. On an error the buffer is as it was.
pub(crate) fn write_line(
    options: &Options,
    redactor: Redactor<'_>,
    entry: &Entry<'_>,
    time: Time,
    record: Option<Record>,
    out: &mut Vec<u8>,
) -> Result<(), FormatError> {
    let start = out.len();
    let budget = Budget::new(&options.limits, start);
    let walk = Walk { entry, time, record, elide: options.elide_list_responses };
    let mut writer = Writer::new(out, redactor, budget);
    // The second time no data fits: then whatever can be a digest is one.
    for budget in [budget, budget.without_room()] {
        writer.restart(start, budget);
        writer.prefix(&options.prefix);
        writer.line(|w| walk.line(w));
        if writer.end_line() <= start.saturating_add(options.limits.line_bytes) {
            return Ok(());
        }
    }
    writer.restart(start, budget);
    Err(FormatError::LineTooLong { limit: options.limits.line_bytes })
}

struct Walk<'e, 'a> {
    entry: &'e Entry<'a>,
    time: Time,
    record: Option<Record>,
    elide: bool,
}

impl Walk<'_, '_> {
    fn line(&self, w: &mut Writer<'_, '_>) {
        use field::entry as f;
        let entry = self.entry;
        w.instant(&f::TIME, self.time);
        w.word(&f::TYPE, entry.kind().as_str());
        w.object(&f::AUTH, |w| auth(w, &entry.auth));
        w.object(&f::REQUEST, |w| request(w, &entry.request));
        if let Some(answer) = &entry.response {
            let elide = self.elide && entry.request.operation == Some(Operation::List);
            w.object(&f::RESPONSE, |w| response(w, answer, elide));
        }
        w.template(&f::ERROR, entry.error);
        w.clear(&f::FORWARDED_FROM, entry.forwarded_from);
        w.flag(&f::FORWARDED, entry.forwarded);
        w.number(&f::DURATION, entry.duration_ns);
        if let Some(missed) = &entry.gap {
            w.object(&f::GAP, |w| gap(w, missed));
        }
        if let Some(Record { seq, boot, salt }) = self.record {
            w.object(&f::RECORD, |w| {
                w.number(&field::record::SEQ, seq);
                w.mark(&field::record::BOOT, boot.number());
                w.mark(&field::record::SALT, salt.number());
            });
        }
    }
}

fn auth(w: &mut Writer<'_, '_>, auth: &Auth<'_>) {
    use field::auth as f;
    w.token(&f::CLIENT_TOKEN, auth.client_token);
    w.accessor(&f::ACCESSOR, auth.accessor);
    w.clear(&f::DISPLAY_NAME, auth.display_name);
    w.clear_list(&f::POLICIES, auth.policies);
    w.clear_list(&f::TOKEN_POLICIES, auth.token_policies);
    w.clear_list(&f::IDENTITY_POLICIES, auth.identity_policies);
    w.clear_list_map(&f::EXTERNAL_NAMESPACE_POLICIES, auth.external_namespace_policies);
    w.flag(&f::NO_DEFAULT_POLICY, auth.no_default_policy);
    if let Some(results) = &auth.policy_results {
        w.object(&f::POLICY_RESULTS, |w| policy_results(w, results));
    }
    w.clear_map(&f::METADATA, auth.metadata);
    w.number(&f::NUM_USES, auth.num_uses);
    w.number(&f::REMAINING_USES, auth.remaining_uses);
    w.clear(&f::ENTITY_ID, auth.entity_id);
    w.flag(&f::ENTITY_CREATED, auth.entity_created);
    w.word(&f::TOKEN_TYPE, auth.token_type.as_str());
    w.number(&f::TOKEN_TTL, auth.token_ttl);
    if let Some(issued) = auth.token_issue_time {
        w.issue_time(&f::TOKEN_ISSUE_TIME, issued);
    }
}

fn policy_results(w: &mut Writer<'_, '_>, results: &PolicyResults<'_>) {
    use field::{granting_policy, policy_results as f};
    w.flag(&f::ALLOWED, results.allowed);
    if results.granting_policies.is_empty() {
        return;
    }
    w.objects(&f::GRANTING_POLICIES, results.granting_policies.iter(), |w, policy| {
        w.clear(&granting_policy::NAME, policy.name);
        w.clear(&granting_policy::NAMESPACE_ID, policy.namespace_id);
        w.clear(&granting_policy::NAMESPACE_PATH, policy.namespace_path);
        w.clear(&granting_policy::TYPE, policy.kind);
    });
}

fn request(w: &mut Writer<'_, '_>, request: &Request<'_>) {
    use field::request as f;
    let Mount { point, kind, accessor, running_version, running_sha256, class, is_external_plugin } =
        request.mount;
    w.clear(&f::ID, request.id);
    w.clear(&f::CLIENT_ID, request.client_id);
    w.clear(&f::REPLICATION_CLUSTER, request.replication_cluster);
    if let Some(operation) = request.operation {
        w.word(&f::OPERATION, operation.as_str());
    }
    w.clear(&f::MOUNT_POINT, point);
    w.clear(&f::MOUNT_TYPE, kind);
    w.clear(&f::MOUNT_ACCESSOR, accessor);
    w.clear(&f::MOUNT_RUNNING_VERSION, running_version);
    w.clear(&f::MOUNT_RUNNING_SHA256, running_sha256);
    w.clear(&f::MOUNT_CLASS, class);
    w.flag(&f::MOUNT_IS_EXTERNAL_PLUGIN, is_external_plugin);
    w.token(&f::CLIENT_TOKEN, request.client_token);
    w.accessor(&f::CLIENT_TOKEN_ACCESSOR, request.client_token_accessor);
    if let Some(Namespace { id, path }) = request.namespace {
        w.object(&f::NAMESPACE, |w| {
            w.clear(&field::namespace::ID, id);
            w.clear(&field::namespace::PATH, path);
        });
    }
    w.path(&f::PATH, request.path);
    let beyond = w.data(&f::DATA, request.data, false);
    w.flag(&f::POLICY_OVERRIDE, request.policy_override);
    w.clear(&f::REMOTE_ADDRESS, request.remote_address);
    w.number(&f::REMOTE_PORT, request.remote_port.into());
    w.number(&f::WRAP_TTL, request.wrap_ttl);
    w.headers(&f::HEADERS, request.headers);
    w.clear(&f::CLIENT_CERTIFICATE_SERIAL_NUMBER, request.client_certificate_serial_number);
    if let Some(beyond) = beyond {
        w.word(&f::DATA_OVER_LIMIT, beyond.as_str());
    }
}

fn response(w: &mut Writer<'_, '_>, response: &Response<'_>, elide: bool) {
    use field::response as f;
    let Mount { point, kind, accessor, running_version, running_sha256, class, is_external_plugin } =
        response.mount;
    if let Some(issued) = &response.auth {
        w.object(&f::AUTH, |w| auth(w, issued));
    }
    w.clear(&f::MOUNT_POINT, point);
    w.clear(&f::MOUNT_TYPE, kind);
    w.clear(&f::MOUNT_ACCESSOR, accessor);
    w.clear(&f::MOUNT_RUNNING_PLUGIN_VERSION, running_version);
    w.clear(&f::MOUNT_RUNNING_SHA256, running_sha256);
    w.clear(&f::MOUNT_CLASS, class);
    w.flag(&f::MOUNT_IS_EXTERNAL_PLUGIN, is_external_plugin);
    if let Some(secret) = response.secret {
        w.object(&f::SECRET, |w| w.clear(&field::secret::LEASE_ID, secret.lease_id));
    }
    let beyond = w.data(&f::DATA, response.data, elide);
    w.template_list(&f::WARNINGS, response.warnings);
    w.clear(&f::REDIRECT, response.redirect);
    if let Some(info) = &response.wrap_info {
        w.object(&f::WRAP_INFO, |w| wrap_info(w, info));
    }
    w.headers(&f::HEADERS, response.headers);
    w.number(&f::STATUS_CODE, response.status_code.into());
    if let Some(beyond) = beyond {
        w.word(&f::DATA_OVER_LIMIT, beyond.as_str());
    }
}

fn wrap_info(w: &mut Writer<'_, '_>, info: &WrapInfo<'_>) {
    use field::wrap_info as f;
    w.number(&f::TTL, info.ttl);
    w.token_always(&f::TOKEN, info.token);
    w.accessor_always(&f::ACCESSOR, info.accessor);
    w.instant(&f::CREATION_TIME, info.creation_time);
    w.clear(&f::CREATION_PATH, info.creation_path);
    w.accessor(&f::WRAPPED_ACCESSOR, info.wrapped_accessor);
}

fn gap(w: &mut Writer<'_, '_>, gap: &Gap<'_>) {
    use field::{gap as f, range, torn as t};
    w.number(&f::MISSED, gap.missed);
    if !gap.ranges.is_empty() {
        w.objects(&f::RANGES, gap.ranges.iter(), |w, missed| {
            w.number(&range::FROM, missed.from);
            w.number(&range::TO, missed.to);
        });
    }
    if let Some(since) = gap.since {
        w.instant(&f::SINCE, since);
    }
    w.template(&f::REASON, gap.reason);
    if let Some(torn) = gap.torn {
        w.object(&f::TORN, |w| {
            w.number(&t::BYTES, torn.bytes);
            w.clear(&t::SHA256, torn.sha256);
            w.clear(&t::KEPT_AS, torn.kept_as);
        });
    }
    if let Some(boot) = gap.boot {
        w.mark(&f::BOOT, boot.number());
    }
}
