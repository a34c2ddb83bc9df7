//! The token store and the policy store on memory storage: what is resolved, for how long and how often, and that no
//! answer can be stale. Endpoints are not asked here.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier as Line};
use std::thread;

use onrecord_core::Host;
use onrecord_core::policies::{self, Policies, PolicyError};
use onrecord_core::token::{Entry, Issued};
use onrecord_core::tokens::{ActiveToken, MAX_DEPTH, Renewal, Tidied, TokenDraft, TokenError, Tokens};
use onrecord_core::tokens::{Caller, Reservation};
use onrecord_policy::{Operation, Question};
use onrecord_seal::Secret;
use onrecord_storage::{Barrier, Batch, Storage, memory};
use onrecord_value::object;

use super::{at, host, wait};

/// A server's stores, unsealed, and the storage they are on.
struct House {
    barrier: Barrier,
    host: Host,
    policies: Policies,
    tokens: Tokens,
}

impl House {
    fn new() -> Self {
        let storage = Storage::start(memory::Memory::new()).unwrap();
        let host = host(&Arc::default());
        let barrier = Barrier::new(storage, Arc::clone(&host.entropy));
        let config = onrecord_seal::SealConfig::new(1, 1).unwrap();
        let (_, batch) = barrier.initialize(config, 0).unwrap();
        wait(barrier.commit(batch)).unwrap();
        Self::open(barrier, host)
    }

    fn open(barrier: Barrier, host: Host) -> Self {
        let policies = Policies::load(&barrier).unwrap();
        let tokens = Tokens::open(&barrier, &policies, &host).unwrap();
        Self { barrier, host, policies, tokens }
    }

    /// The same storage with nothing in memory, as after a restart.
    fn restarted(&self) -> Self {
        Self::open(self.barrier.clone(), self.host.clone())
    }

    fn create(&self, draft: TokenDraft, parent: Option<&Caller>) -> Arc<Entry> {
        wait(self.tokens.create(draft, parent, at(0))).unwrap()
    }

    fn root(&self) -> Arc<Entry> {
        let mut batch = Batch::new();
        let entry = self.tokens.add_root(&mut batch, None, at(0)).unwrap();
        wait(self.barrier.commit(batch)).unwrap();
        entry
    }

    fn child(&self, parent: &Entry) -> Arc<Entry> {
        let parent = self.caller(parent, 0);
        self.create(limited(0), Some(&parent))
    }

    fn resolve(&self, entry: &Entry, seconds: i64) -> Reservation {
        self.tokens.resolve(Some(&entry.id), at(seconds))
    }

    fn caller(&self, entry: &Entry, seconds: i64) -> Caller {
        match self.resolve(entry, seconds) {
            Reservation::Valid(caller) => caller,
            _ => panic!("not live"),
        }
    }

    fn lives(&self, entry: &Entry, seconds: i64) -> bool {
        self.resolve(entry, seconds).authenticated().is_some()
    }

    fn found(&self, entry: &Entry) -> ActiveToken {
        self.tokens.find(entry.id.expose(), at(0)).unwrap().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let draft = policies::PolicyDraft { name, text: text.to_owned(), cas: None, cas_required: None };
        wait(self.policies.write(draft, at(0))).unwrap();
    }

    /// All keys below a prefix.
    fn keys(&self, prefix: &str) -> Vec<String> {
        self.barrier.view(prefix).unwrap().keys("", "", usize::MAX).unwrap()
    }

    fn put_in_cubbyhole(&self, entry: &Entry, key: &str) {
        let view = self.barrier.view("cubbyhole/").unwrap();
        let mut batch = Batch::new();
        view.put(&mut batch, &format!("{}/{key}", entry.name), b"{}").unwrap();
        wait(view.commit(batch)).unwrap();
    }
}

fn limited(num_uses: u64) -> TokenDraft {
    TokenDraft {
        num_uses,
        policies: vec!["default".to_owned()],
        path: "auth/token/create".to_owned(),
        ..TokenDraft::default()
    }
}

fn cache_key(ttl: u64) -> TokenDraft {
    TokenDraft { ttl, renewable: true, ..limited(0) }
}

fn may_read(reservation: &Reservation, path: &str) -> bool {
    let question = Question { operation: Operation::Read, path, data: None, wrap_ttl: None };
    reservation.authenticated().unwrap().acl.decide(&question).allowed
}

/// A whole request with a token, as the pipeline makes it: whether it was let through.
fn request(house: &House, entry: &Entry) -> bool {
    let reservation = house.resolve(entry, 0);
    if reservation.authenticated().is_none() {
        return false;
    }
    let spent = wait(reservation.spend()).is_ok();
    wait(reservation.finish());
    spent
}

#[test]
fn texts_are_random_and_of_the_known_form() {
    let house = House::new();
    let (one, two) = (house.root(), house.root());
    let alphanumeric = |text: &str| text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    assert!(alphanumeric(one.id.expose().strip_prefix("s.").unwrap()));
    assert!(alphanumeric(&one.accessor));
    assert!(one.id.expose() != two.id.expose() && one.accessor != two.accessor);
}

#[test]
fn a_token_is_stored_under_a_name_that_does_not_tell_it() {
    let house = House::new();
    let root = house.root();
    let child = house.child(&root);
    let keys = house.keys("token/").join("\n");
    for secret in [root.id.expose(), child.id.expose(), &root.accessor, &child.accessor] {
        assert!(!keys.contains(secret.as_str()));
    }
    assert!(keys.contains(&child.name));
}

#[test]
fn missing_unknown_and_revoked_tokens_are_refused_alike() {
    let house = House::new();
    let root = house.root();
    assert!(matches!(house.tokens.resolve(None, at(0)), Reservation::Refused));
    let unknown = Secret::new("s.nonsense0000000000000000".to_owned());
    assert!(matches!(house.tokens.resolve(Some(&unknown), at(0)), Reservation::Refused));
    wait(house.tokens.revoke(&house.found(&root))).unwrap();
    assert!(matches!(house.resolve(&root, 0), Reservation::Refused));
    assert!(house.tokens.find_accessor(&root.accessor, at(0)).unwrap().is_none());
}

#[test]
fn a_sealed_store_is_unavailable_and_not_a_refusal() {
    let house = House::new();
    let root = house.root();
    house.barrier.seal();
    assert!(matches!(house.resolve(&root, 0), Reservation::Unavailable));
}

#[test]
fn expiry_is_a_fact_of_the_clock() {
    let house = House::new();
    let token = house.create(cache_key(60), None);
    assert!(house.lives(&token, 59));
    assert!(!house.lives(&token, 60));
    assert!(house.tokens.find(token.id.expose(), at(60)).unwrap().is_none());
    // Nothing was cleaned up for that, and the clock can go back.
    assert!(house.lives(&token, 59));
}

#[test]
fn a_token_dies_with_an_expired_ancestor() {
    let house = House::new();
    let parent = house.create(cache_key(60), None);
    let child = house.child(&parent);
    let grandchild = house.child(&child);
    assert!(house.lives(&grandchild, 59));
    assert!(!house.lives(&grandchild, 60));
    assert!(!house.restarted().lives(&grandchild, 60));
}

#[test]
fn the_record_says_the_uses_before_the_request() {
    let house = House::new();
    let token = house.create(limited(3), None);
    for left in [3, 2, 1] {
        let reservation = house.resolve(&token, 0);
        assert_eq!(reservation.authenticated().unwrap().remaining_uses, Some(left));
        wait(reservation.spend()).unwrap();
        let now = house.tokens.current(reservation.authenticated().unwrap()).entry();
        assert_eq!(now.num_uses, left - 1);
        wait(reservation.finish());
    }
    assert!(!house.lives(&token, 0));
    assert!(house.keys("token/").is_empty(), "the last use deletes it");
}

#[test]
fn a_released_use_can_be_used_again() {
    let house = House::new();
    let token = house.create(limited(1), None);
    let reservation = house.resolve(&token, 0);
    assert!(!house.lives(&token, 0), "the only use is reserved");
    reservation.release();
    assert!(house.lives(&token, 0), "and was given back");
    assert!(request(&house, &token));
    assert!(!request(&house, &token));
}

#[test]
fn a_spent_use_is_durable() {
    let house = House::new();
    let token = house.create(limited(2), None);
    assert!(request(&house, &token));
    let again = house.restarted();
    assert!(request(&again, &token));
    // The server dies between the last use and the end of its request.
    let token = house.create(limited(1), None);
    let reservation = house.resolve(&token, 0);
    wait(reservation.spend()).unwrap();
    let again = house.restarted();
    assert!(!again.lives(&token, 0));
    assert_eq!(wait(again.tokens.tidy(at(0))).unwrap().tokens, 1);
}

#[test]
fn the_last_use_keeps_the_cubbyhole_until_its_request_ends() {
    let house = House::new();
    let token = house.create(limited(1), None);
    house.put_in_cubbyhole(&token, "response");
    let reservation = house.resolve(&token, 0);
    wait(reservation.spend()).unwrap();
    assert_eq!(house.keys("cubbyhole/").len(), 1);
    wait(reservation.finish());
    assert!(house.keys("cubbyhole/").is_empty());
}

#[test]
fn parallel_requests_never_exceed_the_uses() {
    let house = House::new();
    for uses in [1, 7, 64] {
        let token = house.create(limited(uses), None);
        let (through, line) = (AtomicUsize::new(0), Line::new(8));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    line.wait();
                    for _ in 0..20 {
                        if request(&house, &token) {
                            through.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(through.into_inner() as u64, uses);
        assert!(!house.lives(&token, 0));
        assert!(house.tokens.find_accessor(&token.accessor, at(0)).unwrap().is_none(), "deleted by the last");
    }
    assert!(house.keys("token/").is_empty());
}

#[test]
fn revoking_a_token_revokes_its_descendants_and_their_cubbyholes() {
    let house = House::new();
    let root = house.root();
    let parent = house.child(&root);
    let children = [house.child(&parent), house.child(&parent)];
    let grandchild = house.child(&children[0]);
    let orphan = house.create(limited(0), None);
    for entry in [&parent, &grandchild, &orphan] {
        house.put_in_cubbyhole(entry, "a/b");
    }
    wait(house.tokens.revoke(&house.found(&parent))).unwrap();
    for entry in [&parent, &children[0], &children[1], &grandchild] {
        assert!(!house.lives(entry, 0));
        assert!(!house.restarted().lives(entry, 0));
    }
    assert!(house.lives(&root, 0) && house.lives(&orphan, 0));
    assert_eq!(house.keys("cubbyhole/"), [format!("{}/a/b", orphan.name)]);
    assert_eq!(house.keys("token/").len(), 4, "an id and an accessor for each of the two that are left");
}

#[test]
fn a_family_is_dead_as_soon_as_its_head_is_gone_from_storage() {
    let house = House::new();
    let parent = house.create(limited(0), None);
    let grandchild = house.child(&house.child(&parent));
    // As after a crash in the middle of a revocation.
    let view = house.barrier.view("token/").unwrap();
    let mut batch = Batch::new();
    view.delete(&mut batch, &format!("id/{}", parent.name)).unwrap();
    wait(view.commit(batch)).unwrap();
    let again = house.restarted();
    assert!(!again.lives(&grandchild, 0));
    let tidied = wait(again.tokens.tidy(at(0))).unwrap();
    assert_eq!(tidied, Tidied { tokens: 2, leftovers: 1 });
    assert!(again.keys("token/").is_empty());
}

#[test]
fn revoking_a_token_alone_makes_its_children_orphans() {
    let house = House::new();
    let parent = house.create(cache_key(60), None);
    let child = house.child(&parent);
    let grandchild = house.child(&child);
    wait(house.tokens.revoke_orphan(&house.found(&parent))).unwrap();
    assert!(!house.lives(&parent, 0));
    for house in [&house, &house.restarted()] {
        assert!(house.lives(&child, 100) && house.lives(&grandchild, 100), "past the parent's end too");
        assert!(house.found(&child).entry().parent.is_none());
        assert!(house.found(&grandchild).entry().parent.is_some());
    }
    wait(house.tokens.revoke(&house.found(&child))).unwrap();
    assert!(!house.lives(&grandchild, 0));
    assert!(house.keys("token/").is_empty());
}

#[test]
fn a_token_that_was_revoked_meanwhile_gets_no_child() {
    let house = House::new();
    let parent = house.create(limited(0), None);
    let caller = house.caller(&parent, 0);
    wait(house.tokens.revoke(&house.found(&parent))).unwrap();
    let made = wait(house.tokens.create(limited(0), Some(&caller), at(0)));
    assert!(matches!(made, Err(TokenError::Gone)));
    assert!(house.keys("token/").is_empty());
}

#[test]
fn families_have_a_bounded_depth() {
    let house = House::new();
    let mut last = house.root();
    for _ in 0..MAX_DEPTH {
        last = house.child(&last);
    }
    let caller = house.caller(&last, 0);
    assert!(matches!(wait(house.tokens.create(limited(0), Some(&caller), at(0))), Err(TokenError::TooDeep)));
    assert!(house.restarted().lives(&last, 0));
}

#[test]
fn an_issue_that_is_not_on_record_is_taken_back_but_a_renewal_is_not() {
    let house = House::new();
    let entry = house.create(cache_key(60), None);
    let mut issued = Issued { entry: Arc::clone(&entry), lease_seconds: 60, new: false, text_known: true };
    wait(house.tokens.withdraw(&issued)).unwrap();
    assert!(house.lives(&entry, 0));
    issued.new = true;
    wait(house.tokens.withdraw(&issued)).unwrap();
    assert!(!house.lives(&entry, 0));
    assert!(house.keys("token/").is_empty());
}

#[test]
fn a_text_can_be_given_but_only_once() {
    let house = House::new();
    let draft = || TokenDraft { id: Some(Secret::new("root".to_owned())), ..limited(0) };
    let entry = house.create(draft(), None);
    assert!(house.lives(&entry, 0));
    assert!(matches!(wait(house.tokens.create(draft(), None, at(0))), Err(TokenError::Duplicate)));
    assert!(house.lives(&entry, 0));
}

#[test]
fn a_renewal_moves_the_end_and_is_durable() {
    let house = House::new();
    let token = house.create(cache_key(60), None);
    let found = house.found(&token);
    let done = wait(house.tokens.renew(&found, at(50), |entry| {
        assert_eq!(entry.ttl(at(50)), 10);
        Ok::<_, ()>(30)
    }));
    assert!(
        matches!(done, Ok(Renewal::Done(entry)) if entry.ttl(at(50)) == 30 && entry.renewed == Some(at(50)))
    );
    for house in [&house, &house.restarted()] {
        assert!(house.lives(&token, 79) && !house.lives(&token, 80));
    }
    let refused = wait(house.tokens.renew(&found, at(50), |_| Err("no")));
    assert!(matches!(refused, Ok(Renewal::Refused("no"))));
    let late = wait(house.tokens.renew(&found, at(80), |_| Ok::<_, ()>(30)));
    assert!(matches!(late, Err(TokenError::Gone)), "what is over is not renewed");
}

#[test]
fn a_renewal_and_a_use_do_not_lose_each_other() {
    let house = House::new();
    for _ in 0..50 {
        let token = house.create(TokenDraft { num_uses: 10, ..cache_key(60) }, None);
        let found = house.found(&token);
        thread::scope(|scope| {
            scope.spawn(|| wait(house.tokens.renew(&found, at(10), |_| Ok::<_, ()>(100))).unwrap());
            for _ in 0..3 {
                assert!(request(&house, &token));
            }
        });
        let stored = house.restarted().found(&token).entry();
        assert_eq!((stored.num_uses, stored.expires), (7, Some(at(110))));
    }
}

#[test]
fn nothing_changed_late_brings_a_revoked_token_back() {
    let house = House::new();
    let token = house.create(TokenDraft { num_uses: 10, ..cache_key(60) }, None);
    let (found, reservation) = (house.found(&token), house.resolve(&token, 0));
    wait(house.tokens.revoke(&found)).unwrap();
    assert!(wait(reservation.spend()).is_err());
    assert!(wait(house.tokens.renew(&found, at(1), |_| Ok::<_, ()>(100))).is_err());
    wait(reservation.finish());
    assert!(house.keys("token/").is_empty());
}

/// I11: requests run against the token all the time; none that starts after the revocation was answered gets through,
/// neither with the token nor with its child.
#[test]
fn no_request_after_a_revocation_gets_through() {
    let house = House::new();
    for _ in 0..100 {
        let parent = house.create(limited(0), None);
        let child = house.child(&parent);
        let (revoked, line) = (AtomicBool::new(false), Line::new(4));
        thread::scope(|scope| {
            for entry in [&parent, &child, &child] {
                let (house, revoked, line) = (&house, &revoked, &line);
                scope.spawn(move || {
                    line.wait();
                    loop {
                        let over = revoked.load(Ordering::SeqCst);
                        let lives = house.lives(entry, 0);
                        assert!(!(over && lives), "a revoked token was let through");
                        if over {
                            return;
                        }
                    }
                });
            }
            line.wait();
            wait(house.tokens.revoke(&house.found(&parent))).unwrap();
            assert!(!house.restarted().lives(&parent, 0), "durable before it is answered");
            revoked.store(true, Ordering::SeqCst);
        });
    }
}

/// I11, for policies: a decision after the answer to a policy change is made by the new policy.
#[test]
fn no_request_after_a_policy_change_is_judged_by_the_old_one() {
    let house = House::new();
    house.write("reader", "path \"kv/*\" { capabilities = [\"read\"] }");
    let token = house.create(TokenDraft { policies: vec!["reader".to_owned()], ..limited(0) }, None);
    for round in 0..100 {
        let (changed, line) = (AtomicBool::new(false), Line::new(3));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    line.wait();
                    loop {
                        let over = changed.load(Ordering::SeqCst);
                        let may = may_read(&house.resolve(&token, 0), "kv/a");
                        assert!(!(over && may), "an old policy was used");
                        if over {
                            return;
                        }
                    }
                });
            }
            line.wait();
            if round % 2 == 0 {
                house.write("reader", "path \"kv/*\" { capabilities = [\"list\"] }");
            } else {
                wait(house.policies.delete("reader")).unwrap();
            }
            changed.store(true, Ordering::SeqCst);
        });
        house.write("reader", "path \"kv/*\" { capabilities = [\"read\"] }");
        assert!(may_read(&house.resolve(&token, 0), "kv/a"));
    }
}

#[test]
fn tidying_removes_what_is_dead_and_nothing_else() {
    let house = House::new();
    let dead = house.create(cache_key(10), None);
    let grandchild = house.child(&dead);
    let live = house.create(cache_key(100), None);
    for entry in [&dead, &live] {
        house.put_in_cubbyhole(entry, "x");
    }
    let view = house.barrier.view("cubbyhole/").unwrap();
    let mut batch = Batch::new();
    view.put(&mut batch, &format!("{}/x", "0".repeat(64)), b"left over").unwrap();
    wait(view.commit(batch)).unwrap();
    assert_eq!(wait(house.tokens.tidy(at(50))).unwrap(), Tidied { tokens: 2, leftovers: 1 });
    assert!(!house.lives(&dead, 0) && !house.lives(&grandchild, 0) && house.lives(&live, 50));
    assert_eq!(house.keys("cubbyhole/"), [format!("{}/x", live.name)]);
    assert_eq!(wait(house.tokens.tidy(at(50))).unwrap(), Tidied::default());
}

#[test]
fn a_damaged_token_is_refused_and_hinders_nobody_else() {
    let house = House::new();
    let (good, bad) = (house.root(), house.create(cache_key(10), None));
    let view = house.barrier.view("token/").unwrap();
    let mut batch = Batch::new();
    view.put(&mut batch, &format!("id/{}", bad.name), b"damaged").unwrap();
    wait(view.commit(batch)).unwrap();
    assert!(matches!(house.resolve(&bad, 0), Reservation::Unavailable));
    assert_eq!(wait(house.tokens.accessors(at(0))).unwrap(), std::slice::from_ref(&good.accessor));
    assert_eq!(wait(house.tokens.tidy(at(50))).unwrap(), Tidied::default());
}

#[test]
fn looking_at_all_tokens_takes_no_notice_of_how_many_there_are() {
    let house = House::new();
    for _ in 0..300 {
        house.create(cache_key(10), None);
    }
    let root = house.root();
    assert_eq!(wait(house.tokens.accessors(at(0))).unwrap().len(), 301);
    assert_eq!(wait(house.tokens.tidy(at(10))).unwrap(), Tidied { tokens: 300, leftovers: 0 });
    assert_eq!(house.keys("token/").len(), 2);
    assert!(house.lives(&root, 10));
}

#[test]
fn accessors_of_live_tokens_are_listed() {
    let house = House::new();
    let (one, two) = (house.root(), house.create(cache_key(10), None));
    let mut both = vec![one.accessor.clone(), two.accessor.clone()];
    both.sort();
    let mut listed = wait(house.tokens.accessors(at(0))).unwrap();
    listed.sort();
    assert_eq!(listed, both);
    assert_eq!(wait(house.tokens.accessors(at(10))).unwrap(), std::slice::from_ref(&one.accessor));
    assert_eq!(house.tokens.find_accessor(&one.accessor, at(0)).unwrap().unwrap().entry().name, one.name);
}

#[test]
fn metadata_and_times_survive_a_restart() {
    let house = House::new();
    let draft = TokenDraft {
        meta: Some(object! { "team" => "blue" }),
        display_name: "token-bob".to_owned(),
        explicit_max_ttl: 90,
        period: 30,
        ..cache_key(60)
    };
    let token = house.create(draft, None);
    let stored = house.restarted().found(&token).entry();
    assert_eq!(stored.meta, token.meta);
    assert_eq!((stored.issued, stored.expires), (at(0), Some(at(60))));
    assert_eq!((stored.explicit_max_ttl, stored.period, stored.renewable), (90, 30, true));
    assert_eq!(stored.id.expose(), token.id.expose());
}

#[test]
fn policies_are_versioned_and_survive_a_restart() {
    let house = House::new();
    house.write("reader", "path \"a\" { capabilities = [\"read\"] }");
    house.write("reader", "path \"b\" { capabilities = [\"read\"] }");
    for house in [&house, &house.restarted()] {
        let stored = house.policies.get("reader").unwrap();
        assert_eq!((stored.version, stored.text.as_str()), (2, "path \"b\" { capabilities = [\"read\"] }"));
        assert_eq!(house.policies.names(), ["default", "reader", "root"]);
    }
    wait(house.policies.delete("reader")).unwrap();
    wait(house.policies.delete("reader")).unwrap();
    assert!(house.policies.get("reader").is_none() && !house.restarted().policies.exists("reader"));
}

#[test]
fn a_policy_that_does_not_parse_changes_nothing() {
    let house = House::new();
    let text = "path \"x\" { capabilities = [\"fly\"] }".to_owned();
    let draft = policies::PolicyDraft { name: "bad", text, cas: None, cas_required: None };
    let error = wait(house.policies.write(draft, at(0))).unwrap_err();
    assert_eq!(error.to_string(), "failed to parse policy: path \"x\": invalid capability \"fly\"");
    assert!(error.is_client_error() && !house.policies.exists("bad"));
}

#[test]
fn default_can_be_changed_but_not_deleted_and_root_neither() {
    let house = House::new();
    assert!(house.policies.get("default").unwrap().text.contains("lookup-self"));
    let refused = |name| wait(house.policies.delete(name)).unwrap_err().to_string();
    assert_eq!(refused("default"), "cannot delete default policy");
    assert_eq!(refused("root"), "cannot delete \"root\" policy");
    let draft = policies::PolicyDraft { name: "root", text: "#".to_owned(), cas: None, cas_required: None };
    let error = wait(house.policies.write(draft, at(0))).unwrap_err();
    assert_eq!(error.to_string(), "cannot update \"root\" policy");
    assert_eq!(house.policies.get("root").unwrap().text, "");
    let token = house.create(limited(0), None);
    assert!(may_read(&house.resolve(&token, 0), "cubbyhole/x"));
    house.write("default", "path \"only/this\" { capabilities = [\"read\"] }");
    for house in [&house, &house.restarted()] {
        assert!(!may_read(&house.resolve(&token, 0), "cubbyhole/x"));
        assert!(may_read(&house.resolve(&token, 0), "only/this"));
        assert_eq!(house.policies.get("default").unwrap().version, 2);
    }
}

#[test]
fn a_write_that_names_another_version_is_refused() {
    let house = House::new();
    let write = |cas, cas_required| {
        let draft = policies::PolicyDraft {
            name: "p",
            text: "path \"a\" {}".replace("{}", "{ capabilities = [\"read\"] }"),
            cas,
            cas_required,
        };
        wait(house.policies.write(draft, at(0)))
    };
    assert!(matches!(write(Some(1), None), Err(PolicyError::Version)));
    write(Some(0), Some(true)).unwrap();
    assert!(matches!(write(None, None), Err(PolicyError::VersionNeeded)));
    write(Some(1), None).unwrap();
    assert!(house.policies.get("p").unwrap().cas_required);
}

#[test]
fn a_policy_name_that_is_no_storage_key_is_the_clients_error() {
    let house = House::new();
    for name in ["a/../b", "a/"] {
        let text = "path \"a\" { capabilities = [\"read\"] }".to_owned();
        let draft = policies::PolicyDraft { name, text, cas: None, cas_required: None };
        assert!(wait(house.policies.write(draft, at(0))).unwrap_err().is_client_error(), "{name}");
        assert!(wait(house.policies.delete(name)).unwrap_err().is_client_error(), "{name}");
    }
    house.write("deep/er", "path \"a\" { capabilities = [\"read\"] }");
    assert!(house.restarted().policies.exists("deep/er"));
}

#[test]
fn tokens_with_the_same_policies_share_one_acl() {
    let house = House::new();
    let (one, two) = (house.create(limited(0), None), house.create(limited(0), None));
    assert!(Arc::ptr_eq(&house.caller(&one, 0).acl, &house.caller(&two, 0).acl));
}
