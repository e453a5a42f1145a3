//! Objectives apart from names: two that differ in names alone have one shape, and rules of one form.

use super::{BadEvents, Fence, Identity, Indicator, Matchers, MetricName, Objective, Selector};

/// What marks begin with. A text that holds it is no text for a mold.
pub(crate) const MARK: &str = "plimsoll_name_";

/// Names that were taken out, in the order of the marks that stand for them.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<Name>);

/// One of them, with its mark: both as they stand between the quotes of a JSON string.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) mark: String,
    pub(crate) text: String,
}

impl Names {
    /// Puts a mark in the place of a text that rules show as it is.
    pub(crate) fn take(&mut self, text: &mut String) {
        let mark = self.mark();
        let text = std::mem::replace(text, mark.clone());
        self.add(&mark, &text);
    }

    /// The same with the name of an object. One with other characters than such names have may be shown otherwise in PromQL, and stays.
    pub(crate) fn take_name(&mut self, name: &mut String) {
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.') {
            self.take(name);
        }
    }

    /// The next mark: a text that may stand for a metric as well as for an object.
    pub(crate) fn mark(&self) -> String {
        [MARK, &self.0.len().to_string(), "_"].concat()
    }

    /// What is shown in the place of a mark. The mark may be shown with more around it.
    pub(crate) fn add(&mut self, mark: &str, text: &str) {
        self.0.push(Name { mark: within_quotes(mark), text: within_quotes(text) });
    }

    /// The names, by the numbers of their marks.
    pub(crate) fn all(&self) -> &[Name] {
        &self.0
    }
}

/// A text as it stands in a JSON string.
fn within_quotes(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

/// What can be taken apart into a shape and names.
pub(crate) trait Shaped {
    /// Takes the names out.
    fn shape(&mut self, names: &mut Names);
}

impl Shaped for Objective {
    fn shape(&mut self, names: &mut Names) {
        let Identity { namespace, profile, objective } = &mut self.identity;
        for name in [namespace, profile, objective] {
            names.take_name(name);
        }
        match &mut self.indicator {
            Indicator::Ratio { bad: BadEvents::Errors(bad) | BadEvents::Good(bad), total } => {
                bad.shape(names);
                total.shape(names);
            }
            Indicator::Latency { histogram, selector, .. } => {
                histogram.shape(names);
                selector.shape(names);
            }
            Indicator::Probe { gauge: only } | Indicator::Throughput { counter: only, .. } => only.shape(names),
            // Whole expressions: what they say is their shape.
            Indicator::Raw { .. } | Indicator::Saturation { .. } | Indicator::Composite(_) => {}
        }
    }
}

impl Shaped for Selector {
    fn shape(&mut self, names: &mut Names) {
        let mark = names.mark();
        let text = std::mem::replace(self, Self::plain(mark.clone())).to_string();
        names.add(&mark, &text);
    }
}

impl Shaped for Matchers {
    /// None stay none: without them there are no braces.
    fn shape(&mut self, names: &mut Names) {
        if !self.all().is_empty() {
            let text = std::mem::replace(self, Self::one(&names.mark())).to_string();
            names.add(&self.to_string(), &text);
        }
    }
}

impl Shaped for Fence {
    fn shape(&mut self, names: &mut Names) {
        names.take(self.value_mut());
    }
}

impl Shaped for MetricName {
    fn shape(&mut self, names: &mut Names) {
        names.take(&mut self.0);
    }
}
