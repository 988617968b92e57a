//! Which functions the role may not execute, and what stands for them in a statement that can do without.

use std::collections::BTreeMap;
use std::time::Instant;

use postgres_types::{ToSql, Type};

use super::deadline::within;
use super::failure::{Failure, Reason};
use super::session::Session;

/// Of these functions of `pg_catalog` those that are denied, and for each a query that stands for a call of it wherever a call may
/// stand: with the columns and types of its result, of one row of NULL, or without a row where it returns rows or has columns of its
/// own. It is asked only when the server has denied something.
const STATEMENT: &str = "\
WITH denied AS (
  SELECT p.oid, p.proname::pg_catalog.text AS name, p.proretset, p.prorettype, p.proallargtypes, p.proargmodes, p.proargnames
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
   WHERE n.nspname = 'pg_catalog' AND p.proname = ANY ($1::pg_catalog.name[])
     AND NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
), known AS (
  SELECT d.oid, d.name,
         CASE WHEN d.proargmodes IS NULL OR NOT d.proargmodes::pg_catalog.text[] && ARRAY['o', 'b', 't'] THEN
           pg_catalog.format('SELECT NULL::pg_catalog.%I AS %I', t.typname, d.name)
             || CASE WHEN d.proretset THEN ' WHERE false' ELSE '' END
         ELSE 'SELECT ' || pg_catalog.array_to_string(ARRAY(
              SELECT pg_catalog.format('NULL::pg_catalog.%I AS %I', a.typname, d.proargnames[place])
                FROM pg_catalog.generate_subscripts(d.proargmodes, 1) AS place
                JOIN pg_catalog.pg_type AS a ON a.oid = d.proallargtypes[place]
               WHERE d.proargmodes[place]::pg_catalog.text IN ('o', 'b', 't')
               ORDER BY place), ', ') || ' WHERE false'
         END AS instead
    FROM denied AS d JOIN pg_catalog.pg_type AS t ON t.oid = d.prorettype
)
SELECT ARRAY(SELECT name FROM known ORDER BY oid), ARRAY(SELECT instead FROM known ORDER BY oid)";

/// Asks which of them the role may not execute, and what may stand for each.
///
/// # Errors
/// What the server says, the loss of the connection, or a timeout at the deadline.
pub async fn read(
    session: &mut Session,
    functions: &[&str],
    deadline: Instant,
) -> Result<BTreeMap<String, String>, Failure> {
    let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&functions, Type::NAME_ARRAY)];
    let limit = deadline.saturating_duration_since(Instant::now());
    let row = match within(deadline, session.one_row(None, STATEMENT, &parameters, limit)).await {
        Ok(row) => row?,
        Err(_) => return Err(Failure::timeout("the server did not tell in time what it denies")),
    };
    let unreadable = |_| Failure::new(Reason::Other, "the server's answer has an unexpected form");
    let names: Vec<String> = row.try_get(0).map_err(unreadable)?;
    let instead: Vec<String> = row.try_get(1).map_err(unreadable)?;
    Ok(names.into_iter().zip(instead).collect())
}
