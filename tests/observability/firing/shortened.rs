//! The shipped rules with shorter times, and with thresholds that a test can reach.

use pg_exporter_observability::rules::{Group, Rule, Rules};

use crate::files::all_rules;

/// Ranges of the rules, and what they are here. Every rate needs two scrapes, which come every two seconds.
const RANGES: [(&str, &str); 7] = [
    ("[5m]", "[10s]"),
    ("[10m]", "[16s]"),
    ("[15m]", "[16s]"),
    ("[30m]", "[20s]"),
    ("[1h]", "[24s]"),
    ("[6h]", "[24s]"),
    ("offset 1d", "offset 10s"),
];

/// Thresholds that would take hours or terabytes. All others are as shipped.
const THRESHOLDS: [(&str, &str, &str); 15] = [
    ("PgIdleInTransaction", "> 600", "> 3"),
    ("PgLongTransaction", "> 3600", "> 3"),
    ("PgXminHeldBack", "1e7", "500"),
    ("PgPreparedTransaction", "> 3600", "> 3"),
    ("PgTempFilesLarge", "5e7", "1e5"),
    ("PgReplicationLagBytes", "1e9", "1e6"),
    ("PgReplicationLagSeconds", "> 60", "> 2"),
    ("PgSlotRetainsWal", "5e10", "1e6"),
    ("PgStandbyConflicts", "> 10", "> 0"),
    ("PgArchivingStalled", "> 3600", "> 4"),
    ("PgWalPilesUp", "1e10", "1e7"),
    ("PgWraparoundNear", "0.5", "0.0001"),
    // 200,000 ids after the beginning of all.
    ("PgWraparoundImminent", "2e8", "2147283648"),
    ("PgCollectorFailing", "> 5", "> 1"),
    ("PgScrapeSlow", "> 5", "> 0.8"),
];

/// All shipped rules with shorter times and lower thresholds, as text of one rule file.
pub(crate) fn shortened() -> String {
    written(all_rules().into_iter().map(shorten).collect())
}

/// All shipped rules as they are, but none waits longer than for three scrapes: what would be pending fires.
pub(crate) fn impatient() -> String {
    let soon = |rule: Rule| Rule {
        holds: rule.holds.map(|_| "6s".into()),
        ..rule
    };
    written(all_rules().into_iter().map(soon).collect())
}

/// JSON, which is YAML too.
fn written(rules: Vec<Rule>) -> String {
    let group = Group {
        name: "all".into(),
        rules,
    };
    serde_json::to_string(&Rules { groups: vec![group] }).unwrap()
}

fn shorten(mut rule: Rule) -> Rule {
    rule.holds = rule.holds.map(|_| "2s".into());
    for (long, short) in RANGES {
        rule.expr = rule.expr.replace(long, short);
    }
    let name = rule.alert.clone().unwrap_or_default();
    for (_, from, to) in THRESHOLDS.iter().filter(|(alert, ..)| *alert == name) {
        assert!(rule.expr.contains(from), "{name} has no {from:?}: {}", rule.expr);
        rule.expr = rule.expr.replace(from, to);
    }
    rule
}
