//! The statements that limit what follows them: to a time, or to what is left until a time of the server's clock.

use std::time::Duration;

/// The first version that has `lock_timeout`.
pub(super) const HAS_LOCK_TIMEOUT: u32 = 90_300;

/// `statement_timeout`, and a `lock_timeout` a little shorter, so that waiting for a lock is told apart.
pub(super) fn fixed(timeout: Duration, is_local: bool, version: u32) -> String {
    let scope = if is_local { "LOCAL" } else { "SESSION" };
    let milliseconds = timeout.as_millis().clamp(1, i32::MAX as u128);
    let lock = (milliseconds * 4 / 5).max(1);
    let statement = format!("SET {scope} statement_timeout = {milliseconds}");
    if version < HAS_LOCK_TIMEOUT {
        statement
    } else {
        format!("{statement}; SET {scope} lock_timeout = {lock}")
    }
}

/// Limits what follows to what is left until that time of the server's clock, in milliseconds.
pub(in crate::postgres) fn checkpoint_text(
    end: f64,
    timeout: Duration,
    is_local: bool,
    version: u32,
) -> String {
    let limit = format!("{}::pg_catalog.float8", milliseconds(timeout));
    checkpoint(&limit, &format!("{end:.0}::pg_catalog.float8"), is_local, version)
}

/// As a number of milliseconds that a server takes for a limit.
pub(in crate::postgres) fn milliseconds(timeout: Duration) -> f64 {
    (timeout.as_millis() as f64).clamp(1.0, 1e9)
}

/// The same for whatever stands for the limit and that time, both of type float8.
pub(in crate::postgres) fn checkpoint(limit: &str, end: &str, is_local: bool, version: u32) -> String {
    let lock = if version < HAS_LOCK_TIMEOUT {
        String::new()
    } else {
        format!(
            ", pg_catalog.set_config('lock_timeout', \
             pg_catalog.text(greatest(1, s.most OPERATOR(pg_catalog./) 5 OPERATOR(pg_catalog.*) 4)), {is_local})"
        )
    };
    format!(
        "SELECT pg_catalog.set_config('statement_timeout', pg_catalog.text(s.most), {is_local}){lock} \
         FROM (SELECT greatest(1::pg_catalog.float8, least({limit}, {end} OPERATOR(pg_catalog.-) \
         (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000::pg_catalog.float8)))\
         ::pg_catalog.int4 AS most OFFSET 0) s"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_millisecond_at_least() {
        assert!(fixed(Duration::from_nanos(1), false, 150_018).contains("statement_timeout = 1;"));
    }

    #[test]
    fn a_server_without_lock_timeout_is_not_told_one() {
        let limit = Duration::from_secs(1);
        assert!(!checkpoint_text(1.0, limit, false, 90_224).contains("lock_timeout"));
        assert!(checkpoint_text(1.0, limit, false, 180_000).contains("lock_timeout"));
    }
}
