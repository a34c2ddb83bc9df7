//! Link-local addresses, however they are written. Never in it: whether a device may use one.

use std::net::IpAddr;

/// Whether an address is link-local, in any of its disguises: as it is, mapped into IPv6, or behind NAT64.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            let behind_nat = match address.segments() {
                [0x64, 0xff9b, 0, 0, 0, 0, high, _] => high == 0xa9fe,
                _ => false,
            };
            behind_nat || address.is_unicast_link_local()
        }
    }
}
