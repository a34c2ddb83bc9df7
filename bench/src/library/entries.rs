//! The entries that are measured: one of each kind, as a server makes them.
//! Never in it: measuring.

use std::sync::Arc;

use onrecord_entry::auth::{CacheKey, Grants, PolicyResults, TokenType};
use onrecord_entry::request::{Mount, Namespace};
use onrecord_entry::text::{Accessor, Token};
use onrecord_entry::{Auth, Clear, Entry, FormatOptions, Formatter, Operation, Request, Response, Salt};
use onrecord_value::{Object, Time, object};

/// A text of a client, of the length of a usual secret.
const SECRET: &str = "correct horse battery staple";

/// What the entries borrow from.
pub struct SampleData {
    policies: [String; 2],
    cache_key: CacheKey,
    sent: Object,
    read: Object,
    listed: Object,
}

/// One kind of entry on one form.
pub struct EntryKind {
    /// Its name in the table.
    pub name: &'static str,
    /// The entry.
    pub entry: Entry<'static>,
    /// The form of its line.
    pub form: Formatter,
    /// The texts that are hashed for each line: all but the token and the accessor, whose hashes a salt caches.
    pub hashed: Vec<String>,
}

impl SampleData {
    /// Made once, for the life of the process.
    pub fn leak() -> &'static Self {
        let sent = object! { "data" => object! { "password" => SECRET, "port" => 5432, "user" => "svc" } };
        let texts = ["ca", "cert", "host", "name", "password", "user"];
        let data: Object = texts.into_iter().map(|key| (key, SECRET)).collect();
        let metadata = object! {
            "created_time" => Time::from_unix_nanos(1_795_343_122_459_819_797),
            "custom_metadata" => None::<&str>,
            "deletion_time" => "",
            "destroyed" => false,
            "version" => 1,
        };
        let read = object! { "data" => data, "metadata" => metadata };
        let keys: Vec<String> = (0..100).map(|number| format!("application-{number:03}")).collect();
        let policies = ["default".to_owned(), "app-reader".to_owned()];
        Box::leak(Box::new(Self {
            policies,
            cache_key: CacheKey::new(),
            sent,
            read,
            listed: object! { "keys" => keys },
        }))
    }

    fn auth(&'static self) -> Auth<'static> {
        Auth {
            client_token: Token::new("hvs.CAESIJ2nVxkQ0vWc1yYt8zqkq3s5T6Y7"),
            accessor: Accessor::new("Yb2UvQTUfVfYcBhJz2b3pZQw"),
            display_name: Clear::new("token-app"),
            policies: (&self.policies[..]).into(),
            token_policies: (&self.policies[..]).into(),
            policy_results: Some(PolicyResults {
                allowed: true,
                granting_policies: Grants::of_root_namespace(&self.policies[1..]),
                ..PolicyResults::default()
            }),
            token_type: TokenType::Service,
            token_ttl: 2_764_800,
            token_issue_time: Some(Time::from_unix_nanos(1_795_343_000_000_000_000).into()),
            cache_key: Some(&self.cache_key),
            ..Auth::default()
        }
    }

    fn mount(point: &'static str) -> Mount<'static> {
        Mount {
            point: Clear::new(point),
            kind: Clear::new("kv"),
            accessor: Clear::new("kv_1a2b3c4d"),
            running_version: Clear::new("v0.1.0+builtin.onrecord"),
            class: Clear::new("secret"),
            ..Mount::default()
        }
    }

    fn request_of(operation: Operation, path: &'static str) -> Request<'static> {
        Request {
            id: Clear::new("5f0b7a3e-4f8f-4c58-9b6f-3d9d1f5f6a10"),
            client_id: Clear::new("0DHqvq2D77kL2/JTPSZkTMJbkFVmUu0TzMi0jiXcFy8="),
            operation: Some(operation),
            mount: Self::mount("secret/"),
            client_token: Token::new("hvs.CAESIJ2nVxkQ0vWc1yYt8zqkq3s5T6Y7"),
            client_token_accessor: Accessor::new("Yb2UvQTUfVfYcBhJz2b3pZQw"),
            namespace: Some(Namespace::ROOT),
            path: path.into(),
            remote_address: Clear::new("127.0.0.1"),
            remote_port: 51234,
            ..Request::default()
        }
    }

    /// The request of a write.
    pub fn request(&'static self) -> Entry<'static> {
        let request = Request {
            data: (&self.sent).into(),
            ..Self::request_of(Operation::Update, "secret/data/app/db")
        };
        Entry { auth: self.auth(), request, ..Entry::default() }
    }

    fn response_of(
        &'static self,
        operation: Operation,
        path: &'static str,
        data: &'static Object,
    ) -> Entry<'static> {
        let response = Response {
            mount: Self::mount("secret/"),
            data: data.into(),
            status_code: 200,
            ..Response::default()
        };
        Entry {
            auth: self.auth(),
            request: Self::request_of(operation, path),
            response: Some(response),
            duration_ns: 123_456,
            ..Entry::default()
        }
    }

    /// The response of a read.
    pub fn response_of_read(&'static self) -> Entry<'static> {
        self.response_of(Operation::Read, "secret/data/app/db", &self.read)
    }

    /// The response of a list of 100.
    pub fn response_of_list(&'static self) -> Entry<'static> {
        self.response_of(Operation::List, "secret/metadata/app/", &self.listed)
    }

    /// One of each kind.
    pub fn kinds(&'static self) -> Vec<EntryKind> {
        let of =
            |options| Formatter::new(options, Arc::new(Salt::new("5b0c6d5e-0f5e-4d0a-9f0a-3c8f1d2b7a10")));
        let usual = FormatOptions::default;
        let read = self.response_of_read();
        let list = self.response_of_list();
        let keys: Vec<String> = (0..100).map(|number| format!("application-{number:03}")).collect();
        let kind = |name, entry, options, hashed| EntryKind { name, entry, form: of(options), hashed };
        // Of the hashed texts of a read, one is the empty `deletion_time`.
        let mut data = vec![SECRET.to_owned(); 6];
        data.push(String::new());
        vec![
            kind("request of a write", self.request(), usual(), vec![SECRET.to_owned(), "svc".to_owned()]),
            kind("response of a read", read, usual(), data),
            kind("the same, raw", read, FormatOptions { log_raw: true, ..usual() }, Vec::new()),
            kind("response of a list of 100", list, usual(), keys),
            kind(
                "the same, elided",
                list,
                FormatOptions { elide_list_responses: true, ..usual() },
                Vec::new(),
            ),
            kind("probe", Entry::probe("5f0b7a3e-4f8f-4c58-9b6f-3d9d1f5f6a10"), usual(), Vec::new()),
        ]
    }
}
