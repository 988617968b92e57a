//! Constant labels: `name=value,name=value`.

/// Pairs of `text` in their order, and a note for each that is skipped.
///
/// A note names a pair by its position: what was given there may be anything, a password too.
pub(super) fn parse(texts: &[String]) -> (Vec<(String, String)>, Vec<String>) {
    let mut labels: Vec<(String, String)> = Vec::new();
    let mut notes = Vec::new();
    for (index, pair) in texts.iter().flat_map(|text| text.split(',')).enumerate() {
        let position = index + 1;
        if pair.trim().is_empty() {
            continue;
        }
        match pair
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()))
        {
            None => notes.push(format!(
                "constant label {position} is not of the form name=value: skipped"
            )),
            Some((name, _)) if !is_label_name(name) => {
                notes.push(format!(
                    "constant label {position} has no valid name (letters, digits, _): skipped"
                ));
            }
            Some((name, "")) => notes.push(format!("constant label {name:?} has no value: skipped")),
            Some((name, value)) => {
                if let Some(known) = labels.iter_mut().find(|(known, _)| known == name) {
                    notes.push(format!(
                        "constant label {name:?} is given twice: the later value holds"
                    ));
                    value.clone_into(&mut known.1);
                } else {
                    labels.push((name.to_owned(), value.to_owned()));
                }
            }
        }
    }
    (labels, notes)
}

/// Whether Prometheus takes it as a label name that users may set.
fn is_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    starts && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.starts_with("__")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn parsed(text: &str) -> (Vec<(String, String)>, Vec<String>) {
        parse(&[text.to_owned()])
    }

    #[test]
    fn takes_good_pairs_and_skips_the_others() {
        let (labels, notes) = parsed("cluster=pg-meta, ins = a=b ,=x,novalue,empty=,9x=1,__x=1,,cls=1,cls=2");
        let expected = [("cluster", "pg-meta"), ("ins", "a=b"), ("cls", "2")];
        assert_eq!(labels, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(notes.len(), 6, "{notes:?}");
    }

    #[test]
    fn notes_show_nothing_of_a_misplaced_connection_string() {
        let (labels, notes) = parsed("postgres://u:s3cret@h/db?sslmode=disable");
        assert!(labels.is_empty());
        assert!(!notes.first().unwrap().contains("s3cret"), "{notes:?}");
    }
}
