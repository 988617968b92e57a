//! The lock as text: lines that are sorted and hold one thing each, so that an edit of a definition changes few of them.
//!
//! ```text
//! shop_orders_13 query 3f2a9c0d1e4b5a67
//!   on 13 14 15 primary standby
//!     state text
//!     open int8
//!   on 16 primary shop_tools=1.2
//!     refused: 42703 at 57
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::record::{Answer, Entry, Lock, Part, ResultColumn};
use super::server::{Release, Role, Server};
use super::words::word;

/// The name of a lock in its directory.
pub const LOCK_FILE: &str = "statements.lock";

/// What the first line that is no comment says.
pub(crate) const FORMAT: &str = "format 1";

const HEADER: &str = "\
# What servers say to the statements of this directory: the columns of their results, or why they refuse them.
# Written by `pg_exporter check --record`, read when the definitions are compiled. Keep it in version control; do not edit.
";

impl Lock {
    /// The content of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}{FORMAT}\n");
        let mut branch = None;
        for (statement, entry) in &self.entries {
            if branch.replace(&statement.branch) != Some(&statement.branch) {
                text.push('\n');
            }
            let part = match statement.part {
                Part::Query => "query".to_owned(),
                Part::Predicate(number) => format!("predicate {number}"),
            };
            let (name, fingerprint) = (word(&statement.branch), entry.fingerprint);
            let _ = writeln!(text, "{name} {part} {fingerprint:016x}");
            if let Some(why) = &entry.unproven {
                let _ = writeln!(text, "  unproven: {why}");
            }
            answers(entry, &mut text);
        }
        text
    }
}

/// Servers that said the same stand together, and those of one kind on one line.
fn answers(entry: &Entry, text: &mut String) {
    let mut groups: Vec<(&Answer, Vec<&Server>)> = Vec::new();
    for (server, answer) in &entry.answers {
        match groups.iter_mut().find(|(known, _)| *known == answer) {
            Some((_, servers)) => servers.push(server),
            None => groups.push((answer, vec![server])),
        }
    }
    for (answer, servers) in groups {
        server_lines(&servers, text);
        match answer {
            Answer::Columns(columns) if columns.is_empty() => text.push_str("    nothing:\n"),
            Answer::Columns(columns) => {
                for ResultColumn { name, kind } in columns {
                    let _ = writeln!(text, "    {} {}", word(name), word(kind));
                }
            }
            Answer::Refused { sqlstate, position } => {
                let _ = write!(text, "    refused: {sqlstate}");
                if let Some(position) = position {
                    let _ = write!(text, " at {position}");
                }
                text.push('\n');
            }
        }
    }
}

/// Roles, extensions, and the releases of servers with these.
type Line<'a> = (BTreeSet<Role>, &'a BTreeMap<String, String>, Vec<u32>);

/// First the roles of each release and its extensions, then the releases of which these are the same.
fn server_lines(servers: &[&Server], text: &mut String) {
    let mut roles: BTreeMap<(u32, &BTreeMap<String, String>), BTreeSet<Role>> = BTreeMap::new();
    for server in servers {
        let of_release = roles.entry((server.release, &server.extensions)).or_default();
        of_release.insert(server.role);
    }
    let mut lines: Vec<Line<'_>> = Vec::new();
    for ((release, extensions), roles) in roles {
        let is_same = |(known, of, _): &&mut Line<'_>| *known == roles && *of == extensions;
        match lines.iter_mut().find(is_same) {
            Some((.., releases)) => releases.push(release),
            None => lines.push((roles, extensions, vec![release])),
        }
    }
    for (roles, extensions, releases) in lines {
        text.push_str("  on");
        for release in releases {
            let _ = write!(text, " {}", Release(release));
        }
        for role in roles {
            let _ = write!(text, " {}", role.word());
        }
        for (name, version) in extensions {
            let _ = write!(text, " {}={}", word(name), word(version));
        }
        text.push('\n');
    }
}
