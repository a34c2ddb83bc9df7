//! Many items in one request.

use onrecord_value::{Object, Value};
use serde_json::json;

use super::{Reply, base64, server};

fn results(said: &Reply) -> Vec<Object> {
    let results = said.data().get("batch_results").and_then(Value::as_array);
    let results = results.unwrap_or_else(|| panic!("{}", said.text));
    results.iter().map(|result| result.as_object().unwrap().clone()).collect()
}

#[tokio::test]
async fn each_item_of_a_batch_has_its_own_result_at_its_place() {
    let server = server().await;
    server.key("k", json!({})).await;
    let items: Vec<_> = (0..20)
        .map(|item| json!({"plaintext": base64(item.to_string()), "reference": format!("r{item}")}))
        .collect();
    let said = server.post(200, "encrypt/k", json!({"batch_input": items, "plaintext": "ignored"})).await;
    let sealed = results(&said);
    let references: Vec<_> = sealed.iter().map(|item| item.str("reference").unwrap().to_owned()).collect();
    assert_eq!(references, (0..20).map(|item| format!("r{item}")).collect::<Vec<_>>());
    let items: Vec<_> =
        sealed.iter().map(|item| json!({"ciphertext": item.str("ciphertext").unwrap()})).collect();
    server.post(200, "keys/k/rotate", json!({})).await;
    for path in ["rewrap/k", "decrypt/k"] {
        let said = server.post(200, path, json!({"batch_input": items})).await;
        let results = results(&said);
        assert_eq!(results.len(), 20);
        for (number, result) in results.iter().enumerate() {
            match path {
                "decrypt/k" => assert_eq!(result.str("plaintext").unwrap(), base64(number.to_string())),
                _ => assert!(result.str("ciphertext").unwrap().starts_with("vault:v2:")),
            }
        }
    }
}

#[tokio::test]
async fn items_that_fail_set_the_status_and_leave_the_others_done() {
    let server = server().await;
    server.key("k", json!({})).await;
    let good = server.encrypt("k", "x").await;
    let mixed = json!([{"ciphertext": good}, {"ciphertext": "vault:v1:AAAA", "reference": "bad"}, {}]);
    for (code, status) in
        [(json!(null), 400), (json!(0), 400), (json!(206), 206), (json!("299"), 299), (json!(200), 200)]
    {
        let body = json!({"batch_input": mixed, "partial_failure_response_code": code});
        let said = server.post(status, "decrypt/k", body).await;
        let results = results(&said);
        assert_eq!(results[0].str("plaintext").unwrap(), base64("x"));
        assert_eq!(results[1].str("error"), Some("invalid ciphertext: unable to decrypt"));
        assert_eq!(results[1].str("reference"), Some("bad"));
        assert_eq!(results[2].str("error"), Some("missing ciphertext to decrypt"));
    }
    let all_bad = json!({"batch_input": [{}, {"ciphertext": "?"}], "partial_failure_response_code": 200});
    assert_eq!(results(&server.post(400, "decrypt/k", all_bad).await).len(), 2);
    for (batch, expected) in [
        (json!({"batch_input": []}), "missing batch input to process"),
        (json!({"batch_input": "x"}), "failed to parse batch_input"),
        (json!({"batch_input": [1]}), "failed to parse batch_input"),
        (json!({"batch_input": vec![json!({}); 10_001]}), "batch_input has 10001 items; it may have 10000"),
        (
            json!({"batch_input": [{}], "partial_failure_response_code": 204}),
            "partial_failure_response_code is 204",
        ),
    ] {
        let said = server.post(400, "decrypt/k", batch).await;
        assert!(said.error().starts_with(expected), "{}", said.error());
    }
}

#[tokio::test]
async fn batches_of_signatures_and_hmacs_answer_200_and_name_what_failed() {
    let server = server().await;
    server.key("ed", json!({"type": "ed25519", "derived": true})).await;
    let input = base64("x");
    let items =
        json!([{"input": input, "context": base64("a")}, {"input": input, "context": base64("b")}, {}]);
    let said = server.post(200, "sign/ed", json!({"batch_input": items})).await;
    let signed = results(&said);
    assert_ne!(signed[0].str("publickey").unwrap(), signed[1].str("publickey").unwrap());
    assert_eq!(signed[2].str("error"), Some("missing input"));
    let signature = |number: usize| signed[number].str("signature").unwrap();
    let items = json!([
        {"input": input, "context": base64("a"), "signature": signature(0)},
        {"input": input, "context": base64("a"), "signature": signature(1)},
        {"input": input, "context": base64("a")},
    ]);
    let said = server.post(200, "verify/ed", json!({"batch_input": items})).await;
    let verified = results(&said);
    assert_eq!(
        (verified[0].get("valid"), verified[1].get("valid")),
        (Some(&true.into()), Some(&false.into()))
    );
    assert!(verified[2].str("error").unwrap().starts_with("neither a 'signature' nor an 'hmac'"));
    let said =
        server.post(200, "hmac/ed", json!({"batch_input": [{"input": input}, {}, {"input": ""}]})).await;
    let macs = results(&said);
    assert!(macs[0].str("hmac").unwrap().starts_with("vault:v1:"));
    assert_eq!(macs[1].str("error"), Some("missing input for HMAC"));
    assert!(macs[2].str("hmac").is_some());
    let items = json!([
        {"input": input, "hmac": macs[0].str("hmac").unwrap()},
        {"input": input, "context": base64("a"), "signature": signature(0)},
    ]);
    let said = server.post(400, "verify/ed", json!({"batch_input": items})).await;
    assert_eq!(said.error(), "elements of batch_input must all provide 'signature' or all provide 'hmac'");
}
