//! From a rule to local times: between two of them, however long ago it began.

use ical::recur::{
    IcalRecurDateTime, IcalRecurFreq, IcalRecurRule, IcalRecurWeekday, IcalRecurWeekdayNum, expand::IcalRecurExpand,
};
use jiff::{
    ToSpan,
    civil::{DateTime, Time, Weekday},
};

/// A local time of this project, if it is one: leap seconds are not.
pub(super) fn civil(at: IcalRecurDateTime) -> Option<DateTime> {
    let small = |number: u8| i8::try_from(number).ok();
    let (month, day, hour) = (small(at.month)?, small(at.day)?, small(at.hour)?);
    DateTime::new(i16::try_from(at.year).ok()?, month, day, hour, small(at.minute)?, small(at.second)?, 0).ok()
}

/// A local time of the expansion.
fn ical(at: DateTime) -> IcalRecurDateTime {
    IcalRecurDateTime {
        hour: at.hour().unsigned_abs(),
        minute: at.minute().unsigned_abs(),
        second: at.second().unsigned_abs(),
        ..IcalRecurDateTime::date(i32::from(at.year()), at.month().unsigned_abs(), at.day().unsigned_abs())
    }
}

/// Writes into a rule what it leaves to its start (RFC 5545, section 3.3.10): the day, the month and the time. Then a
/// later start makes no difference to it.
pub(super) fn pin(rule: &mut IcalRecurRule, start: DateTime) {
    let weekday = IcalRecurWeekdayNum { ordinal: None, weekday: weekday(start.weekday()) };
    let no_day = rule.by_day.is_empty() && rule.by_month_day.is_empty() && rule.by_year_day.is_empty();
    match rule.freq {
        IcalRecurFreq::Weekly if no_day => rule.by_day.push(weekday),
        IcalRecurFreq::Yearly if no_day && !rule.by_week_no.is_empty() => rule.by_day.push(weekday),
        IcalRecurFreq::Monthly | IcalRecurFreq::Yearly if no_day => {
            rule.by_month_day.push(start.day());
            if rule.freq == IcalRecurFreq::Yearly && rule.by_month.is_empty() {
                rule.by_month.push(start.month().unsigned_abs());
            }
        }
        _ => {}
    }
    for (values, default) in [
        (&mut rule.by_hour, start.hour()),
        (&mut rule.by_minute, start.minute()),
        (&mut rule.by_second, start.second()),
    ] {
        if values.is_empty() {
            values.push(default.unsigned_abs());
        }
    }
}

/// The local times of a pinned rule that starts at `start`, from `low` to `high`.
pub(super) fn between(
    rule: &IcalRecurRule,
    start: DateTime,
    low: DateTime,
    high: DateTime,
) -> impl Iterator<Item = DateTime> + use<> {
    let bounded = IcalRecurRule { until: Some(ical(high)), ..rule.clone() };
    let start = ical(entry(rule, start, low));
    IcalRecurExpand::new(bounded, start).filter_map(civil).skip_while(move |at| *at < low)
}

/// Where the walk begins. With COUNT at the start, because occurrences count from the first; then COUNT itself, and the
/// days up to the end, bound the walk. Else near `low`, however long ago the start was.
fn entry(rule: &IcalRecurRule, start: DateTime, low: DateTime) -> DateTime {
    if rule.count.is_some() { start } else { leap(rule, start, low).unwrap_or(start) }
}

/// A midnight whole intervals after the start, from which on no occurrence at or after `low` is lost. `None` if there is
/// nothing to leap over.
fn leap(rule: &IcalRecurRule, start: DateTime, low: DateTime) -> Option<DateTime> {
    let interval = i64::from(rule.interval);
    // So many units of time, in whole intervals.
    let whole = |units: i64| Some(units.div_euclid(interval) * interval).filter(|units| *units > 0);
    let days = low.date().duration_since(start.date()).as_hours() / 24;
    let years = i64::from(low.year()) - i64::from(start.year());
    let months = 12 * years + i64::from(low.month()) - i64::from(start.month());
    let leapt = match rule.freq {
        IcalRecurFreq::Daily => start.date().checked_add(whole(days)?.days()),
        // The same weekday, so that weeks begin where they began.
        IcalRecurFreq::Weekly => start.date().checked_add(whole(days / 7)?.weeks()),
        IcalRecurFreq::Monthly => start.date().first_of_month().checked_add(whole(months)?.months()),
        // The first and the last week of a year reach into the years beside it, so one interval more is walked.
        IcalRecurFreq::Yearly => start.date().first_of_year().checked_add(whole(whole(years)? - interval)?.years()),
        _ => return None,
    };
    leapt.ok().map(|day| day.to_datetime(Time::midnight()))
}

const fn weekday(day: Weekday) -> IcalRecurWeekday {
    match day {
        Weekday::Monday => IcalRecurWeekday::Monday,
        Weekday::Tuesday => IcalRecurWeekday::Tuesday,
        Weekday::Wednesday => IcalRecurWeekday::Wednesday,
        Weekday::Thursday => IcalRecurWeekday::Thursday,
        Weekday::Friday => IcalRecurWeekday::Friday,
        Weekday::Saturday => IcalRecurWeekday::Saturday,
        Weekday::Sunday => IcalRecurWeekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;
    use proptest::prelude::*;

    use super::*;

    fn walk(rule: &IcalRecurRule, start: DateTime, low: DateTime, high: DateTime) -> Vec<DateTime> {
        let rule = IcalRecurRule { until: Some(ical(high)), ..rule.clone() };
        IcalRecurExpand::new(rule, ical(start)).filter_map(civil).skip_while(|at| *at < low).collect()
    }

    const RULES: [&str; 18] = [
        "FREQ=DAILY",
        "FREQ=DAILY;BYMONTH=2,3;BYMONTHDAY=-1,13",
        "FREQ=DAILY;BYHOUR=1,22;BYSETPOS=-1",
        "FREQ=WEEKLY",
        "FREQ=WEEKLY;BYDAY=MO,SU",
        "FREQ=WEEKLY;BYDAY=MO,SU;WKST=SU",
        "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2",
        "FREQ=MONTHLY",
        "FREQ=MONTHLY;BYDAY=-1SU,1MO",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1,1",
        "FREQ=MONTHLY;BYMONTHDAY=31,-31",
        "FREQ=YEARLY",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;BYWEEKNO=1,53,-1",
        "FREQ=YEARLY;BYWEEKNO=1;WKST=SU;BYDAY=SU,SA",
        "FREQ=YEARLY;BYYEARDAY=1,-1,366",
        "FREQ=YEARLY;BYDAY=53MO,-1FR,2WE",
        "FREQ=YEARLY;BYMONTH=1,12;BYDAY=1MO,-1SU;BYSETPOS=1,-1",
    ];

    #[test]
    fn a_week_of_the_year_before_is_not_leapt_over() {
        let at = |text: &str| text.parse::<DateTime>().unwrap();
        let rule = IcalRecurRule::parse("FREQ=YEARLY;BYWEEKNO=53;BYDAY=SU").unwrap();
        let (start, low, high) = (at("2010-01-03T00:00:00"), at("2027-01-01T00:00:00"), at("2027-12-31T00:00:00"));
        assert_eq!(between(&rule, start, low, high).collect::<Vec<_>>(), [at("2027-01-03T00:00:00")]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn leaping_loses_and_adds_nothing(
            rule in prop::sample::select(&RULES[..]),
            interval in 1_u32..8,
            start in 0_i64..12_000,
            hour in 0_i8..24,
            from in 0_i64..20_000,
            length in 0_i64..1_200,
        ) {
            let first = Date::new(1970, 1, 1).unwrap();
            let start = (first + start.days()).at(hour, 30, 0, 0);
            let low = (first + from.days()).at(12, 0, 0, 0);
            let high = low + length.days();
            let mut rule = IcalRecurRule::parse(rule).unwrap();
            rule.interval = interval;
            let unpinned = rule.clone();
            pin(&mut rule, start);
            let leapt: Vec<_> = between(&rule, start, low, high).collect();
            prop_assert_eq!(&leapt, &walk(&rule, start, low, high));
            let days = match rule.freq {
                IcalRecurFreq::Daily => 1,
                IcalRecurFreq::Weekly => 7,
                IcalRecurFreq::Monthly => 31,
                _ => 2 * 366,
            };
            let walked = low.duration_since(entry(&rule, start, low)).as_hours() / 24;
            prop_assert!(walked <= days * i64::from(interval) + 366, "{walked} days are walked before the horizon");
            // A week number without a day is read as the weekday of the start, not as seven days.
            if unpinned.by_week_no.is_empty() {
                prop_assert_eq!(&leapt, &walk(&unpinned, start, low, high));
            }
        }
    }
}
