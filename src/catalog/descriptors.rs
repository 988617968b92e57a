//! A collector's metrics as the `prometheus` crate describes them.

use std::collections::HashMap;

use pg_exporter_schema::Collector;
use prometheus::core::Desc;

/// One descriptor per family of the collector, in order: name, help, label names.
///
/// # Errors
/// When a name is not one that Prometheus takes, or a label occurs twice. Checked definitions have neither, so this is
/// a second opinion from another implementation of the rules.
pub fn descriptors(collector: &Collector) -> Result<Vec<Desc>, prometheus::Error> {
    let labels: Vec<String> = collector.labels().map(|label| label.name.to_string()).collect();
    collector
        .values()
        .flat_map(|column| column.families.iter().map(move |family| (column, family)))
        .map(|(column, family)| {
            let mut labels = labels.clone();
            if family.name.ends_with("_bucket") && !column.buckets.is_empty() {
                labels.push("le".to_owned());
            }
            Desc::new(
                family.name.to_string(),
                column.help.to_string(),
                labels,
                HashMap::new(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::catalog::compiled::COLLECTORS;

    #[test]
    fn every_compiled_metric_has_a_descriptor() {
        let mut count = 0;
        for collector in COLLECTORS {
            let descriptors = descriptors(collector).unwrap();
            let families = collector
                .values()
                .map(|column| column.families.len())
                .sum::<usize>();
            assert_eq!(descriptors.len(), families, "{}", collector.branch);
            count += families;
        }
        assert!(count > 0);
    }
}
