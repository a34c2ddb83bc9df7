//! Well-formed inputs to begin with: the recordings and goldens of the tree, taken apart, and a few that they lack.
//! Never in it: changes.

use serde_json::Value;

use crate::server::ROOT_TOKEN;
use crate::storage::{cut, edit};

/// Requests that were recorded of compatible servers.
const STEPS: [&str; 5] = [
    include_str!("../../e2e/recordings/steps/01-devices.json"),
    include_str!("../../e2e/recordings/steps/02-headers.json"),
    include_str!("../../e2e/recordings/steps/03-kv.json"),
    include_str!("../../e2e/recordings/steps/04-tokens.json"),
    include_str!("../../e2e/recordings/steps/05-wrong.json"),
];
const EXPECTED: &str = include_str!("../../e2e/recordings/expected.json");
const RAW_LINES: &str = include_str!("../../entry/tests/entry/golden/raw-lines.jsonl");
const JSONX_PAIRS: &str = include_str!("../../entry/tests/entry/golden/jsonx-pairs.txt");

fn steps() -> Vec<Value> {
    let whole = STEPS.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok());
    whole.flat_map(|steps| steps["steps"].as_array().cloned().unwrap_or_default()).collect()
}

fn body_of(step: &Value) -> Option<Vec<u8>> {
    step.get("body").map(|body| body.to_string().into_bytes())
}

pub(crate) fn http() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for step in steps() {
        let (Some(method), Some(path)) = (step["method"].as_str(), step["path"].as_str()) else { continue };
        let mut request =
            format!("{method} /v1/{path} HTTP/1.1\r\nHost: a\r\nX-Vault-Token: {ROOT_TOKEN}\r\n");
        let body = body_of(&step).unwrap_or_default();
        if !body.is_empty() {
            request.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        request += "\r\n";
        found.push([request.as_bytes(), &body].concat());
    }
    for text in [
        "GET /v1/sys/health HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/sys/seal-status HTTP/1.0\r\n\r\n",
        "POST /v1/secret/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\nT: x\r\n\r\n",
        "LIST /v1/secret/%C3%A4%2Fb?a=1&a=2&list=true HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nTRACE /v1/a HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT /v1/a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\na=b",
        "GET http://a/v1/sys/mounts HTTP/1.1\r\nHost: a\r\nX-Vault-Namespace: b\r\nX-Vault-Wrap-TTL: 5\r\n\r\n",
    ] {
        found.push(text.as_bytes().to_vec());
    }
    found
}

pub(crate) fn json() -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = steps().iter().filter_map(body_of).collect();
    found.extend(RAW_LINES.lines().step_by(16).map(|line| line.as_bytes().to_vec()));
    found.push(
        br#"{"a":[1,-0,1.50,1e400,12345678901234567890],"b":"\ud83d\ude00\u2028<>&\ud800","":null}"#.to_vec(),
    );
    found
}

pub(crate) fn hcl() -> Vec<Vec<u8>> {
    let policies = steps();
    let policies = policies.iter().filter_map(|step| step["body"]["policy"].as_str());
    let mut found: Vec<Vec<u8>> = policies.map(|policy| policy.as_bytes().to_vec()).collect();
    for text in [
        include_str!("../../core/src/policies/default.hcl"),
        "listener \"tcp\" {\n  address = \"127.0.0.1:8200\" # there\n  tls_disable = true\n}\n/* a */ disable_mlock = true\n",
        "audit \"file\" {\n  path = \"a\"\n  options = { file_path = \"/a.log\", mode = \"0600\", list = [1, 0x1f, -2.5e3] }\n}\n",
        "path \"secret/+/a*\" {\n  capabilities = [\"read\"]\n  allowed_parameters = { \"*\" = [], \"a\" = [\"b\", 1] }\n  min_wrapping_ttl = \"1s\"\n}\n",
        "a = <<EOF\n  text\nEOF\nb = <<-EOF\n  text\n  EOF\nc = \"\\u00e4${x}\"\n",
        "{\"path\":{\"secret/*\":{\"capabilities\":[\"read\",\"list\"]}}}",
    ] {
        found.push(text.as_bytes().to_vec());
    }
    found
}

pub(crate) fn options() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for step in steps() {
        let body = &step["body"];
        let (Some(kind), Some(options)) = (body["type"].as_str(), body["options"].as_object()) else {
            continue;
        };
        let mut text = kind.to_owned();
        for (key, value) in options {
            text.extend(["\n", key, "=", value.as_str().unwrap_or_default()]);
        }
        found.push(text.into_bytes());
    }
    for text in [
        "file\nfile_path=/tmp/a.log\nmode=0640\nprefix=a \nformat=jsonx\nlog_raw=true\nhmac_accessor=f\ndurability=fsync",
        "socket\naddress=127.0.0.1:9000\nsocket_type=udp\nwrite_timeout=2s\nmax_message=64kib\noversize=split",
        "syslog\nfacility=AUTH\ntag=vault\nsocket=/dev/log\noversize=fail\nskip_test=1\nrequired=T",
        "socket\naddress=[::1]:9000\nwrite_timeout=1h2m3.5s\nelide_list_responses=true",
    ] {
        found.push(text.as_bytes().to_vec());
    }
    found
}

pub(crate) fn lines() -> Vec<Vec<u8>> {
    let lines: Vec<&str> = RAW_LINES.lines().collect();
    let mut found: Vec<Vec<u8>> = lines.chunks(3).map(|some| (some.join("\n") + "\n").into_bytes()).collect();
    found.extend(JSONX_PAIRS.lines().step_by(6).map(|line| line.as_bytes().to_vec()));
    if let Ok(Value::Object(expected)) = serde_json::from_str(EXPECTED) {
        found.extend(expected.values().take(20).map(|value| value.to_string().into_bytes()));
    }
    found.extend(crate::server::lines_of_a_few_requests());
    found
}

pub(crate) fn filter() -> Vec<Vec<u8>> {
    let texts = [
        "path=secret/app and not op=list",
        "(who~a* or ip=192.0.2.1) && !denied status>=400",
        "time >= 2026-11-20T10:00:00Z and time < \"yesterday 14:00\" or time > -2h",
        "duration > 1.5s and version != 3 and policy=default",
        "request.data.password=hmac-sha256:00 or response.data.keys ~ \"*\\\\**\"",
        "token=0123456789ab or issued=hmac-sha256:0123456789ab or wrapping!~h?",
        "error='permission denied' elided=false denied~true type=request",
        "not (not (mount=secret mount_type!=kv namespace~* seq<=5))",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(crate) fn storage() -> Vec<Vec<u8>> {
    vec![Vec::new(), edit(0, 1), edit(4096, 0x80), cut(5000)]
}
