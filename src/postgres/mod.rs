//! The server: connection information, TLS, sessions, facts, limits, the pool.
//!
//! Only this room names the driver.

pub mod backoff;
mod budget;
mod cancel_route;
mod checkpoint;
pub mod connect;
pub mod conninfo;
pub mod database_locks;
pub mod deadline;
pub mod denied;
pub mod encryption;
pub mod exposure;
pub mod extensions;
pub mod facts;
pub mod failure;
mod flood;
mod greeting;
pub mod identity;
mod limits;
mod line;
mod mark;
pub mod meter;
pub(crate) mod optional_rows;
pub mod permit;
pub mod pipeline;
pub mod pool;
mod readable;
pub mod remedies;
pub mod room;
pub mod rows;
pub mod search_path;
pub mod session;
mod socket;
mod straggler;
mod text;
pub mod tls;
mod version;
