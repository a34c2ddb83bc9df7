//! How many shares a seal has and how many of them open it. Never in it: the shares.

/// A checked pair of share count and threshold. Stored in the clear: it must be known while sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealConfig {
    shares: u8,
    threshold: u8,
}

impl SealConfig {
    /// Checks what a client of `sys/init` asked for, in the order in which the API reports.
    pub fn new(shares: i64, threshold: i64) -> Result<Self, SealConfigError> {
        match (shares, threshold) {
            (..1, _) => Err(SealConfigError::NoShares),
            (_, ..1) => Err(SealConfigError::NoThreshold),
            _ if threshold > shares => Err(SealConfigError::ThresholdAboveShares),
            (2.., 1) => Err(SealConfigError::ThresholdOfOne),
            _ => match (u8::try_from(shares), u8::try_from(threshold)) {
                (Ok(shares), Ok(threshold)) => Ok(Self { shares, threshold }),
                _ => Err(SealConfigError::TooManyShares),
            },
        }
    }

    /// How many shares were given out.
    pub fn shares(self) -> u8 {
        self.shares
    }

    /// How many of them make the unseal key.
    pub fn threshold(self) -> u8 {
        self.threshold
    }

    /// The stored form: one ASCII line.
    pub fn encode(self) -> Vec<u8> {
        format!("1 shamir {} {}\n", self.shares, self.threshold).into_bytes()
    }

    /// Reads the stored form; `None` if it has another format.
    pub fn decode(stored: &[u8]) -> Option<Self> {
        let rest = std::str::from_utf8(stored).ok()?.strip_prefix("1 shamir ")?.strip_suffix('\n')?;
        let (shares, threshold) = rest.split_once(' ')?;
        Self::new(shares.parse().ok()?, threshold.parse().ok()?).ok()
    }
}

/// Why a seal configuration is refused; the text is the API's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealConfigError {
    /// Less than one share.
    #[error("invalid seal configuration: shares must be at least one")]
    NoShares,
    /// A threshold of less than one.
    #[error("invalid seal configuration: threshold must be at least one")]
    NoThreshold,
    /// A threshold larger than the number of shares.
    #[error("invalid seal configuration: threshold cannot be larger than shares")]
    ThresholdAboveShares,
    /// Several shares with a threshold of one: each share would be the key itself.
    #[error("invalid seal configuration: threshold must be greater than one for multiple shares")]
    ThresholdOfOne,
    /// More shares than GF(256) has points.
    #[error("invalid seal configuration: shares must be less than 256")]
    TooManyShares,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_init_may_ask_for() {
        let cases: [(i64, i64, Result<(), SealConfigError>); 10] = [
            (1, 1, Ok(())),
            (5, 3, Ok(())),
            (255, 255, Ok(())),
            (0, 1, Err(SealConfigError::NoShares)),
            (-1, 1, Err(SealConfigError::NoShares)),
            (1, 0, Err(SealConfigError::NoThreshold)),
            (2, 1, Err(SealConfigError::ThresholdOfOne)),
            (3, 4, Err(SealConfigError::ThresholdAboveShares)),
            (3, i64::MAX, Err(SealConfigError::ThresholdAboveShares)),
            (256, 2, Err(SealConfigError::TooManyShares)),
        ];
        for (shares, threshold, expected) in cases {
            assert_eq!(SealConfig::new(shares, threshold).map(|_| ()), expected, "{shares} {threshold}");
        }
    }

    #[test]
    fn the_stored_form_reads_back() {
        let config = SealConfig::new(5, 3).unwrap();
        assert_eq!(SealConfig::decode(&config.encode()), Some(config));
        for bad in [&b""[..], b"1 shamir 5 3", b"1 shamir 3 5\n", b"2 shamir 5 3\n", b"1 shamir x 3\n"] {
            assert_eq!(SealConfig::decode(bad), None);
        }
    }
}
