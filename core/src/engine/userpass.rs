//! Login with a name and a password. Passwords are stored as bcrypt hashes; names have no case.
//! Never in it: hashing (`password`), or the counts of failed logins (`lockout`).

mod password;

use std::sync::Arc;

use onrecord_seal::SecretBytes;
use onrecord_storage::Read;
use onrecord_value::{Object, object};

use self::password::{Given, HashedPassword};
use crate::engine::login_attempts::{self, Failure};
use crate::engine::login_parameters::{LoginParameters, NAMES, OlderNames};
use crate::engine::{
    Call, Engine, EngineKind, Existing, Handled, Mounting, Path, Space, Unsealed, fields, secret_record,
};
use crate::outcome::{Outcome, Refusal, Reply};
use crate::token::{LoginAlias, TokenDraft};

pub(crate) struct Userpass {
    space: Arc<Space>,
}

pub(crate) static KIND: EngineKind =
    EngineKind::new::<Userpass>("userpass", Mounting::Login, "Login with a name and a password");

const OLDER: OlderNames = &[
    ("bound_cidrs", "token_bound_cidrs"),
    ("max_ttl", "token_max_ttl"),
    ("policies", "token_policies"),
    ("ttl", "token_ttl"),
];
const SECRETS: &[&str] = &["password", "password_hash"];
/// What a refused login is told, whatever was wrong.
const REFUSED: &str = "invalid username or password";
/// The longest name of a user, in bytes. It is in all entries of the user.
const NAME_BYTES_MAX: usize = 256;

impl Engine for Userpass {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("users/?", "List the users.")
            .list(|userpass, _, call| Handled::read(userpass.list(call))),
        Path::<Self>::new("users/{username}", "Read, write and delete a user.")
            .description(
                "A write takes `password` or `password_hash` (bcrypt), which a new user needs, and `token_policies`, \
                 `token_ttl` and the other parameters of its tokens.",
            )
            .sensitive_fields(SECRETS)
            .caseless()
            .read(|userpass, _, call| Handled::read(userpass.read(call)))
            .write(|userpass, unsealed, call| Handled::pending(userpass.write(unsealed, call)))
            .delete(|userpass, _, call| Handled::pending(userpass.delete(call)))
            .exists(Self::exists),
        Path::<Self>::new("users/{username}/password", "Change the password of a user.")
            .description("Takes `password` or `password_hash` (bcrypt).")
            .sensitive_fields(SECRETS)
            .caseless()
            .write(|userpass, unsealed, call| Handled::pending(userpass.write_password(unsealed, call))),
        Path::<Self>::new("users/{username}/policies", "Change the policies of a user.")
            .description("Takes `token_policies`.")
            .caseless()
            .write(|userpass, _, call| Handled::pending(userpass.write_policies(call))),
        Path::<Self>::new("login/{username}", "Log in.")
            .description("Takes `password`.")
            .needs_no_token()
            .sensitive_fields(&["password"])
            .caseless()
            .write(|userpass, unsealed, call| Handled::pending(userpass.login(unsealed, call))),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self { space })
    }
}

/// What is stored of a user.
struct User {
    password: HashedPassword,
    parameters: LoginParameters,
}

impl User {
    fn decode(stored: &SecretBytes) -> Result<Self, Refusal> {
        let (hash, parameters) = secret_record::decode(stored)?;
        Ok(Self { password: HashedPassword::stored(hash), parameters })
    }

    fn encode(&self) -> SecretBytes {
        secret_record::encode(self.password.bytes(), &self.parameters)
    }
}

/// The name that a path captures, in lower case.
fn name_of(call: &Call<'_>) -> String {
    call.captured.to_lowercase()
}

fn key_of(name: &str) -> String {
    ["user/", name].concat()
}

/// Refuses a name that a new user cannot have.
fn check_new(name: &str) -> Result<(), Refusal> {
    let is_taken = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let ends_well = !name.starts_with(['-', '.']) && !name.ends_with('.');
    if name.len() <= NAME_BYTES_MAX && name.chars().all(is_taken) && ends_well {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "the name of a user has at most {NAME_BYTES_MAX} letters, digits and \"_\", \"-\", \".\"; it does not begin with \
         \"-\" or \".\", nor end with \".\""
    )))
}

fn unknown() -> Refusal {
    Refusal::invalid("username does not exist")
}

impl Userpass {
    fn exists(&self, call: &Call<'_>) -> Read<'_, Option<Box<Existing>>> {
        self.space.existing(&key_of(&name_of(call)))
    }

    fn list<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.list("user/").map(|names| {
            let names = names?;
            call.permit.hold_names(&names)?;
            Ok(Outcome::keys(names))
        })
    }

    fn read<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.read(&key_of(&name_of(call)), call.permit).map(|stored| {
            let Some(stored) = stored? else { return Ok(Outcome::absent()) };
            Ok(Outcome::data(User::decode(&stored)?.parameters.show(OLDER)))
        })
    }

    async fn write(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
        let name = name_of(call);
        let given = Given::read(call.data)?;
        let hashed = match given {
            Some(given) => Some(given.hash(unsealed).await?),
            None => None,
        };
        let key = key_of(&name);
        let change = self.space.change(&key, call.existing, call.permit, |stored, batch| {
            call.recheck_operation(stored.is_some())?;
            let old = stored.map(User::decode).transpose()?;
            if old.is_none() {
                check_new(&name)?;
            }
            let (password, mut parameters) = match (&hashed, old) {
                (Some(hashed), Some(old)) => (hashed.duplicate(), old.parameters),
                (Some(hashed), None) => (hashed.duplicate(), LoginParameters::default()),
                (None, Some(old)) => (old.password, old.parameters),
                (None, None) => return Err(Refusal::invalid("missing password")),
            };
            parameters.apply(call.data, OLDER)?;
            batch.put(&key, User { password, parameters }.encode().expose())
        });
        change.await?;
        Ok(known_fields(call.data))
    }

    async fn delete(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let key = key_of(&name_of(call));
        let change = |stored: Option<&SecretBytes>, batch: &mut crate::engine::ChangeBatch<'_>| {
            stored.map_or(Ok(()), |_| batch.delete(&key))
        };
        self.space.change(&key, None, call.permit, change).await
    }

    async fn write_password(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
        let given = Given::read(call.data)?.ok_or_else(|| Refusal::invalid("missing password"))?;
        let hashed = given.hash(unsealed).await?;
        self.update(call, |user| {
            user.password = hashed.duplicate();
            Ok(())
        })
        .await
    }

    async fn write_policies(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let named = |name: &str| matches!(name, "token_policies" | "policies");
        let policies: Object = call
            .data
            .iter()
            .filter(|(name, _)| named(name))
            .map(|(name, value)| (name, value.clone()))
            .collect();
        if policies.is_empty() {
            return Err(Refusal::invalid("missing token_policies"));
        }
        self.update(call, |user| user.parameters.apply(&policies, OLDER)).await
    }

    /// Changes what is stored of a user that exists.
    async fn update(
        &self,
        call: &Call<'_>,
        mut change: impl FnMut(&mut User) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let key = key_of(&name_of(call));
        let changed = self.space.change(&key, None, call.permit, |stored, batch| {
            let mut user = User::decode(stored.ok_or_else(unknown)?)?;
            change(&mut user)?;
            batch.put(&key, user.encode().expose())
        });
        changed.await
    }

    async fn login(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
        let name = name_of(call);
        let password = fields::text(call.data, "password")?.unwrap_or_default();
        if password.is_empty() {
            return Err(Refusal::invalid("missing password"));
        }
        let attempt = login_attempts::begin(unsealed, call, &name).await?;
        let user = self.space.get(&key_of(&name)).await?.as_ref().map(User::decode).transpose()?;
        // An unknown name takes as long as a wrong password.
        let is_right =
            HashedPassword::verify(user.as_ref().map(|user| &user.password), &password, unsealed).await?;
        let Some(User { parameters, .. }) = user else {
            return Err(login_attempts::refuse(attempt, Failure::NoAccount, REFUSED));
        };
        if !is_right {
            return Err(login_attempts::refuse(attempt, Failure::WrongCredentials, REFUSED));
        }
        if !parameters.bound_cidrs.allow(call.client_address()) {
            return Err(login_attempts::refuse(attempt, Failure::Elsewhere, REFUSED));
        }
        attempt.succeeded();
        let meta = object! { "username" => name.as_str() };
        let alias = LoginAlias { name: name.clone(), metadata: meta.clone(), groups: Vec::new() };
        let login = TokenDraft {
            display_name: name,
            meta: Some(meta),
            alias: Some(alias),
            ..parameters.draft(call)?
        };
        Ok(Reply { login: Some(login), ..Reply::default() })
    }
}

/// Nothing to say but which fields of the request are not known.
fn known_fields(data: &Object) -> Reply {
    let older = OLDER.iter().map(|(older, _)| *older);
    let known: Vec<&str> =
        NAMES.into_iter().chain(older).chain(SECRETS.iter().copied()).chain(["username"]).collect();
    Reply { warnings: fields::unrecognized(data, &known).into_iter().collect(), ..Reply::default() }
}
