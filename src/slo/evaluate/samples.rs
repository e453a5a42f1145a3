//! What is recorded of one objective at one time.

use std::collections::BTreeMap;

use crate::api::Duration;

/// The names of the recorded series that an evaluation needs, as a regular expression. One instant query for
/// `{__name__=~"…"}` with it yields the numbers of all objectives of all profiles.
pub const RECORDED: &str = "plimsoll:(bad|total|budget):events(:.+)?|plimsoll:(objective|budget_remaining|coverage):ratio(:.+)?|plimsoll:burn_rate:.+|plimsoll:bad:rate.+|plimsoll:groups:left_out";

/// The values of the labels that an objective is grouped by.
pub type Group = BTreeMap<String, String>;

/// The numbers over one window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    /// Bad events.
    pub bad_events: Option<f64>,
    /// All events.
    pub total_events: Option<f64>,
    /// The bad events that the window allows.
    pub budget_events: Option<f64>,
    /// The share of good events.
    pub objective: Option<f64>,
    /// The share of the budget that is left; below zero when it is overspent.
    pub budget_remaining: Option<f64>,
    /// The share of the window that has samples.
    pub coverage: Option<f64>,
}

impl Numbers {
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.bad_events, other.bad_events),
            (&mut self.total_events, other.total_events),
            (&mut self.budget_events, other.budget_events),
            (&mut self.objective, other.objective),
            (&mut self.budget_remaining, other.budget_remaining),
            (&mut self.coverage, other.coverage),
        ] {
            *mine = theirs.or(*mine);
        }
    }
}

/// The recorded numbers of one objective at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// Over the objective's window.
    pub window: Numbers,
    /// Over its further windows.
    pub further: BTreeMap<Duration, Numbers>,
    /// Burn rates by window.
    pub burn: BTreeMap<Duration, f64>,
    /// Bad events per second by window.
    pub bad_rate: BTreeMap<Duration, f64>,
    /// Groups that are not followed, because there are more than the limit.
    pub groups_left_out: Option<f64>,
    /// The same of each set of further labels.
    pub groups: BTreeMap<Group, Samples>,
}

impl Samples {
    /// The samples of a group; those of the whole where it has no labels.
    pub fn of_group(&mut self, group: Group) -> &mut Self {
        if group.is_empty() { self } else { self.groups.entry(group).or_default() }
    }

    /// The same, with the labels only that the objective is grouped by: what reads several Prometheus adds labels of its own.
    /// Of several samples of one name, any.
    #[must_use]
    pub fn by(&self, labels: &[String]) -> Self {
        let mut all = Self { groups: BTreeMap::new(), ..self.clone() };
        for (group, samples) in &self.groups {
            let kept = group.iter().filter(|(name, _)| labels.contains(name)).map(|(n, v)| (n.clone(), v.clone()));
            all.of_group(kept.collect()).merge(samples);
        }
        all
    }

    fn merge(&mut self, other: &Self) {
        self.window.merge(&other.window);
        for (window, numbers) in &other.further {
            self.further.entry(*window).or_default().merge(numbers);
        }
        self.burn.extend(&other.burn);
        self.bad_rate.extend(&other.bad_rate);
        self.groups_left_out = other.groups_left_out.or(self.groups_left_out);
    }

    /// Takes one sample of a recorded series. `false` when the name is none of [`RECORDED`], or the value is no number.
    pub fn take(&mut self, name: &str, value: f64) -> bool {
        self.slot(name).filter(|_| value.is_finite()).map(|slot| *slot = Some(value)).is_some()
            || value.is_finite() && self.rate(name, value)
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<f64>> {
        if name == "plimsoll:groups:left_out" {
            return Some(&mut self.groups_left_out);
        }
        let mut parts = name.splitn(4, ':');
        let (_, what, kind, window) = (parts.next()?, parts.next()?, parts.next()?, parts.next());
        if !name.starts_with("plimsoll:") || !matches!(kind, "events" | "ratio") {
            return None;
        }
        let known = match kind {
            "events" => matches!(what, "bad" | "total" | "budget"),
            _ => matches!(what, "objective" | "budget_remaining" | "coverage"),
        };
        if !known {
            return None;
        }
        let numbers = match window {
            None => &mut self.window,
            Some(window) => self.further.entry(window.parse().ok()?).or_default(),
        };
        Some(match what {
            "bad" => &mut numbers.bad_events,
            "total" => &mut numbers.total_events,
            "budget" => &mut numbers.budget_events,
            "objective" => &mut numbers.objective,
            "budget_remaining" => &mut numbers.budget_remaining,
            _ => &mut numbers.coverage,
        })
    }

    fn rate(&mut self, name: &str, value: f64) -> bool {
        let (rates, text) = match (name.strip_prefix("plimsoll:burn_rate:"), name.strip_prefix("plimsoll:bad:rate")) {
            (Some(text), _) => (&mut self.burn, text),
            (_, Some(text)) => (&mut self.bad_rate, text),
            _ => return false,
        };
        text.parse().is_ok_and(|window| {
            rates.insert(window, value);
            true
        })
    }

    /// The bad events within a window. Unlike a count over the SLO window this is known as soon as rules run.
    pub(super) fn bad_within(&self, window: Duration) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)] // At most 90 days in milliseconds.
        self.bad_rate.get(&window).map(|rate| rate * (window.as_millis() as f64) / 1_000.0)
    }

    /// The numbers of all groups together; the burn rates are those of the group that burns fastest.
    pub(super) fn pooled(&self) -> Self {
        let mut all = Self { groups_left_out: self.groups_left_out, ..Self::default() };
        let groups = || self.groups.values();
        all.window = pooled(&groups().map(|group| &group.window).collect::<Vec<_>>());
        for window in groups().flat_map(|group| group.further.keys()) {
            let numbers: Vec<&Numbers> = groups().filter_map(|group| group.further.get(window)).collect();
            all.further.insert(*window, pooled(&numbers));
        }
        for group in groups() {
            for (window, burn) in &group.burn {
                let most = all.burn.entry(*window).or_insert(*burn);
                *most = most.max(*burn);
            }
            for (window, rate) in &group.bad_rate {
                *all.bad_rate.entry(*window).or_default() += rate;
            }
        }
        all
    }
}

fn pooled(numbers: &[&Numbers]) -> Numbers {
    let sum = |of: fn(&Numbers) -> Option<f64>| {
        numbers.iter().filter_map(|numbers| of(numbers)).reduce(|one, other| one + other)
    };
    let (bad, total, budget) = (sum(|n| n.bad_events), sum(|n| n.total_events), sum(|n| n.budget_events));
    // As in the rules: where there is nothing to divide by, nothing is bad.
    let share = |of: Option<f64>| bad.zip(of).map(|(bad, of)| if of > 0.0 { 1.0 - bad / of } else { 1.0 });
    Numbers {
        bad_events: bad,
        total_events: total,
        budget_events: budget,
        objective: share(total),
        budget_remaining: share(budget),
        coverage: numbers.iter().filter_map(|n| n.coverage).reduce(f64::max),
    }
}
