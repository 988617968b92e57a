//! The web server: metrics, health answers, pages for people. Only this module names hyper.
//!
//! ```text
//! listen -> accept -> transport -> connection -> request -> security -> route
//!     -> health | metrics | version | pages | report | reload -> answer, body
//! ```

mod accept;
mod answer;
mod backend;
mod body;
mod connection;
mod context;
mod descriptors;
mod discovery;
mod excess;
mod exporter;
mod health;
mod held;
mod limits;
mod listen;
mod metrics;
mod negotiate;
mod open;
mod pages;
mod peer;
mod people;
mod per_peer;
mod phase;
mod query;
mod reload;
mod report;
mod request;
mod route;
mod security;
mod selection;
mod share;
mod shutdown;
mod subject;
mod telemetry_path;
#[cfg(test)]
mod tests;
mod timed_stream;
mod transport;
mod turns;
mod version;

pub use accept::{serve, serve_connection};
pub use backend::Backend;
pub use context::{Context, Options};
pub use excess::Excess;
pub use held::Held;
pub use limits::Limits;
pub use listen::{ActivationError, BindError, Listen, Listener, SocketFile, activated, bind};
pub use per_peer::PerPeer;
pub use security::{Security, WebConfigError};
pub use shutdown::{Reloads, Termination};
pub use telemetry_path::{TelemetryPathError, check_telemetry_path};
pub use turns::Turns;
