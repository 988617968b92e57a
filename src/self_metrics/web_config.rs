//! How it stands with the web configuration file.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use super::table::{CERTIFICATE_END, HANDSHAKE_FAILURES, WEB_CONFIG_SUCCESSFUL, WEB_CONFIG_TIME};
use super::writer::Writer;

/// Whether the file's newest state is in force, since when, and how long its certificate lasts. Cheap to clone; on the page
/// from the first load on.
#[derive(Clone, Debug, Default)]
pub struct WebConfig {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    is_good: AtomicBool,
    /// Unix time of the last load that succeeded; 0 before the first.
    since: AtomicU64,
    /// Unix time, once there is a certificate.
    expires: OnceLock<AtomicI64>,
    failed_handshakes: AtomicU64,
}

impl WebConfig {
    /// A state of the file is in force now; with TLS, when its certificate ends.
    pub fn loaded(&self, expires: Option<i64>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.state.is_good.store(true, Ordering::Relaxed);
        self.state.since.store(now.as_secs(), Ordering::Relaxed);
        if let Some(expires) = expires {
            let known = self.state.expires.get_or_init(AtomicI64::default);
            known.store(expires, Ordering::Relaxed);
        }
    }

    /// A client connection ended before its handshake did.
    pub fn handshake_failed(&self) {
        self.state.failed_handshakes.fetch_add(1, Ordering::Relaxed);
    }

    /// The file's newest state cannot be used.
    pub fn failed(&self) {
        self.state.is_good.store(false, Ordering::Relaxed);
    }

    pub(super) fn write(&self, page: &mut Writer<'_>) {
        let since = self.state.since.load(Ordering::Relaxed);
        if since == 0 {
            return;
        }
        let is_good = self.state.is_good.load(Ordering::Relaxed);
        page.single(&WEB_CONFIG_SUCCESSFUL, f64::from(u8::from(is_good)));
        page.single(&WEB_CONFIG_TIME, since as f64);
        if let Some(expires) = self.state.expires.get() {
            page.single(&CERTIFICATE_END, expires.load(Ordering::Relaxed) as f64);
            let failed = self.state.failed_handshakes.load(Ordering::Relaxed);
            page.single(&HANDSHAKE_FAILURES, failed as f64);
        }
    }
}
