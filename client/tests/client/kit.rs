//! The kit of these tests: a configuration for one try at an address.

use onrecord_client::{Address, Config};

/// A configuration without retries.
pub(crate) fn config(url: &str) -> Config {
    let mut config = Config::new(Address::parse(url).unwrap());
    config.retries = 0;
    config
}
