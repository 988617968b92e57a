//! Backends that stayed behind, looked for over a session of their server.

use std::time::Duration;

use postgres_types::Type;

use super::Session;
use crate::catalog::facts::Kind;
use crate::postgres::failure::Failure;

/// Which of those backends are there, of whoever asks. They are ended on the way.
const END: &str = "SELECT ARRAY(\
     SELECT CASE WHEN pg_catalog.pg_terminate_backend(a.pid) THEN a.pid ELSE a.pid END \
     FROM pg_catalog.pg_stat_get_activity(NULL) a, \
     pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) own \
     WHERE a.pid OPERATOR(pg_catalog.=) ANY ($1) AND a.usesysid OPERATOR(pg_catalog.=) own.usesysid)";

/// The same for who may not end them, as the role that statements run as is another.
const LOOK: &str = "SELECT ARRAY(\
     SELECT a.pid FROM pg_catalog.pg_stat_get_activity(NULL) a, \
     pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) own \
     WHERE a.pid OPERATOR(pg_catalog.=) ANY ($1) AND a.usesysid OPERATOR(pg_catalog.=) own.usesysid)";

impl Session {
    /// Looks for backends that stayed behind when their connections were cut off, if there are any, and has them ended. The caller bounds it.
    ///
    /// # Errors
    /// What the server says; nothing is known then.
    pub(crate) async fn end_stragglers(&mut self, limit: Duration) -> Result<(), Failure> {
        let asked = self.driver.stragglers.numbers();
        if asked.is_empty() {
            return Ok(());
        }
        // What a pooler calls a backend is none of the server's.
        let left = match self.kind() {
            Kind::Postgres => self.living(&asked, limit).await,
            Kind::Pooled | Kind::Pgbouncer => Ok(Vec::new()),
        };
        let left = match left {
            // Nobody will ever say: as good as where nobody can be asked.
            Err(failure) if failure.is_lasting() || failure.is_denial() => {
                tracing::debug!("not told whether backends have gone: {failure}");
                Vec::new()
            }
            left => left?,
        };
        self.driver.stragglers.are_left(&asked, &left);
        Ok(())
    }

    async fn living(&mut self, asked: &[i32], limit: Duration) -> Result<Vec<i32>, Failure> {
        let row = match self
            .one_row(None, END, &[(&asked, Type::INT4_ARRAY)], limit)
            .await
        {
            Err(failure) if failure.is_denial() => {
                self.one_row(None, LOOK, &[(&asked, Type::INT4_ARRAY)], limit)
                    .await?
            }
            row => row?,
        };
        Ok(row.try_get(0)?)
    }
}
