//! The server: connection information, session, facts, planning, discovery, health probe.

pub mod health;
