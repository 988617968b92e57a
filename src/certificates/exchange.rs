//! The exchange of keys on the curve P-521, which the library leaves out.
//!
//! A server of TLS 1.2 shows a certificate of this curve only to clients that exchange keys on it, and a server may be told to
//! exchange keys on no other.

use p521::elliptic_curve::sec1::ToSec1Point as _;
use p521::{PublicKey, SecretKey, ecdh};
use tokio_rustls::rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SharedSecret, SupportedKxGroup, ring,
};
use tokio_rustls::rustls::ffdhe_groups::FfdheGroup;
use tokio_rustls::rustls::{Error, NamedGroup, PeerMisbehaved};
use zeroize::Zeroizing;

/// The group of that curve.
pub(crate) static SECP521R1: &dyn SupportedKxGroup = &P521;

/// What a point begins with that is written in full. TLS knows no other form.
const IN_FULL: u8 = 4;

/// The library's way of doing things, with this group as the last resort: the keys sent along are of the first.
pub(crate) fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.kx_groups.push(SECP521R1);
    provider
}

#[derive(Debug)]
struct P521;

impl SupportedKxGroup for P521 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let secret = new_secret()?;
        let public = secret.public_key().to_sec1_point(false);
        Ok(Box::new(Exchange {
            public: public.as_bytes().to_vec(),
            secret,
        }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

/// Any number of 521 bits. That it is none of a key happens once in 2^259 times.
fn new_secret() -> Result<SecretKey, GetRandomFailed> {
    let mut number = Zeroizing::new([0; 66]);
    ring::default_provider()
        .secure_random
        .fill(number.as_mut_slice())?;
    if let Some(first) = number.first_mut() {
        *first &= 1;
    }
    SecretKey::from_slice(number.as_slice()).map_err(|_| GetRandomFailed)
}

/// One exchange, begun.
struct Exchange {
    secret: SecretKey,
    public: Vec<u8>,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        if peer.first() != Some(&IN_FULL) {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        // A point that is not of the curve is refused here.
        let peer = PublicKey::from_sec1_bytes(peer).map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let shared = ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), peer.as_affine());
        Ok(SharedSecret::from(shared.raw_secret_bytes().as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)] // a failing test may panic
mod tests {
    use super::*;

    fn begun() -> Box<dyn ActiveKeyExchange> {
        SECP521R1.start().unwrap()
    }

    #[test]
    fn both_sides_come_to_the_same_secret() {
        let (one, other, third) = (begun(), begun(), begun());
        let (of_one, of_other) = (one.pub_key().to_vec(), other.pub_key().to_vec());
        assert_eq!(of_one.len(), 133);
        assert_ne!(of_one, of_other);
        let shared = one.complete(&of_other).unwrap();
        assert_eq!(shared.secret_bytes().len(), 66);
        assert_eq!(
            shared.secret_bytes(),
            other.complete(&of_one).unwrap().secret_bytes()
        );
        assert_ne!(
            shared.secret_bytes(),
            third.complete(&of_one).unwrap().secret_bytes()
        );
    }

    #[test]
    fn what_is_no_point_in_full_is_refused() {
        let peer = begun().pub_key().to_vec();
        let refused = |point: &[u8]| begun().complete(point).is_err();
        assert!(!refused(&peer));
        let compressed = PublicKey::from_sec1_bytes(&peer).unwrap().to_sec1_point(true);
        assert!(refused(compressed.as_bytes()));
        let mut beside = peer.clone();
        *beside.last_mut().unwrap() ^= 1;
        assert!(refused(&beside));
        let mut longer = peer.clone();
        longer.push(0);
        assert!(refused(&longer));
        for point in [&peer[..132], &[0][..], &[4][..], &[][..]] {
            assert!(refused(point), "{point:?}");
        }
    }
}
