//! The server's time limits on a statement.

use std::time::Duration;

use super::session::Session;
use crate::catalog::facts::Kind;

/// The first version that has `lock_timeout`.
pub(in crate::postgres) const HAS_LOCK_TIMEOUT: u32 = 90_300;

impl Session {
    /// What to send before a statement that may take so long; `None` where nothing is to be changed.
    pub(in crate::postgres) fn limits(&mut self, timeout: Duration) -> Option<String> {
        let is_set = self.server_timeout == Some(timeout);
        self.server_timeout = Some(timeout);
        match self.kind {
            Kind::Pgbouncer => None,
            Kind::Postgres if is_set => None,
            Kind::Postgres => Some(sql("SESSION", timeout, self.version())),
            // In a transaction of its own, so that the limits end with the statement.
            Kind::Pooled => Some(format!(
                "BEGIN READ ONLY; SET LOCAL DateStyle = 'ISO'; {}",
                sql("LOCAL", timeout, self.version())
            )),
        }
    }

    /// What to send after a statement; `None` where nothing is to be ended.
    pub(in crate::postgres) fn end_of_limits(&self) -> Option<&'static str> {
        (self.kind == Kind::Pooled).then_some("COMMIT")
    }
}

/// `statement_timeout`, and a `lock_timeout` a little shorter, so that waiting for a lock is told apart.
fn sql(scope: &str, timeout: Duration, version: u32) -> String {
    let milliseconds = timeout.as_millis().clamp(1, i32::MAX as u128);
    let lock = (milliseconds * 4 / 5).max(1);
    let statement = format!("SET {scope} statement_timeout = {milliseconds}");
    if version < HAS_LOCK_TIMEOUT {
        statement
    } else {
        format!("{statement}; SET {scope} lock_timeout = {lock}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_old_and_new_servers() {
        let timeout = Duration::from_millis(100);
        assert_eq!(
            sql("SESSION", timeout, 90_204),
            "SET SESSION statement_timeout = 100"
        );
        let both = "SET LOCAL statement_timeout = 100; SET LOCAL lock_timeout = 80";
        assert_eq!(sql("LOCAL", timeout, 150_018), both);
        assert!(sql("SESSION", Duration::from_nanos(1), 150_018).contains("statement_timeout = 1;"));
    }
}
