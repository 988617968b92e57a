//! Who is at the other end of a connection.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Who is at the other end, as far as shares, turns and places go: nobody has less than 64 bits of IPv6, and has those of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer(Option<IpAddr>);

impl Peer {
    /// The peer of that address; without one, everybody on this machine.
    pub(super) fn new(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address => address,
        }))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(IpAddr::V6(network)) => write!(f, "{network}/64"),
            Some(address) => address.fmt(f),
            None => f.write_str("local"),
        }
    }
}
