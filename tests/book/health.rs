//! The tables of `docs/health.md` are what the code answers.

use std::time::{Duration, Instant};

use pg_exporter::health::{Lag, PATHS, Question, Snapshot, State, Verdict};

use crate::support::read;

/// The rows of a page's table between two marks, cells without backquotes.
fn table(page: &str, mark: &str) -> Vec<Vec<String>> {
    let text = read(page);
    let (_, rest) = text.split_once(&format!("<!-- {mark}: ")).unwrap();
    let (table, _) = rest.split_once(&format!("<!-- end of {mark} -->")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with('|'));
    let cells = |line: &str| {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect()
    };
    rows.map(cells).collect()
}

fn ask(question: Question, state: State, lag: Lag, query: &str) -> (&'static str, String) {
    let at = Instant::now();
    let snapshot = Snapshot {
        state,
        lag,
        at,
        took: Duration::ZERO,
        reason: None,
    };
    let (verdict, body) = question.answer(&snapshot, || true, query);
    let status = match verdict {
        Verdict::Yes => "200",
        Verdict::OtherRole => "404",
        Verdict::No => "503",
        Verdict::Malformed => "400",
    };
    (status, body.trim_end().to_owned())
}

/// The page and its translation.
const PAGES: [&str; 2] = ["docs/health.md", "docs/zh/health.md"];

#[test]
fn statuses_by_path_and_state() {
    PAGES.into_iter().for_each(statuses);
}

fn statuses(page: &str) {
    let rows = table(page, "answers");
    let states: Vec<State> = rows[0][1..]
        .iter()
        .map(|word| State::ALL.into_iter().find(|state| state.word() == word).unwrap())
        .collect();
    assert_eq!(states.len(), State::ALL.len());
    let mut paths = Vec::new();
    for row in &rows[2..] {
        for path in row[0].split(", ") {
            let (_, question) = PATHS.into_iter().find(|(known, _)| *known == path).unwrap();
            for (state, status) in states.iter().zip(&row[1..]) {
                let found = ask(question, *state, Lag::NONE, "");
                assert_eq!(found, (&**status, state.word().to_owned()), "{path} {state:?}");
            }
            paths.push(path);
        }
    }
    let mut known = PATHS.map(|(path, _)| path);
    known.sort_unstable();
    paths.sort_unstable();
    assert_eq!(paths, known);
}

#[test]
fn answers_to_lag_rules() {
    PAGES.into_iter().for_each(lag_rules);
}

fn lag_rules(page: &str) {
    let rows = table(page, "lag");
    assert!(rows.len() > 8);
    for row in &rows[2..] {
        let [query, replay, status, body] = &row[..] else {
            panic!("{row:?}")
        };
        let behind = Lag {
            bytes: Some(1 << 20),
            time: Some(Duration::from_secs(5)),
            paused: false,
        };
        let lag = match &**replay {
            "paused" | "已暂停" => Lag {
                paused: true,
                ..behind
            },
            "not known" | "未知" => Lag::default(),
            "5 s, 1 MiB behind" | "落后 5 s、1 MiB" => behind,
            other => panic!("{other}"),
        };
        for question in [Question::Replica, Question::Read, Question::Readiness] {
            assert_eq!(
                ask(question, State::Replica, lag, query),
                (&**status, body.clone()),
                "{query} {replay}"
            );
        }
    }
}
