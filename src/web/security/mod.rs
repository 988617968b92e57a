//! Who may ask, and over what: the web configuration file of Prometheus' exporter toolkit, in force.
//!
//! ```text
//! file -> read (documents, tls, users, headers, rate) -> Policy     at start and whenever a file changed
//! connection -> Security::tls -> handshake        request -> Security::admit -> passwords
//! ```
//! What is in force is one `Policy`, swapped as a whole: a kept-alive connection obeys new users with its next
//! request, new certificates are shown to the next connection.

mod admission;
mod certificate;
mod client_auth;
mod credentials;
mod documents;
mod error;
mod headers;
mod in_force;
mod names;
mod passwords;
mod policy;
mod rate;
mod recent;
mod refusal;
#[cfg(test)]
mod tests;
mod tls;
mod users;
mod watched;

pub(super) use admission::Admission;
pub use error::WebConfigError;
pub use in_force::Security;
pub(super) use rate::Rate;
pub(super) use refusal::Refusal;
pub(super) use tls::is_http2;
