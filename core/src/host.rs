//! The world as the domain may see it: a clock and a source of randomness, handed in at the start.
//! Never in it: files, environment, network.

use std::sync::Arc;

use onrecord_audit::Clock;
use onrecord_seal::Entropy;

/// Clock and entropy.
#[derive(Clone)]
pub struct Host {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Fills buffers with randomness fit for keys.
    pub entropy: Arc<dyn Entropy>,
}
