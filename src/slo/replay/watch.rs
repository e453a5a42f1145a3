//! An alert from evaluation to evaluation: pending, firing, held on.

use super::Condition;
use crate::slo::Severity;

/// One time that an alert fired. Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Its name.
    pub alert: &'static str,
    /// Its tier, where it has one.
    pub tier: Option<&'static str>,
    /// How it reaches people.
    pub severity: Severity,
    /// When it began to fire.
    pub from: i64,
    /// When it ended; nothing where it had not at the end.
    pub until: Option<i64>,
}

impl Fired {
    /// Its name, with the tier where it has one.
    pub fn name(&self) -> String {
        self.tier.map_or_else(|| self.alert.to_owned(), |tier| format!("{} {tier}", self.alert))
    }
}

/// One alert.
pub(super) struct Watch {
    alert: &'static str,
    tier: Option<&'static str>,
    severity: Severity,
    pub(super) condition: Condition,
    /// Seconds for which the condition has to hold before it fires, as `for` in a rule.
    hold: i64,
    /// Seconds for which it goes on after that, as `keep_firing_for` in a rule.
    keep: i64,
    pending: Option<i64>,
    firing: Option<i64>,
    held_last: i64,
}

impl Watch {
    pub(super) const fn new(
        alert: &'static str,
        severity: Severity,
        condition: Condition,
        hold: i64,
        keep: i64,
    ) -> Self {
        Self { alert, tier: None, severity, condition, hold, keep, pending: None, firing: None, held_last: 0 }
    }

    pub(super) const fn of_tier(mut self, tier: &'static str) -> Self {
        self.tier = Some(tier);
        self
    }

    /// One evaluation. Yields the alert when it ends.
    pub(super) fn step(&mut self, time: i64, holds: bool) -> Option<Fired> {
        if holds {
            let since = *self.pending.get_or_insert(time);
            self.held_last = time;
            if self.firing.is_none() && time - since >= self.hold {
                self.firing = Some(time);
            }
            return None;
        }
        self.pending = None;
        if self.firing.is_some() && time - self.held_last >= self.keep {
            return self.firing.take().map(|from| self.fired(from, Some(time)));
        }
        None
    }

    /// What is still firing at the end.
    pub(super) fn end(self) -> Option<Fired> {
        self.firing.map(|from| self.fired(from, None))
    }

    const fn fired(&self, from: i64, until: Option<i64>) -> Fired {
        Fired { alert: self.alert, tier: self.tier, severity: self.severity, from, until }
    }
}
