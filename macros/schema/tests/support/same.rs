use pg_exporter_schema::{Collector, fingerprint};

/// A lock in which `SAME` stands for the fingerprint of the statement as it is defined.
pub fn with_fingerprints(lock: &str, collectors: &[Collector]) -> String {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let (Some(branch), Some(part)) = (words.next(), words.next()) else {
            return format!("{line}\n");
        };
        let Some(collector) = collectors.iter().find(|collector| collector.branch == branch) else {
            return format!("{line}\n");
        };
        let sql = match (part, words.next().and_then(|number| number.parse::<usize>().ok())) {
            ("predicate", Some(number)) => collector.predicates.get(number - 1).map(|one| &one.query),
            _ => Some(&collector.query),
        };
        let fingerprint = sql.map_or(0, |sql| fingerprint(sql, &collector.search_path));
        format!("{}\n", line.replace("SAME", &format!("{fingerprint:016x}")))
    };
    lock.lines().map(line).collect()
}
