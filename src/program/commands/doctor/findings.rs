//! What was found, as text and as JSON.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::scrape::overview::duration;
use crate::values::text::{in_json, on_one_line};

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Findings {
    /// What the server calls itself.
    pub(super) server: String,
    /// `server_version_num`.
    pub(super) version: u32,
    pub(super) flavour: String,
    pub(super) server_role: &'static str,
    /// The exporter's role; empty on pgbouncer.
    pub(super) role: String,
    pub(super) is_superuser: bool,
    pub(super) extensions: Vec<String>,
    /// The server's clock less this machine's.
    pub(super) clock_skew_seconds: Option<f64>,
    /// How many connections scrapes and health may have.
    pub(super) connections: Option<Connections>,
    pub(super) databases: Vec<String>,
    /// Collectors that run here and whose statements were recorded, but on no server of this version, each with those that it was
    /// recorded on. Their results are read as they come.
    pub(super) unproven: Vec<String>,
    /// The most expensive first.
    pub(super) collectors: Vec<Collector>,
    pub(super) problems: Vec<Problem>,
    /// What would bring more, without anything being wrong.
    pub(super) advice: Vec<Problem>,
}

/// How many connections to the server are ours.
#[derive(Debug, Serialize)]
pub(super) struct Connections {
    /// At most, all together.
    pub(super) most: usize,
    /// Whether `--max-connections` says so, rather than the server's room.
    pub(super) is_given: bool,
    /// Those that others than superusers may have, where the server tells.
    pub(super) usable: Option<u32>,
    /// Those that are there now.
    pub(super) taken: Option<u32>,
    /// Databases that each scrape connects to anew, as there are more of them than connections.
    pub(super) anew: usize,
}

/// What one collector cost and yielded on one database.
#[derive(Debug, Serialize)]
pub(super) struct Collector {
    pub(super) name: String,
    pub(super) database: String,
    pub(super) state: &'static str,
    pub(super) seconds: f64,
    pub(super) series: u64,
}

/// Something to put right.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    pub(super) what: String,
    /// Statements that a superuser, or the owner of the object, runs.
    pub(super) remedies: Vec<String>,
}

impl Findings {
    /// On a replica: what changes the catalogs is run where they can be changed. Settings are each server's own.
    pub(super) fn send_to_the_primary(&mut self) {
        let all = self.problems.iter_mut().chain(&mut self.advice);
        let is_here = |remedy: &str| remedy.starts_with("ALTER SYSTEM") || remedy.starts_with("--");
        for remedy in all.flat_map(|one| &mut one.remedies) {
            if !is_here(remedy) {
                remedy.push_str(" -- on the primary");
            }
        }
    }

    pub(super) fn json(&self) -> String {
        // Strings, numbers and lists of them always serialise.
        in_json(serde_json::to_string_pretty(self).unwrap_or_default() + "\n")
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let superuser = if self.is_superuser {
            " (superuser: more than is needed)"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "Server: {}, {}",
            on_one_line(&self.server),
            self.server_role
        );
        let _ = writeln!(text, "Version: {}", self.version);
        let _ = writeln!(text, "Flavour: {}", on_one_line(&self.flavour));
        if !self.role.is_empty() {
            let _ = writeln!(text, "Role: {}{superuser}", on_one_line(&self.role));
            let _ = writeln!(text, "Extensions: {}", on_one_line(&self.extensions.join(", ")));
        }
        if let Some(skew) = self.clock_skew_seconds {
            let side = if skew < 0.0 { "behind" } else { "ahead of" };
            let _ = writeln!(text, "Clock: {} {side} this machine's", seconds(skew.abs()));
        }
        self.write_connections(&mut text);
        let _ = writeln!(text, "Databases: {}\n", on_one_line(&self.databases.join(", ")));
        for one in &self.unproven {
            let _ = writeln!(text, "Not proven here: {}", on_one_line(one));
        }
        self.costs(&mut text);
        self.write_problems(&mut text);
        self.write_advice(&mut text);
        text
    }

    fn write_connections(&self, text: &mut String) {
        let Some(connections) = &self.connections else {
            return;
        };
        let Connections {
            most,
            is_given,
            usable,
            taken,
            anew,
        } = connections;
        let _ = write!(text, "Connections: at most {most} of ours");
        if let (Some(usable), Some(taken)) = (usable, taken) {
            let _ = write!(
                text,
                ", of {usable} that the server has for clients, {taken} taken"
            );
        }
        if *is_given {
            text.push_str("; --max-connections says so");
        }
        if *anew > 0 {
            let _ = write!(
                text,
                "; each scrape connects anew to {anew} databases, which costs the server more than --max-connections={} would",
                most + anew
            );
        }
        text.push('\n');
    }

    fn costs(&self, text: &mut String) {
        let total: f64 = self.collectors.iter().map(|collector| collector.seconds).sum();
        let series: u64 = self.collectors.iter().map(|collector| collector.series).sum();
        let _ = writeln!(
            text,
            "Collectors: {}, {} together, {series} series",
            self.collectors.len(),
            seconds(total)
        );
        for Collector {
            name,
            database,
            state,
            seconds: took,
            series,
        } in &self.collectors
        {
            let database = on_one_line(database);
            let _ = writeln!(
                text,
                "  {name:<24} {database:<20} {state:<20} {:>8} {series:>7} series",
                seconds(*took)
            );
        }
    }

    fn write_advice(&self, text: &mut String) {
        if !self.advice.is_empty() {
            let _ = writeln!(text, "\nAdvice: {}", self.advice.len());
            write_list(text, &self.advice);
        }
    }

    fn write_problems(&self, text: &mut String) {
        if self.problems.is_empty() {
            text.push_str("\nNothing is wrong.\n");
            return;
        }
        let _ = writeln!(text, "\nProblems: {}", self.problems.len());
        write_list(text, &self.problems);
        let remedies: BTreeSet<_> = self
            .problems
            .iter()
            .flat_map(|problem| &problem.remedies)
            .collect();
        if !remedies.is_empty() {
            text.push_str("\nRun the statements as a superuser, each in the database named, then ask again: a grant may bring the next to light.\n");
        }
    }
}

fn write_list(text: &mut String, problems: &[Problem]) {
    for Problem { what, remedies } in problems {
        let _ = writeln!(text, "  {}", on_one_line(what));
        for remedy in remedies {
            let _ = writeln!(text, "    {}", on_one_line(remedy));
        }
    }
}

fn seconds(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
