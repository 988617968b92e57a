//! The web configuration file of Prometheus' exporter toolkit. It is read here since only this crate knows YAML.

pub(crate) mod keys;
pub(crate) mod options;
pub(crate) mod secret;
pub(crate) mod text;
pub(crate) mod tls;
