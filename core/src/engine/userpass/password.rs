//! Passwords: hashed with bcrypt off the threads that serve connections, and compared with what is stored.
//! Never in it: users.
//!
//! bcrypt looks at 72 bytes of a password, and stops at none: a longer one, and one with a zero byte, is refused when it is set
//! and is wrong when it is tried.

use std::borrow::Cow;

use onrecord_seal::{Secret, SecretBytes};
use onrecord_value::Object;

use crate::engine::{Unsealed, fields};
use crate::outcome::Refusal;

/// The cost of the hashes that are made here: 2^10 rounds, as Vault's.
const COST: u32 = 10;
/// The costs of imported hashes. A higher one would keep a processor busy for seconds at each login.
const COSTS: std::ops::RangeInclusive<u32> = 4..=14;
const BYTES_MAX: usize = 72;
/// The hash of no password, by which unknown users are compared: its cost is that of the hashes that are made here.
const NOBODY: &str = "$2b$10$abcdefghijklmnopqrstuuDNwcn9ZKYJzHWhRNtYqQUpGfJMRyvkW";

/// A password as a request sets it.
pub(super) enum Given {
    Text(Secret<String>),
    Hash(HashedPassword),
}

/// A bcrypt hash.
pub(super) struct HashedPassword(SecretBytes);

impl Given {
    /// The password of a request, if it has one.
    pub(super) fn read(data: &Object) -> Result<Option<Self>, Refusal> {
        let sent = |field| fields::text(data, field).map(|text| text.filter(|text| !text.is_empty()));
        match (sent("password")?, sent("password_hash")?) {
            (Some(_), Some(_)) => {
                Err(Refusal::invalid("password and password_hash are mutually exclusive: send one of them"))
            }
            (Some(text), None) => Self::text(text).map(Some),
            (None, Some(hash)) => HashedPassword::imported(&hash).map(|hash| Some(Self::Hash(hash))),
            (None, None) => Ok(None),
        }
    }

    fn text(text: Cow<'_, str>) -> Result<Self, Refusal> {
        if !is_possible(&text) {
            return Err(Refusal::invalid(format!(
                "a password has at most {BYTES_MAX} bytes, and no zero byte: bcrypt does not look at more"
            )));
        }
        Ok(Self::Text(Secret::new(text.into_owned())))
    }

    pub(super) async fn hash(self, unsealed: &Unsealed) -> Result<HashedPassword, Refusal> {
        let text = match self {
            Self::Hash(hash) => return Ok(hash),
            Self::Text(text) => text,
        };
        let mut salt = [0; 16];
        unsealed.host.entropy.fill(&mut salt).map_err(|error| {
            tracing::error!(%error, "no salt for a password");
            Refusal::internal()
        })?;
        let hashed = unsealed.cpu_work.run(move || bcrypt::hash_with_salt(text.expose(), COST, salt)).await?;
        let hashed = hashed.map_err(|_| Refusal::internal())?;
        Ok(HashedPassword(SecretBytes::new(hashed.format_for_version(bcrypt::Version::TwoB).into_bytes())))
    }
}

impl HashedPassword {
    pub(super) fn stored(hash: SecretBytes) -> Self {
        Self(hash)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose()
    }

    pub(super) fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    fn imported(hash: &str) -> Result<Self, Refusal> {
        let refused = || {
            Refusal::invalid(format!(
                "password_hash is not a bcrypt hash ($2a$, $2b$ or $2y$) of a cost from {} to {}",
                COSTS.start(),
                COSTS.end()
            ))
        };
        let parts: bcrypt::HashParts = hash.parse().map_err(|_| refused())?;
        let is_known = ["$2a$", "$2b$", "$2y$"].iter().any(|version| hash.starts_with(version));
        if !is_known || hash.len() != 60 || !COSTS.contains(&parts.get_cost()) {
            return Err(refused());
        }
        Ok(Self(SecretBytes::new(hash.as_bytes().to_vec())))
    }

    /// Whether a password is the one that was hashed. Without one to compare with it is wrong, after the same work.
    pub(super) async fn verify(
        stored: Option<&Self>,
        password: &str,
        unsealed: &Unsealed,
    ) -> Result<bool, Refusal> {
        let is_real = stored.is_some() && is_possible(password);
        let hash = stored.map_or_else(|| SecretBytes::new(NOBODY.into()), |stored| stored.0.duplicate());
        let mut end = password.len().min(BYTES_MAX);
        while !password.is_char_boundary(end) {
            end -= 1;
        }
        let password = Secret::new(password.get(..end).unwrap_or_default().to_owned());
        let verify = move || {
            let hash = std::str::from_utf8(hash.expose()).unwrap_or(NOBODY);
            bcrypt::verify(password.expose(), hash)
        };
        let verified = unsealed.cpu_work.run(verify).await?;
        Ok(is_real && verified.map_err(|_| Refusal::internal())?)
    }
}

fn is_possible(password: &str) -> bool {
    password.len() <= BYTES_MAX && !password.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes of other programs: OpenBSD's test vectors, and those of crypt_blowfish.
    #[test]
    fn hashes_of_other_programs_are_taken_and_verify() {
        for (password, hash) in [
            ("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
            ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ] {
            assert!(HashedPassword::imported(hash).is_ok(), "{hash}");
            assert!(bcrypt::verify(password, hash).unwrap(), "{hash}");
            assert!(!bcrypt::verify("other", hash).unwrap(), "{hash}");
        }
    }

    #[test]
    fn what_is_not_a_bcrypt_hash_or_costs_too_much_is_refused() {
        let good = "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i";
        let costly = good.replace("$06$", "$31$");
        let other = good.replace("$2a$", "$5a$");
        for hash in [
            "plain",
            &good[..59],
            &costly,
            &other,
            "$2a$aa$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
        ] {
            let refusal = HashedPassword::imported(hash).err().unwrap();
            assert!(refusal.text.unwrap().contains("not a bcrypt hash"), "{hash}");
        }
    }

    #[test]
    fn the_hash_of_nobody_is_a_hash_of_the_usual_cost() {
        let parts: bcrypt::HashParts = NOBODY.parse().unwrap();
        assert_eq!(parts.get_cost(), COST);
        assert!(!bcrypt::verify("", NOBODY).unwrap());
    }

    #[test]
    fn a_password_that_bcrypt_would_cut_is_refused() {
        assert!(Given::text("x".repeat(72).into()).is_ok());
        assert!(Given::text("x".repeat(73).into()).is_err());
        assert!(Given::text("a\0a".into()).is_err());
    }
}
