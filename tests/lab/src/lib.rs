//! Real servers for `pg_exporter`'s tests, benchmarks and `make run`.
//!
//! | module | what it brings |
//! |--|--|
//! | [`cluster`] | PostgreSQL of every major in the cache: primaries, standbys, faults, CPU |
//! | [`session`] | a connection that stays open: idle transactions, held locks |
//! | [`exporter`] | the program under test: start, scrape, memory, CPU, end |
//! | [`http`] | an HTTP/1 client that shows what was sent and hides nothing |
//! | [`page`] | a scraped page, by family and by series |
//! | [`pgbouncer`], [`haproxy`], [`nginx`], [`prometheus`] | the neighbours that the exporter works with |
//! | [`chromium`] | a browser that shows its pages |
//! | [`proxy`] | a TCP proxy with faults: hang, reset, latency, cut |
//! | [`link`] | a line of the kernel's own devices: narrow, or one that drops large packets |
//! | [`authority`] | certificates that somebody signs, for servers and clients |
//! | [`held`] | one thread of a program that hangs while its others go on |
//! | [`flood`] | a client that sends as much as it can, over TLS and HTTP/2 |
//! | [`disk`] | a disk under a server that hangs, freezes or turns read-only |
//! | [`process`] | CPU and memory of any process, for benchmarks |
//!
//! Everything runs on 127.0.0.1, in a folder of its own (in `TMPDIR`, else in shared memory, else in `/tmp`),
//! and goes when its value is dropped; when the test process is killed, a watchdog clears up (see [`sandbox`]). Servers and
//! programs come from the cache that `scripts/fetch-postgres` and `scripts/fetch-tools` fill.
//!
//! ```no_run
//! use pg_exporter_lab::{Cluster, Exporter};
//!
//! let primary = Cluster::start(18);
//! let standby = primary.standby();
//! assert_eq!(standby.psql("select pg_is_in_recovery()"), "t");
//!
//! let exporter = Exporter::builder("target/debug/pg_exporter").url(&primary.url("postgres")).start();
//! assert_eq!(exporter.get("/primary").status, 200);
//! ```
#![forbid(unsafe_code)]
#![allow(
    clippy::panic,
    reason = "a fixture that cannot do its work fails the test with the reason"
)]

mod account;
pub mod authority;
mod cache;
pub mod chromium;
pub mod cluster;
mod copy;
pub mod disk;
mod error;
pub mod exporter;
pub mod flood;
mod folder;
mod given;
pub mod haproxy;
mod health;
pub mod held;
pub mod http;
pub mod link;
pub mod load;
pub mod nginx;
pub mod page;
pub mod pgbouncer;
mod port;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod sandbox;
pub mod session;
mod template;
mod turn;
mod wait;

pub use authority::Authority;
pub use cache::{later_majors, legacy_majors, majors, majors_among, newest_installed, newest_major, tool};
pub use chromium::Chromium;
pub use cluster::{Cluster, rewind_major, shared};
pub use disk::{Disk, Hold};
pub use error::{Error, Result};
pub use exporter::Exporter;
pub use folder::{Folder, Layer};
pub use haproxy::Haproxy;
pub use health::HEALTH_PATHS;
pub use link::{Direction, Link};
pub use nginx::Nginx;
pub use page::Page;
pub use pgbouncer::Pgbouncer;
pub use port::free_port;
pub use prometheus::{Findings, open_metrics_check, promtool_check};
pub use proxy::{FaultProxy, Mode};
pub use session::Session;
pub use turn::{Turn, turn};
pub use wait::wait_until;
