//! A server that a key service unseals: its ceremonies, and what becomes of it while the service is away.
//! Never in it: a real key service.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use onrecord_core::{AutoSeal, AutoSealError, AutoSealFuture, Core, Settings};
use onrecord_seal::SecretBytes;
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use serde_json::{Value, json};

use crate::kit::{ask, core_on, said};

/// A key service in memory: a ciphertext is a number.
#[derive(Default)]
struct Service {
    keys: Mutex<Vec<Vec<u8>>>,
    is_away: AtomicBool,
    is_mistaken: AtomicBool,
}

impl Service {
    fn answer<T>(&self, value: impl FnOnce() -> T) -> Result<T, AutoSealError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(AutoSealError("connection refused".to_owned()));
        }
        Ok(value())
    }
}

impl AutoSeal for Service {
    fn kind(&self) -> &'static str {
        "transit"
    }

    fn encrypt<'a>(&'a self, key: &'a SecretBytes) -> AutoSealFuture<'a, String> {
        Box::pin(async move {
            self.answer(|| {
                let mut keys = self.keys.lock().unwrap();
                keys.push(key.expose().to_vec());
                format!("vault:v1:{}", keys.len() - 1)
            })
        })
    }

    fn decrypt<'a>(&'a self, ciphertext: &'a str) -> AutoSealFuture<'a, SecretBytes> {
        Box::pin(async move {
            self.answer(|| {
                let number: usize = ciphertext.rsplit(':').next().unwrap().parse().unwrap();
                let mut key = self.keys.lock().unwrap()[number].clone();
                key[0] ^= u8::from(self.is_mistaken.load(Ordering::Relaxed));
                SecretBytes::new(key)
            })
        })
    }
}

fn settings(service: &Arc<Service>) -> Settings {
    Settings { auto_seal: Some(Arc::clone(service) as Arc<dyn AutoSeal>), ..Settings::default() }
}

async fn call(core: &Core, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = ask(method, path);
    let request = if let Some(body) = body { request.json(&body) } else { request };
    let reply = said(crate::kit::start_on(core, request).await);
    (reply.status, reply.body)
}

fn memory() -> Storage {
    Storage::start(Memory::new()).unwrap()
}

fn recovery() -> Value {
    json!({"recovery_shares": 3, "recovery_threshold": 2})
}

#[tokio::test]
async fn a_server_with_a_key_service_is_unsealed_after_its_initialisation_and_after_each_start() {
    let (service, storage) = (Arc::new(Service::default()), memory());
    let core = core_on(storage.clone(), settings(&service));
    assert!(!core.auto_unseal().await.unwrap(), "there is nothing to unseal");
    let (status, made) = call(&core, "PUT", "sys/init", Some(recovery())).await;
    assert_eq!((status, made["keys"].clone()), (200, json!([])), "{made}");
    assert_eq!(made["recovery_keys"].as_array().unwrap().len(), 3);
    assert!(core.unsealed().is_some());
    let (_, seal) = call(&core, "GET", "sys/seal-status", None).await;
    assert_eq!((&seal["type"], &seal["recovery_seal"]), (&json!("transit"), &json!(true)));
    assert_eq!((&seal["t"], &seal["n"], &seal["sealed"]), (&json!(2), &json!(3), &json!(false)));
    core.seal(std::time::Duration::from_secs(5)).await;
    let again = core_on(storage, settings(&service));
    again.check_seal().await.unwrap();
    service.is_away.store(true, Ordering::Relaxed);
    let away = again.auto_unseal().await.unwrap_err().to_string();
    assert_eq!(away, "the key service of the seal: connection refused");
    let refused = call(&again, "PUT", "sys/unseal", Some(json!({"key": made["recovery_keys"][0]}))).await;
    assert!(refused.0 == 400 && refused.1["errors"][0].as_str().unwrap().contains("takes no key shares"));
    service.is_away.store(false, Ordering::Relaxed);
    assert!(again.auto_unseal().await.unwrap());
    assert!(again.unsealed().is_some());
}

#[tokio::test]
async fn nothing_is_initialised_by_a_key_service_that_is_away_or_does_not_give_back_what_it_got() {
    let service = Arc::new(Service::default());
    let core = core_on(memory(), settings(&service));
    let (status, refused) =
        call(&core, "PUT", "sys/init", Some(json!({"secret_shares": 1, "secret_threshold": 1}))).await;
    assert_eq!(
        (status, &refused["errors"][0]),
        (400, &json!("parameters secret_shares,secret_threshold not applicable to seal type transit"))
    );
    service.is_away.store(true, Ordering::Relaxed);
    assert_eq!(call(&core, "PUT", "sys/init", Some(recovery())).await.0, 503);
    service.is_away.store(false, Ordering::Relaxed);
    service.is_mistaken.store(true, Ordering::Relaxed);
    assert_eq!(call(&core, "PUT", "sys/init", Some(recovery())).await.0, 500);
    service.is_mistaken.store(false, Ordering::Relaxed);
    assert_eq!(call(&core, "GET", "sys/init", None).await.1, json!({"initialized": false}));
    assert_eq!(call(&core, "PUT", "sys/init", Some(recovery())).await.0, 200);
}

#[tokio::test]
async fn a_seal_that_is_not_the_storages_is_refused_at_the_start() {
    let (service, storage) = (Arc::new(Service::default()), memory());
    let core = core_on(storage.clone(), settings(&service));
    assert_eq!(call(&core, "PUT", "sys/init", Some(recovery())).await.0, 200);
    let other = core_on(storage, Settings::default()).check_seal().await.unwrap_err().to_string();
    assert_eq!(other, "the data was initialised with the seal \"transit\": configure that seal");
    let storage = memory();
    let core = core_on(storage.clone(), Settings::default());
    let shares = Some(json!({"secret_shares": 1, "secret_threshold": 1}));
    assert_eq!(call(&core, "PUT", "sys/init", shares).await.0, 200);
    let other = core_on(storage, settings(&service)).check_seal().await.unwrap_err().to_string();
    assert!(
        other.starts_with("the data was initialised with the seal \"shamir\": take the seal stanza out"),
        "{other}"
    );
}

#[tokio::test]
async fn shares_of_the_recovery_key_make_a_root_token_and_change_no_keys() {
    let (service, storage) = (Arc::new(Service::default()), memory());
    let core = core_on(storage, settings(&service));
    let (_, made) = call(&core, "PUT", "sys/init", Some(recovery())).await;
    let keys = &made["recovery_keys"];
    let (status, begun) = call(&core, "PUT", "sys/generate-root/attempt", Some(json!({}))).await;
    assert_eq!((status, &begun["required"]), (200, &json!(2)), "{begun}");
    let give = async |key: &Value| {
        let share = json!({"key": key, "nonce": begun["nonce"]});
        call(&core, "PUT", "sys/generate-root/update", Some(share)).await
    };
    for wrong in ["01", "02"] {
        give(&json!(wrong.repeat(33))).await;
    }
    let (_, status) = call(&core, "GET", "sys/generate-root/attempt", None).await;
    assert_eq!((&status["progress"], &status["started"]), (&json!(0), &json!(true)), "they make no key");
    assert_eq!(give(&keys[0]).await.1["progress"], 1);
    let (status, done) = give(&keys[2]).await;
    assert_eq!((status, &done["complete"]), (200, &json!(true)), "{done}");
    let token = crate::ceremonies::revealed(&done, begun["otp"].as_str().unwrap());
    let own = said(crate::kit::start_on(&core, ask("GET", "auth/token/lookup-self").token(&token)).await);
    assert_eq!(own.body["data"]["policies"], json!(["root"]), "{}", own.text);
    let wanted = json!({"secret_shares": 1, "secret_threshold": 1});
    let (status, refused) = call(&core, "PUT", "sys/rekey/init", Some(wanted)).await;
    let text = refused["errors"][0].as_str().unwrap();
    assert!(status == 400 && text.contains("there are no key shares to be changed"), "{text}");
    let refused =
        said(crate::kit::start_on(&core, ask("GET", "sys/rekey-recovery-key/init").token(&token)).await);
    assert!(
        refused.status == 400 && refused.error().contains("recovery keys are not changed"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn r_ceremony_an_unsealing_by_a_key_service_is_told_to_the_first_device() {
    let service = Arc::new(Service::default());
    let core = core_on(memory(), settings(&service));
    let (_, made) = call(&core, "PUT", "sys/init", Some(recovery())).await;
    core.seal(std::time::Duration::from_secs(5)).await;
    service.is_away.store(true, Ordering::Relaxed);
    core.auto_unseal().await.unwrap_err();
    service.is_away.store(false, Ordering::Relaxed);
    assert!(core.auto_unseal().await.unwrap());
    let root = made["root_token"].as_str().unwrap().to_owned();
    let world = crate::kit::TestServer { core, root, key: String::new() };
    let device = world.device("test/", false).await;
    world.core.keep_record().await;
    let requests = crate::kit::entries(&device).into_iter().filter(|entry| entry["type"] == "request");
    let steps: Vec<(Value, Value)> = requests
        .map(|entry| (entry["request"]["path"].clone(), entry["request"]["data"]["auto"].clone()))
        .collect();
    let unsealed = (json!("sys/unseal"), json!(true));
    assert_eq!(steps, [(json!("sys/init"), Value::Null), unsealed.clone(), unsealed]);
}
