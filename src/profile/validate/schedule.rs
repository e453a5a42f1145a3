//! Calendar windows and announced maintenance: from what is written to stretches of time.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::{
    api::v1alpha1::{self, CalendarPeriod, PerformanceProfile},
    profile::finding::{Finding, Level},
    schedule::{self, Calendar, Recurring},
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
    let (from, to) = (midnight(-1), midnight(HORIZON_DAYS));
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

fn occurrences(
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

/// The calendar's period of now and the next one, and the rolling window that burn rates are taken from.
pub fn periods(
    calendar: &v1alpha1::Calendar,
    now: Timestamp,
) -> Result<(slo::Periods, crate::api::Duration), schedule::ScheduleError> {
    let (kind, days) = match calendar.period {
        CalendarPeriod::Week => (schedule::PeriodKind::Week, 7),
        CalendarPeriod::Month => (schedule::PeriodKind::Month, 30),
        CalendarPeriod::Quarter => (schedule::PeriodKind::Quarter, 90),
    };
    let calendar = Calendar::new(kind, &calendar.time_zone)?;
    let slo_period = |period: &schedule::Period| slo::Period {
        name: period.name.clone(),
        span: slo::Span { start: period.start.as_second(), end: period.end.as_second() },
    };
    let current = calendar.period(now);
    let next = calendar.next(&current);
    let periods = slo::Periods { kind: kind.as_str(), current: slo_period(&current), next: slo_period(&next) };
    Ok((periods, crate::api::Duration::from_secs(days * 86_400)))
}
