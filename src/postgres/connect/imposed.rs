//! What whoever owns a database sets for all sessions in it (`ALTER DATABASE … SET`), where ours must not follow: it would end them, run
//! statements as somebody else, or change what statements say.
//!
//! What an administrator sets, for all or for our role, holds: a database's owner can do neither. Of one setting the server takes
//! that of the role in the database, of the role, of the database, of all, in this order.

use tokio_postgres::SimpleQueryRow;

use crate::catalog::facts::Kind;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::search_path;
use crate::postgres::session::Session;

/// The setting that decides as whom statements run.
const ROLE: &str = "role";

/// What is not followed, and what it is instead: PostgreSQL's own default, as what the server's files say is hidden by what is in
/// force. Whatever else may be set costs time at most.
const OTHERWISE: [(&str, &str); 14] = [
    (ROLE, "none"),
    // It ends the session.
    ("idle_session_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("transaction_timeout", "0"),
    ("tcp_user_timeout", "30000"),
    // It changes what a statement says, or whether it may.
    ("restrict_nonsystem_relation_kind", ""),
    ("row_security", "on"),
    ("quote_all_identifiers", "off"),
    (FLOATS, "1"),
    ("IntervalStyle", "postgres"),
    ("bytea_output", "hex"),
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    ("client_min_messages", "warning"),
];

/// The first version that writes floats so that they are read as they were, by default.
const FLOATS: &str = "extra_float_digits";
const HAS_EXACT_FLOATS: u32 = 120_000;

/// Of these two only what ends a session between two messages is not followed: else they end sessions that nobody needs.
const IDLE: [&str; 2] = ["idle_session_timeout", "idle_in_transaction_session_timeout"];
const SHORT: &str = "2s";

/// These concern whoever is connected to the server, which a client of a pooler is not.
const OF_SOCKET: [&str; 2] = ["idle_session_timeout", "tcp_user_timeout"];

/// The rows of `pg_db_role_setting` that are about our sessions, one for each setting. It may run on whatever search path.
macro_rules! settings {
    () => {
        "(SELECT setrole, setdatabase, pg_catalog.unnest(setconfig) AS setting FROM pg_catalog.pg_db_role_setting \
         WHERE (setdatabase OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR setdatabase OPERATOR(pg_catalog.=) \
         (SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())) \
         AND (setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid \
         OR pg_catalog.pg_get_userbyid(setrole) OPERATOR(pg_catalog.=) session_user)) s"
    };
}

/// Tells names of settings, each with who has set it.
pub(super) const STATEMENT: &str = concat!(
    "SELECT pg_catalog.split_part(s.setting, '=', 1), CASE WHEN s.setrole OPERATOR(pg_catalog.<>) 0::pg_catalog.oid THEN 'role' \
     WHEN s.setdatabase OPERATOR(pg_catalog.<>) 0::pg_catalog.oid THEN 'owner' ELSE 'all' END FROM ",
    settings!()
);

/// Makes the session's role that which an administrator has chosen.
const ROLE_OF_ADMINISTRATOR: &str = concat!(
    "SELECT pg_catalog.set_config('role', (SELECT pg_catalog.substr(s.setting, 6) FROM ",
    settings!(),
    " WHERE pg_catalog.split_part(s.setting, '=', 1) OPERATOR(pg_catalog.=) 'role' \
     AND (s.setrole OPERATOR(pg_catalog.<>) 0::pg_catalog.oid OR s.setdatabase OPERATOR(pg_catalog.=) 0::pg_catalog.oid) \
     ORDER BY s.setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid, s.setdatabase OPERATOR(pg_catalog.=) 0::pg_catalog.oid LIMIT 1), \
     false)"
);

/// What is set for the database's sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::postgres) struct Imposed {
    /// By the database's owner and in force, of what is not followed.
    by_owner: Vec<&'static str>,
    /// Whether an administrator has chosen a role for our sessions.
    has_role: bool,
    /// Whether the server has told it.
    is_told: bool,
}

impl Imposed {
    /// Where the server does not tell: a role that somebody has chosen is not taken, whoever that was.
    pub(super) fn unknown() -> Self {
        Self {
            by_owner: vec![ROLE],
            ..Self::default()
        }
    }

    /// What the answer to [`STATEMENT`] tells.
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a SimpleQueryRow>) -> Self {
        let told: Vec<_> = rows
            .filter_map(|row| Some((row.try_get(0).ok()??, row.try_get(1).ok()??)))
            .collect();
        Self::told(&told)
    }

    fn told(told: &[(&str, &str)]) -> Self {
        let says = |name: &str, by: &str| told.contains(&(name, by));
        let in_force = |name: &&str| says(name, "owner") && !says(name, "role");
        Self {
            by_owner: OTHERWISE
                .map(|(name, _)| name)
                .into_iter()
                .filter(in_force)
                .collect(),
            has_role: says(ROLE, "role") || says(ROLE, "all"),
            is_told: true,
        }
    }

    /// Undoes it: for as long as the session lasts, or in each transaction where others have the session before and after us.
    /// Options of the connection string have the last word, except where a pooler ignores them.
    ///
    /// # Errors
    /// What the server says, or the loss of the connection.
    pub(super) async fn undo(mut self, session: &mut Session, options: Option<&str>) -> Result<(), Failure> {
        if session.kind() == Kind::Postgres {
            let is_given = |name: &str| search_path::of_options(options.unwrap_or_default(), name).is_some();
            self.by_owner.retain(|name| !is_given(name));
            self.has_role &= !is_given(ROLE);
            self.undo_for_good(session).await?;
        } else {
            let settings = self.settings(session.version());
            session
                .limits
                .sets_besides(settings.filter(|(name, _)| !OF_SOCKET.contains(name)).collect());
        }
        session.is_role_refused = self.is_told && self.by_owner.contains(&ROLE);
        Ok(())
    }

    async fn undo_for_good(&self, session: &Session) -> Result<(), Failure> {
        // It begins without a role, by an option.
        let settings = self.settings(session.version()).filter(|(name, _)| *name != ROLE);
        let text: Vec<String> = settings.map(|(name, value)| set(name, value)).collect();
        if !text.is_empty() {
            session.client.batch_execute(&text.join("; ")).await?;
        }
        if self.has_role {
            match session
                .client
                .batch_execute(ROLE_OF_ADMINISTRATOR)
                .await
                .map_err(Failure::from)
            {
                // As at the login of anybody else: a role that may not be taken is none.
                Err(failure) if failure.sqlstate.is_some() && failure.reason != Reason::Connection => {
                    tracing::debug!("the role that is set for ours is not to be had: {failure}");
                }
                answer => answer?,
            }
        }
        Ok(())
    }

    fn settings(&self, version: u32) -> impl Iterator<Item = (&'static str, &'static str)> {
        let is_exact = version >= HAS_EXACT_FLOATS;
        let found = OTHERWISE
            .into_iter()
            .filter(|(name, _)| self.by_owner.contains(name));
        found.map(move |(name, value)| match name {
            FLOATS if !is_exact => (name, "0"),
            name => (name, value),
        })
    }
}

fn set(name: &str, value: &str) -> String {
    let condition = match IDLE.contains(&name) {
        true => format!(
            " WHERE pg_catalog.current_setting('{name}')::pg_catalog.interval OPERATOR(pg_catalog.<) '{SHORT}'::pg_catalog.interval"
        ),
        false => String::new(),
    };
    format!("SELECT pg_catalog.set_config('{name}', '{value}', false){condition}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_databases_owner_sets_is_undone() {
        let of = |told: &[(&str, &str)]| Imposed::told(told);
        let by_owner = of(&[
            ("role", "owner"),
            ("work_mem", "owner"),
            ("row_security", "owner"),
        ]);
        assert_eq!(
            (&*by_owner.by_owner, by_owner.has_role),
            (&["role", "row_security"][..], false)
        );
        let overridden = of(&[
            ("role", "role"),
            ("role", "owner"),
            ("row_security", "role"),
            ("row_security", "owner"),
        ]);
        assert_eq!((&*overridden.by_owner, overridden.has_role), (&[][..], true));
        let beneath = of(&[("role", "owner"), ("role", "all")]);
        assert_eq!((&*beneath.by_owner, beneath.has_role), (&["role"][..], true));
        assert_eq!(
            of(&[("role", "all")]),
            Imposed {
                by_owner: Vec::new(),
                has_role: true,
                is_told: true,
            }
        );
    }

    #[test]
    fn the_default_of_floats_is_that_of_the_version() {
        let imposed = Imposed::told(&[(FLOATS, "owner")]);
        let value = |version| imposed.settings(version).next();
        assert_eq!(
            (value(110_000), value(120_000)),
            (Some((FLOATS, "0")), Some((FLOATS, "1")))
        );
    }
}
