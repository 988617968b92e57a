//! X.509 certificates as TLS meets them in the field: of any version, with keys that the TLS library does not know by itself.
//!
//! The library reads certificates of version 3 alone, and judges them by the rules of the public web. OpenSSL, and with it
//! psql and every PostgreSQL server, also takes those of version 1, authorities that are servers themselves, keys for RSASSA-PSS
//! only, and of the curve P-521. Here is one judge for both sides: [`Authorities`] says whether a chain is trusted, [`signature`] whether the peer
//! holds its key, [`identity`] how we show a certificate of our own, [`exchange`] how keys are exchanged on that curve.

mod authorities;
pub(crate) mod binding;
mod chain;
mod ecdsa;
pub(crate) mod exchange;
pub(crate) mod identity;
mod keys;
mod parsed;
pub(crate) mod signature;
#[cfg(test)]
mod tests;
mod trust;

pub(crate) use authorities::Authorities;
pub(crate) use parsed::Certificate;
pub(crate) use trust::{Purpose, Rules};
