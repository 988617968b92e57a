//! Listening sockets: TCP ports, unix sockets, and what a service manager opened.

mod acceptor;
mod activation;
mod address;
mod bind;
mod listener;
mod socket_file;
mod tcp;
#[cfg(test)]
mod tests;
mod unix;

pub(super) use acceptor::{Acceptor, Stream};
pub use activation::{ActivationError, activated};
pub use address::Listen;
pub use bind::{BindError, bind};
pub use listener::Listener;
pub use socket_file::SocketFile;
