//! Predicates: asked in order, cached on their own.

use super::{Own, about, database, databases};
use crate::support::{failures, value};

fn collector(name: &str, predicates: &[&str]) -> String {
    let list: String = predicates
        .iter()
        .map(|sql| format!("    - predicate_query: \"{sql}\"\n"))
        .collect();
    format!(
        "{name}:\n  query: SELECT 1 AS one\n  predicate_queries:\n{list}  metrics: [ {{ one: {{ usage: GAUGE, description: One. }} }} ]\n"
    )
}

#[test]
fn all_predicates_must_say_yes() {
    for cluster in databases("predicates") {
        let yaml = [
            collector("both", &["SELECT true", "SELECT 1 = 1"]),
            collector("no", &["SELECT false"]),
            collector("unknown", &["SELECT NULL::bool"]),
            collector("no_row", &["SELECT true WHERE false"]),
            // The second would fail, and must not be asked.
            collector("first_no", &["SELECT false", "SELECT nothing FROM nowhere"]),
            collector("second_no", &["SELECT true", "SELECT false"]),
            collector("failing", &["SELECT true", "SELECT nothing FROM nowhere"]),
            collector("number", &["SELECT 1"]),
            collector("wide", &["SELECT true, true"]),
            collector("long", &["SELECT true FROM generate_series(1, 2)"]),
        ];
        let own = Own::start(cluster, "predicates", &yaml.concat());
        let page = own.scrape();
        let served: Vec<_> = [
            "both",
            "no",
            "unknown",
            "no_row",
            "first_no",
            "second_no",
            "failing",
            "number",
            "wide",
            "long",
        ]
        .into_iter()
        .filter(|name| page.value(&format!("{name}_one"), &[]).is_some())
        .collect();
        assert_eq!(served, ["both"]);
        for name in ["no", "unknown", "no_row", "first_no", "second_no"] {
            assert_eq!(about(&page, "scrape_predicate_skip_count", name), 1.0, "{name}");
        }
        let expected = [
            "predicates failing missing_object",
            "predicates long other",
            "predicates number cast",
            "predicates wide cast",
        ];
        assert_eq!(failures(&page), expected);
    }
}

#[test]
fn an_answer_is_kept_for_the_predicates_ttl() {
    let cluster = database("answers");
    cluster.psql_in("answers", "create table allowed as select true as yes");
    let sql = "SELECT yes FROM allowed";
    let kept = collector("kept", &[sql]).replace("\"\n", "\"\n      ttl: 3600\n");
    let own = Own::start(cluster, "answers", &(kept + &collector("asked", &[sql])));
    let one = |name: &str| own.scrape().value(&format!("{name}_one"), &[]);
    assert_eq!((one("kept"), one("asked")), (Some(1.0), Some(1.0)));
    cluster.psql_in("answers", "update allowed set yes = false");
    assert_eq!((one("kept"), one("asked")), (Some(1.0), None));
    assert!(
        value(
            &own.scrape(),
            "pg_exporter_query_scrape_predicate_skip_count",
            &[("query", "asked")]
        ) >= 2.0
    );
}
