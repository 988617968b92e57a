//! When two series are the same: by their labels, in whatever order they are written.

use std::hash::BuildHasher;
use std::str;

/// Name and escaped value of the first label, and what follows.
pub(in crate::scrape) fn first_label(labels: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = labels.split_at_checked(labels.iter().position(|byte| *byte == b'=')?)?;
    let rest = rest.strip_prefix(b"=\"")?;
    let mut is_escaped = false;
    let end = rest.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })?;
    let (value, rest) = rest.split_at_checked(end)?;
    Some((name, value, rest.get(1..)?))
}

/// What is between the braces of a line of the text format.
fn labels_of(line: &[u8]) -> &[u8] {
    let Some(open) = line.iter().position(|byte| matches!(byte, b'{' | b' ')) else {
        return &[];
    };
    let Some(close) = line.iter().rposition(|byte| *byte == b'}') else {
        return &[];
    };
    line.get(open + 1..close).unwrap_or_default()
}

/// A hash of a line's labels. Prometheus takes labels in any order, and one without a value as none. `leave_out` is the name of
/// a label that does not count.
pub(in crate::scrape) fn key(line: &[u8], leave_out: Option<&str>, hasher: &impl BuildHasher) -> u64 {
    let mut labels: Vec<(&[u8], &[u8])> = Vec::new();
    let mut rest = labels_of(line);
    while let Some((name, value, after)) = first_label(rest) {
        let is_left_out = leave_out.is_some_and(|left_out| left_out.as_bytes() == name);
        if !value.is_empty() && !is_left_out {
            labels.push((name, value));
        }
        rest = after.strip_prefix(b",").unwrap_or(after);
    }
    labels.sort_unstable();
    hasher.hash_one(labels)
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;

    #[test]
    fn order_and_empty_labels_do_not_matter() {
        let hasher = RandomState::new();
        let of = |line: &str| key(line.as_bytes(), None, &hasher);
        assert_eq!(of("x{a=\"1\",b=\"2\"} 5"), of("y{b=\"2\",c=\"\",a=\"1\"} 7"));
        assert_eq!(of("x 1"), of("x{a=\"\"} 1"));
        assert_ne!(of("x{a=\"1\"} 5"), of("x{a=\"2\"} 5"));
        assert_ne!(of("x{a=\"1,b=2\"} 5"), of("x{a=\"1\",b=\"2\"} 5"));
        assert_eq!(of("x{a=\"} {\\\"\"} 5"), of("x{b=\"\",a=\"} {\\\"\"} 6"));
        let bucket = key(b"x{a=\"1\",le=\"5\"} 1", Some("le"), &hasher);
        assert_eq!(bucket, of("x{a=\"1\"} 1"));
    }
}
