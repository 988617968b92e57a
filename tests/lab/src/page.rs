//! A scraped page in the text format, by family and by series.

use std::collections::{BTreeMap, BTreeSet};

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The series' name.
    pub name: String,
    /// Labels in the page's order, values without escapes.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
}

impl Sample {
    /// A label's value.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(label, _)| label == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What a page holds. It is read leniently: whether it is correct is [`promtool_check`](crate::promtool_check)'s
/// to say.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// All samples, in the page's order.
    pub samples: Vec<Sample>,
    /// Type by family, e.g. `gauge`.
    pub types: BTreeMap<String, String>,
    /// Help text by family, as it stands on the page.
    pub help: BTreeMap<String, String>,
}

impl Page {
    /// Reads a page.
    ///
    /// # Panics
    /// At a line that is neither a comment nor a sample.
    #[must_use]
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let mut page = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let Some(comment) = line.strip_prefix('#') else {
                match sample(line) {
                    Some(sample) => page.samples.push(sample),
                    None => panic!("no sample: {line}"),
                }
                continue;
            };
            let mut words = comment.trim_start().splitn(3, ' ');
            let into = match words.next() {
                Some("TYPE") => &mut page.types,
                Some("HELP") => &mut page.help,
                _ => continue,
            };
            if let Some(family) = words.next() {
                into.insert(family.into(), words.next().unwrap_or_default().into());
            }
        }
        page
    }

    /// The samples of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }

    /// The series of each family, but for families whose names begin so: theirs come and go by themselves.
    #[must_use]
    pub fn series_but(&self, moving: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        let mut series = BTreeMap::<_, BTreeSet<_>>::new();
        for sample in &self.samples {
            if !moving.iter().any(|moving| sample.name.starts_with(moving)) {
                let labels = format!("{:?}", sample.labels);
                series.entry(sample.name.clone()).or_default().insert(labels);
            }
        }
        series
    }

    /// The value of the one series with this name and at least these labels; `None` when there is none.
    ///
    /// # Panics
    /// When there are several.
    #[must_use]
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let fits = |sample: &&Sample| {
            labels
                .iter()
                .all(|(label, value)| sample.label(label) == Some(value))
        };
        let mut found = self.all(name).filter(fits);
        let first = found.next()?;
        if let Some(second) = found.next() {
            panic!(
                "{name} {labels:?} is ambiguous: {:?}, {:?}",
                first.labels, second.labels
            );
        }
        Some(first.value)
    }
}

/// `name{label="value",…} value`, as the text format has it.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at_checked(end)?;
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            rest = rest.trim_start_matches([',', ' ']);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, value) = rest.split_once("=\"")?;
            let (value, after) = unquote(value)?;
            labels.push((label.to_owned(), value));
            rest = after;
        }
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: name.into(),
        labels,
        value,
    })
}

/// A label's value up to its closing quote, and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::Page;

    #[test]
    fn a_page_is_read_with_its_escapes() {
        let text = "# HELP a_b Text with spaces\n# TYPE a_b gauge\n\
                    a_b{q=\"x \\\"y\\\" } \\\\\\n\",d=\"\"} 1e3\na_c -Inf\na_d NaN 17\n";
        let page = Page::parse(text);
        assert_eq!(page.types["a_b"], "gauge");
        assert_eq!(page.help["a_b"], "Text with spaces");
        assert_eq!(page.samples[0].label("q"), Some("x \"y\" } \\\n"));
        assert_eq!(page.value("a_b", &[("d", "")]), Some(1000.0));
        assert_eq!(page.value("a_c", &[]), Some(f64::NEG_INFINITY));
        assert!(page.value("a_d", &[]).is_some_and(f64::is_nan));
        assert_eq!(page.value("a_e", &[]), None);
    }
}
