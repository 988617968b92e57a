//! TLS, passwords and headers of the web configuration file.

mod certificates;
mod clients;
mod curl;
mod headers;
mod keys;
mod passwords;
mod peers;
mod refused;
mod reload;
mod server;
mod setup;
mod tls;
