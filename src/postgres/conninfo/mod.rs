//! Connection information by libpq's rules.
//!
//! A user writes what works with `psql`: a URL or `key=value` pairs, with `PG*` variables, a service file and a
//! password file around it. [`ConnInfo::parse`] reads all of it but the password file, once;
//! [`ConnInfo::resolve_password`] finds the password anew for each connection, so that a rotated one is used without a
//! restart. Everything printable about it ([`ConnInfo::display`], `Debug`, [`ConnInfoError`]) is free of secrets.
//!
//! Differences to libpq (PostgreSQL 18), all on purpose:
//! - without any host, the first socket found in `/var/run/postgresql` or `/tmp`, else `localhost`; and then `sslmode`
//!   is `disable`, as in pg_exporter 1.x;
//! - a raw `@` after the credentials of a URL is an error, since it is the rest of a password with an unencoded `@`;
//! - a value that has `password=` in it, a user name with `:` in it and a host name that cannot be one are errors: the
//!   text is in another syntax, and would be printed;
//! - `hostaddr` takes no IPv6 zone (`%eth0`); write the address as `host`;
//! - what cannot be done here and would weaken the connection when ignored (`requirepeer`, `sslcrl`, `gssencmode=require`...) is an error with advice;
//! - settings of the session in variables (`PGDATESTYLE`, `PGTZ`, `PGGEQO`) are not passed on.

mod cursor;
mod display;
mod driver;
mod environment;
mod error;
mod host;
mod info;
mod keyvalue;
mod keywords;
mod parts;
mod passfile;
mod password;
mod require_auth;
mod service;
mod session;
mod settings;
mod source;
mod tls;
mod url;

#[cfg(test)]
mod tests;

pub use environment::{Environment, ProcessEnvironment};
pub use error::ConnInfoError;
pub use host::Host;
pub use info::ConnInfo;
pub use parts::Parts;
pub use passfile::PasswordWarning;
pub use password::PasswordLookup;
pub use require_auth::RequireAuth;
pub(in crate::postgres) use require_auth::{AuthenticationGuard, AuthenticationRefused};
pub use session::{ChannelBinding, Keepalives, LoadBalanceHosts, TargetSessionAttrs};
pub use source::PasswordSource;
pub use tls::{ClientCertificate, RootCertificates, SslMode, SslNegotiation, Tls, TlsVersion, Transport};
