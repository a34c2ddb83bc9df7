//! A key of time-based one-time passwords (RFC 6238): what is stored of it, the codes that it makes, and which were used.
//! Never in it: requests, or where keys are stored.

use onrecord_seal::SecretBytes;
use onrecord_value::{Object, object};

use crate::engine::hashing::HashAlgorithm;
use crate::engine::secret_record;
use crate::outcome::Refusal;
use crate::stored::record;

pub(super) struct TotpKey {
    pub(super) secret: SecretBytes,
    pub(super) rules: KeyRules,
}

/// What is known of a key beside the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyRules {
    pub(super) account_name: String,
    pub(super) issuer: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub(super) algorithm: String,
    /// 6 or 8.
    pub(super) digits: u64,
    /// How long a code is valid, in seconds; its number among all since 1970 is a step.
    pub(super) period: u64,
    /// How many steps before and after the present one are valid, too.
    pub(super) skew: u64,
    /// The steps above `closed` whose codes were used.
    used: Vec<u64>,
    /// Up to this step no code is valid any more, even if the clock goes back.
    closed: u64,
}

record! { KeyRules() {
    "account_name" => account_name,
    "algorithm" => algorithm,
    "closed" => closed,
    "digits" => digits,
    "issuer" => issuer,
    "period" => period,
    "skew" => skew,
    "used" => used,
} }

/// What a code is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeVerdict {
    Valid,
    Used,
    Invalid,
}

/// The hash function of a name as links write it.
fn algorithm(name: &str) -> Option<HashAlgorithm> {
    match name {
        "SHA1" => Some(HashAlgorithm::Sha1),
        "SHA256" => Some(HashAlgorithm::Sha2_256),
        "SHA512" => Some(HashAlgorithm::Sha2_512),
        _ => None,
    }
}

impl KeyRules {
    /// The rules of a new key; refused if one of them cannot be.
    pub(super) fn new(account_name: String, issuer: String) -> Self {
        let algorithm = "SHA1".to_owned();
        Self { account_name, issuer, algorithm, digits: 6, period: 30, skew: 1, used: Vec::new(), closed: 0 }
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        let why = if algorithm(&self.algorithm).is_none() {
            "algorithm is SHA1, SHA256 or SHA512"
        } else if !matches!(self.digits, 6 | 8) {
            "digits is 6 or 8"
        } else if self.skew > 1 {
            "skew is 0 or 1"
        } else if !(1..=PERIOD_MAX).contains(&self.period) {
            "period is from 1 second to 1 day"
        } else {
            return Ok(());
        };
        Err(Refusal::invalid(why))
    }

    /// As an answer shows it.
    pub(super) fn show(&self) -> Object {
        object! {
            "account_name" => self.account_name.as_str(),
            "algorithm" => self.algorithm.as_str(),
            "digits" => self.digits,
            "issuer" => self.issuer.as_str(),
            "period" => self.period,
        }
    }
}

/// A code that is valid for longer could be read and used by others.
const PERIOD_MAX: u64 = 24 * 60 * 60;

impl TotpKey {
    pub(super) fn decode(stored: &SecretBytes) -> Result<Self, Refusal> {
        let (secret, rules) = secret_record::decode(stored)?;
        Ok(Self { secret, rules })
    }

    pub(super) fn encode(&self) -> SecretBytes {
        secret_record::encode(self.secret.expose(), &self.rules)
    }

    /// The code at a time.
    pub(super) fn code_at(&self, seconds: u64) -> Option<String> {
        self.code(seconds.checked_div(self.rules.period)?)
    }

    fn code(&self, step: u64) -> Option<String> {
        let hash = algorithm(&self.rules.algorithm)?.hmac(self.secret.expose(), &step.to_be_bytes())?;
        let at = usize::from(hash.last()? & 0xf);
        let number = u32::from_be_bytes(*hash.get(at..)?.first_chunk()?) & 0x7fff_ffff;
        let (modulus, digits) = if self.rules.digits == 8 { (100_000_000, 8) } else { (1_000_000, 6) };
        Some(format!("{:0digits$}", number % modulus))
    }

    /// Takes over which codes were used, where this key takes the place of another with the same secret.
    pub(super) fn remember_used(&mut self, before: &Self) {
        if self.secret != before.secret {
            return;
        }
        self.rules.used.clone_from(&before.rules.used);
        if self.rules.period == before.rules.period {
            self.rules.closed = before.rules.closed;
        }
    }

    /// What a code is worth at a time. A valid one is used then.
    pub(super) fn take(&mut self, code: &str, seconds: u64) -> CodeVerdict {
        let Some(now) = seconds.checked_div(self.rules.period) else { return CodeVerdict::Invalid };
        let (first, last) = (now.saturating_sub(self.rules.skew), now.saturating_add(self.rules.skew));
        let code = SecretBytes::new(code.as_bytes().to_vec());
        // Compared in constant time, and all of them.
        let is_it =
            |step: &u64| self.code(*step).is_some_and(|made| SecretBytes::new(made.into_bytes()) == code);
        let steps: Vec<u64> = (first..=last).filter(is_it).collect();
        let rules = &mut self.rules;
        let is_open = |step: &&u64| **step > rules.closed && !rules.used.contains(step);
        let Some(step) = steps.iter().find(is_open).copied() else {
            return if steps.is_empty() { CodeVerdict::Invalid } else { CodeVerdict::Used };
        };
        rules.closed = rules.closed.max(first.saturating_sub(1));
        rules.used.push(step);
        let closed = rules.closed;
        rules.used.retain(|step| *step > closed);
        CodeVerdict::Valid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &[u8], algorithm: &str, digits: u64) -> TotpKey {
        let rules = KeyRules::new("bob".to_owned(), "bank".to_owned());
        let rules = KeyRules { algorithm: algorithm.to_owned(), digits, ..rules };
        assert!(rules.check().is_ok());
        TotpKey { secret: SecretBytes::new(secret.to_vec()), rules }
    }

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        let secret = b"1234567890".repeat(7);
        let keys = [("SHA1", 20), ("SHA256", 32), ("SHA512", 64)];
        for (seconds, codes) in [
            (59, ["94287082", "46119246", "90693936"]),
            (1_111_111_109, ["07081804", "68084774", "25091201"]),
            (1_111_111_111, ["14050471", "67062674", "99943326"]),
            (1_234_567_890, ["89005924", "91819424", "93441116"]),
            (2_000_000_000, ["69279037", "90698825", "38618901"]),
            (20_000_000_000, ["65353130", "77737706", "47863826"]),
        ] {
            for ((algorithm, length), code) in keys.iter().zip(codes) {
                let key = key(&secret[..*length], algorithm, 8);
                assert_eq!(key.code_at(seconds).unwrap(), code, "{algorithm} {seconds}");
            }
        }
    }

    #[test]
    fn a_code_is_valid_once_and_one_step_before_and_after_its_own() {
        let start = 1_000 * 30;
        for (seconds, verdict) in [
            (start - 61, CodeVerdict::Invalid),
            (start - 30, CodeVerdict::Valid),
            (start, CodeVerdict::Valid),
            (start + 59, CodeVerdict::Valid),
            (start + 60, CodeVerdict::Invalid),
        ] {
            let mut key = key(b"12345678901234567890", "SHA1", 6);
            let code = key.code_at(start).unwrap();
            assert_eq!(key.take(&code, seconds), verdict, "{seconds}");
            if verdict == CodeVerdict::Valid {
                for later in [seconds, start, start + 59] {
                    assert_eq!(key.take(&code, later), CodeVerdict::Used, "{seconds} {later}");
                }
            }
        }
        let mut exact = key(b"12345678901234567890", "SHA1", 6);
        exact.rules.skew = 0;
        let code = exact.code_at(start).unwrap();
        assert_eq!(exact.take(&code, start + 30), CodeVerdict::Invalid);
        assert_eq!(exact.take(&code, start + 29), CodeVerdict::Valid);
    }

    #[test]
    fn used_codes_stay_used_when_the_clock_goes_back_and_few_are_kept() {
        let mut key = key(b"12345678901234567890", "SHA1", 6);
        let codes: Vec<(u64, String)> = (100..200)
            .map(|step| {
                let seconds = step * 30;
                let code = key.code_at(seconds).unwrap();
                assert_eq!(key.take(&code, seconds), CodeVerdict::Valid, "{step}");
                assert!(key.rules.used.len() <= 3, "{:?}", key.rules.used);
                (seconds, code)
            })
            .collect();
        for (seconds, code) in codes {
            assert_eq!(key.take(&code, seconds), CodeVerdict::Used, "{seconds}");
        }
    }

    #[test]
    fn used_codes_stay_used_when_the_same_secret_is_written_again() {
        let mut before = key(b"12345678901234567890", "SHA1", 6);
        let code = before.code_at(90).unwrap();
        assert_eq!(before.take(&code, 90), CodeVerdict::Valid);
        let mut again = key(b"12345678901234567890", "SHA1", 6);
        again.remember_used(&before);
        assert_eq!(again.take(&code, 90), CodeVerdict::Used);
        let mut other = key(b"another secret", "SHA1", 6);
        other.remember_used(&before);
        assert!(other.rules.used.is_empty());
    }

    #[test]
    fn a_key_reads_back_and_rules_that_cannot_be_are_refused() {
        let mut stored = key(b"secret", "SHA256", 8);
        let code = stored.code_at(90).unwrap();
        assert_eq!(stored.take(&code, 90), CodeVerdict::Valid);
        let read = TotpKey::decode(&stored.encode()).ok().unwrap();
        assert_eq!((&read.rules, read.secret.expose()), (&stored.rules, &b"secret"[..]));
        let rules = KeyRules::new(String::new(), String::new());
        for wrong in [
            KeyRules { algorithm: "MD5".to_owned(), ..rules.clone() },
            KeyRules { digits: 7, ..rules.clone() },
            KeyRules { skew: 2, ..rules.clone() },
            KeyRules { period: 0, ..rules.clone() },
            KeyRules { period: 90_000, ..rules },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
