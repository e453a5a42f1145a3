//! The Prometheus text format, version 0.0.4: what `pgbouncer_exporter` answers in, with the full names of counters in their types.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

/// What kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    Gauge,
}

/// Labels of one series, in their order.
pub(super) type Labels = Vec<(&'static str, String)>;

#[derive(Debug)]
struct Family {
    help: &'static str,
    kind: Type,
    series: Vec<(Labels, f64)>,
}

/// All metrics by their names.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    families: BTreeMap<Cow<'static, str>, Family>,
}

impl Metrics {
    pub(super) fn gauge(&mut self, name: impl Into<Cow<'static, str>>, help: &'static str, labels: Labels, value: f64) {
        self.put(name.into(), help, Type::Gauge, labels, value);
    }

    pub(super) fn counter(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: &'static str,
        labels: Labels,
        value: f64,
    ) {
        self.put(name.into(), help, Type::Counter, labels, value);
    }

    /// A series that is there already keeps its first value: twice the same series would void the whole scrape.
    pub(super) fn put(&mut self, name: Cow<'static, str>, help: &'static str, kind: Type, labels: Labels, value: f64) {
        let family = self.families.entry(name).or_insert_with(|| Family { help, kind, series: vec![] });
        if !family.series.iter().any(|(known, _)| *known == labels) {
            family.series.push((labels, value));
        }
    }

    /// The exposition.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (name, family) in &self.families {
            let kind = match family.kind {
                Type::Counter => "counter",
                Type::Gauge => "gauge",
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
            for (labels, value) in &family.series {
                let labels: Vec<String> =
                    labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
                let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        }
        text
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_are_escaped() {
        let mut metrics = Metrics::default();
        metrics.gauge("a", "Help", vec![("user", "a\"b\\c\nd".to_owned())], 1.5);
        metrics.gauge("a", "Help", vec![("user", "a\"b\\c\nd".to_owned())], 2.0);
        assert_eq!(metrics.text(), "# HELP a Help\n# TYPE a gauge\na{user=\"a\\\"b\\\\c\\nd\"} 1.5\n");
    }
}
