//! A budget for each value of some labels, such as each route, and the bound on how many there may be.

use std::fmt;

use super::{promql, record::Series};

/// The labels by which an objective is divided, and the most groups that are followed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grouping {
    by: Vec<String>,
    limit: u32,
}

/// Why labels cannot group an objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupingError {
    /// No label, or too many.
    #[error("{0} labels to group by: name 1 to {MAX_LABELS}")]
    Labels(usize),
    /// A label that Prometheus or the rules need.
    #[error("`{0}` cannot be grouped by: the rules set it, or it is no label name that Prometheus takes")]
    Label(String),
    /// A label twice.
    #[error("`{0}` is grouped by twice")]
    Twice(String),
    /// No groups, or too many.
    #[error("a limit of {0} groups: at least 1 and at most {MAX_GROUPS} are followed")]
    Limit(u32),
}

/// Most labels: each multiplies the groups.
const MAX_LABELS: usize = 3;

/// Most groups: each has the series of a whole objective, about forty.
const MAX_GROUPS: u32 = 100;

/// Labels of recorded series and of alerts, beside those that identify the objective.
const TAKEN: [&str; 13] = [
    "__name__",
    "alertname",
    "alertstate",
    "composite",
    "group",
    "le",
    "long_window",
    "period",
    "severity",
    "short_window",
    "target",
    "tier",
    "window",
];

impl Grouping {
    /// Groups by 1 to 3 labels, at most `limit` (1 to 100) groups at a time.
    pub fn new(by: Vec<String>, limit: u32) -> Result<Self, GroupingError> {
        if by.is_empty() || by.len() > MAX_LABELS {
            return Err(GroupingError::Labels(by.len()));
        }
        for (index, label) in by.iter().enumerate() {
            let taken = TAKEN.contains(&label.as_str()) || super::IDENTITY.contains(&label.as_str());
            if taken || label.starts_with("__") || !promql::is_label_name(label) {
                return Err(GroupingError::Label(label.clone()));
            }
            if by.iter().take(index).any(|earlier| earlier == label) {
                return Err(GroupingError::Twice(label.clone()));
            }
        }
        if !(1..=MAX_GROUPS).contains(&limit) {
            return Err(GroupingError::Limit(limit));
        }
        Ok(Self { by, limit })
    }

    /// The labels.
    pub fn labels(&self) -> &[String] {
        &self.by
    }

    /// The most groups.
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Of the groups in `all` those that are followed already, and new ones as long as there is room. Which of the new
    /// ones: the largest. A group that is followed stays until it has had no events for five minutes, so that a busy one
    /// that comes and goes does not push out another's history.
    pub(super) fn admitted(&self, all: &str, series: &Series, base: &str) -> String {
        let labels = self.by.join(", ");
        let known = format!("sum by ({labels}) ({})", series.select(base));
        let room = format!("scalar(clamp_min({} - (count({known}) or vector(0)), 0))", self.limit);
        format!("({all}) and on ({labels}) ({known}) or topk({room}, ({all}) unless on ({labels}) ({known}))")
    }

    /// A label of alerts that tells the groups apart, as a Go template.
    pub(super) fn template(&self) -> String {
        let each: Vec<String> = self.by.iter().map(|label| format!("{{{{ $labels.{label} }}}}")).collect();
        each.join(",")
    }
}

/// How many of the groups in `all` are not followed.
pub(super) fn left_out(all: &str, series: &Series, base: &str) -> String {
    format!("clamp_min(count({all}) - count({}), 0)", series.select(base))
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.by.join(", "))
    }
}

/// How series are added up: over everything, or by group.
#[derive(Clone, Copy, Default)]
pub(super) struct By<'a>(pub(super) Option<&'a Grouping>);

impl By<'_> {
    /// The sum of an expression, for each group.
    pub(super) fn sum(self, expr: impl fmt::Display) -> String {
        match self.0 {
            None => format!("sum({expr})"),
            Some(grouping) => format!("sum by ({grouping}) ({expr})"),
        }
    }

    /// Matchers that pick the group of an alert, for `printf` in a template, each behind a comma.
    pub(super) fn matchers(self) -> String {
        self.each(|label| format!(",{label}=%q"))
    }

    /// The values for these matchers.
    pub(super) fn arguments(self) -> String {
        self.each(|label| format!(" $labels.{label}"))
    }

    fn each(self, shown: impl Fn(&String) -> String) -> String {
        self.0.map_or(&[][..], Grouping::labels).iter().map(shown).collect::<Vec<_>>().concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_the_rules_need_are_refused() {
        let of = |labels: &[&str], limit| Grouping::new(labels.iter().map(|l| (*l).to_owned()).collect(), limit);
        assert!(of(&["route", "method"], 20).is_ok());
        for label in ["namespace", "le", "__name__", "tier", "a-b", "", "1a", "__x"] {
            assert_eq!(of(&[label], 20), Err(GroupingError::Label(label.to_owned())));
        }
        assert_eq!(of(&[], 20), Err(GroupingError::Labels(0)));
        assert_eq!(of(&["a", "b", "c", "d"], 20), Err(GroupingError::Labels(4)));
        assert_eq!(of(&["a", "a"], 20), Err(GroupingError::Twice("a".to_owned())));
        assert_eq!(of(&["a"], 0), Err(GroupingError::Limit(0)));
        assert_eq!(of(&["a"], 101), Err(GroupingError::Limit(101)));
    }
}
