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
