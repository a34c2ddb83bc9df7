//! The entry of a checked line, borrowed from its object.
//! Never in it: a check. A value that does not fit counts as absent.

use onrecord_value::{Number, Object, Time, Value};

use super::DecodeError;
use crate::entry::{
    Accessor, Auth, Boot, Clear, Data, Elided, Entry, Gap, Grants, Headers, IssueTime, IssuedAt, Metadata,
    Mount, Names, NamesByName, Namespace, Operation, Part, Path, PolicyResults, Ranges, Request, Response,
    Secret, TemplateText, Token, TokenType, Torn, Warnings, WrapInfo,
};
use crate::limits::ExceededLimit;
use crate::register as field;

/// A time that can be written again to the same text.
pub(super) fn exact_time(object: &Object, key: &str, at: &str) -> Result<Time, DecodeError> {
    let wrong =
        || DecodeError::Field { at: at.to_owned(), expected: "a time in UTC as RFC 3339 with nanoseconds" };
    let text = object.str(key).ok_or_else(wrong)?;
    let time = Time::parse(text).map_err(|_| wrong())?;
    let mut written = Vec::with_capacity(40);
    time.rfc3339_nano(&mut written);
    if written == text.as_bytes() { Ok(time) } else { Err(wrong()) }
}

pub(super) fn number(object: &Object, key: &str) -> u64 {
    object.get(key).and_then(Value::as_number).and_then(Number::as_u64).unwrap_or(0)
}

fn small(object: &Object, key: &str) -> u16 {
    u16::try_from(number(object, key)).unwrap_or(0)
}

fn str<'a>(object: &'a Object, key: &str) -> &'a str {
    object.str(key).unwrap_or_default()
}

fn clear<'a>(object: &'a Object, key: &str) -> Clear<'a> {
    Clear::new(str(object, key))
}

fn flag(object: &Object, key: &str) -> bool {
    object.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn list<'a>(object: &'a Object, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).unwrap_or_default()
}

fn time(object: &Object, key: &str) -> Option<Time> {
    object.str(key).and_then(|text| Time::parse(text).ok())
}

pub(super) fn entry(line: &Object) -> Entry<'_> {
    use field::entry as f;
    Entry {
        auth: line.object(f::AUTH.key()).map(auth).unwrap_or_default(),
        request: line.object(f::REQUEST.key()).map(request).unwrap_or_default(),
        response: line.object(f::RESPONSE.key()).map(response),
        error: TemplateText::decoded(str(line, f::ERROR.key())),
        forwarded_from: clear(line, f::FORWARDED_FROM.key()),
        forwarded: flag(line, f::FORWARDED.key()),
        duration_ns: number(line, f::DURATION.key()),
        gap: line.object(f::GAP.key()).map(gap),
        elided: line.object(f::ELIDED.key()).map(elided),
        part: line.object(f::PART.key()).map(part),
    }
}

fn auth(object: &Object) -> Auth<'_> {
    use field::auth as f;
    let names = |key| Names::decoded(list(object, key));
    let token_type = object.str(f::TOKEN_TYPE.key());
    Auth {
        client_token: Token::new(str(object, f::CLIENT_TOKEN.key())),
        accessor: Accessor::new(str(object, f::ACCESSOR.key())),
        display_name: clear(object, f::DISPLAY_NAME.key()),
        policies: names(f::POLICIES.key()),
        token_policies: names(f::TOKEN_POLICIES.key()),
        identity_policies: names(f::IDENTITY_POLICIES.key()),
        external_namespace_policies: object
            .object(f::EXTERNAL_NAMESPACE_POLICIES.key())
            .map(NamesByName::decoded)
            .unwrap_or_default(),
        no_default_policy: flag(object, f::NO_DEFAULT_POLICY.key()),
        policy_results: object.object(f::POLICY_RESULTS.key()).map(|results| PolicyResults {
            allowed: flag(results, field::policy_results::ALLOWED.key()),
            granting_policies: Grants::decoded(list(results, field::policy_results::GRANTING_POLICIES.key())),
        }),
        metadata: object.object(f::METADATA.key()).map(Metadata::from).unwrap_or_default(),
        num_uses: number(object, f::NUM_USES.key()),
        remaining_uses: number(object, f::REMAINING_USES.key()),
        entity_id: clear(object, f::ENTITY_ID.key()),
        entity_created: flag(object, f::ENTITY_CREATED.key()),
        token_type: TokenType::ALL
            .into_iter()
            .find(|known| Some(known.as_str()) == token_type)
            .unwrap_or(TokenType::Unstated),
        token_ttl: number(object, f::TOKEN_TTL.key()),
        token_issue_time: object.str(f::TOKEN_ISSUE_TIME.key()).map(|text| IssueTime(IssuedAt::Text(text))),
        cache_key: None,
    }
}

fn request(object: &Object) -> Request<'_> {
    use field::request as f;
    let operation = object.str(f::OPERATION.key());
    Request {
        id: clear(object, f::ID.key()),
        client_id: clear(object, f::CLIENT_ID.key()),
        replication_cluster: clear(object, f::REPLICATION_CLUSTER.key()),
        operation: Operation::ALL.into_iter().find(|known| Some(known.as_str()) == operation),
        mount: Mount {
            point: clear(object, f::MOUNT_POINT.key()),
            kind: clear(object, f::MOUNT_TYPE.key()),
            accessor: clear(object, f::MOUNT_ACCESSOR.key()),
            running_version: clear(object, f::MOUNT_RUNNING_VERSION.key()),
            running_sha256: clear(object, f::MOUNT_RUNNING_SHA256.key()),
            class: clear(object, f::MOUNT_CLASS.key()),
            is_external_plugin: flag(object, f::MOUNT_IS_EXTERNAL_PLUGIN.key()),
        },
        client_token: Token::new(str(object, f::CLIENT_TOKEN.key())),
        client_token_accessor: Accessor::new(str(object, f::CLIENT_TOKEN_ACCESSOR.key())),
        namespace: object.object(f::NAMESPACE.key()).map(|namespace| Namespace {
            id: clear(namespace, field::namespace::ID.key()),
            path: clear(namespace, field::namespace::PATH.key()),
        }),
        path: Path::new(str(object, f::PATH.key())),
        data: data(object, f::DATA.key(), f::DATA_OVER_LIMIT.key()),
        policy_override: flag(object, f::POLICY_OVERRIDE.key()),
        remote_address: clear(object, f::REMOTE_ADDRESS.key()),
        remote_port: small(object, f::REMOTE_PORT.key()),
        wrap_ttl: number(object, f::WRAP_TTL.key()),
        headers: object.object(f::HEADERS.key()).map(Headers::decoded).unwrap_or_default(),
        client_certificate_serial_number: clear(object, f::CLIENT_CERTIFICATE_SERIAL_NUMBER.key()),
    }
}

fn data<'a>(object: &'a Object, key: &str, limit: &str) -> Data<'a> {
    let word = object.str(limit);
    Data {
        object: object.object(key),
        plain_keys: Names::default(),
        exceeded: ExceededLimit::ALL.into_iter().find(|known| Some(known.as_str()) == word),
    }
}

fn response(object: &Object) -> Response<'_> {
    use field::response as f;
    Response {
        auth: object.object(f::AUTH.key()).map(auth),
        mount: Mount {
            point: clear(object, f::MOUNT_POINT.key()),
            kind: clear(object, f::MOUNT_TYPE.key()),
            accessor: clear(object, f::MOUNT_ACCESSOR.key()),
            running_version: clear(object, f::MOUNT_RUNNING_PLUGIN_VERSION.key()),
            running_sha256: clear(object, f::MOUNT_RUNNING_SHA256.key()),
            class: clear(object, f::MOUNT_CLASS.key()),
            is_external_plugin: flag(object, f::MOUNT_IS_EXTERNAL_PLUGIN.key()),
        },
        secret: object
            .object(f::SECRET.key())
            .map(|secret| Secret { lease_id: clear(secret, field::secret::LEASE_ID.key()) }),
        data: data(object, f::DATA.key(), f::DATA_OVER_LIMIT.key()),
        warnings: Warnings::decoded(list(object, f::WARNINGS.key())),
        redirect: clear(object, f::REDIRECT.key()),
        wrap_info: object.object(f::WRAP_INFO.key()).map(wrap_info),
        headers: object.object(f::HEADERS.key()).map(Headers::decoded).unwrap_or_default(),
        status_code: small(object, f::STATUS_CODE.key()),
    }
}

fn wrap_info(object: &Object) -> WrapInfo<'_> {
    use field::wrap_info as f;
    WrapInfo {
        ttl: number(object, f::TTL.key()),
        token: Token::new(str(object, f::TOKEN.key())),
        accessor: Accessor::new(str(object, f::ACCESSOR.key())),
        creation_time: time(object, f::CREATION_TIME.key()).unwrap_or(Time::UNIX_EPOCH),
        creation_path: clear(object, f::CREATION_PATH.key()),
        wrapped_accessor: Accessor::new(str(object, f::WRAPPED_ACCESSOR.key())),
    }
}

fn gap(object: &Object) -> Gap<'_> {
    use field::{gap as f, torn as t};
    Gap {
        missed: number(object, f::MISSED.key()),
        ranges: Ranges::decoded(list(object, f::RANGES.key())),
        since: time(object, f::SINCE.key()),
        reason: TemplateText::decoded(str(object, f::REASON.key())),
        torn: object.object(f::TORN.key()).map(|torn| Torn {
            bytes: number(torn, t::BYTES.key()),
            sha256: clear(torn, t::SHA256.key()),
            kept_as: clear(torn, t::KEPT_AS.key()),
        }),
        boot: Boot::parse(str(object, f::BOOT.key())),
        ended: flag(object, f::ENDED.key()),
    }
}

fn elided(object: &Object) -> Elided<'_> {
    use field::elided as f;
    Elided { bytes: number(object, f::BYTES.key()), sha256: clear(object, f::SHA256.key()) }
}

fn part(object: &Object) -> Part<'_> {
    use field::part as f;
    Part {
        number: number(object, f::NUMBER.key()),
        of: number(object, f::OF.key()),
        bytes: number(object, f::BYTES.key()),
        sha256: clear(object, f::SHA256.key()),
        text: clear(object, f::TEXT.key()),
    }
}
