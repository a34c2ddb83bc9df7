//! Requests that proxies pass on, and those of browsers: what is on record of them, and what they are answered.
//! Never in it: how a listener finds the client behind a proxy.

use std::net::SocketAddr;

use onrecord_core::{Exchange, Headers, Peer, Received, Settings, Target};
use serde_json::json;

use crate::kit::{Reply, TestServer, entries, said};

/// A request of a peer.
async fn send(
    world: &TestServer,
    peer: Option<Peer>,
    method: &str,
    path: &str,
    sent: &[(&str, &str)],
) -> (Reply, Option<String>) {
    let mut headers = Headers::new();
    for (name, value) in sent {
        headers.push(name, value);
    }
    let target = Target::Api(path.to_owned());
    let permit = world.core.arrive(&world.core.account_of_client(peer.as_ref()), &target);
    let exchange = Exchange {
        method: method.to_owned(),
        target,
        query: String::new(),
        headers,
        body: Received::Whole(bytes::Bytes::new()),
        peer,
        client_certificate_serial: None,
        client_certificates: None,
    };
    let answer = world.core.answer(permit, exchange).await;
    let origin = answer.cors().map(|grant| grant.origin.clone());
    (said(answer), origin)
}

fn proxy() -> Peer {
    SocketAddr::from(([10, 0, 0, 1], 4321)).into()
}

#[tokio::test]
async fn r_clientip_the_sockets_peer_and_the_client_behind_a_trusted_proxy_are_both_on_record() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    let behind = proxy().forwarding("192.0.2.9".parse().unwrap(), 55);
    let token = [("X-Vault-Token", &*world.root)];
    for peer in [Some(proxy()), Some(behind), None] {
        assert_eq!(send(&world, peer, "GET", "auth/token/lookup-self", &token).await.0.status, 200);
    }
    let requests: Vec<_> = entries(&device).into_iter().map(|entry| entry["request"].clone()).collect();
    let facts = |index: usize| {
        let request = &requests[index];
        ["remote_address", "remote_port", "client_address", "client_port"].map(|key| request[key].clone())
    };
    let null = json!(null);
    assert_eq!(facts(0), [json!("10.0.0.1"), json!(4321), null.clone(), null.clone()]);
    for index in [2, 3] {
        assert_eq!(facts(index), [json!("10.0.0.1"), json!(4321), json!("192.0.2.9"), json!(55)]);
    }
    assert_eq!(facts(4), [const { serde_json::Value::Null }; 4], "a Unix socket has no addresses");
}

#[tokio::test]
async fn a_request_that_the_rules_for_proxies_refuse_is_on_record_and_not_done() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    let peer = proxy().refused("missing x-forwarded-for header and configured to reject when not present");
    let token = [("X-Vault-Token", &*world.root)];
    let (refused, _) = send(&world, Some(peer.clone()), "PUT", "sys/seal", &token).await;
    assert_eq!((refused.status, refused.error()), (400, peer_text(&peer)));
    assert!(world.core.unsealed().is_some());
    let lines = entries(&device);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["error"], "the listener's rules for X-Forwarded-For refuse the request");
    assert_eq!(lines[1]["response"]["status_code"], 400);
    let (refused, _) = send(&world, Some(peer), "GET", "sys/health", &[]).await;
    assert_eq!(refused.status, 400, "off the record, it is refused too");
}

fn peer_text(peer: &Peer) -> &str {
    match &peer.forwarding {
        onrecord_core::Forwarding::Refused(text) => text,
        _ => "",
    }
}

#[tokio::test]
async fn clients_behind_one_proxy_have_rates_of_their_own() {
    let settings = Settings { unauthenticated_rate_limit: 1, ..Settings::default() };
    let world = TestServer::with(settings).await;
    let device = world.device("test/", false).await;
    let client = |last: u8| Some(proxy().forwarding([192, 0, 2, last].into(), 0));
    let mut refused = 0;
    for _ in 0..20 {
        let (reply, _) = send(&world, client(1), "GET", "sys/mounts", &[]).await;
        refused += usize::from(reply.status == 429);
    }
    assert!(refused > 0);
    assert_eq!(send(&world, client(2), "GET", "sys/mounts", &[]).await.0.status, 403);
    assert_eq!(send(&world, Some(proxy()), "GET", "sys/mounts", &[]).await.0.status, 403);
    world.core.seal(std::time::Duration::from_secs(5)).await;
    let counted = entries(&device).into_iter().find(|entry| entry["request"]["path"] == "sys/audit/refused");
    let request = counted.expect("the rest is counted")["request"].clone();
    assert_eq!((&request["client_address"], &request["remote_address"]), (&json!("192.0.2.1"), &json!(null)));
}

#[tokio::test]
async fn a_browser_is_told_which_origins_may_read_answers_and_its_questions_are_on_record() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    let (page, stranger) = (("Origin", "https://page.example"), ("Origin", "https://stranger.example"));
    let preflight = [page, ("Access-Control-Request-Method", "POST")];
    let token = ("X-Vault-Token", &*world.root);
    let peer = || Some(proxy());
    let (reply, origin) = send(&world, peer(), "OPTIONS", "sys/mounts", &preflight).await;
    assert_eq!((reply.status, origin), (405, None), "it is disabled");
    let settings = json!({ "allowed_origins": [page.1] });
    assert_eq!(world.root("POST", "sys/config/cors", Some(settings)).await.status, 204);
    let (reply, origin) = send(&world, peer(), "OPTIONS", "sys/mounts", &preflight).await;
    assert_eq!((reply.status, reply.text.as_str(), origin.as_deref()), (204, "", Some(page.1)));
    let (reply, origin) = send(&world, peer(), "GET", "sys/mounts", &[page, token]).await;
    assert_eq!((reply.status, origin.as_deref()), (200, Some(page.1)));
    let (reply, origin) = send(&world, peer(), "GET", "sys/health", &[page]).await;
    assert_eq!((reply.status, origin.as_deref()), (200, Some(page.1)), "off the record too");
    let (reply, origin) = send(&world, peer(), "GET", "sys/mounts", &[stranger, token]).await;
    assert_eq!((reply.status, reply.error(), origin), (403, "origin not allowed", None));
    let lines = entries(&device);
    let of = |index: usize| {
        let entry = &lines[index];
        (
            entry["request"]["operation"].clone(),
            entry["response"]["status_code"].clone(),
            entry["error"].clone(),
        )
    };
    assert_eq!(of(5), (json!("options"), json!(204), json!(null)));
    assert_eq!(of(9), (json!("read"), json!(403), json!("origin not allowed")));
}

#[tokio::test]
async fn what_people_and_misconfigured_clients_ask_for_outside_of_the_api_is_answered_with_what_to_do() {
    let world = TestServer::new().await;
    let at = |path: &str| {
        let target = Target::Outside(path.to_owned());
        let permit = world.core.arrive(&world.core.account_of_client(None), &target);
        let exchange = Exchange {
            method: "GET".to_owned(),
            target,
            query: String::new(),
            headers: Headers::new(),
            body: Received::Whole(bytes::Bytes::new()),
            peer: None,
            client_certificate_serial: None,
            client_certificates: None,
        };
        world.core.answer(permit, exchange)
    };
    for (path, says) in [
        ("/", "its API is below /v1/"),
        ("/ui", "no web console"),
        ("/ui/vault/auth", "no web console"),
        ("//v1/sys/health", "take the slash at the end of the server's address away"),
    ] {
        let reply = said(at(path).await);
        assert!(reply.status == 404 && reply.error().contains(says), "{path}: {}", reply.text);
    }
    assert_eq!(said(at("/favicon.ico").await).text, "{\"errors\":[]}\n");
}

#[tokio::test]
async fn a_bearer_token_in_any_case_is_in_no_line_even_where_its_header_is_audited_in_the_clear() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    let clear = Some(json!({"hmac": false}));
    let header = "sys/config/auditing/request-headers/authorization";
    assert_eq!(world.root("PUT", header, clear).await.status, 204);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        for (token, status) in [("canary-of-a-token", 403), (&*world.root, 200)] {
            let value = format!("{scheme} {token}");
            let (reply, _) = send(&world, None, "GET", "sys/mounts", &[("Authorization", &value)]).await;
            assert_eq!(reply.status, status, "{scheme}");
        }
    }
    for line in device.lines() {
        let line = String::from_utf8(line.clone()).unwrap();
        assert!(!line.contains("canary-of-a-token") && !line.contains(&*world.root), "{line}");
    }
}
