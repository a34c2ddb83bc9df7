//! The endpoints of tokens, policies and capabilities, asked through the whole pipeline of a server without devices.

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_core::Settings;
use onrecord_value::{Object, Value, object};

use super::{clock, wait};
use crate::kit::{self, TestServer};

const FORBIDDEN: &str = "1 error occurred:\n\t* permission denied\n\n";

struct Server {
    world: TestServer,
    clock: Arc<ManualClock>,
    root: String,
}

/// A status and a body.
struct Reply(u16, Object);

impl Server {
    fn new() -> Self {
        let clock = clock();
        let world = wait(TestServer::by(Arc::clone(&clock) as _, Settings::default()));
        let server = Self { root: world.root.clone(), world, clock };
        server.policy("reader", "path \"tk/*\" { capabilities = [\"read\", \"list\"] }");
        server
    }

    fn ask(&self, token: &str, method: &str, path: &str, body: Object) -> Reply {
        let mut ask = kit::ask(method, path).token(token);
        if !body.is_empty() {
            ask.body = Value::Object(body).to_json();
        }
        let said = wait(self.world.send(ask));
        Reply(said.status, said.object())
    }

    fn post(&self, token: &str, path: &str, body: Object) -> Reply {
        self.ask(token, "POST", path, body)
    }

    fn policy(&self, name: &str, text: &str) {
        let said =
            self.ask(&self.root, "PUT", &format!("sys/policies/acl/{name}"), object! { "policy" => text });
        assert_eq!(said.0, 204);
    }

    /// A new token of root's: its text.
    fn create(&self, body: Object) -> String {
        self.create_by(&self.root, body)
    }

    fn create_by(&self, token: &str, body: Object) -> String {
        let said = self.post(token, "auth/token/create", body);
        assert_eq!(said.0, 200, "{:?}", said.error());
        said.auth().str("client_token").unwrap().to_owned()
    }

    fn lookup(&self, token: &str) -> Object {
        let said = self.post(&self.root, "auth/token/lookup", object! { "token" => token });
        assert_eq!(said.0, 200);
        said.data().clone()
    }

    fn lives(&self, token: &str) -> bool {
        self.post(&self.root, "auth/token/lookup", object! { "token" => token }).0 == 200
    }
}

impl Reply {
    fn data(&self) -> &Object {
        self.1.object("data").unwrap()
    }

    fn auth(&self) -> &Object {
        self.1.object("auth").unwrap()
    }

    /// The one text of `errors`.
    fn error(&self) -> Option<&str> {
        self.1.get("errors")?.as_array()?.first()?.as_str()
    }

    fn refuses(&self, status: u16, text: &str) {
        assert_eq!((self.0, self.error()), (status, Some(text)));
    }

    fn warnings(&self) -> Vec<&str> {
        let all = self.1.get("warnings").and_then(Value::as_array).unwrap_or_default();
        all.iter().filter_map(Value::as_str).collect()
    }
}

fn keys(object: &Object) -> Vec<&str> {
    object.keys().collect()
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.unwrap().as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn a_created_token_has_what_was_asked_for() {
    let server = Server::new();
    let said = server.post(
        &server.root,
        "auth/token/create",
        object! {
            "policies" => vec!["Reader"], "ttl" => "1h", "num_uses" => 6, "meta" => object! { "team" => "blue" },
            "display_name" => "bob",
        },
    );
    let auth = said.auth();
    assert_eq!(said.0, 200);
    assert_eq!(
        keys(auth),
        [
            "accessor",
            "client_token",
            "entity_id",
            "lease_duration",
            "metadata",
            "mfa_requirement",
            "num_uses",
            "orphan",
            "policies",
            "renewable",
            "token_policies",
            "token_type"
        ]
    );
    assert_eq!(texts(auth.get("policies")), ["default", "reader"]);
    assert_eq!(auth.get("lease_duration"), Some(&Value::from(3600)));
    assert_eq!(auth.object("metadata").and_then(|meta| meta.str("team")), Some("blue"));
    assert_eq!(auth.get("orphan"), Some(&Value::Bool(false)));
    assert!(said.1.get("data").unwrap().is_null() && said.warnings().is_empty());
}

#[test]
fn a_lookup_tells_all_but_only_who_knows_the_text_sees_it() {
    let server = Server::new();
    let token =
        server.create(object! { "policies" => vec!["reader"], "ttl" => "1h", "display_name" => "bob" });
    let facts = server.lookup(&token);
    let usual = [
        "accessor",
        "creation_time",
        "creation_ttl",
        "display_name",
        "entity_id",
        "expire_time",
        "explicit_max_ttl",
        "id",
        "issue_time",
        "meta",
        "num_uses",
        "orphan",
        "path",
        "policies",
        "renewable",
        "ttl",
        "type",
    ];
    assert_eq!(keys(&facts), usual);
    assert_eq!(facts.str("id"), Some(token.as_str()));
    assert_eq!(
        (facts.str("display_name"), facts.str("path")),
        (Some("token-bob"), Some("auth/token/create"))
    );
    assert_eq!((facts.str("issue_time"), facts.str("type")), (Some("2023-11-14T22:13:20Z"), Some("service")));
    assert_eq!((facts.get("ttl"), facts.get("creation_ttl")), (Some(&3600.into()), Some(&3600.into())));
    let accessor = facts.str("accessor").unwrap();
    let by = server.post(&server.root, "auth/token/lookup-accessor", object! { "accessor" => accessor });
    assert_eq!((by.data().str("id"), by.data().str("display_name")), (Some(""), Some("token-bob")));
    let own = server.ask(&token, "GET", "auth/token/lookup-self", Object::new());
    assert!(own.data() == &facts);
}

#[test]
fn a_lookup_of_root_has_no_end_and_nothing_to_renew() {
    let server = Server::new();
    let said = server.ask(&server.root, "GET", "auth/token/lookup-self", Object::new());
    let facts = said.data();
    assert!(!facts.contains("renewable") && !facts.contains("issue_time"));
    assert!(facts.get("expire_time").unwrap().is_null() && facts.get("meta").unwrap().is_null());
    assert_eq!((facts.get("ttl"), facts.get("orphan")), (Some(&0.into()), Some(&true.into())));
    assert_eq!((facts.str("path"), facts.str("display_name")), (Some("auth/token/root"), Some("root")));
}

#[test]
fn wrong_tokens_and_accessors_are_told_as_such() {
    let server = Server::new();
    let post = |path: &str, body| server.post(&server.root, path, body);
    let nobody = || object! { "token" => "s.nobody" };
    post("auth/token/lookup", nobody()).refuses(403, "bad token");
    post("auth/token/lookup", Object::new()).refuses(400, "missing token ID");
    post("auth/token/renew", nobody()).refuses(400, "token not found");
    assert_eq!(post("auth/token/revoke", nobody()).0, 204);
    for path in ["lookup-accessor", "renew-accessor", "revoke-accessor"] {
        post(&format!("auth/token/{path}"), object! { "accessor" => "x" })
            .refuses(400, "1 error occurred:\n\t* invalid accessor\n\n");
    }
    server.ask("s.nobody", "GET", "auth/token/lookup-self", Object::new()).refuses(403, "permission denied");
    post("auth/token/create/absent", Object::new()).refuses(400, "unknown role absent");
}

#[test]
fn a_token_passes_on_no_policy_that_it_does_not_hold() {
    let server = Server::new();
    server.policy("maker", "path \"auth/token/create\" { capabilities = [\"update\"] }");
    let maker = server.create(object! { "policies" => vec!["maker", "reader"] });
    let post = |body| server.post(&maker, "auth/token/create", body);
    post(object! { "policies" => vec!["other"] }).refuses(400, "child policies must be subset of parent");
    post(object! { "policies" => vec!["root"] }).refuses(400, "child policies must be subset of parent");
    assert_eq!(
        texts(post(object! { "policies" => vec!["reader"] }).auth().get("policies")),
        ["default", "reader"]
    );
    assert_eq!(texts(post(Object::new()).auth().get("policies")), ["default", "maker", "reader"]);
    let bare = post(object! { "no_default_policy" => true });
    assert_eq!(texts(bare.auth().get("policies")), ["maker", "reader"]);
    // Who has no default policy has none to pass on.
    let child = post(object! { "no_default_policy" => true });
    let child = child.auth().str("client_token").unwrap();
    let grandchild = server.post(child, "auth/token/create", object! { "policies" => vec!["reader"] });
    assert_eq!(texts(grandchild.auth().get("policies")), ["reader"]);
    server
        .post(child, "auth/token/create", object! { "policies" => vec!["default"] })
        .refuses(400, "child policies must be subset of parent");
}

#[test]
fn only_root_makes_root() {
    let server = Server::new();
    server.policy("mighty", "path \"auth/token/*\" { capabilities = [\"update\", \"sudo\"] }");
    let mighty = server.create(object! { "policies" => vec!["mighty"] });
    server
        .post(&mighty, "auth/token/create", object! { "policies" => vec!["root"] })
        .refuses(400, "root tokens may not be created without parent token being root");
    let root = server.create(object! { "policies" => vec!["reader", "ROOT"] });
    assert_eq!(texts(server.lookup(&root).get("policies")), ["root"]);
    // One that expires makes none that does not.
    let brief = server.create(object! { "policies" => vec!["root"], "ttl" => "1h" });
    let said = server.post(&brief, "auth/token/create", Object::new());
    said.refuses(400, "a root token that expires cannot create one that does not");
    assert_eq!(server.post(&brief, "auth/token/create", object! { "ttl" => "1h" }).0, 200);
}

#[test]
fn what_needs_sudo_is_refused_without_it() {
    let server = Server::new();
    server.policy("maker", "path \"auth/token/create\" { capabilities = [\"update\"] }");
    server.policy("mighty", "path \"auth/token/create\" { capabilities = [\"update\", \"sudo\"] }");
    let maker = server.create(object! { "policies" => vec!["maker"] });
    let mighty = server.create(object! { "policies" => vec!["mighty"] });
    let cases = [
        (object! { "id" => "my-token" }, "specify token id"),
        (object! { "no_parent" => true }, "create orphan token"),
        (object! { "period" => "1h" }, "create periodic token"),
    ];
    for (body, what) in cases {
        let text = format!("root or sudo privileges required to {what}");
        server.post(&maker, "auth/token/create", body.clone()).refuses(400, &text);
        assert_eq!(server.post(&mighty, "auth/token/create", body).0, 200, "{what}");
    }
    assert!(server.lives("my-token"));
    server
        .post(&mighty, "auth/token/create", object! { "id" => "my-token" })
        .refuses(400, "cannot create a token with a duplicate ID");
}

#[test]
fn a_token_of_limited_uses_makes_no_tokens() {
    let server = Server::new();
    let limited = server.create(object! { "policies" => vec!["root"], "num_uses" => 5 });
    let said = server.post(&limited, "auth/token/create", Object::new());
    said.refuses(400, "a token of limited uses cannot create tokens");
}

#[test]
fn nonsense_in_a_creation_is_refused_by_its_name() {
    let server = Server::new();
    let cases = [
        (object! { "num_uses" => -1 }, "number of uses cannot be negative"),
        (object! { "ttl" => "-1h" }, "ttl must be positive"),
        (object! { "explicit_max_ttl" => -5 }, "explicit_max_ttl must be positive"),
        (object! { "period" => "-1s" }, "period must be positive"),
        (object! { "type" => "batch" }, "batch tokens cannot be root tokens"),
        (object! { "type" => "odd" }, "invalid 'token_type' value"),
        (object! { "entity_alias" => "x" }, "'entity_alias' is not supported by this server"),
    ];
    for (body, text) in cases {
        server.post(&server.root, "auth/token/create", body).refuses(400, text);
    }
    for field in ["ttl", "meta", "renewable", "num_uses"] {
        let said = server.post(&server.root, "auth/token/create", object! { field => "nonsense" });
        let start = format!("Field validation failed: error converting input for field {field:?}: ");
        assert!(said.0 == 400 && said.error().unwrap().starts_with(&start), "{:?}", said.error());
    }
}

#[test]
fn lifetimes_are_capped_and_the_client_is_told() {
    let server = Server::new();
    let long = server.post(
        &server.root,
        "auth/token/create",
        object! { "policies" => vec!["reader"], "ttl" => "800h" },
    );
    assert_eq!(long.auth().get("lease_duration"), Some(&Value::from(768 * 3600)));
    assert_eq!(long.warnings(), ["the TTL of 800h0m0s is too long and was limited to 768h0m0s"]);
    let usual = server.post(&server.root, "auth/token/create", object! { "policies" => vec!["reader"] });
    assert_eq!(usual.auth().get("lease_duration"), Some(&Value::from(768 * 3600)));
    assert!(usual.warnings().is_empty());
    let body = object! { "policies" => vec!["reader"], "ttl" => "2h", "explicit_max_ttl" => "1h" };
    let bound = server.post(&server.root, "auth/token/create", body);
    assert_eq!(bound.auth().get("lease_duration"), Some(&Value::from(3600)));
}

#[test]
fn policies_that_do_not_exist_and_unknown_parameters_are_warned_about() {
    let server = Server::new();
    let body = object! { "policies" => vec!["ghost"], "no_default_policy" => true, "colour" => "red" };
    let said = server.post(&server.root, "auth/token/create", body);
    assert_eq!(
        said.warnings(),
        ["Policy \"ghost\" does not exist", "Endpoint ignored these unrecognized parameters: [colour]"]
    );
    assert_eq!(texts(said.auth().get("policies")), ["ghost"]);
    let ghost = said.auth().str("client_token").unwrap();
    server.ask(ghost, "GET", "cubbyhole/mine", Object::new()).refuses(403, FORBIDDEN);
}

#[test]
fn orphans_have_no_parent_to_die_with() {
    let server = Server::new();
    let parent = server.create(object! { "policies" => vec!["root"] });
    let orphan = server.post(&parent, "auth/token/create-orphan", object! { "policies" => vec!["reader"] });
    assert_eq!(orphan.auth().get("orphan"), Some(&Value::Bool(true)));
    let orphan = orphan.auth().str("client_token").unwrap();
    assert_eq!(server.lookup(orphan).str("path"), Some("auth/token/create-orphan"));
    let child = server.create_by(&parent, object! { "policies" => vec!["reader"] });
    assert_eq!(server.post(&server.root, "auth/token/revoke", object! { "token" => parent.as_str() }).0, 204);
    assert!(server.lives(orphan) && !server.lives(&child) && !server.lives(&parent));
}

#[test]
fn a_periodic_token_is_renewed_by_its_period_for_ever() {
    let server = Server::new();
    let token = server.create(object! { "policies" => vec!["reader"], "period" => "1h" });
    for _ in 0..1000 {
        server.clock.advance(Duration::from_secs(3599));
        let said = server.post(&token, "auth/token/renew-self", object! { "increment" => "30m" });
        assert_eq!((said.0, said.auth().get("lease_duration")), (200, Some(&Value::from(3600))));
    }
    let facts = server.lookup(&token);
    assert_eq!(facts.get("period"), Some(&Value::from(3600)));
    assert!(facts.contains("last_renewal") && facts.contains("last_renewal_time"));
    server.clock.advance(Duration::from_hours(1));
    assert!(!server.lives(&token));
    server.post(&token, "auth/token/renew-self", Object::new()).refuses(403, "permission denied");
}

#[test]
fn a_renewal_never_passes_the_maximum() {
    let server = Server::new();
    let body = object! { "policies" => vec!["reader"], "ttl" => "1h", "explicit_max_ttl" => "90m" };
    let token = server.create(body);
    server.clock.advance(Duration::from_mins(30));
    let said = server.post(
        &server.root,
        "auth/token/renew",
        object! { "token" => token.as_str(), "increment" => "2h" },
    );
    assert_eq!(said.auth().get("lease_duration"), Some(&Value::from(3600)));
    assert_eq!(said.auth().str("client_token"), Some(token.as_str()));
    assert_eq!(said.warnings(), ["the increment of 2h0m0s is too long and was limited to 1h0m0s"]);
    server.clock.advance(Duration::from_hours(1));
    assert!(!server.lives(&token));
}

#[test]
fn what_cannot_be_renewed_says_so() {
    let server = Server::new();
    let renew = |token: &str| server.post(&server.root, "auth/token/renew", object! { "token" => token });
    renew(&server.root).refuses(400, "invalid lease ID");
    let fixed = server.create(object! { "policies" => vec!["reader"], "renewable" => false });
    renew(&fixed).refuses(400, "lease is not renewable");
}

#[test]
fn a_renewal_by_accessor_does_not_tell_the_text() {
    let server = Server::new();
    let token = server.create(object! { "policies" => vec!["reader"], "ttl" => "1h" });
    let accessor = server.lookup(&token).str("accessor").unwrap().to_owned();
    let said =
        server.post(&server.root, "auth/token/renew-accessor", object! { "accessor" => accessor.as_str() });
    assert_eq!((said.0, said.auth().str("client_token")), (200, Some("")));
    assert_eq!(said.auth().str("accessor"), Some(accessor.as_str()));
}

#[test]
fn tokens_are_revoked_in_every_way_there_is() {
    let server = Server::new();
    let new = || server.create(object! { "policies" => vec!["reader"] });
    let one = new();
    assert_eq!(server.post(&one, "auth/token/revoke-self", Object::new()).0, 204);
    let two = new();
    let accessor = server.lookup(&two).str("accessor").unwrap().to_owned();
    let said =
        server.post(&server.root, "auth/token/revoke-accessor", object! { "accessor" => accessor.as_str() });
    assert_eq!(said.0, 204);
    let three = server.create(object! { "policies" => vec!["root"] });
    let orphan = server.create_by(&three, object! { "policies" => vec!["reader"] });
    let said = server.post(&server.root, "auth/token/revoke-orphan", object! { "token" => three.as_str() });
    assert_eq!(said.0, 204);
    for token in [&one, &two, &three] {
        assert!(!server.lives(token));
        server.ask(token, "GET", "auth/token/lookup-self", Object::new()).refuses(403, "permission denied");
    }
    assert_eq!(server.lookup(&orphan).get("orphan"), Some(&Value::Bool(true)));
    server
        .post(&server.root, "auth/token/revoke-orphan", object! { "token" => three.as_str() })
        .refuses(400, "token to revoke not found");
}

#[test]
fn accessors_are_listed_and_orphaning_is_done_only_with_sudo() {
    let server = Server::new();
    let text = "path \"auth/token/*\" { capabilities = [\"update\", \"list\"] }";
    server.policy("weak", text);
    let weak = server.create(object! { "policies" => vec!["weak"] });
    server.ask(&weak, "LIST", "auth/token/accessors", Object::new()).refuses(403, FORBIDDEN);
    server
        .post(&weak, "auth/token/revoke-orphan", object! { "token" => weak.as_str() })
        .refuses(403, FORBIDDEN);
    server.policy("weak", &text.replace("\"list\"", "\"list\", \"sudo\""));
    let said = server.ask(&weak, "LIST", "auth/token/accessors", Object::new());
    let listed = texts(said.data().get("keys"));
    assert!(listed.is_sorted() && listed.len() == 2);
    assert!(listed.contains(&server.lookup(&weak).str("accessor").unwrap()));
}

#[test]
fn the_last_use_works_and_is_the_last() {
    let server = Server::new();
    let token = server.create(object! { "policies" => vec!["reader"], "num_uses" => 2 });
    for left in [1, 0] {
        let said = server.ask(&token, "GET", "auth/token/lookup-self", Object::new());
        assert_eq!((said.0, said.data().get("num_uses")), (200, Some(&Value::from(left))));
    }
    server.ask(&token, "GET", "auth/token/lookup-self", Object::new()).refuses(403, "permission denied");
    assert!(!server.lives(&token));
}

#[test]
fn a_denied_request_costs_a_use_too() {
    let server = Server::new();
    let token = server.create(object! { "policies" => vec!["reader"], "num_uses" => 2 });
    server.ask(&token, "GET", "sys/audit", Object::new()).refuses(403, FORBIDDEN);
    assert_eq!(server.lookup(&token).get("num_uses"), Some(&Value::from(1)));
}

#[test]
fn a_cubbyhole_is_its_tokens_alone_and_ends_with_it() {
    let server = Server::new();
    let (one, two) = (server.create(object! { "policies" => vec!["reader"] }), server.create(Object::new()));
    assert_eq!(server.post(&one, "cubbyhole/mine", object! { "k" => "v" }).0, 204);
    assert_eq!(server.ask(&one, "GET", "cubbyhole/mine", Object::new()).data().str("k"), Some("v"));
    assert_eq!(server.ask(&two, "GET", "cubbyhole/mine", Object::new()).0, 404);
    // A token that comes back under the same text finds it empty.
    let again = || object! { "id" => "same", "policies" => vec!["reader"] };
    let same = server.create(again());
    server.post(&same, "cubbyhole/mine", object! { "k" => "v" });
    server.post(&same, "auth/token/revoke-self", Object::new());
    server.create(again());
    assert_eq!(server.ask(&same, "GET", "cubbyhole/mine", Object::new()).0, 404);
}

#[test]
fn tidying_answers_without_a_body() {
    let server = Server::new();
    let token = server.create(object! { "policies" => vec!["reader"], "ttl" => "1s" });
    server.clock.advance(Duration::from_secs(2));
    assert_eq!(server.post(&server.root, "auth/token/tidy", Object::new()).0, 204);
    assert!(!server.lives(&token));
}

#[test]
fn capabilities_are_told_for_each_path_and_once_more_if_there_is_one() {
    let server = Server::new();
    let token = server.create(object! { "policies" => vec!["reader"] });
    let own =
        server.post(&token, "sys/capabilities-self", object! { "paths" => vec!["tk/one", "sys/audit"] });
    assert_eq!(keys(own.data()), ["sys/audit", "tk/one"]);
    assert_eq!(texts(own.data().get("tk/one")), ["list", "read"]);
    assert_eq!(texts(own.1.get("sys/audit")), ["deny"], "repeated at the top level");
    let accessor = server.lookup(&token).str("accessor").unwrap().to_owned();
    for (path, body) in [
        ("sys/capabilities", object! { "token" => token.as_str(), "path" => "tk/one" }),
        ("sys/capabilities-accessor", object! { "accessor" => accessor.as_str(), "paths" => vec!["tk/one"] }),
    ] {
        let said = server.post(&server.root, path, body);
        assert_eq!(keys(said.data()), ["capabilities", "tk/one"]);
        assert_eq!(texts(said.1.get("capabilities")), ["list", "read"]);
    }
    let root = server.post(&server.root, "sys/capabilities-self", object! { "path" => "any/thing" });
    assert_eq!(texts(root.data().get("capabilities")), ["root"]);
    let post = |path: &str, body| server.post(&server.root, path, body);
    post("sys/capabilities-self", Object::new()).refuses(400, "paths must be supplied");
    post("sys/capabilities", object! { "token" => "x", "path" => "a" }).refuses(400, "invalid token");
    post("sys/capabilities-accessor", object! { "accessor" => "x", "path" => "a" })
        .refuses(400, "invalid accessor");
}

#[test]
fn policies_are_read_in_both_forms() {
    let server = Server::new();
    let text = "path \"tk/*\" { capabilities = [\"read\", \"list\"] }";
    let new = server.ask(&server.root, "GET", "sys/policies/acl/READER", Object::new());
    assert_eq!(
        keys(new.data()),
        [
            "allow_slashes_in_identity_templates",
            "allow_wildcards_in_identity_templates",
            "cas_required",
            "modified",
            "name",
            "policy",
            "version"
        ]
    );
    assert_eq!((new.data().str("name"), new.data().str("policy")), (Some("reader"), Some(text)));
    assert!(!new.1.contains("policy"));
    let old = server.ask(&server.root, "GET", "sys/policy/reader", Object::new());
    assert_eq!((old.data().str("rules"), old.1.str("rules")), (Some(text), Some(text)));
    let names = ["default", "reader", "root"];
    for (method, path) in [("LIST", "sys/policies/acl"), ("GET", "sys/policies/acl")] {
        let said = server.ask(&server.root, method, path, Object::new());
        assert_eq!(keys(said.data()), ["keys"]);
        assert_eq!(texts(said.data().get("keys")), names);
    }
    for method in ["GET", "LIST"] {
        let said = server.ask(&server.root, method, "sys/policy", Object::new());
        assert_eq!(
            (texts(said.1.get("keys")), texts(said.data().get("policies"))),
            (names.to_vec(), names.to_vec())
        );
    }
    let absent = server.ask(&server.root, "GET", "sys/policies/acl/absent", Object::new());
    assert!(absent.0 == 404 && absent.error().is_none());
    let root = server.ask(&server.root, "GET", "sys/policies/acl/root", Object::new());
    assert_eq!(root.data().str("policy"), Some(""));
}

#[test]
fn wrong_policies_are_refused_with_the_known_texts() {
    let server = Server::new();
    let write = |name: &str, body| server.ask(&server.root, "PUT", &format!("sys/policies/acl/{name}"), body);
    let text = "path \"x\" { capabilities = [\"fly\"] }";
    write("bad", object! { "policy" => text })
        .refuses(400, "failed to parse policy: path \"x\": invalid capability \"fly\"");
    for body in [object! { "policy" => "" }, Object::new()] {
        write("root", body).refuses(400, "'policy' parameter not supplied or empty");
    }
    write("root", object! { "policy" => "#" }).refuses(400, "cannot update \"root\" policy");
    let delete =
        |name: &str| server.ask(&server.root, "DELETE", &format!("sys/policies/acl/{name}"), Object::new());
    delete("Root").refuses(400, "cannot delete \"root\" policy");
    delete("default").refuses(400, "cannot delete default policy");
    assert_eq!(delete("absent").0, 204);
}

#[test]
fn a_policy_may_be_sent_in_base64_and_by_its_old_name() {
    let server = Server::new();
    let body = object! { "rules" => "cGF0aCAiYSIgeyBjYXBhYmlsaXRpZXMgPSBbInJlYWQiXSB9" };
    assert_eq!(server.post(&server.root, "sys/policy/old", body).0, 204);
    let said = server.ask(&server.root, "GET", "sys/policies/acl/old", Object::new());
    assert_eq!(said.data().str("policy"), Some("path \"a\" { capabilities = [\"read\"] }"));
}

#[test]
fn a_changed_policy_judges_the_next_request() {
    let server = Server::new();
    let token = server.create(object! { "policies" => vec!["reader"], "no_default_policy" => true });
    assert_eq!(
        server.ask(&token, "GET", "tk/one", Object::new()).0,
        404,
        "allowed, and nothing is mounted there"
    );
    server.policy("reader", "path \"other/*\" { capabilities = [\"read\"] }");
    server.ask(&token, "GET", "tk/one", Object::new()).refuses(403, FORBIDDEN);
    server.policy("reader", "path \"tk/*\" { capabilities = [\"read\"] }");
    assert_eq!(server.ask(&token, "GET", "tk/one", Object::new()).0, 404);
    server.ask(&server.root, "DELETE", "sys/policies/acl/reader", Object::new());
    server.ask(&token, "GET", "tk/one", Object::new()).refuses(403, FORBIDDEN);
}
