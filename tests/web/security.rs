//! TLS, passwords and headers of the web configuration file.
