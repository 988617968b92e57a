//! Writes the exporter's own metrics in Prometheus' text format.

use bytes::Bytes;

use super::metric::{Kind, Metric};
use crate::values::exposition::{push_label, push_number};

/// Room for what a page has of the exporter's own at least.
const ROOM: usize = 16 << 10;

/// Room for the labels of a sample, as a rule.
const ROOM_OF_LABELS: usize = 96;

/// Writes families in order. Constant labels are on every sample; of equal names a metric's own label is meant.
#[derive(Debug)]
pub struct Writer<'a> {
    namespace: &'a str,
    constant: &'a [(String, String)],
    out: Vec<u8>,
}

/// A family that is being written. Without a sample nothing of it is on the page.
#[derive(Debug)]
pub struct Family<'w, 'a> {
    writer: &'w mut Writer<'a>,
    metric: &'w Metric,
    name: String,
    is_begun: bool,
}

/// A list of labels as it stands on a page, for several samples with the same labels.
#[derive(Clone, Debug, Default)]
pub struct Labels(Vec<u8>);

impl<'a> Writer<'a> {
    /// An empty page.
    #[must_use]
    pub fn new(namespace: &'a str, constant: &'a [(String, String)]) -> Self {
        Self {
            namespace,
            constant,
            out: Vec::with_capacity(ROOM),
        }
    }

    /// Begins a family.
    pub fn family<'w>(&'w mut self, metric: &'w Metric) -> Family<'w, 'a> {
        Family {
            name: metric.full_name(self.namespace),
            writer: self,
            metric,
            is_begun: false,
        }
    }

    /// A whole family of one sample that has no labels of its own.
    pub fn single(&mut self, metric: &Metric, value: f64) {
        self.family(metric).sample(&[], value);
    }

    /// The labels of a metric with these values, in its order.
    #[must_use]
    pub fn labels(&self, metric: &Metric, values: &[&str]) -> Labels {
        let is_own = |name: &str| metric.labels.contains(&name);
        let is_constant = |name: &str| self.constant.iter().any(|(constant, _)| constant == name);
        let yields = metric.kind == Kind::Info;
        let own = metric.labels.iter().copied().zip(values.iter().copied());
        let own = own.filter(|(name, _)| !(yields && is_constant(name)));
        let constant = self
            .constant
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let constant = constant.filter(|(name, _)| yields || !is_own(name));
        let mut block = Vec::new();
        for (name, value) in own.chain(constant) {
            block.reserve(if block.is_empty() { ROOM_OF_LABELS } else { 0 });
            block.push(if block.is_empty() { b'{' } else { b',' });
            push_label(name, value, &mut block);
        }
        if !block.is_empty() {
            block.push(b'}');
        }
        Labels(block)
    }

    /// All that was written.
    #[must_use]
    pub fn finish(self) -> Bytes {
        self.out.into()
    }
}

impl Family<'_, '_> {
    /// A sample with the values of the metric's labels, in its order.
    pub fn sample(&mut self, values: &[&str], value: f64) {
        let labels = self.writer.labels(self.metric, values);
        self.labelled(&labels, value);
    }

    /// A sample with labels that were written before.
    pub fn labelled(&mut self, labels: &Labels, value: f64) {
        let out = &mut self.writer.out;
        if !self.is_begun {
            self.is_begun = true;
            let (name, kind, help) = (&self.name, self.metric.kind.word(), self.metric.help);
            let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
            out.extend_from_slice(head.as_bytes());
        }
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(&labels.0);
        out.push(b' ');
        push_number(value, out);
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::self_metrics::{CONFIG_INFO, HEALTH_STATE, UP};

    fn text(constant: &[(&str, &str)], write: impl FnOnce(&mut Writer<'_>)) -> String {
        let owned = constant
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let constant: Vec<_> = owned.collect();
        let mut writer = Writer::new("pg", &constant);
        write(&mut writer);
        String::from_utf8(writer.finish().to_vec()).unwrap()
    }

    #[test]
    fn a_family_has_one_head_and_every_label() {
        let page = text(&[("cls", "a\"b")], |writer| {
            let mut family = writer.family(&HEALTH_STATE);
            family.sample(&["primary"], 1.0);
            family.sample(&["down"], 0.0);
            writer.single(&UP, 1.0);
        });
        let expected = format!(
            "# HELP pg_exporter_health_state {}\n# TYPE pg_exporter_health_state gauge\n\
             pg_exporter_health_state{{state=\"primary\",cls=\"a\\\"b\"}} 1\n\
             pg_exporter_health_state{{state=\"down\",cls=\"a\\\"b\"}} 0\n\
             # HELP pg_up {}\n# TYPE pg_up gauge\npg_up{{cls=\"a\\\"b\"}} 1\n",
            HEALTH_STATE.help, UP.help
        );
        assert_eq!(page, expected);
    }

    #[test]
    fn of_equal_labels_ours_is_meant_but_for_information() {
        let page = text(&[("state", "x"), ("hash", "y")], |writer| {
            writer.family(&HEALTH_STATE).sample(&["down"], 1.0);
            writer.family(&CONFIG_INFO).sample(&["abc"], 1.0);
        });
        assert!(page.contains("state{state=\"down\",hash=\"y\"} 1\n"), "{page}");
        assert!(page.contains("info{state=\"x\",hash=\"y\"} 1\n"), "{page}");
    }

    #[test]
    fn without_a_sample_there_is_no_family() {
        let page = text(&[], |writer| {
            let _ = writer.family(&UP);
        });
        assert_eq!(page, "");
    }
}
