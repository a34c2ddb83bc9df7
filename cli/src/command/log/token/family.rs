//! A token and the tokens that it issued, as rows tell of them: by the hashes of the tokens and of their accessors.
//! Never in it: how it is printed.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use onrecord_trail::query::{Field, Row};
use onrecord_value::Time;

use crate::command::log::groups::text_at;
use crate::command::log::tally::Tally;

/// At most this many tokens are followed.
const TOKENS_MAX: usize = 10_000;
/// At most this many revocations by prefix are remembered.
const PREFIXES_MAX: usize = 1000;
/// What every line of a revocation by prefix has in its path: the paths of today, and the older ones, which servers take, too.
const BY_PREFIX: [&str; 4] =
    ["sys/leases/revoke-prefix/", "sys/leases/revoke-force/", "sys/revoke-prefix/", "sys/revoke-force/"];
/// Revokes a token and leaves those that it issued.
const REVOKE_ORPHAN: &str = "auth/token/revoke-orphan";
/// A request that arrived within this time after a revocation may have been looked at before it.
const CONCURRENT: Duration = Duration::from_secs(1);

/// A request by which something happened to a token.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) time: Time,
    pub(super) path: String,
    pub(super) who: String,
    pub(super) by: String,
    pub(super) address: String,
}

/// A token.
#[derive(Debug, Default)]
pub(super) struct Token {
    pub(super) accessor: Option<String>,
    pub(super) name: String,
    pub(super) entity: String,
    pub(super) policies: Vec<String>,
    pub(super) ttl: Option<i64>,
    pub(super) issued: Option<Event>,
    pub(super) revoked: Option<Event>,
    /// Looked up, renewed: other requests that name it.
    pub(super) named: u64,
    /// Used when it was not valid any more.
    pub(super) tried: u64,
    pub(super) used: u64,
    pub(super) refused: u64,
    pub(super) first: Option<Time>,
    pub(super) last: Option<Time>,
    /// When it was valid, as a use shows.
    last_valid: Option<Time>,
    pub(super) addresses: BTreeSet<String>,
    /// Whether it was issued as an orphan: it does not end with the token that issued it.
    pub(super) orphan: bool,
    /// The token that issued it, if it is of the family.
    pub(super) parent: Option<usize>,
}

impl Token {
    /// Of several revocations the first one ended it.
    fn revoke(&mut self, event: Event) {
        if self.revoked.as_ref().is_none_or(|known| event.time < known.time) {
            self.revoked = Some(event);
        }
    }
}

pub(super) struct Family {
    /// The first one is the one that was asked for.
    pub(super) tokens: Vec<Token>,
    known: HashMap<String, usize>,
    seeds: Vec<String>,
    prefixes: Vec<(String, Event)>,
    pub(super) by_address: Tally,
    pub(super) by_path: Tally,
    grown: bool,
    too_many: bool,
}

impl Family {
    pub(super) fn new(seeds: Vec<String>) -> Self {
        Self {
            tokens: vec![Token::default()],
            known: HashMap::new(),
            seeds,
            prefixes: Vec::new(),
            by_address: Tally::new(),
            by_path: Tally::new(),
            grown: false,
            too_many: false,
        }
    }

    /// Forgets what rows said, and keeps which tokens there are.
    pub(super) fn begin_pass(&mut self) {
        self.grown = false;
        self.prefixes.clear();
        (self.by_address, self.by_path) = (Tally::new(), Tally::new());
        for token in &mut self.tokens {
            let (parent, accessor) = (token.parent, token.accessor.take());
            *token = Token { accessor, parent, ..Token::default() };
        }
    }

    /// Whether the last pass found tokens or hashes that it did not look for.
    pub(super) fn has_grown(&self) -> bool {
        self.grown
    }

    /// What a line of interest contains.
    pub(super) fn texts(&self) -> Vec<Vec<u8>> {
        let known = self.known.keys().chain(&self.seeds).map(String::as_str);
        known.chain(BY_PREFIX).map(|text| text.as_bytes().to_vec()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn accessors(&self) -> impl Iterator<Item = String> + '_ {
        self.tokens.iter().filter_map(|token| token.accessor.clone())
    }

    pub(super) fn warning(&self) -> Option<String> {
        self.too_many
            .then(|| format!("The token has more than {TOKENS_MAX} descendants: the others are left out."))
    }

    /// The token of a hash, or of a text that was asked for.
    fn find(&mut self, text: Option<&str>) -> Option<usize> {
        let text = text?;
        if let Some(at) = self.known.get(text) {
            return Some(*at);
        }
        // What was asked for may be the beginning of a hash.
        let is_asked = self
            .seeds
            .iter()
            .any(|seed| text == seed || (seed.len() >= 24 && text.starts_with(seed.as_str())));
        is_asked.then(|| {
            self.learn(text, 0);
            0
        })
    }

    fn learn(&mut self, text: &str, token: usize) {
        if !text.is_empty() && !self.known.contains_key(text) {
            self.known.insert(text.to_owned(), token);
            self.grown = true;
        }
    }

    /// Takes what a row says, and returns whether it names a token of the family. A use counts only if the row `is_asked` for: who
    /// issued a token, whose it is and when it was revoked is taken from all rows.
    pub(super) fn take(&mut self, row: &Row, is_asked: bool) -> bool {
        let caller =
            [text_at(row, &["request", "client_token_accessor"]), text_at(row, &["request", "client_token"])];
        let issued = [
            text_at(row, &["response", "auth", "accessor"]),
            text_at(row, &["response", "auth", "client_token"]),
        ];
        let by = self.either(&caller);
        let child = self.either(&issued);
        match (child, by, issued.iter().any(Option::is_some)) {
            (Some(child), _, _) => self.note_issue(child, by, row, &issued),
            (None, Some(by), true) => self.new_child(by, row, &issued),
            _ => {}
        }
        if let Some(by) = by {
            self.note_caller(by, row, &caller);
            if is_asked {
                self.note_use(by, row, &caller);
            }
        }
        let is_named = self.note_named(row, is_asked);
        self.note_prefix(row);
        child.is_some() || by.is_some() || is_named
    }

    fn either(&mut self, texts: &[Option<String>; 2]) -> Option<usize> {
        let [one, other] = texts;
        self.find(one.as_deref()).or_else(|| self.find(other.as_deref()))
    }

    fn new_child(&mut self, parent: usize, row: &Row, issued: &[Option<String>; 2]) {
        // A login that is made with a token issues a token of its own, not a child.
        if row.text(Field::MountType).is_some_and(|kind| kind != "token") {
            return;
        }
        if self.tokens.len() >= TOKENS_MAX {
            self.too_many = true;
            return;
        }
        self.tokens.push(Token { parent: Some(parent), ..Token::default() });
        self.note_issue(self.tokens.len() - 1, Some(parent), row, issued);
    }

    fn note_issue(&mut self, at: usize, by: Option<usize>, row: &Row, issued: &[Option<String>; 2]) {
        for text in issued.iter().flatten() {
            self.learn(text, at);
        }
        let event = event(row, &["request", "client_token_accessor"]);
        let auth = |key| row.value(&["response", "auth", key]);
        let Some(token) = self.tokens.get_mut(at) else { return };
        token.accessor = issued.first().cloned().flatten().or(token.accessor.take());
        token.issued = Some(event);
        token.parent = token.parent.or(by.filter(|by| *by != at));
        let text = |key| auth(key).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        token.orphan = is_orphan(row);
        token.name = text("display_name");
        token.entity = text("entity_id");
        token.ttl = auth("token_ttl").and_then(|value| value.as_i64());
        let policies = auth("policies");
        let list = policies.as_ref().and_then(|value| value.as_array()).unwrap_or_default();
        token.policies = list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect();
    }

    /// Whose token a request was made with, and whether the request revoked it.
    fn note_caller(&mut self, at: usize, row: &Row, caller: &[Option<String>; 2]) {
        for text in caller.iter().flatten() {
            self.learn(text, at);
        }
        let text = |field| row.text(field).unwrap_or_default().into_owned();
        let Some(token) = self.tokens.get_mut(at) else { return };
        if is_valid(caller) {
            token.last_valid = token.last_valid.max(Some(row.time()));
            if token.accessor.is_none() {
                token.accessor = caller.first().cloned().flatten();
            }
            if row.text(Field::Issued).is_none() && token.name.is_empty() {
                token.name = text(Field::Who);
                token.entity = text(Field::Entity);
                token.policies =
                    row.list(Field::Policy).into_iter().map(std::borrow::Cow::into_owned).collect();
                token.ttl = row.number(Field::TokenTtl);
            }
        }
        if text(Field::Path) == "auth/token/revoke-self" && succeeded(row) {
            token.revoke(event(row, &["request", "client_token_accessor"]));
        }
    }

    fn note_use(&mut self, at: usize, row: &Row, caller: &[Option<String>; 2]) {
        let text = |field| row.text(field).unwrap_or_default().into_owned();
        let (address, operation, path) = (text(Field::Address), text(Field::Operation), text(Field::Path));
        let time = row.time();
        let Some(token) = self.tokens.get_mut(at) else { return };
        if is_valid(caller) {
            token.used += 1;
            token.refused += u64::from(row.denied());
        } else {
            token.tried += 1;
        }
        token.first = Some(token.first.map_or(time, |first| first.min(time)));
        token.last = Some(token.last.map_or(time, |last| last.max(time)));
        if token.addresses.len() < 100 {
            token.addresses.insert(address.clone());
        }
        let whose = if at == 0 { "the token" } else { "a child" };
        self.by_address.add(vec![address, whose.to_owned()], row);
        self.by_path.add(vec![operation, path, whose.to_owned()], row);
    }

    /// Requests whose data names a token: revocations, look-ups, renewals. Returns whether this is one.
    fn note_named(&mut self, row: &Row, is_asked: bool) -> bool {
        let named =
            [text_at(row, &["request", "data", "accessor"]), text_at(row, &["request", "data", "token"])];
        let Some(at) = self.either(&named) else { return false };
        let path = row.text(Field::Path).unwrap_or_default();
        let is_revocation = path.starts_with("auth/token/revoke") && succeeded(row);
        let event = is_revocation.then(|| event(row, &["request", "client_token_accessor"]));
        let Some(token) = self.tokens.get_mut(at) else { return false };
        match event {
            Some(event) => token.revoke(event),
            None => token.named += u64::from(is_asked),
        }
        true
    }

    fn note_prefix(&mut self, row: &Row) {
        let Some(path) = row.text(Field::Path) else { return };
        let Some(prefix) = BY_PREFIX.iter().find_map(|start| path.strip_prefix(start)) else { return };
        if succeeded(row) && self.prefixes.len() < PREFIXES_MAX {
            self.prefixes.push((prefix.to_owned(), event(row, &["request", "client_token_accessor"])));
        }
    }

    /// When and how a token was revoked first: itself, by the prefix of its login, or with the token that issued it.
    pub(super) fn revocation(&self, at: usize) -> Option<(&Event, &'static str)> {
        let mut found: Option<(&Event, &'static str)> = None;
        let (mut next, mut how, mut last_valid) = (Some(at), "", None);
        for _ in 0..=self.tokens.len() {
            let Some(token) = next.and_then(|at| self.tokens.get(at)) else { break };
            if let Some(event) = self.own_revocation(token) {
                // One that was valid afterwards is an orphan by its role, which no entry says.
                let lives_on = event.path == REVOKE_ORPHAN || last_valid > Some(event.time + CONCURRENT);
                if !how.is_empty() && lives_on {
                    break;
                }
                if found.is_none_or(|(first, _)| event.time < first.time) {
                    found = Some((event, how));
                }
            }
            next = token.parent.filter(|_| !token.orphan);
            last_valid = last_valid.max(token.last_valid);
            how = " with the token that issued it";
        }
        found
    }

    /// The first revocation of a token itself, or by the prefix of its login.
    fn own_revocation<'f>(&'f self, token: &'f Token) -> Option<&'f Event> {
        token.revoked.iter().chain(self.by_prefix(token)).min_by_key(|event| event.time)
    }

    fn by_prefix(&self, token: &Token) -> Option<&Event> {
        let issued = token.issued.as_ref()?;
        let covers = |prefix: &str, event: &Event| {
            let prefix = prefix.trim_end_matches('/');
            // Whole segments, as the server takes it: `login/ann` does not end the tokens of `login/anna`.
            let below = issued.path.strip_prefix(prefix);
            let is_below =
                below.is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('/'));
            is_below && event.time > issued.time
        };
        let covering = self.prefixes.iter().filter(|(prefix, event)| covers(prefix, event));
        covering.map(|(_, event)| event).min_by_key(|event| event.time)
    }

    /// The tokens that are to be revoked by themselves: those that were not, and that end with no other one.
    pub(super) fn to_revoke(&self) -> impl Iterator<Item = &Token> {
        let tokens = self.tokens.iter().enumerate().filter(|(at, _)| self.revocation(*at).is_none());
        let ends_alone = |token: &Token| match token.parent {
            Some(parent) => token.orphan || self.revocation(parent).is_some(),
            None => true,
        };
        tokens.map(|(_, token)| token).filter(move |token| ends_alone(token))
    }

    /// How many generations a token is below the one that was asked for.
    pub(super) fn depth(&self, at: usize) -> usize {
        let parents = std::iter::successors(Some(at), |at| self.tokens.get(*at)?.parent);
        parents.take(self.tokens.len()).count().saturating_sub(1)
    }
}

/// Whether the request that issued a token asked for an orphan. That of a role may be one, too, which no entry says.
fn is_orphan(row: &Row) -> bool {
    let asked = row.value(&["request", "data", "no_parent"]).and_then(|value| value.as_bool());
    asked == Some(true)
        || row.text(Field::Path).is_some_and(|path| path.starts_with("auth/token/create-orphan"))
}

/// Whether the token of a request was valid: only then its accessor is known.
fn is_valid([accessor, _]: &[Option<String>; 2]) -> bool {
    accessor.is_some()
}

fn succeeded(row: &Row) -> bool {
    row.is_answered()
        && !row.denied()
        && row.text(Field::Error).is_none()
        && row.number(Field::Status).is_none_or(|status| status < 400)
}

fn event(row: &Row, by: &[&str]) -> Event {
    let text = |field| row.text(field).unwrap_or_default().into_owned();
    // The name on a login is that of the token that it issued.
    let is_login =
        row.text(Field::Issued).is_some() && row.text(Field::MountType).is_some_and(|kind| kind != "token");
    Event {
        time: row.time(),
        path: text(Field::Path),
        who: if is_login { String::new() } else { text(Field::Who) },
        by: text_at(row, by).unwrap_or_default(),
        address: text(Field::Address),
    }
}
