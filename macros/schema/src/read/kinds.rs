//! Warnings by kind: of many of a kind a few and a count, and all of them in a few lines.

use std::collections::HashMap;

use super::diagnostic::{Diagnostic, Severity};

/// So many warnings of a kind are shown one by one.
const MOST: usize = 10;

/// So many of them are shown where there are more.
const FEW: usize = 2;

/// So many lines has a log for the warnings of a set: the files of 1.x have hundreds, and the lines of the start are read.
const LINES: usize = 4;

/// Puts a count in the place of warnings of a kind of which there are many.
pub(super) fn counted(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut kinds: HashMap<String, (usize, usize)> = HashMap::new();
    for warning in found.iter().filter(|one| one.severity == Severity::Warning) {
        kinds.entry(kind(&warning.message)).or_default().0 += 1;
    }
    let mut kept = Vec::with_capacity(found.len());
    for mut one in found {
        if one.severity == Severity::Warning
            && let Some((all, seen)) = kinds.get_mut(&kind(&one.message))
            && *all > MOST
        {
            *seen += 1;
            match *seen {
                seen if seen <= FEW => {}
                seen if seen == FEW + 1 => {
                    let more = *all - seen;
                    one.message = format!("{} (and {more} more of this kind)", one.message);
                }
                _ => continue,
            }
        }
        kept.push(one);
    }
    kept
}

/// All warnings in a few lines: each where there are few, else the first of each kind with a count.
pub(super) fn brief(found: &[Diagnostic]) -> Vec<String> {
    let warnings = || found.iter().filter(|one| one.severity == Severity::Warning);
    if warnings().count() <= LINES {
        return warnings().map(ToString::to_string).collect();
    }
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut kinds: Vec<(&Diagnostic, usize)> = Vec::new();
    for warning in warnings() {
        let place = *places.entry(kind(&warning.message)).or_insert(kinds.len());
        match kinds.get_mut(place) {
            Some((_, more)) => *more += 1,
            None => kinds.push((warning, 0)),
        }
    }
    let shown = if kinds.len() > LINES { LINES - 1 } else { LINES };
    let rest = kinds.split_off(shown.min(kinds.len()));
    let line = |(first, more): &(&Diagnostic, usize)| match more {
        0 => first.to_string(),
        more => format!("{first} (and {more} more of this kind)"),
    };
    let mut lines: Vec<String> = kinds.iter().map(line).collect();
    if !rest.is_empty() {
        let warnings: usize = rest.iter().map(|(_, more)| more + 1).sum();
        lines.push(format!("and {warnings} warnings of {} other kinds", rest.len()));
    }
    lines
}

/// A message without what differs from one mistake to the next: what it quotes, what it has in brackets, numbers, advice.
fn kind(message: &str) -> String {
    let mut said = String::with_capacity(message.len());
    let mut depth = 0_usize;
    for c in message.split('`').step_by(2).flat_map(str::chars) {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ';' | ',' if depth == 0 => break,
            _ if depth > 0 || c.is_ascii_digit() => {}
            _ => said.push(c),
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(line: u32, message: &str) -> Diagnostic {
        Diagnostic {
            file: "x.yml".to_owned(),
            line,
            column: 1,
            severity: Severity::Warning,
            message: message.to_owned(),
        }
    }

    #[test]
    fn what_differs_only_by_names_and_places_is_of_one_kind() {
        let same = [
            [
                "metric `a` has another description in branch `b` (0110-pg.yml:3); use one text",
                "metric `c` has another description in branch `d` (x, y.yml:44); use one text",
            ],
            [
                "branch `a` has the labels [x, y], branch `b` has [x]: its series break",
                "branch `c` has the labels [z], branch `d` has [z, u]: its series break",
            ],
            [
                "branches `a` (versions from 1) and `b` (versions below 3, 4) can both be installed",
                "branches `c` (all versions) and `d` (all versions, 5) can both be installed",
            ],
        ];
        for [one, other] in same {
            assert_eq!(kind(one), kind(other));
        }
        assert_ne!(kind(same[0][0]), kind(same[1][0]));
        assert_ne!(kind(same[1][0]), kind(same[2][0]));
    }

    #[test]
    fn few_warnings_are_each_a_line_and_many_are_a_line_for_each_kind() {
        let of = |kinds: &[(&str, u32)]| -> Vec<String> {
            let all = kinds.iter().enumerate();
            let each = all.flat_map(|(at, (message, count))| {
                (0..*count).map(move |n| warning(u32::try_from(at + 1).unwrap_or(0) * 1000 + n, message))
            });
            brief(&each.collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), [""; 0]);
        assert_eq!(of(&[("a", 4)]).len(), 4);
        assert_eq!(
            of(&[("a", 5)]),
            ["x.yml:1000:1: warning: a (and 4 more of this kind)"]
        );
        assert_eq!(of(&[("a", 300), ("b", 1), ("c", 2), ("d", 1)]).len(), 4);
        assert_eq!(
            of(&[("a", 300), ("b", 1), ("c", 2), ("d", 1), ("e", 6)]),
            [
                "x.yml:1000:1: warning: a (and 299 more of this kind)",
                "x.yml:2000:1: warning: b",
                "x.yml:3000:1: warning: c (and 1 more of this kind)",
                "and 7 warnings of 2 other kinds",
            ]
        );
    }
}
