//! A lock's text, line by line: a statement, servers, what they said.

use std::collections::BTreeMap;

use super::record::{Answer, Entry, Lock, Part, ResultColumn, Statement};
use super::server::{Role, Server, parse_release};
use super::text::FORMAT;
use super::words::{meant, words};
use crate::read::diagnostic::{Diagnostic, Severity};

impl Lock {
    /// Reads the content of a file of that name. What cannot be read is reported, the rest is used.
    #[must_use]
    pub fn parse(text: &str, file: &str) -> (Self, Vec<Diagnostic>) {
        let mut reader = Reader {
            file,
            lock: Self::default(),
            statement: None,
            servers: Vec::new(),
            answer: None,
            found: Vec::new(),
        };
        let mut lines = text.lines().zip(1..).filter(|(line, _)| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        });
        match lines.next() {
            Some((FORMAT, _)) => lines.for_each(|(line, number)| reader.line(line, number)),
            Some((_, number)) => reader.mistake(
                number,
                "this is no lock of a format that is known here; record it anew",
            ),
            None => reader.mistake(1, "the lock is empty; record it anew"),
        }
        reader.end_block();
        (reader.lock, reader.found)
    }
}

const DAMAGED: &str = "this line of the lock cannot be read; record it anew";

const CONFLICT: &str = "a merge left both sides here; take either of them and record it anew";

struct Reader<'a> {
    file: &'a str,
    lock: Lock,
    statement: Option<Statement>,
    /// The servers that gave the answer that is being read.
    servers: Vec<Server>,
    answer: Option<Answer>,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str, number: u32) {
        if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"]
            .iter()
            .any(|mark| line.starts_with(mark))
        {
            return self.mistake(number, CONFLICT);
        }
        let depth = line.len() - line.trim_start_matches(' ').len();
        let is_read = match (depth, words(line).as_slice()) {
            (0, [branch, "query", fingerprint]) => {
                self.statement(branch, Some(Part::Query), fingerprint, number)
            }
            (0, [branch, "predicate", place, fingerprint]) => {
                let part = place.parse().ok().map(Part::Predicate);
                self.statement(branch, part, fingerprint, number)
            }
            (2, ["unproven:", why @ ..]) => self.unproven(why),
            (2, ["on", servers @ ..]) => self.on(servers),
            (4, ["nothing:"]) => self.columns(None),
            (4, ["refused:", sqlstate]) => self.refused(sqlstate, None),
            (4, ["refused:", sqlstate, "at", position]) => self.refused(sqlstate, Some(position)),
            (4, [name, kind]) => match (meant(name), meant(kind)) {
                (Some(name), Some(kind)) => self.columns(Some(ResultColumn { name, kind })),
                _ => false,
            },
            _ => false,
        };
        if !is_read {
            self.mistake(number, DAMAGED);
        }
    }

    fn statement(&mut self, branch: &str, part: Option<Part>, fingerprint: &str, line: u32) -> bool {
        self.end_block();
        self.statement = None;
        let (Some(branch), Some(part), Ok(fingerprint)) =
            (meant(branch), part, u64::from_str_radix(fingerprint, 16))
        else {
            return false;
        };
        let statement = Statement { branch, part };
        if self.lock.entries.contains_key(&statement) {
            let what = format!("`{}` stands here twice; record it anew", statement.branch);
            self.mistake(line, &what);
        }
        let entry = Entry {
            fingerprint,
            line,
            ..Entry::default()
        };
        self.lock.entries.insert(statement.clone(), entry);
        self.statement = Some(statement);
        true
    }

    /// What the servers at hand said is complete.
    fn end_block(&mut self) {
        let servers = std::mem::take(&mut self.servers);
        if let (Some(answer), Some(statement)) = (self.answer.take(), &self.statement)
            && let Some(entry) = self.lock.entries.get_mut(statement)
        {
            let answers = servers.into_iter().map(|server| (server, answer.clone()));
            entry.answers.extend(answers);
        }
    }

    fn unproven(&mut self, why: &[&str]) -> bool {
        let entry = self.statement.as_ref();
        let entry = entry.and_then(|statement| self.lock.entries.get_mut(statement));
        entry.map(|entry| entry.unproven = Some(why.join(" "))).is_some()
    }

    /// Lines of servers that follow each other belong together: what they said comes behind the last.
    fn on(&mut self, words: &[&str]) -> bool {
        if self.answer.is_some() {
            self.end_block();
        }
        let releases: Vec<u32> = words.iter().map_while(|word| parse_release(word)).collect();
        let rest = words.get(releases.len()..).unwrap_or_default();
        let role_of = |word: &&str| Role::ALL.into_iter().find(|role| role.word() == *word);
        let roles: Vec<Role> = rest.iter().map_while(role_of).collect();
        let rest = rest.get(roles.len()..).unwrap_or_default();
        let extension = |word: &&str| {
            let (name, version) = word.rsplit_once('=')?;
            Some((meant(name)?, meant(version)?))
        };
        let extensions: Option<BTreeMap<_, _>> = rest.iter().map(extension).collect();
        let Some(extensions) = extensions else {
            return false;
        };
        for release in &releases {
            self.servers.extend(roles.iter().map(|role| Server {
                release: *release,
                role: *role,
                extensions: extensions.clone(),
            }));
        }
        self.statement.is_some() && !releases.is_empty() && !roles.is_empty()
    }

    fn refused(&mut self, sqlstate: &str, position: Option<&str>) -> bool {
        let position = position.map(str::parse).transpose();
        let Ok(position) = position else { return false };
        let is_first = self.answer.is_none() && !self.servers.is_empty();
        self.answer = Some(Answer::Refused {
            sqlstate: sqlstate.to_owned(),
            position,
        });
        is_first
    }

    /// A column more, or none at all.
    fn columns(&mut self, column: Option<ResultColumn>) -> bool {
        let is_placed = !self.servers.is_empty();
        match self.answer.get_or_insert_with(|| Answer::Columns(Vec::new())) {
            Answer::Columns(columns) => {
                columns.extend(column);
                is_placed
            }
            Answer::Refused { .. } => false,
        }
    }

    fn mistake(&mut self, line: u32, message: &str) {
        self.found.push(Diagnostic {
            file: self.file.to_owned(),
            line,
            column: 1,
            severity: Severity::Error,
            message: message.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;

    fn server(release: u32, role: Role, extensions: &[(&str, &str)]) -> Server {
        let owned = |(name, version): &(&str, &str)| ((*name).to_owned(), (*version).to_owned());
        Server::new(release, role, extensions.iter().map(owned).collect())
    }

    fn columns(list: &[(&str, &str)]) -> Answer {
        let column = |(name, kind): &(&str, &str)| ResultColumn {
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
        };
        Answer::Columns(list.iter().map(column).collect())
    }

    fn statement(branch: &str, part: Part) -> Statement {
        Statement {
            branch: branch.to_owned(),
            part,
        }
    }

    fn lock() -> Lock {
        let mut lock = Lock::default();
        let orders = || statement("shop orders", Part::Query);
        for release in [130_000, 140_000, 150_000] {
            for role in [Role::Primary, Role::Standby] {
                let answer = columns(&[("state", "text"), ("?column?", "int8"), ("refused:", "int4")]);
                lock.record(orders(), 7, &server(release, role, &[]), vec![answer]);
            }
        }
        let tools = server(160_001, Role::Primary, &[("shop tools", "1.2")]);
        let refusal = Answer::Refused {
            sqlstate: "42703".to_owned(),
            position: Some(57),
        };
        lock.record(orders(), 7, &tools, vec![refusal]);
        let first = statement("shop orders", Part::Predicate(1));
        lock.record(first, 8, &server(140_000, Role::Primary, &[]), vec![columns(&[])]);
        let console = server(12_502, Role::Pgbouncer, &[]);
        lock.record(
            statement("pool", Part::Query),
            9,
            &console,
            vec![columns(&[("cl", "unknown")])],
        );
        lock.record_unproven(
            statement("citus", Part::Query),
            10,
            "extension citus\nis not installed",
        );
        lock
    }

    const TEXT: &str = "format 1

citus query 000000000000000a
  unproven: extension citus is not installed

pool query 0000000000000009
  on 1.25 pgbouncer
    cl unknown

\"shop orders\" query 0000000000000007
  on 13 14 15 primary standby
    state text
    ?column? int8
    \"refused:\" int4
  on 16 primary \"shop tools\"=1.2
    refused: 42703 at 57
\"shop orders\" predicate 1 0000000000000008
  on 14 primary
    nothing:
";

    #[test]
    fn it_is_written_and_read_back() {
        let text = lock().to_text();
        let (comments, rest) = text.split_at(text.find("format").unwrap_or(0));
        assert!(comments.lines().all(|line| line.starts_with('#')), "{comments}");
        assert_eq!(rest, TEXT);
        let (read, found) = Lock::parse(&text, "statements.lock");
        assert_eq!(found, []);
        assert_eq!(read.to_text(), text);
    }

    #[test]
    fn another_text_forgets_what_was_said_and_another_server_does_not() {
        let mut lock = lock();
        let orders = || statement("shop orders", Part::Query);
        lock.record(
            orders(),
            7,
            &server(160_000, Role::Standby, &[]),
            vec![columns(&[])],
        );
        assert_eq!(lock.entries[&orders()].answers.len(), 8);
        lock.record_unproven(orders(), 7, "no matter");
        assert_eq!(lock.entries[&orders()].unproven, None);
        lock.record(
            orders(),
            11,
            &server(160_000, Role::Standby, &[]),
            vec![columns(&[])],
        );
        assert_eq!(lock.entries[&orders()].answers.len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let found = |text: &str| -> Vec<String> {
            let (_, found) = Lock::parse(text, "l");
            found.iter().map(ToString::to_string).collect()
        };
        assert_eq!(found(""), ["l:1:1: the lock is empty; record it anew"]);
        assert!(found("format 2\n")[0].starts_with("l:1:1: this is no lock of a format"));
        for line in [
            "a query xyz",
            "a predicate x 1",
            "  on 14 primary",
            "    a int4",
            "a query 1\n    a int4",
            "a query 1\n  on 14",
            "a query 1\n  on primary",
            "a query 1\n  on 14 primary x",
            "a query 1\n  on 14 primary\n    refused: 1 at x",
            "a query 1\n  on 14 primary\n    a int4\n    refused: 1",
            "a query 1\n  on 14 primary\n    \"a int4",
            "a",
        ] {
            let line = format!("format 1\n{line}\n");
            assert!(
                found(&line).iter().any(|one| one.contains("cannot be read")),
                "{line}"
            );
        }
        assert_eq!(
            found("format 1\na query 1\na query 1\n"),
            ["l:3:1: `a` stands here twice; record it anew"]
        );
        assert!(found("format 1\n<<<<<<< HEAD\n")[0].contains("a merge left both sides"));
    }
}
