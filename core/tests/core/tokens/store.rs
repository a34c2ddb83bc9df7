//! The token store and the policy store on memory storage: what is resolved, for how long and how often, and that no
//! answer can be stale. Endpoints are not asked here.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier as Line};
use std::thread;

use onrecord_core::Host;
use onrecord_core::identity::Identity;
use onrecord_core::policies::{self, Policies, PolicyError};
use onrecord_core::token::TokenDraft;
use onrecord_core::token::{Entry, Issued};
use onrecord_core::tokens::{ActiveToken, MAX_DEPTH, Tidied, TokenError, Tokens};
use onrecord_core::tokens::{Caller, Reservation};
use onrecord_policy::{Operation, Question};
use onrecord_seal::Secret;
use onrecord_storage::{Barrier, Batch, Storage, memory};
use onrecord_value::object;

use super::{at, clock, wait};
use crate::kit::{host, unsealed_barrier};

/// A server's stores, unsealed, and the storage they are on.
struct Stores {
    barrier: Barrier,
    host: Host,
    policies: Policies,
    tokens: Tokens,
}

impl Stores {
    fn new() -> Self {
        let storage = Storage::start(memory::Memory::new()).unwrap();
        let host = host(clock());
        Self::open(wait(unsealed_barrier(storage)), host)
    }

    fn open(barrier: Barrier, host: Host) -> Self {
        let policies = wait(Policies::load(&barrier)).unwrap();
        let identity = wait(Identity::load(&barrier, &host)).unwrap();
        let tokens = Tokens::open(&barrier, &policies, &identity, &host).unwrap();
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
        wait(self.tokens.resolve(Some(&entry.id), at(seconds)))
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
        wait(self.tokens.find(entry.id.expose(), at(0))).unwrap().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let draft = policies::PolicyDraft { name, text: text.to_owned(), cas: None, cas_required: None };
        wait(self.policies.write(draft, at(0))).unwrap();
    }

    /// All keys below a prefix.
    fn keys(&self, prefix: &str) -> Vec<String> {
        wait(self.barrier.view(prefix).unwrap().keys("", "", usize::MAX)).unwrap()
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

fn finish(reservation: Reservation) {
    if let Some(deletion) = reservation.finish() {
        wait(deletion);
    }
}

fn may_read(reservation: &Reservation, path: &str) -> bool {
    let question = Question { operation: Operation::Read, path, data: None, wrap_ttl: None };
    reservation.authenticated().unwrap().acl.decide(&question).allowed
}

/// A whole request with a token, as the pipeline makes it: whether it was let through.
fn request(stores: &Stores, entry: &Entry) -> bool {
    let reservation = stores.resolve(entry, 0);
    if reservation.authenticated().is_none() {
        return false;
    }
    let spent = wait(reservation.spend()).is_ok();
    finish(reservation);
    spent
}

#[test]
fn texts_are_random_and_of_the_known_form() {
    let stores = Stores::new();
    let (one, two) = (stores.root(), stores.root());
    let alphanumeric = |text: &str| text.len() == 28 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    assert!(alphanumeric(one.id.expose().strip_prefix("s.").unwrap()));
    assert!(alphanumeric(&one.accessor));
    assert!(one.id.expose() != two.id.expose() && one.accessor != two.accessor);
}

#[test]
fn a_token_is_stored_under_a_name_that_does_not_tell_it() {
    let stores = Stores::new();
    let root = stores.root();
    let child = stores.child(&root);
    let keys = stores.keys("token/").join("\n");
    for entry in [&root, &child] {
        let (text, accessor) = (entry.id.expose(), &entry.accessor);
        // Both begin with the letters of the time; the rest has nothing in common.
        assert_eq!(text.get(2..6), accessor.get(..4));
        for secret in [&text[6..], &accessor[4..]] {
            assert!(!keys.contains(secret) && !keys.contains(&const_hex::encode(secret)));
        }
        assert!(!text.contains(&accessor[4..]));
    }
    assert!(keys.contains(&child.name));
}

#[test]
fn what_is_stored_of_tokens_is_in_the_order_they_were_made_in() {
    let stores = Stores::new();
    let made: Vec<_> =
        (0..50).map(|second| wait(stores.tokens.create(limited(0), None, at(second))).unwrap()).collect();
    assert!(made.is_sorted_by_key(|entry| entry.name.clone()));
    assert!(
        made.iter()
            .all(|entry| entry.name.len() == 64 && entry.name.bytes().all(|byte| byte.is_ascii_hexdigit()))
    );
    assert_eq!(stores.keys("token/").len(), 50, "its accessor leads to each without an index");
    for entry in &made {
        let found = wait(stores.restarted().tokens.find_accessor(&entry.accessor, at(0))).unwrap().unwrap();
        assert_eq!(found.entry().id.expose(), entry.id.expose());
    }
}

/// What versions without slots have stored of a token, and every version does of one whose text is chosen.
fn store_as_before(stores: &Stores, text: &str, accessor: &str, parent: Option<&Entry>) -> String {
    let hash = |text: &str| stores.barrier.hash_name(text).unwrap();
    let name = hash(text);
    let parents = parent.map(|parent| format!(r#""parent":"{}","#, parent.name)).unwrap_or_default();
    let depth = u8::from(parent.is_some());
    let facts = format!(
        r#"{{"accessor":"{accessor}","creation_ttl":0,"depth":{depth},"display_name":"token","explicit_max_ttl":0,"issued":0,"num_uses":0,{parents}"path":"auth/token/create","period":0,"policies":["default"],"renewable":false}}"#
    );
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    let entry = [&[1], &length[..], text.as_bytes(), facts.as_bytes()].concat();
    let mut batch = Batch::new();
    let mut put = |view: &str, key: String, value: &[u8]| {
        stores.barrier.view(view).unwrap().put(&mut batch, &key, value).unwrap();
    };
    put("token/", format!("id/{name}"), &entry);
    put("token/", format!("accessor/{}", hash(accessor)), name.as_bytes());
    put("lease/", format!("id/auth/token/create/h{name}"), &[]);
    if let Some(parent) = parent {
        put("token/", format!("child/{}/{name}", parent.name), &[]);
    }
    wait(stores.barrier.commit(batch)).unwrap();
    name
}

#[test]
fn tokens_that_an_older_version_has_stored_are_found_and_revoked_at_their_old_places() {
    // The second looks like one that this version makes.
    for text in ["s.U7S4dyjHX5pobJO4JIQLdble", "s.0abcU7S4dyjHX5pobJO4JIQLdble"] {
        let stores = Stores::new();
        let root = stores.root();
        let before = (stores.keys("token/"), stores.keys("lease/"));
        let name = store_as_before(&stores, text, "accessorAccessorAccessor", Some(&root));
        for stores in [stores.restarted(), stores.restarted()] {
            let found = wait(stores.tokens.find(text, at(0))).unwrap().unwrap();
            assert_eq!((&*found.entry().name, found.entry().id.expose().as_str()), (&*name, text));
            let reservation = wait(stores.tokens.resolve(Some(&Secret::new(text.to_owned())), at(0)));
            assert!(reservation.authenticated().is_some());
        }
        let stores = stores.restarted();
        let found = wait(stores.tokens.find_accessor("accessorAccessorAccessor", at(0))).unwrap().unwrap();
        // A child that this version makes falls with it.
        let caller = stores.caller(&found.entry(), 0);
        let child = stores.create(limited(0), Some(&caller));
        assert!(stores.lives(&child, 0));
        drop(caller);
        wait(stores.tokens.revoke(&found)).unwrap();
        assert!(!stores.lives(&child, 0));
        assert!(wait(stores.tokens.find(text, at(0))).unwrap().is_none());
        assert_eq!((stores.keys("token/"), stores.keys("lease/")), before, "nothing is left of either");
    }
}

#[test]
fn a_token_that_an_older_version_has_stored_falls_with_its_parent() {
    let stores = Stores::new();
    let parent = stores.create(limited(0), None);
    store_as_before(&stores, "s.U7S4dyjHX5pobJO4JIQLdble", "accessorAccessorAccessor", Some(&parent));
    wait(stores.tokens.revoke(&stores.found(&parent))).unwrap();
    assert!(wait(stores.tokens.find("s.U7S4dyjHX5pobJO4JIQLdble", at(0))).unwrap().is_none());
    assert!(stores.keys("token/").is_empty() && stores.keys("lease/id/").is_empty());
}

#[test]
fn a_text_that_is_chosen_must_not_be_that_of_another_token() {
    let stores = Stores::new();
    let made = stores.create(limited(0), None);
    let chosen = |text: &str| TokenDraft { id: Some(Secret::new(text.to_owned())), ..limited(0) };
    for text in [made.id.expose(), "chosen", "s.0abcU7S4dyjHX5pobJO4JIQLdble"] {
        let first = wait(stores.tokens.create(chosen(text), None, at(0)));
        assert_eq!(first.is_ok(), text != made.id.expose(), "{text}");
        let again = wait(stores.tokens.create(chosen(text), None, at(0)));
        assert!(matches!(again, Err(TokenError::Duplicate)), "{text}");
        assert!(wait(stores.restarted().tokens.find(text, at(0))).unwrap().is_some(), "{text}");
    }
}

#[test]
fn missing_unknown_and_revoked_tokens_are_refused_alike() {
    let stores = Stores::new();
    let root = stores.root();
    assert!(matches!(wait(stores.tokens.resolve(None, at(0))), Reservation::Refused));
    let unknown = Secret::new("s.nonsense0000000000000000".to_owned());
    assert!(matches!(wait(stores.tokens.resolve(Some(&unknown), at(0))), Reservation::Refused));
    wait(stores.tokens.revoke(&stores.found(&root))).unwrap();
    assert!(matches!(stores.resolve(&root, 0), Reservation::Refused));
    assert!(wait(stores.tokens.find_accessor(&root.accessor, at(0))).unwrap().is_none());
}

#[test]
fn a_sealed_store_is_unavailable_and_not_a_refusal() {
    let stores = Stores::new();
    let root = stores.root();
    stores.barrier.seal();
    assert!(matches!(stores.resolve(&root, 0), Reservation::Unavailable));
}

#[test]
fn expiry_is_a_fact_of_the_clock() {
    let stores = Stores::new();
    let token = stores.create(cache_key(60), None);
    assert!(stores.lives(&token, 59));
    assert!(!stores.lives(&token, 60));
    assert!(wait(stores.tokens.find(token.id.expose(), at(60))).unwrap().is_none());
    // Nothing was cleaned up for that, and the clock can go back.
    assert!(stores.lives(&token, 59));
}

#[test]
fn a_token_dies_with_an_expired_ancestor() {
    let stores = Stores::new();
    let parent = stores.create(cache_key(60), None);
    let child = stores.child(&parent);
    let grandchild = stores.child(&child);
    assert!(stores.lives(&grandchild, 59));
    assert!(!stores.lives(&grandchild, 60));
    assert!(!stores.restarted().lives(&grandchild, 60));
}

#[test]
fn the_record_says_the_uses_before_the_request() {
    let stores = Stores::new();
    let token = stores.create(limited(3), None);
    for left in [3, 2, 1] {
        let reservation = stores.resolve(&token, 0);
        assert_eq!(reservation.authenticated().unwrap().remaining_uses, Some(left));
        wait(reservation.spend()).unwrap();
        let now = stores.tokens.current(reservation.authenticated().unwrap()).entry();
        assert_eq!(now.num_uses, left - 1);
        finish(reservation);
    }
    assert!(!stores.lives(&token, 0));
    assert!(stores.keys("token/").is_empty(), "the last use deletes it");
}

#[test]
fn a_released_use_can_be_used_again() {
    let stores = Stores::new();
    let token = stores.create(limited(1), None);
    let reservation = stores.resolve(&token, 0);
    assert!(!stores.lives(&token, 0), "the only use is reserved");
    reservation.release();
    assert!(stores.lives(&token, 0), "and was given back");
    assert!(request(&stores, &token));
    assert!(!request(&stores, &token));
}

#[test]
fn a_spent_use_is_durable() {
    let stores = Stores::new();
    let token = stores.create(limited(2), None);
    assert!(request(&stores, &token));
    let again = stores.restarted();
    assert!(request(&again, &token));
    // The server dies between the last use and the end of its request.
    let token = stores.create(limited(1), None);
    let reservation = stores.resolve(&token, 0);
    wait(reservation.spend()).unwrap();
    let again = stores.restarted();
    assert!(!again.lives(&token, 0));
    assert_eq!(wait(again.tokens.tidy(at(0))).unwrap().tokens, 1);
}

#[test]
fn the_last_use_keeps_the_cubbyhole_until_its_request_ends() {
    let stores = Stores::new();
    let token = stores.create(limited(1), None);
    stores.put_in_cubbyhole(&token, "response");
    let reservation = stores.resolve(&token, 0);
    wait(reservation.spend()).unwrap();
    assert_eq!(stores.keys("cubbyhole/").len(), 1);
    finish(reservation);
    assert!(stores.keys("cubbyhole/").is_empty());
}

#[test]
fn parallel_requests_never_exceed_the_uses() {
    let stores = Stores::new();
    for uses in [1, 7, 64] {
        let token = stores.create(limited(uses), None);
        let (through, line) = (AtomicUsize::new(0), Line::new(8));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    line.wait();
                    for _ in 0..20 {
                        if request(&stores, &token) {
                            through.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(through.into_inner() as u64, uses);
        assert!(!stores.lives(&token, 0));
        assert!(
            wait(stores.tokens.find_accessor(&token.accessor, at(0))).unwrap().is_none(),
            "deleted by the last"
        );
    }
    assert!(stores.keys("token/").is_empty());
}

#[test]
fn revoking_a_token_revokes_its_descendants_and_their_cubbyholes() {
    let stores = Stores::new();
    let root = stores.root();
    let parent = stores.child(&root);
    let children = [stores.child(&parent), stores.child(&parent)];
    let grandchild = stores.child(&children[0]);
    let orphan = stores.create(limited(0), None);
    for entry in [&parent, &grandchild, &orphan] {
        stores.put_in_cubbyhole(entry, "a/b");
    }
    wait(stores.tokens.revoke(&stores.found(&parent))).unwrap();
    for entry in [&parent, &children[0], &children[1], &grandchild] {
        assert!(!stores.lives(entry, 0));
        assert!(!stores.restarted().lives(entry, 0));
    }
    assert!(stores.lives(&root, 0) && stores.lives(&orphan, 0));
    assert_eq!(stores.keys("cubbyhole/"), [format!("{}/a/b", orphan.name)]);
    assert_eq!(stores.keys("token/").len(), 2, "an id for each of the two that are left");
}

#[test]
fn a_family_is_dead_as_soon_as_its_head_is_gone_from_storage() {
    let stores = Stores::new();
    let id = Some(Secret::new("chosen".to_owned()));
    let parent = stores.create(TokenDraft { id, ..limited(0) }, None);
    let grandchild = stores.child(&stores.child(&parent));
    // As after a crash in the middle of a revocation.
    let view = stores.barrier.view("token/").unwrap();
    let mut batch = Batch::new();
    view.delete(&mut batch, &format!("id/{}", parent.name)).unwrap();
    wait(view.commit(batch)).unwrap();
    let again = stores.restarted();
    assert!(!again.lives(&grandchild, 0));
    let tidied = wait(again.tokens.tidy(at(0))).unwrap();
    // The accessor of the head, whose text was chosen, and the name of its lease.
    assert_eq!(tidied, Tidied { tokens: 2, leftovers: 2 });
    assert!(again.keys("token/").is_empty() && again.keys("lease/").is_empty());
}

#[test]
fn revoking_a_token_alone_makes_its_children_orphans() {
    let stores = Stores::new();
    let parent = stores.create(cache_key(60), None);
    let child = stores.child(&parent);
    let grandchild = stores.child(&child);
    wait(stores.tokens.revoke_orphan(&stores.found(&parent))).unwrap();
    assert!(!stores.lives(&parent, 0));
    for stores in [&stores, &stores.restarted()] {
        assert!(stores.lives(&child, 100) && stores.lives(&grandchild, 100), "past the parent's end too");
        assert!(stores.found(&child).entry().parent.is_none());
        assert!(stores.found(&grandchild).entry().parent.is_some());
    }
    wait(stores.tokens.revoke(&stores.found(&child))).unwrap();
    assert!(!stores.lives(&grandchild, 0));
    assert!(stores.keys("token/").is_empty());
}

#[test]
fn a_token_that_was_revoked_meanwhile_gets_no_child() {
    let stores = Stores::new();
    let parent = stores.create(limited(0), None);
    let caller = stores.caller(&parent, 0);
    wait(stores.tokens.revoke(&stores.found(&parent))).unwrap();
    let made = wait(stores.tokens.create(limited(0), Some(&caller), at(0)));
    assert!(matches!(made, Err(TokenError::Gone)));
    assert!(stores.keys("token/").is_empty());
}

#[test]
fn families_have_a_bounded_depth() {
    let stores = Stores::new();
    let mut last = stores.root();
    for _ in 0..MAX_DEPTH {
        last = stores.child(&last);
    }
    let caller = stores.caller(&last, 0);
    assert!(matches!(wait(stores.tokens.create(limited(0), Some(&caller), at(0))), Err(TokenError::TooDeep)));
    assert!(stores.restarted().lives(&last, 0));
}

#[test]
fn an_issue_that_is_not_on_record_is_taken_back_but_a_renewal_is_not() {
    let stores = Stores::new();
    let entry = stores.create(cache_key(60), None);
    let mut issued = Issued { entry: Arc::clone(&entry), lease_seconds: 60, new: false, text_known: true };
    wait(stores.tokens.withdraw(&issued)).unwrap();
    assert!(stores.lives(&entry, 0));
    issued.new = true;
    wait(stores.tokens.withdraw(&issued)).unwrap();
    assert!(!stores.lives(&entry, 0));
    assert!(stores.keys("token/").is_empty());
}

#[test]
fn a_text_can_be_given_but_only_once() {
    let stores = Stores::new();
    let draft = || TokenDraft { id: Some(Secret::new("root".to_owned())), ..limited(0) };
    let entry = stores.create(draft(), None);
    assert!(stores.lives(&entry, 0));
    assert!(matches!(wait(stores.tokens.create(draft(), None, at(0))), Err(TokenError::Duplicate)));
    assert!(stores.lives(&entry, 0));
}

#[test]
fn a_renewal_moves_the_end_and_is_durable() {
    let stores = Stores::new();
    let token = stores.create(cache_key(60), None);
    let found = stores.found(&token);
    let done = wait(stores.tokens.renew(&found, at(50), |entry| {
        assert_eq!(entry.ttl(at(50)), 10);
        Ok::<_, ()>(30)
    }));
    assert!(matches!(done, Ok(Ok(entry)) if entry.ttl(at(50)) == 30 && entry.renewed == Some(at(50))));
    for stores in [&stores, &stores.restarted()] {
        assert!(stores.lives(&token, 79) && !stores.lives(&token, 80));
    }
    let refused = wait(stores.tokens.renew(&found, at(50), |_| Err("no")));
    assert!(matches!(refused, Ok(Err("no"))));
    let late = wait(stores.tokens.renew(&found, at(80), |_| Ok::<_, ()>(30)));
    assert!(matches!(late, Err(TokenError::Gone)), "what is over is not renewed");
}

#[test]
fn a_renewal_and_a_use_do_not_lose_each_other() {
    let stores = Stores::new();
    for _ in 0..50 {
        let token = stores.create(TokenDraft { num_uses: 10, ..cache_key(60) }, None);
        let found = stores.found(&token);
        thread::scope(|scope| {
            scope.spawn(|| wait(stores.tokens.renew(&found, at(10), |_| Ok::<_, ()>(100))).unwrap());
            for _ in 0..3 {
                assert!(request(&stores, &token));
            }
        });
        let stored = stores.restarted().found(&token).entry();
        assert_eq!((stored.num_uses, stored.expires), (7, Some(at(110))));
    }
}

#[test]
fn nothing_changed_late_brings_a_revoked_token_back() {
    let stores = Stores::new();
    let token = stores.create(TokenDraft { num_uses: 10, ..cache_key(60) }, None);
    let (found, reservation) = (stores.found(&token), stores.resolve(&token, 0));
    wait(stores.tokens.revoke(&found)).unwrap();
    assert!(wait(reservation.spend()).is_err());
    assert!(wait(stores.tokens.renew(&found, at(1), |_| Ok::<_, ()>(100))).is_err());
    finish(reservation);
    assert!(stores.keys("token/").is_empty());
}

/// I11: requests run against the token all the time; none that starts after the revocation was answered gets through,
/// neither with the token nor with its child.
#[test]
fn no_request_after_a_revocation_gets_through() {
    let stores = Stores::new();
    for _ in 0..100 {
        let parent = stores.create(limited(0), None);
        let child = stores.child(&parent);
        let (revoked, line) = (AtomicBool::new(false), Line::new(4));
        thread::scope(|scope| {
            for entry in [&parent, &child, &child] {
                let (stores, revoked, line) = (&stores, &revoked, &line);
                scope.spawn(move || {
                    line.wait();
                    loop {
                        let over = revoked.load(Ordering::SeqCst);
                        let lives = stores.lives(entry, 0);
                        assert!(!(over && lives), "a revoked token was let through");
                        if over {
                            return;
                        }
                    }
                });
            }
            line.wait();
            wait(stores.tokens.revoke(&stores.found(&parent))).unwrap();
            assert!(!stores.restarted().lives(&parent, 0), "durable before it is answered");
            revoked.store(true, Ordering::SeqCst);
        });
    }
}

/// I11, for policies: a decision after the answer to a policy change is made by the new policy.
#[test]
fn no_request_after_a_policy_change_is_judged_by_the_old_one() {
    let stores = Stores::new();
    stores.write("reader", "path \"kv/*\" { capabilities = [\"read\"] }");
    let token = stores.create(TokenDraft { policies: vec!["reader".to_owned()], ..limited(0) }, None);
    for round in 0..100 {
        let (changed, line) = (AtomicBool::new(false), Line::new(3));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    line.wait();
                    loop {
                        let over = changed.load(Ordering::SeqCst);
                        let may = may_read(&stores.resolve(&token, 0), "kv/a");
                        assert!(!(over && may), "an old policy was used");
                        if over {
                            return;
                        }
                    }
                });
            }
            line.wait();
            if round % 2 == 0 {
                stores.write("reader", "path \"kv/*\" { capabilities = [\"list\"] }");
            } else {
                wait(stores.policies.delete("reader")).unwrap();
            }
            changed.store(true, Ordering::SeqCst);
        });
        stores.write("reader", "path \"kv/*\" { capabilities = [\"read\"] }");
        assert!(may_read(&stores.resolve(&token, 0), "kv/a"));
    }
}

#[test]
fn tidying_removes_what_is_dead_and_nothing_else() {
    let stores = Stores::new();
    let dead = stores.create(cache_key(10), None);
    let grandchild = stores.child(&dead);
    let live = stores.create(cache_key(100), None);
    for entry in [&dead, &live] {
        stores.put_in_cubbyhole(entry, "x");
    }
    let view = stores.barrier.view("cubbyhole/").unwrap();
    let mut batch = Batch::new();
    view.put(&mut batch, &format!("{}/x", "0".repeat(64)), b"left over").unwrap();
    wait(view.commit(batch)).unwrap();
    assert_eq!(wait(stores.tokens.tidy(at(50))).unwrap(), Tidied { tokens: 2, leftovers: 1 });
    assert!(!stores.lives(&dead, 0) && !stores.lives(&grandchild, 0) && stores.lives(&live, 50));
    assert_eq!(stores.keys("cubbyhole/"), [format!("{}/x", live.name)]);
    assert_eq!(wait(stores.tokens.tidy(at(50))).unwrap(), Tidied::default());
}

#[test]
fn a_damaged_token_is_refused_and_hinders_nobody_else() {
    let stores = Stores::new();
    let (good, bad) = (stores.root(), stores.create(cache_key(10), None));
    let view = stores.barrier.view("token/").unwrap();
    let mut batch = Batch::new();
    view.put(&mut batch, &format!("id/{}", bad.name), b"damaged").unwrap();
    wait(view.commit(batch)).unwrap();
    assert!(matches!(stores.resolve(&bad, 0), Reservation::Unavailable));
    assert!(matches!(stores.resolve(&good, 0), Reservation::Valid(_)));
    // A list without it would say that there is no such token.
    let refused = wait(stores.tokens.accessors(at(0))).unwrap_err().to_string();
    let key = format!("the stored value of \"token/id/{}\" cannot be read; restore a backup", bad.name);
    assert!(refused.starts_with(&key), "{refused}");
    assert_eq!(wait(stores.tokens.tidy(at(50))).unwrap(), Tidied::default());
}

#[test]
fn looking_at_all_tokens_takes_no_notice_of_how_many_there_are() {
    let stores = Stores::new();
    for _ in 0..300 {
        stores.create(cache_key(10), None);
    }
    let root = stores.root();
    assert_eq!(wait(stores.tokens.accessors(at(0))).unwrap().len(), 301);
    assert_eq!(wait(stores.tokens.tidy(at(10))).unwrap(), Tidied { tokens: 300, leftovers: 0 });
    assert_eq!(stores.keys("token/").len(), 1);
    assert!(stores.lives(&root, 10));
}

#[test]
fn accessors_of_live_tokens_are_listed() {
    let stores = Stores::new();
    let (one, two) = (stores.root(), stores.create(cache_key(10), None));
    let mut both = vec![one.accessor.clone(), two.accessor.clone()];
    both.sort();
    let mut listed = wait(stores.tokens.accessors(at(0))).unwrap();
    listed.sort();
    assert_eq!(listed, both);
    assert_eq!(wait(stores.tokens.accessors(at(10))).unwrap(), std::slice::from_ref(&one.accessor));
    assert_eq!(
        wait(stores.tokens.find_accessor(&one.accessor, at(0))).unwrap().unwrap().entry().name,
        one.name
    );
}

#[test]
fn metadata_and_times_survive_a_restart() {
    let stores = Stores::new();
    let draft = TokenDraft {
        meta: Some(object! { "team" => "blue" }),
        display_name: "token-bob".to_owned(),
        explicit_max_ttl: 90,
        period: 30,
        ..cache_key(60)
    };
    let token = stores.create(draft, None);
    let stored = stores.restarted().found(&token).entry();
    assert_eq!(stored.meta, token.meta);
    assert_eq!((stored.issued, stored.expires), (at(0), Some(at(60))));
    assert_eq!((stored.explicit_max_ttl, stored.period, stored.renewable), (90, 30, true));
    assert_eq!(stored.id.expose(), token.id.expose());
}

#[test]
fn policies_are_versioned_and_survive_a_restart() {
    let stores = Stores::new();
    stores.write("reader", "path \"a\" { capabilities = [\"read\"] }");
    stores.write("reader", "path \"b\" { capabilities = [\"read\"] }");
    for stores in [&stores, &stores.restarted()] {
        let stored = stores.policies.get("reader").unwrap();
        assert_eq!((stored.version, stored.text.as_str()), (2, "path \"b\" { capabilities = [\"read\"] }"));
        assert_eq!(stores.policies.names(), ["default", "reader", "root"]);
    }
    wait(stores.policies.delete("reader")).unwrap();
    wait(stores.policies.delete("reader")).unwrap();
    assert!(stores.policies.get("reader").is_none() && !stores.restarted().policies.exists("reader"));
}

#[test]
fn a_policy_that_does_not_parse_changes_nothing() {
    let stores = Stores::new();
    let text = "path \"x\" { capabilities = [\"fly\"] }".to_owned();
    let draft = policies::PolicyDraft { name: "bad", text, cas: None, cas_required: None };
    let error = wait(stores.policies.write(draft, at(0))).unwrap_err();
    assert_eq!(error.to_string(), "failed to parse policy: path \"x\": invalid capability \"fly\"");
    assert!(error.is_client_error() && !stores.policies.exists("bad"));
}

#[test]
fn default_can_be_changed_but_not_deleted_and_root_neither() {
    let stores = Stores::new();
    assert!(stores.policies.get("default").unwrap().text.contains("lookup-self"));
    let refused = |name| wait(stores.policies.delete(name)).unwrap_err().to_string();
    assert_eq!(refused("default"), "cannot delete default policy");
    assert_eq!(refused("root"), "cannot delete \"root\" policy");
    let draft = policies::PolicyDraft { name: "root", text: "#".to_owned(), cas: None, cas_required: None };
    let error = wait(stores.policies.write(draft, at(0))).unwrap_err();
    assert_eq!(error.to_string(), "cannot update \"root\" policy");
    assert_eq!(stores.policies.get("root").unwrap().text, "");
    let token = stores.create(limited(0), None);
    assert!(may_read(&stores.resolve(&token, 0), "cubbyhole/x"));
    stores.write("default", "path \"only/this\" { capabilities = [\"read\"] }");
    for stores in [&stores, &stores.restarted()] {
        assert!(!may_read(&stores.resolve(&token, 0), "cubbyhole/x"));
        assert!(may_read(&stores.resolve(&token, 0), "only/this"));
        assert_eq!(stores.policies.get("default").unwrap().version, 2);
    }
}

#[test]
fn a_write_that_names_another_version_is_refused() {
    let stores = Stores::new();
    let write = |cas, cas_required| {
        let draft = policies::PolicyDraft {
            name: "p",
            text: "path \"a\" {}".replace("{}", "{ capabilities = [\"read\"] }"),
            cas,
            cas_required,
        };
        wait(stores.policies.write(draft, at(0)))
    };
    assert!(matches!(write(Some(1), None), Err(PolicyError::Version)));
    write(Some(0), Some(true)).unwrap();
    assert!(matches!(write(None, None), Err(PolicyError::VersionNeeded)));
    write(Some(1), None).unwrap();
    assert!(stores.policies.get("p").unwrap().cas_required);
}

#[test]
fn a_policy_name_that_is_no_storage_key_is_the_clients_error() {
    let stores = Stores::new();
    for name in ["a/../b", "a/"] {
        let text = "path \"a\" { capabilities = [\"read\"] }".to_owned();
        let draft = policies::PolicyDraft { name, text, cas: None, cas_required: None };
        assert!(wait(stores.policies.write(draft, at(0))).unwrap_err().is_client_error(), "{name}");
        assert!(wait(stores.policies.delete(name)).unwrap_err().is_client_error(), "{name}");
    }
    stores.write("deep/er", "path \"a\" { capabilities = [\"read\"] }");
    assert!(stores.restarted().policies.exists("deep/er"));
}

#[test]
fn tokens_with_the_same_policies_share_one_acl() {
    let stores = Stores::new();
    let (one, two) = (stores.create(limited(0), None), stores.create(limited(0), None));
    assert!(Arc::ptr_eq(&stores.caller(&one, 0).acl, &stores.caller(&two, 0).acl));
}
