//! Key-value, version 2, against a model: whatever is asked of a key, the answers are those of a list of versions.

use onrecord_value::Value;
use proptest::prelude::*;

use super::server::Server;

/// What is asked.
#[derive(Debug, Clone)]
enum Step {
    Write { size: usize, cas: Option<u64> },
    Patch { size: usize },
    DeleteLatest,
    Delete(Vec<u64>),
    Undelete(Vec<u64>),
    Destroy(Vec<u64>),
    Forget,
    Keep(u64),
}

/// A version of the model.
#[derive(Debug, Clone, Default)]
struct Version {
    number: u64,
    sizes: Vec<(&'static str, usize)>,
    deleted: bool,
    destroyed: bool,
}

#[derive(Debug, Default)]
struct Model {
    exists: bool,
    current: u64,
    max: u64,
    versions: Vec<Version>,
}

impl Model {
    fn version(&mut self, number: u64) -> Option<&mut Version> {
        self.versions.iter_mut().find(|version| version.number == number)
    }

    fn push(&mut self, sizes: Vec<(&'static str, usize)>) {
        self.exists = true;
        self.current += 1;
        self.versions.push(Version { number: self.current, sizes, ..Version::default() });
        let kept = if self.max == 0 { 10 } else { usize::try_from(self.max).unwrap() };
        let surplus = self.versions.len().saturating_sub(kept);
        self.versions.drain(..surplus);
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![3 => 0_usize..300, 2 => 500_usize..1600, 1 => 1600_usize..6000];
    let numbers = prop::collection::vec(0_u64..8, 1..4);
    let step = prop_oneof![
        5 => (size.clone(), prop::option::weighted(0.3, 0_u64..6)).prop_map(|(size, cas)| Step::Write { size, cas }),
        2 => size.prop_map(|size| Step::Patch { size }),
        1 => Just(Step::DeleteLatest),
        1 => numbers.clone().prop_map(Step::Delete),
        2 => numbers.clone().prop_map(Step::Undelete),
        1 => numbers.prop_map(Step::Destroy),
        1 => Just(Step::Forget),
        1 => (0_u64..5).prop_map(Step::Keep),
    ];
    prop::collection::vec(step, 1..25)
}

fn data(name: &str, size: usize) -> String {
    format!(r#"{{"{name}":"{}"}}"#, "x".repeat(size))
}

fn list(numbers: &[u64]) -> String {
    format!(r#"{{"versions":{numbers:?}}}"#)
}

/// Takes a step on both sides and compares the answers.
async fn take(server: &Server, model: &mut Model, step: &Step) {
    match step {
        Step::Write { size, cas } => {
            let options = cas.map_or_else(|| "{}".to_owned(), |cas| format!(r#"{{"cas":{cas}}}"#));
            let body = format!(r#"{{"data":{},"options":{options}}}"#, data("w", *size));
            let right = cas.is_none_or(|cas| cas == model.current);
            let said = server.expect(if right { 200 } else { 400 }, "POST", "kv2/data/a", &body).await;
            if right {
                model.push(vec![("w", *size)]);
                assert_eq!(said.data().get("version"), Some(&Value::from(model.current)));
            }
        }
        Step::Patch { size } => {
            let current = model.current;
            let base = model.version(current).filter(|v| !v.deleted && !v.destroyed).cloned();
            let body = format!(r#"{{"data":{}}}"#, data("p", *size));
            server.expect(if base.is_some() { 200 } else { 404 }, "PATCH", "kv2/data/a", &body).await;
            if let Some(mut base) = base {
                base.sizes.retain(|(name, _)| *name != "p");
                base.sizes.push(("p", *size));
                model.push(base.sizes);
            }
        }
        Step::DeleteLatest => {
            server.expect(204, "DELETE", "kv2/data/a", "").await;
            let current = model.current;
            if let Some(version) = model.version(current) {
                version.deleted |= !version.destroyed;
            }
        }
        Step::Delete(numbers) => {
            server.expect(204, "POST", "kv2/delete/a", &list(numbers)).await;
            for number in numbers {
                if let Some(version) = model.version(*number) {
                    version.deleted |= !version.destroyed;
                }
            }
        }
        Step::Undelete(numbers) => {
            server.expect(204, "POST", "kv2/undelete/a", &list(numbers)).await;
            for number in numbers {
                if let Some(version) = model.version(*number).filter(|version| !version.destroyed) {
                    version.deleted = false;
                }
            }
        }
        Step::Destroy(numbers) => {
            server.expect(204, "POST", "kv2/destroy/a", &list(numbers)).await;
            for number in numbers {
                if let Some(version) = model.version(*number) {
                    version.destroyed = true;
                }
            }
        }
        Step::Forget => {
            server.expect(204, "DELETE", "kv2/metadata/a", "").await;
            *model = Model::default();
        }
        Step::Keep(max) => {
            server.expect(204, "POST", "kv2/metadata/a", &format!(r#"{{"max_versions":{max}}}"#)).await;
            model.exists = true;
            model.max = *max;
        }
    }
}

/// Compares all that can be read, and what is stored.
async fn compare(server: &Server, model: &Model, empty: usize) {
    let metadata = server.ask("GET", "kv2/metadata/a", "").await;
    assert_eq!(metadata.status, if model.exists { 200 } else { 404 });
    if model.exists {
        let versions = metadata.data().object("versions").unwrap();
        let mut wanted: Vec<String> =
            model.versions.iter().map(|version| version.number.to_string()).collect();
        wanted.sort();
        assert_eq!(versions.keys().collect::<Vec<_>>(), wanted);
    }
    for version in &model.versions {
        let said = server.ask("GET", &format!("kv2/data/a?version={}", version.number), "").await;
        let readable = !version.deleted && !version.destroyed;
        assert_eq!(said.status, if readable { 200 } else { 404 });
        if readable {
            let data = said.data().object("data").unwrap();
            assert_eq!(data.len(), version.sizes.len());
            for (name, size) in &version.sizes {
                assert_eq!(data.str(name).unwrap().len(), *size);
            }
        }
    }
    let stored = server.stored("mounts/") - empty;
    let most = usize::from(model.exists) + model.versions.iter().filter(|version| !version.destroyed).count();
    assert!(stored <= most && (stored > 0) == model.exists, "{stored} records, at most {most}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_key_behaves_like_a_list_of_versions(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let server = Server::new().await;
            server.mount("kv2", 2).await;
            let empty = server.stored("mounts/");
            let mut model = Model::default();
            for step in &steps {
                take(&server, &mut model, step).await;
                compare(&server, &model, empty).await;
            }
        });
    }
}
