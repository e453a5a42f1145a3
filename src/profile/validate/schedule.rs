//! Calendar windows and announced maintenance: from what is written to stretches of time.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::{
    api::v1alpha1::{self, CalendarPeriod, PerformanceProfile},
    profile::finding::{Finding, Level},
    schedule::{self, Calendar, PeriodKind, Recurring},
    slo,
};

/// Days for which the rules know of maintenance: an operator that is away for a week does no harm.
const HORIZON_DAYS: i64 = 8;

/// The longest stretch: longer work is several; a mistyped year is not one.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// One stretch of maintenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Name of the window.
    pub name: String,
    /// When it begins.
    pub start: Timestamp,
    /// When it is over.
    pub end: Timestamp,
}

/// The stretches of maintenance from the day before `now` until eight days after, by their start. Whole days of UTC, so that
/// the rules change at most once a day.
pub fn maintenance(profile: &PerformanceProfile, now: Timestamp) -> (Vec<Stretch>, Vec<Finding>) {
    let day = now.as_second().div_euclid(86_400);
    let midnight = |days: i64| Timestamp::from_second((day + days) * 86_400).unwrap_or(now);
    maintenance_between(profile, midnight(-1), midnight(HORIZON_DAYS))
}

/// The stretches of maintenance that overlap a range of time, by their start.
pub fn maintenance_between(
    profile: &PerformanceProfile,
    from: Timestamp,
    to: Timestamp,
) -> (Vec<Stretch>, Vec<Finding>) {
    let mut stretches = Vec::new();
    let mut findings = Vec::new();
    for (index, window) in profile.spec.maintenance.iter().enumerate() {
        let mut wrong = |path: &str, message: String| {
            findings.push(Finding::new(Level::Error, format!("/spec/maintenance/{index}{path}"), message));
        };
        if profile.spec.maintenance.iter().take(index).any(|earlier| earlier.name == window.name) {
            wrong("/name", format!("two maintenance windows are named {}: each needs a name of its own", window.name));
            continue;
        }
        let spans = match (&window.once, &window.recurring) {
            (Some(once), None) if once.start.0 < once.end.0 && once.end.0.duration_since(once.start.0) <= LONGEST => {
                let (start, end) = (once.start.0, once.end.0);
                if start < to && end > from { vec![(start, end)] } else { Vec::new() }
            }
            (Some(_), None) => {
                wrong("/once", "end is after start, and at most 7 days after it".to_owned());
                continue;
            }
            (None, Some(recurring)) => match occurrences(recurring, from, to) {
                Ok(spans) => spans,
                Err(error) => {
                    wrong("/recurring", error.to_string());
                    continue;
                }
            },
            _ => {
                wrong("", "a maintenance window is exactly one of once and recurring".to_owned());
                continue;
            }
        };
        stretches.extend(spans.into_iter().map(|(start, end)| Stretch { name: window.name.clone(), start, end }));
    }
    stretches.sort_by(|one, other| (one.start, &one.name).cmp(&(other.start, &other.name)));
    (stretches, findings)
}

pub(super) fn occurrences(
    recurring: &v1alpha1::Recurring,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(Timestamp, Timestamp)>, schedule::ScheduleError> {
    let v1alpha1::Recurring { rule, start, time_zone, duration } = recurring;
    Recurring::new(rule, start, time_zone, (*duration).into())?.occurrences(from, to)
}

/// The stretches as the rules take them: joined where they overlap.
pub fn spans(stretches: &[Stretch]) -> Vec<slo::Span> {
    let merged = schedule::merge(stretches.iter().map(|stretch| (stretch.start, stretch.end)).collect());
    merged.into_iter().map(|(start, end)| slo::Span { start: start.as_second(), end: end.as_second() }).collect()
}

/// The calendar of an objective, and the days of the rolling window that its burn rates are taken from.
fn calendar_and_days(wire: &v1alpha1::Calendar) -> Result<(Calendar, PeriodKind, u64), schedule::ScheduleError> {
    let (kind, days) = match wire.period {
        CalendarPeriod::Week => (PeriodKind::Week, 7),
        CalendarPeriod::Month => (PeriodKind::Month, 30),
        CalendarPeriod::Quarter => (PeriodKind::Quarter, 90),
    };
    Ok((Calendar::new(kind, &wire.time_zone)?, kind, days))
}

/// The calendar of an objective.
pub fn calendar(wire: &v1alpha1::Calendar) -> Result<Calendar, schedule::ScheduleError> {
    calendar_and_days(wire).map(|(calendar, _, _)| calendar)
}

/// The calendar's period of now and the next one, and the rolling window that burn rates are taken from.
pub fn periods(
    wire: &v1alpha1::Calendar,
    now: Timestamp,
) -> Result<(slo::Periods, crate::api::Duration), schedule::ScheduleError> {
    let (calendar, kind, days) = calendar_and_days(wire)?;
    let slo_period = |period: &schedule::Period| slo::Period {
        name: period.name.clone(),
        span: slo::Span { start: period.start.as_second(), end: period.end.as_second() },
    };
    let current = calendar.period(now);
    let next = calendar.next(&current);
    let periods = slo::Periods { kind: kind.as_str(), current: slo_period(&current), next: slo_period(&next) };
    Ok((periods, crate::api::Duration::from_secs(days * 86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::testing::{AVAILABILITY, profile};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn found(spec: &str, now: &str) -> (Vec<(String, String, String)>, Vec<String>) {
        let (stretches, findings) = maintenance(&profile(spec), at(now));
        let shown = |stretch: Stretch| (stretch.name, stretch.start.to_string(), stretch.end.to_string());
        (stretches.into_iter().map(shown).collect(), findings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_rules_know_of_yesterday_and_the_next_eight_days_and_change_once_a_day() {
        let spec = "maintenance:
- name: nightly
  recurring: {rule: FREQ=DAILY, start: \"2026-01-01T23:00:00\", timeZone: Africa/Johannesburg, duration: 1h}
- name: upgrade
  once: {start: \"2026-12-02T12:00:00Z\", end: \"2026-12-02T13:00:00Z\"}";
        let (stretches, findings) = found(spec, "2026-11-24T12:00:00Z");
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(stretches.len(), 9, "{stretches:?}");
        assert_eq!(stretches[0], ("nightly".into(), "2026-11-23T21:00:00Z".into(), "2026-11-23T22:00:00Z".into()));
        assert_eq!(found(spec, "2026-11-24T23:59:59Z").0, stretches);
        let later = found(spec, "2026-11-25T00:00:00Z").0;
        assert_eq!(later.len(), 10);
        assert_eq!(later[9].0, "nightly");
        assert_eq!(later[8].0, "upgrade");
    }

    #[test]
    fn what_overlaps_is_one_span() {
        let spec = "maintenance:
- name: a
  once: {start: \"2026-11-24T10:00:00Z\", end: \"2026-11-24T12:00:00Z\"}
- name: b
  once: {start: \"2026-11-24T11:00:00Z\", end: \"2026-11-24T13:00:00Z\"}";
        let (stretches, _) = maintenance(&profile(spec), at("2026-11-24T12:00:00Z"));
        let (start, end) = (at("2026-11-24T10:00:00Z").as_second(), at("2026-11-24T13:00:00Z").as_second());
        assert_eq!(spans(&stretches), [slo::Span { start, end }]);
    }

    #[test]
    fn a_wrong_window_is_a_finding_and_the_others_stay() {
        let spec = "maintenance:
- name: a
  recurring: {rule: FREQ=HOURLY, start: \"2026-01-01T23:00:00\", timeZone: UTC, duration: 1h}
- name: b
  once: {start: \"2026-11-24T11:00:00Z\", end: \"2026-11-24T13:00:00Z\"}
- name: b
  once: {start: \"2026-11-25T11:00:00Z\", end: \"2026-11-25T13:00:00Z\"}";
        let (stretches, findings) = found(spec, "2026-11-24T12:00:00Z");
        assert_eq!(stretches.len(), 1);
        assert!(findings[0].contains("spec.maintenance[0].recurring"), "{findings:?}");
        assert!(findings[1].contains("spec.maintenance[2].name"), "{findings:?}");
    }

    #[test]
    fn the_month_of_a_zone_begins_at_its_midnight() {
        let zone =
            |time_zone: &str| v1alpha1::Calendar { period: CalendarPeriod::Month, time_zone: time_zone.to_owned() };
        let (periods, window) = super::periods(&zone("Africa/Johannesburg"), at("2026-11-30T22:30:00Z")).unwrap();
        assert_eq!((periods.current.name.as_str(), periods.next.name.as_str()), ("2026-12", "2027-01"));
        assert_eq!(periods.current.span.start, at("2026-11-30T22:00:00Z").as_second());
        assert_eq!(periods.next.span.start, periods.current.span.end);
        assert_eq!(window.to_string(), "30d");
        assert!(super::periods(&zone("Africa/Joburg"), at("2026-11-30T22:30:00Z")).is_err());
    }

    #[test]
    fn wrong_maintenance_holds_the_rules_and_nothing_else() {
        use crate::profile::{settings::Settings, testing::observed, validate::validate};
        let spec = format!(
            "{AVAILABILITY}maintenance:\n- name: a\n  recurring: {{rule: FREQ=HOURLY, start: \"2026-01-01T23:00:00\", timeZone: UTC, duration: 1h}}"
        );
        let checked = validate(&profile(&spec), &observed(), &Settings::default());
        assert!(matches!(checked.rules, crate::profile::validate::Part::Held(_)));
        assert!(matches!(checked.autoscaler, crate::profile::validate::Part::Wanted(_)));
    }
}
