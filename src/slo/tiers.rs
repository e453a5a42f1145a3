//! Which burn rates are alerted on: the multiwindow, multi-burn-rate tiers of an objective.
//!
//! The tiers are those of the SRE workbook, chapter 5 ("Alerting on SLOs"), method 6 with table 5-8: a share of the
//! error budget spent within a long window, confirmed by a short window of a twelfth so that the alert ends soon after
//! the incident. The workbook gives them for 30 days; here every window is a fraction of the objective's own window,
//! which keeps the shares of the budget, and with them the factors, the same for 7 and for 90 days.

use std::fmt;

use super::{Options, Window, number, record};
use crate::api::{Duration, Target};

/// Scrapes that a range must span before `rate` over it can be relied on: two are needed for any result, and two more so
/// that one missed scrape and one unlucky phase do not empty it.
const SCRAPES: u64 = 4;

/// The short window is this fraction of the long one (SRE workbook, ch. 5, method 6).
const SHORT: u64 = 12;

/// How an alert reaches people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Looked at within the working day.
    Ticket,
    /// Wakes someone up.
    Page,
}

/// The tiers by name, from the fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TierName {
    /// 2 % of the budget within 1/720 of the window (1 h of 30 d): factor 14.4.
    PageFast,
    /// 5 % of the budget within 1/120 of the window (6 h of 30 d): factor 6.
    PageSlow,
    /// 10 % of the budget within 1/30 of the window (1 d of 30 d): factor 3.
    TicketFast,
    /// 10 % of the budget within 1/10 of the window (3 d of 30 d): factor 1.
    TicketSlow,
}

impl TierName {
    const ALL: [Self; 4] = [Self::PageFast, Self::PageSlow, Self::TicketFast, Self::TicketSlow];

    /// As in the label `tier` of the alerts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PageFast => "page-fast",
            Self::PageSlow => "page-slow",
            Self::TicketFast => "ticket-fast",
            Self::TicketSlow => "ticket-slow",
        }
    }

    /// How an alert of the tier reaches people.
    pub const fn severity(self) -> Severity {
        match self {
            Self::PageFast | Self::PageSlow => Severity::Page,
            Self::TicketFast | Self::TicketSlow => Severity::Ticket,
        }
    }

    /// The share of the budget in per cent, and the divisor that makes the long window of the SLO window.
    const fn budget_and_divisor(self) -> (u32, u32) {
        match self {
            Self::PageFast => (2, 720),
            Self::PageSlow => (5, 120),
            Self::TicketFast => (10, 30),
            Self::TicketSlow => (10, 10),
        }
    }
}

impl fmt::Display for TierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A burn rate: how many times faster than allowed the budget is spent. Held in tenths, printed exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor {
    tenths: u32,
}

impl Factor {
    /// The factor as a number.
    pub fn value(self) -> f64 {
        f64::from(self.tenths) / 10.0
    }

    /// Whether a burn rate over the factor would need more than all events to be bad.
    fn out_of_reach(self, target: Target) -> bool {
        u64::from(self.tenths) * u64::from(target.budget_parts()) >= 10 * 10_000_000
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&number::tenths(self.tenths))
    }
}

/// One tier: it burns while the burn rate is over the factor in both windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its name, and the label `tier` of its alert.
    pub name: TierName,
    /// How its alert reaches people.
    pub severity: Severity,
    /// The window in which the budget is spent.
    pub long: Duration,
    /// The window that says that it still goes on.
    pub short: Duration,
    /// The burn rate above which it burns.
    pub factor: Factor,
}

impl Tier {
    /// The share of the budget that is spent in a part of the window at the tier's burn rate.
    #[allow(clippy::cast_precision_loss)] // At most 90 days in seconds.
    pub(super) fn share(&self, part: Duration, window: Window) -> f64 {
        self.factor.value() * part.as_secs() as f64 / window.as_secs() as f64
    }
}

/// The tiers of one objective, and what had to be changed about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers {
    /// The tiers that are alerted on, from the fastest.
    pub active: Vec<Tier>,
    /// The tiers that are not, with the reason in a sentence for the user.
    pub left_out: Vec<(TierName, String)>,
    /// What else the user should know: lengthened windows, a scrape interval too long for any rate.
    pub changed: Vec<String>,
}

impl Tiers {
    /// Every finding, as sentences for the user.
    pub fn findings(&self) -> impl Iterator<Item = &str> {
        self.changed.iter().chain(self.left_out.iter().map(|(_, why)| why)).map(String::as_str)
    }
}

/// The tiers for an objective.
pub fn tiers(window: Window, target: Target, options: &Options) -> Tiers {
    let mut tiers = Tiers { active: Vec::new(), left_out: Vec::new(), changed: unusable(options) };
    for name in TierName::ALL {
        let (share, divisor) = name.budget_and_divisor();
        let factor = Factor { tenths: share * divisor / 10 };
        let long = window.as_secs() / u64::from(divisor);
        let tier = Tier {
            name,
            severity: name.severity(),
            long: Duration::from_secs(long),
            short: Duration::from_secs(long / SHORT),
            factor,
        };
        if factor.out_of_reach(target) {
            let most = number::tenths(10_000_000 * 10 / target.budget_parts());
            let why = format!(
                "the {name} tier is left out: it fires above {factor} times the allowed rate, and with a target of {target} % all events being bad is {most} times"
            );
            tiers.left_out.push((name, why));
        } else {
            let tier = lengthen(tier, options, &mut tiers.changed);
            tiers.add(tier, window, options);
        }
    }
    if tiers.active.is_empty() {
        tiers.changed.push(format!(
            "no tier remains that could fire for a target of {target} % over {window}: only the alerts on the budget itself are written"
        ));
    }
    tiers
}

impl Tiers {
    /// Takes the tier in. Of two with the same windows one stays, with the lower factor and the higher severity.
    fn add(&mut self, tier: Tier, window: Window, options: &Options) {
        if tier.long > window.duration() {
            let why = format!(
                "the {} tier is left out: with a scrape interval of {} it would need {}, more than the objective's window of {window}",
                tier.name, options.scrape_interval, tier.long
            );
            self.left_out.push((tier.name, why));
            return;
        }
        let mut kept = tier;
        if let Some(faster) = self.active.pop_if(|active| active.long == tier.long) {
            let mut gone = faster.name;
            if faster.severity > tier.severity {
                gone = tier.name;
                kept = Tier { factor: tier.factor, ..faster };
            }
            let why = format!(
                "the {gone} tier is left out: with a scrape interval of {} it has the same windows as the {} tier, which fires above {} times the allowed rate",
                options.scrape_interval, kept.name, kept.factor
            );
            self.left_out.push((gone, why));
        }
        self.active.push(kept);
    }
}

/// The tier with windows that hold enough scrapes.
fn lengthen(tier: Tier, options: &Options, changed: &mut Vec<String>) -> Tier {
    let scrape = options.scrape_interval.as_millis();
    if tier.short.as_millis() >= SCRAPES * scrape {
        return tier;
    }
    let longer = Tier {
        long: Duration::from_millis(SCRAPES * SHORT * scrape),
        short: Duration::from_millis(SCRAPES * scrape),
        ..tier
    };
    changed.push(format!(
        "the {} tier looks at {} and {} instead of {} and {}: its short window must span {SCRAPES} scrapes of {}",
        tier.name, longer.long, longer.short, tier.long, tier.short, options.scrape_interval
    ));
    longer
}

/// Findings about intervals with which nothing that is recorded can be relied on.
fn unusable(options: &Options) -> Vec<String> {
    let mut findings = Vec::new();
    if SCRAPES * options.scrape_interval.as_millis() > record::BASE.as_millis() {
        findings.push(format!(
            "a scrape interval of {} is too long for the recorded five-minute rates, which need {SCRAPES} scrapes: scrape at least every 1m15s",
            options.scrape_interval
        ));
    }
    if record::too_seldom(options) {
        findings.push(format!(
            "an evaluation interval of {} is too long: Prometheus forgets a number after 5m, so evaluate at least every 2m",
            options.evaluation_interval
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(window: &str, target: &str, scrape: &str) -> Tiers {
        let options = Options { scrape_interval: scrape.parse().unwrap(), ..Options::default() };
        tiers(window.parse::<Duration>().unwrap().try_into().unwrap(), target.parse().unwrap(), &options)
    }

    fn shown(tiers: &Tiers) -> Vec<String> {
        tiers
            .active
            .iter()
            .map(|t| format!("{} {:?} {}/{} {}", t.name, t.severity, t.short, t.long, t.factor))
            .collect()
    }

    #[test]
    fn the_workbook_at_thirty_days() {
        let tiers = of("30d", "99.9", "30s");
        assert_eq!(
            shown(&tiers),
            [
                "page-fast Page 5m/1h 14.4",
                "page-slow Page 30m/6h 6",
                "ticket-fast Ticket 2h/1d 3",
                "ticket-slow Ticket 6h/3d 1"
            ]
        );
        assert_eq!(tiers.findings().count(), 0);
        assert!((tiers.active[0].factor.value() - 14.4).abs() < f64::EPSILON);
    }

    #[test]
    fn windows_follow_the_objective() {
        assert_eq!(
            shown(&of("90d", "99.9", "30s")),
            [
                "page-fast Page 15m/3h 14.4",
                "page-slow Page 1h30m/18h 6",
                "ticket-fast Ticket 6h/3d 3",
                "ticket-slow Ticket 18h/9d 1"
            ]
        );
        assert_eq!(
            shown(&of("7d", "99.9", "15s")),
            [
                "page-fast Page 1m10s/14m 14.4",
                "page-slow Page 7m/1h24m 6",
                "ticket-fast Ticket 28m/5h36m 3",
                "ticket-slow Ticket 1h24m/16h48m 1"
            ]
        );
    }

    #[test]
    fn short_windows_hold_four_scrapes() {
        let week = of("7d", "99.9", "30s");
        assert_eq!(shown(&week)[0], "page-fast Page 2m/24m 14.4");
        let findings: Vec<&str> = week.findings().collect();
        assert_eq!(
            findings,
            [
                "the page-fast tier looks at 24m and 2m instead of 14m and 1m10s: its short window must span 4 scrapes of 30s"
            ]
        );

        let day = of("1d", "99.9", "30s");
        assert_eq!(
            shown(&day),
            ["page-slow Page 2m/24m 6", "ticket-fast Ticket 4m/48m 3", "ticket-slow Ticket 12m/2h24m 1"]
        );
        assert_eq!(day.left_out[0].0, TierName::PageFast);
        assert!(day.left_out[0].1.contains("the same windows as the page-slow tier"), "{}", day.left_out[0].1);
    }

    #[test]
    fn a_page_stays_a_page_when_tiers_fall_together() {
        let day = of("1d", "99.9", "1m");
        assert_eq!(shown(&day), ["page-slow Page 4m/48m 3", "ticket-slow Ticket 12m/2h24m 1"]);
        assert_eq!(
            day.left_out.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            [TierName::PageFast, TierName::TicketFast]
        );
        // A tier that could not fire lends nothing to the one it would have fallen together with.
        assert_eq!(shown(&of("1d", "80", "1m"))[0], "ticket-fast Ticket 4m/48m 3");
    }

    #[test]
    fn what_cannot_fire_is_left_out_and_said() {
        for (target, active) in [
            ("99.99999", 4),
            ("93.1", 4),
            ("93", 3),
            ("90", 3),
            ("83.4", 3),
            ("83.3", 2),
            ("66.7", 2),
            ("66.6", 1),
            ("50", 1),
        ] {
            let tiers = of("30d", target, "30s");
            assert_eq!(tiers.active.len(), active, "{target}");
            assert_eq!(tiers.left_out.len(), 4 - active, "{target}");
            for tier in &tiers.active {
                let budget = target.parse::<Target>().unwrap().budget();
                assert!(tier.factor.value() * budget < 1.0, "{target} {}", tier.name);
            }
        }
        let why = &of("30d", "90", "30s").left_out[0].1;
        assert!(why.contains("above 14.4 times") && why.contains("all events being bad is 10 times"), "{why}");
    }

    #[test]
    fn a_scrape_interval_beyond_use_is_said() {
        let slow = of("1d", "99.9", "31m");
        assert_eq!(shown(&slow), Vec::<String>::new());
        let findings: Vec<&str> = slow.findings().collect();
        assert!(findings.iter().any(|f| f.contains("too long for the recorded five-minute rates")), "{findings:?}");
        assert!(findings.iter().any(|f| f.contains("no tier remains")), "{findings:?}");
        assert_eq!(slow.left_out.len(), 4);
    }

    #[test]
    fn an_evaluation_interval_beyond_use_is_said() {
        for (interval, findings) in [("30s", 0), ("1m", 0), ("2m", 0), ("2m1s", 1), ("5m", 1)] {
            let options = Options { evaluation_interval: interval.parse().unwrap(), ..Options::default() };
            let window = Window::try_from(Duration::from_secs(30 * 86_400)).unwrap();
            let tiers = tiers(window, "99.9".parse().unwrap(), &options);
            assert_eq!(tiers.findings().count(), findings, "{interval}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_active_tier_is_sound(days in 1_u64..=90, scrape in 1_u64..=600, parts in 50_u32..=99) {
            let options = Options { scrape_interval: Duration::from_secs(scrape), ..Options::default() };
            let window = Window::try_from(Duration::from_secs(days * 86_400)).unwrap();
            let target: Target = parts.to_string().parse().unwrap();
            let tiers = tiers(window, target, &options);
            proptest::prop_assert_eq!(tiers.active.len() + tiers.left_out.len(), 4);
            for tier in &tiers.active {
                proptest::prop_assert!(tier.short.as_secs() >= 4 * scrape);
                proptest::prop_assert_eq!(tier.long.as_millis(), 12 * tier.short.as_millis());
                proptest::prop_assert!(tier.long <= window.duration());
            }
            for pair in tiers.active.windows(2) {
                proptest::prop_assert!(pair[0].long < pair[1].long && pair[0].factor > pair[1].factor);
                proptest::prop_assert!(pair[0].severity >= pair[1].severity);
            }
        }
    }
}
