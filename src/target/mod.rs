//! The server: connection information, TLS, sessions, facts, planning, health probe.
//!
//! Only this room names the driver.

pub mod backoff;
pub mod claims;
pub mod connect;
pub mod conninfo;
mod expiry;
pub mod facts;
pub mod failure;
pub mod health;
pub mod identity;
mod limits;
pub mod patience;
pub mod pipeline;
pub mod plan;
pub mod pool;
pub mod probe;
pub mod rows;
pub mod session;
pub mod tls;
