//! Whether a statement only reads, and leaves the session as it was.
//!
//! All statements of a database share one session, one behind the other. What changes the session, opens or ends a
//! transaction, waits for an answer of the client, or writes, would be done to the others as well.

use super::scan::{Kind, Token, tokens};

/// Why a statement is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Where, in bytes.
    pub(crate) offset: usize,
    /// What it is that is refused, as it is written.
    pub(crate) found: String,
    /// What to write instead.
    pub(crate) advice: &'static str,
}

impl Refusal {
    /// Whether it is about the session or its transaction, which all statements share.
    pub(crate) fn is_of_session(&self) -> bool {
        [SESSION, TRANSACTION].contains(&self.advice)
    }
}

/// What a statement may begin with.
const READS: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];
const SHOWS: [&str; 2] = ["SHOW", "EXPLAIN"];
const WRITES: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];

const READ_ONLY: &str = "an exporter only reads: write one SELECT, WITH, VALUES, TABLE, SHOW or EXPLAIN";
const SESSION: &str = "the session is shared with all other statements: write `timeout`, `search_path` or `settings`, \
                       which hold for this statement alone";
const TRANSACTION: &str = "each statement is a transaction of its own: write the statement only";
const STREAM: &str = "it does not answer with rows: write the SELECT whose rows you want";
const STATEMENT: &str =
    "the session is shared with all other statements: write the statement itself, it is prepared anyway";
const FUNCTION: &str = "it answers with no rows: write a SELECT that calls a function";

/// Words that a statement may not begin with, and what to write instead.
const REFUSED: [(&[&str], &str); 6] = [
    (
        &[
            "SET", "RESET", "DISCARD", "LISTEN", "UNLISTEN", "NOTIFY", "LOAD", "LOCK",
        ],
        SESSION,
    ),
    (
        &[
            "BEGIN",
            "START",
            "COMMIT",
            "END",
            "ROLLBACK",
            "ABORT",
            "SAVEPOINT",
            "RELEASE",
        ],
        TRANSACTION,
    ),
    (&["COPY"], STREAM),
    (&["PREPARE", "EXECUTE", "DEALLOCATE"], STATEMENT),
    (&["DECLARE", "FETCH", "MOVE", "CLOSE"], STREAM),
    (&["DO", "CALL"], FUNCTION),
];

/// Why one statement of SQL must not be run, if so.
pub(crate) fn refusal(text: &str) -> Option<Refusal> {
    let list: Vec<Token<'_>> = tokens(text).collect();
    if let Some(offset) = text.find('\0') {
        return Some(refused(
            offset,
            "a NUL character",
            "remove it: no text of the server can hold one",
        ));
    }
    if let Some(token) = list.iter().find(|token| token.kind == Kind::Symbol('{')) {
        return Some(of_token(
            token,
            "no SQL has it outside of quotes: if this is a template, render it first",
        ));
    }
    let parameter = list.iter().find(|token| matches!(token.kind, Kind::Parameter(_)));
    if let Some(token) = parameter {
        return Some(of_token(token, "nobody gives it a value: write the value itself"));
    }
    let meant: Vec<Token<'_>> = list
        .into_iter()
        .skip_while(|token| matches!(token.kind, Kind::Symbol('(') | Kind::End))
        .collect();
    let first = meant.first()?;
    if first.kind.is("EXPLAIN") {
        return explained(&meant);
    }
    if !first.kind.is_one_of(&READS) && !first.kind.is_one_of(&SHOWS) {
        let is_of_transaction = first.kind.is("SET")
            && meant
                .get(1)
                .is_some_and(|token| token.kind.is_one_of(&["TRANSACTION", "CONSTRAINTS"]));
        let advice = if is_of_transaction {
            TRANSACTION
        } else {
            advice(first.kind)
        };
        return Some(of_token(first, advice));
    }
    reads_only(&meant)
}

/// Why a command must not be sent to pgbouncer's console, if so.
pub(crate) fn console_refusal(text: &str) -> Option<Refusal> {
    let first = tokens(text).find(|token| token.kind != Kind::End)?;
    let advice =
        "pgbouncer's console is asked with SHOW only, its other commands change things: write a SHOW command";
    (!first.kind.is("SHOW")).then(|| of_token(&first, advice))
}

/// What EXPLAIN may be asked to explain is what may be run: with ANALYZE it is.
fn explained(list: &[Token<'_>]) -> Option<Refusal> {
    let mut depth = 0_u32;
    let rest: Vec<Token<'_>> = list
        .iter()
        .skip(1)
        .skip_while(|token| {
            match token.kind {
                Kind::Symbol('(') => depth += 1,
                Kind::Symbol(')') => {
                    depth = depth.saturating_sub(1);
                    return true;
                }
                _ => {}
            }
            depth > 0 && !is_statement(token) || token.kind.is_one_of(&["ANALYZE", "ANALYSE", "VERBOSE"])
        })
        .copied()
        .collect();
    let first = rest.first()?;
    if first.kind.is_one_of(&READS) {
        reads_only(&rest)
    } else {
        Some(of_token(
            first,
            "only what reads may be explained: write EXPLAIN SELECT …",
        ))
    }
}

/// In parentheses behind EXPLAIN there are options, or a statement.
fn is_statement(token: &Token<'_>) -> bool {
    token.kind.is_one_of(&READS)
}

/// What is between two parentheses, or around all of them, as far as it has been read.
#[derive(Default)]
struct Level {
    /// Whether it is what a name of WITH stands for.
    is_body: bool,
    /// Whether its own WITH goes on: what reads or writes is still to come.
    in_head: bool,
    /// Whether a name comes next there, be it spelled like a word that writes.
    is_name_next: bool,
}

/// Words of WITH behind which there is a name: of what SEARCH and CYCLE go by, and of the columns that they add.
const BEFORE_NAMES: [&str; 4] = ["BY", "CYCLE", "SET", "USING"];

/// Looks for what writes inside of a statement that begins like one that reads.
fn reads_only(list: &[Token<'_>]) -> Option<Refusal> {
    let mut around: Vec<Level> = Vec::new();
    let mut level = Level::default();
    let mut before: Option<Kind<'_>> = None;
    for token in list {
        match token.kind {
            Kind::Symbol('(') => {
                let is_body = before.is_some_and(|kind| kind.is_one_of(&["AS", "MATERIALIZED"]));
                around.push(std::mem::replace(
                    &mut level,
                    Level {
                        is_body,
                        ..Level::default()
                    },
                ));
            }
            // There may be more of them: those in front of the statement have been left out.
            Kind::Symbol(')') => level = around.pop().unwrap_or(level),
            // A reserved word: without `AS` or a point before it, it can be nothing else.
            kind if kind.is("INTO") && !before.is_some_and(|kind| is_named(&kind)) => {
                return Some(of_token(token, "it makes a table: leave INTO and the name away"));
            }
            kind if level.is_name_next => {
                level.is_name_next = kind.is("RECURSIVE") && before.is_some_and(|kind| kind.is("WITH"));
            }
            kind if kind.is_one_of(&WRITES) => {
                let is_body = level.is_body && before == Some(Kind::Symbol('('));
                if is_body || level.in_head {
                    return Some(of_token(token, READ_ONLY));
                }
            }
            kind if kind.is("WITH") && matches!(before, None | Some(Kind::Symbol('('))) => {
                (level.in_head, level.is_name_next) = (true, true);
            }
            kind if kind.is_one_of(&["SELECT", "VALUES", "TABLE"]) => level.in_head = false,
            kind if level.in_head => {
                level.is_name_next = kind == Kind::Symbol(',') || kind.is_one_of(&BEFORE_NAMES);
            }
            _ => {}
        }
        before = Some(token.kind);
    }
    None
}

/// Whether what comes next is a name for sure.
fn is_named(before: &Kind<'_>) -> bool {
    before.is("AS") || *before == Kind::Symbol('.')
}

fn advice(first: Kind<'_>) -> &'static str {
    let found = REFUSED.iter().find(|(words, _)| first.is_one_of(words));
    found.map_or(READ_ONLY, |(_, advice)| advice)
}

fn of_token(token: &Token<'_>, advice: &'static str) -> Refusal {
    let found = match token.kind {
        Kind::Word(word) => format!("`{}`", word.to_ascii_uppercase()),
        Kind::Name(text) | Kind::Text(text) | Kind::Parameter(text) => format!("`{text}`"),
        Kind::Symbol(symbol) => format!("`{symbol}`"),
        Kind::End | Kind::Unclosed(_) => "nothing".to_owned(),
    };
    refused(token.offset, &found, advice)
}

fn refused(offset: usize, found: &str, advice: &'static str) -> Refusal {
    Refusal {
        offset,
        found: found.to_owned(),
        advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_is_taken() {
        for text in [
            "SELECT 1",
            "  -- x\n (SELECT 1) UNION (SELECT 2)",
            "((SELECT 1))",
            "with a AS (SELECT 1), b (x) AS MATERIALIZED (SELECT 2) SELECT * FROM a, b",
            "WITH RECURSIVE a AS (SELECT 1) TABLE a",
            "VALUES (1), (2)",
            "TABLE pg_database",
            "SHOW server_version",
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE VERBOSE SELECT 1",
            "EXPLAIN (ANALYZE, FORMAT json) WITH a AS (SELECT 1) SELECT * FROM a",
            "EXPLAIN (SELECT 1)",
            "SELECT 1 AS into, x.into, \"into\", 'INTO' FROM x",
            "SELECT update, delete, insert FROM counters",
            "SELECT sum(update) AS update, (delete) FROM counters",
            "WITH a AS (SELECT update FROM t) SELECT count(*) delete, merge FROM a",
            "SELECT * FROM t FOR UPDATE",
            "WITH delete AS (SELECT 1), update (insert) AS (SELECT 2) SELECT * FROM delete, update",
            "WITH RECURSIVE merge(a) AS (SELECT 1) SEARCH DEPTH FIRST BY delete, update SET insert \
             CYCLE update SET delete TO true DEFAULT false USING merge SELECT * FROM merge",
            "SELECT * FROM (WITH a AS (SELECT update FROM t) SELECT * FROM a) delete",
            "SELECT set, copy, begin FROM t -- $1 \0"
                .split(" \0")
                .next()
                .unwrap_or_default(),
            "SELECT '$1', $$ $1 $$, a$1 FROM t",
        ] {
            assert_eq!(refusal(text), None, "{text}");
        }
    }

    #[test]
    fn what_writes_or_changes_the_session_is_refused() {
        for (text, found) in [
            ("INSERT INTO t VALUES (1)", "`INSERT`"),
            ("/* x */ update t SET a = 1", "`UPDATE`"),
            ("CREATE TABLE t (a int)", "`CREATE`"),
            ("VACUUM", "`VACUUM`"),
            (
                "WITH a AS (DELETE FROM t RETURNING *) SELECT count(*) FROM a",
                "`DELETE`",
            ),
            (
                "WITH a AS NOT MATERIALIZED (INSERT INTO t VALUES (1) RETURNING 1) SELECT 1",
                "`INSERT`",
            ),
            ("WITH a AS (SELECT 1) UPDATE t SET x = 1", "`UPDATE`"),
            (
                "WITH RECURSIVE x(a) AS (SELECT 1) SEARCH DEPTH FIRST BY a SET o DELETE FROM t",
                "`DELETE`",
            ),
            (
                "WITH RECURSIVE x(a) AS (SELECT 1) SEARCH BREADTH FIRST BY a, update SET \"o\" UPDATE set SET a = 1",
                "`UPDATE`",
            ),
            (
                "WITH RECURSIVE x(a) AS (SELECT 1) CYCLE a SET c USING p INSERT INTO t VALUES (1)",
                "`INSERT`",
            ),
            (
                "WITH RECURSIVE x(a) AS (SELECT 1) CYCLE a SET c TO 'y' DEFAULT 'n' USING set MERGE INTO t USING x ON true \
                 WHEN MATCHED THEN DO NOTHING",
                "`MERGE`",
            ),
            ("WITH values AS (SELECT 1) DELETE FROM t", "`DELETE`"),
            (
                "WITH a AS (WITH b AS (SELECT 1) DELETE FROM t RETURNING 1) SELECT count(*) FROM a",
                "`DELETE`",
            ),
            (
                "EXPLAIN ANALYZE WITH RECURSIVE x(a) AS (SELECT 1) SEARCH DEPTH FIRST BY a SET o DELETE FROM t",
                "`DELETE`",
            ),
            (
                "WITH a AS (SELECT 1), b AS (SELECT 2) MERGE INTO t USING a ON true WHEN MATCHED THEN DELETE",
                "`MERGE`",
            ),
            ("SELECT * INTO copy FROM t", "`INTO`"),
            ("SELECT 1 AS a INTO TEMP x", "`INTO`"),
            ("WITH a AS (SELECT 1) SELECT * INTO x FROM a", "`INTO`"),
            ("BEGIN", "`BEGIN`"),
            ("set work_mem = '1GB'", "`SET`"),
            ("RESET ALL", "`RESET`"),
            ("COPY t TO STDOUT", "`COPY`"),
            ("LISTEN x", "`LISTEN`"),
            ("DISCARD ALL", "`DISCARD`"),
            ("DEALLOCATE ALL", "`DEALLOCATE`"),
            ("DO $$ BEGIN END $$", "`DO`"),
            ("CALL p()", "`CALL`"),
            ("EXECUTE x", "`EXECUTE`"),
            ("DECLARE c CURSOR FOR SELECT 1", "`DECLARE`"),
            ("EXPLAIN ANALYZE DELETE FROM t", "`DELETE`"),
            ("EXPLAIN (ANALYZE) INSERT INTO t VALUES (1)", "`INSERT`"),
            ("EXPLAIN EXECUTE x", "`EXECUTE`"),
            (
                "EXPLAIN ANALYZE WITH a AS (DELETE FROM t RETURNING 1) SELECT 1",
                "`DELETE`",
            ),
            ("SELECT $1", "`$1`"),
            ("SELECT 1 WHERE a = $12::int", "`$12`"),
            ("SELECT '\0'", "a NUL character"),
            ("'x'", "`'x'`"),
            ("= 1", "`=`"),
            ("LOCK TABLE t", "`LOCK`"),
        ] {
            let refusal = refusal(text);
            assert_eq!(
                refusal.map(|refusal| refusal.found),
                Some(found.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn the_console_is_asked_with_show_only() {
        for text in ["SHOW STATS", " -- x\n show pools;"] {
            assert_eq!(console_refusal(text), None, "{text}");
        }
        for text in ["PAUSE", "KILL db", "SELECT 1", "RELOAD", "SET x = 1"] {
            assert!(console_refusal(text).is_some(), "{text}");
        }
    }
}
