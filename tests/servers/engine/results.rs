//! What becomes of a result: types, NULL, scale, histograms, text that is no UTF-8.

use pg_exporter_lab::{Cluster, Page, newest_major, promtool_check};

use super::{Own, database, databases};
use crate::layer::Layer;
use crate::support::{failures, label_values, thorough, value};

/// Names of labels or metrics and the expressions behind them.
fn collector(name: &str, labels: &[(&str, &str)], values: &[(&str, &str, &str)]) -> String {
    let columns: Vec<_> = labels
        .iter()
        .map(|(name, sql)| format!("{sql} AS {name}"))
        .chain(values.iter().map(|(name, sql, _)| format!("{sql} AS {name}")))
        .collect();
    let labels: String = labels
        .iter()
        .map(|(name, _)| format!("    - {name}: {{ usage: LABEL, description: Label. }}\n"))
        .collect();
    let values: String = values
        .iter()
        .map(|(name, _, more)| format!("    - {name}: {{ usage: GAUGE, description: Value.{more} }}\n"))
        .collect();
    format!(
        "{name}:\n  query: |\n    SELECT {}\n  metrics:\n{labels}{values}",
        columns.join(", ")
    )
}

#[test]
fn labels_of_any_type_are_shown_as_text() {
    for cluster in databases("label_types") {
        let labels = [
            ("plain", "'x \"y\" \\z' || chr(10) || 'ü'", "x \"y\" \\z\nü"),
            ("named", "'n'::name", "n"),
            ("letter", "'r'::\"char\"", "r"),
            ("small", "(-7)::int2", "-7"),
            ("large", "9223372036854775807", "9223372036854775807"),
            ("oid", "4294967295::oid", "4294967295"),
            ("bool", "true", "true"),
            ("float", "0.1::float8", "0.1"),
            ("whole", "3::float4", "3"),
            ("moment", "'2024-01-02 03:04:05.9+00'::timestamptz", "1704164645"),
            ("nothing", "NULL::text", ""),
        ];
        // Types that have no text form in the binary format: the whole statement runs with text results.
        let text_only = [
            ("relation", "'pg_class'::regclass", "pg_class"),
            ("address", "'10.0.0.1/8'::inet", "10.0.0.1/8"),
            ("exact", "12.50::numeric", "12.50"),
            ("list", "ARRAY[1, 2]", "{1,2}"),
            ("lsn", "'1/A'::pg_lsn", "1/A"),
            ("span", "interval '90 s'", "00:01:30"),
        ];
        let all: Vec<_> = labels.into_iter().chain(text_only).collect();
        let sql = |list: &[(&'static str, &'static str, &'static str)]| -> Vec<(&str, &str)> {
            list.iter().map(|(name, sql, _)| (*name, *sql)).collect()
        };
        let one = [("one", "1.5::float8", "")];
        let yaml = collector("binary", &sql(&labels), &one) + &collector("text", &sql(&all), &one);
        let own = Own::start(cluster, "label_types", &yaml);
        let text = own.exporter.get("/metrics").text();
        assert!(promtool_check(&text).parses, "{text}");
        let page = Page::parse(&text);
        assert_eq!(failures(&page), [""; 0]);
        for (name, expected) in [("binary_one", &labels[..]), ("text_one", &all[..])] {
            let sample = page.all(name).next().unwrap();
            assert_eq!(sample.value, 1.5);
            for (label, _, expected) in expected {
                assert_eq!(
                    sample.label(label),
                    Some(*expected),
                    "{name} {label} on {}",
                    cluster.version()
                );
            }
        }
    }
}

#[test]
fn values_of_any_type_become_numbers() {
    for cluster in databases("value_types") {
        let values = [
            ("small", "7::int2", "", 7.0),
            ("large", "9007199254740993", "", 9_007_199_254_740_992.0),
            ("half", "0.5::float4", "", 0.5),
            ("exact", "123456789.125::numeric", "", 123_456_789.125),
            ("tiny", "0.000001::numeric", "", 0.000_001),
            ("oid", "4294967295::oid", "", 4_294_967_295.0),
            ("xid", "'42'::xid", "", 42.0),
            ("yes", "true", ", scale: 10", 1.0),
            (
                "moment",
                "'2024-01-02 03:04:05.9+00'::timestamptz",
                ", scale: 10",
                1_704_164_645.0,
            ),
            ("words", "'1e3'::text", "", 1000.0),
            ("infinite", "'Infinity'::float8", "", f64::INFINITY),
            ("negative", "'-Infinity'::text", "", f64::NEG_INFINITY),
            ("scaled", "1500", ", scale: 1e-3", 1.5),
            ("counted", "NULL::int", ", default: 3, scale: '1e-3'", 0.003),
            ("nothing", "NULL::int", "", f64::NAN),
            ("no_number", "'twelve'::text", "", f64::NAN),
            ("span", "interval '90 s'", "", f64::NAN),
            ("position", "'0/10'::pg_lsn", "", f64::NAN),
        ];
        let list: Vec<_> = values
            .iter()
            .map(|(name, sql, more, _)| (*name, *sql, *more))
            .collect();
        // The same once more over the text format, which a label of that type brings about.
        let address = [("address", "'::1'::inet")];
        let yaml = collector("binary", &[], &list) + &collector("text", &address, &list);
        let own = Own::start(cluster, "value_types", &yaml);
        let page = own.scrape();
        for (name, _, _, expected) in values {
            for format in ["binary", "text"] {
                let is = value(&page, &format!("{format}_{name}"), &[]);
                let equal = is == expected || (is.is_nan() && expected.is_nan());
                assert!(
                    equal,
                    "{format}_{name} is {is}, not {expected}, on {}",
                    cluster.version()
                );
            }
        }
    }
}

#[test]
fn observations_are_counted_in_buckets() {
    let cluster = database("histograms");
    let yaml = "
times:
  query: SELECT * FROM (VALUES ('a', 500), ('a', 2000), ('a', 10000), ('a', 50000), ('b', NULL)) AS v (name, spent)
  metrics:
    - name: { usage: LABEL, description: Name. }
    - spent: { usage: HISTOGRAM, rename: seconds, scale: 1e-3, bucket: [1, 2.5, 10, 1000000], description: Time. }
broken:
  query: SELECT 'NaN'::float8 AS spent
  metrics: [ { spent: { usage: HISTOGRAM, bucket: [1], description: Time. } } ]
";
    let own = Own::start(cluster, "histograms", yaml);
    let text = own.exporter.get("/metrics").text();
    assert!(promtool_check(&text).parses);
    let page = Page::parse(&text);
    let bucket = |le: &str| value(&page, "times_seconds_bucket", &[("name", "a"), ("le", le)]);
    let counts = ["1", "2.5", "10", "1e+06", "+Inf"].map(bucket);
    assert_eq!(counts, [1.0, 2.0, 3.0, 4.0, 4.0]);
    assert_eq!(value(&page, "times_seconds_count", &[("name", "a")]), 4.0);
    assert_eq!(value(&page, "times_seconds_sum", &[("name", "a")]), 62.5);
    assert_eq!(page.types["times_seconds_bucket"], "gauge");
    assert_eq!(
        page.value("times_seconds_sum", &[("name", "b")]),
        None,
        "no observation, no series"
    );
    assert_eq!(failures(&page), ["histograms broken cast"]);
    assert_eq!(page.all("broken_spent_bucket").count(), 0);
}

/// A database of no encoding hands out bytes as they are: they are shown, and cost nothing else.
#[test]
fn names_that_are_no_utf8_do_not_break_the_page() {
    let cluster = Cluster::start(newest_major());
    cluster.psql("create database ascii encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0");
    // A table whose name ends with a letter of Latin 1.
    let latin = "do $$ begin execute 'create table \"caf' || convert_from('\\xe9', 'SQL_ASCII') || '\" (n int)'; end $$";
    cluster.psql_in("ascii", latin);
    cluster.create_database("plain");
    cluster.psql_in("plain", "create table here (n int)");
    let exporter = thorough(&cluster.url("postgres"), &Layer::patient(&[]));
    let text = String::from_utf8(exporter.get("/metrics").body).unwrap();
    assert!(promtool_check(&text).parses);
    let page = Page::parse(&text);
    assert_eq!(failures(&page), [""; 0]);
    assert_eq!(value(&page, "pg_up", &[]), 1.0);
    assert_eq!(
        label_values(&page, "pg_table_relid", "relname"),
        ["public.caf\u{fffd}[e9]", "public.here"]
    );
    assert!(
        page.value("pg_relkind_count", &[("datname", "ascii"), ("relkind", "r")])
            .is_some()
    );
}
