//! The program: from arguments to a running exporter and its end, and what it does instead of serving.

pub mod cli;
mod commands;
mod exporter;
pub mod logging;
mod run;
mod scope;
mod serve;
pub mod settings;
mod setup;
mod stop;

pub use exporter::Exporter;
