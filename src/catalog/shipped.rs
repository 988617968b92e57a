//! Which statements are the project's own: these name whatever is not in `pg_catalog`, so that no search path matters to them.

use std::collections::BTreeSet;

use pg_exporter_schema::Collector;

use super::compiled::{COLLECTORS, IS_SHIPPED};

/// Whether a collector's statements are exactly those that are compiled in under its name: tuned it may be.
#[must_use]
pub fn is_shipped(collector: &Collector) -> bool {
    let is_same = |shipped: &Collector| {
        shipped.branch == collector.branch
            && shipped.query == collector.query
            && shipped.predicates == collector.predicates
            && shipped.optional == collector.optional
    };
    IS_SHIPPED && COLLECTORS.iter().any(is_same)
}

/// Functions that shipped statements can do without, each once.
#[must_use]
pub fn optional_functions() -> Vec<&'static str> {
    let all = COLLECTORS.iter().flat_map(|one| one.optional.iter());
    let functions: BTreeSet<&str> = all.map(AsRef::as_ref).collect();
    functions.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_statement_can_do_without_it_calls() {
        for shipped in COLLECTORS {
            for function in shipped.optional.iter() {
                let call = format!("pg_catalog.{function}(");
                assert!(
                    shipped.query.contains(&call),
                    "{} does not call {function}",
                    shipped.branch
                );
            }
        }
        assert!(optional_functions().contains(&"pg_conf_load_time"));
    }

    #[test]
    fn another_statement_is_a_sites_own() {
        for shipped in COLLECTORS {
            let tuned = Collector {
                ttl: std::time::Duration::from_secs(7),
                ..shipped.clone()
            };
            assert!(is_shipped(&tuned), "{}", shipped.branch);
            let query = format!("{} ", shipped.query).into();
            assert!(!is_shipped(&Collector { query, ..tuned }), "{}", shipped.branch);
        }
    }
}
