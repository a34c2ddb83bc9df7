//! The connections of a peer, counted.
//! Never in it: what a connection carries.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Account;

/// A connection, counted until this is dropped.
pub struct Connected(Arc<Account>);

impl Account {
    /// Counts a connection of the peer; none if it has `most` already. The process itself may have any number.
    pub fn connect(self: &Arc<Self>, most: usize) -> Option<Connected> {
        let more = |count: usize| (count < most || self.address.is_none()).then_some(count + 1);
        self.connections.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Connected(Arc::clone(self)))
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Admission;

    #[test]
    fn a_peer_has_so_many_connections_and_no_more() {
        let admission = Admission::new(8, 1024);
        let peer = admission.account(Some("192.0.2.1".parse().unwrap()));
        let connected: Vec<_> = (0..5).map_while(|_| peer.connect(3)).collect();
        assert_eq!(connected.len(), 3);
        assert!(admission.account(Some("192.0.2.2".parse().unwrap())).connect(3).is_some());
        drop(connected);
        assert!(peer.connect(1).is_some());
    }
}
