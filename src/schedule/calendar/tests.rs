//! Periods at the seams of the calendar.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

use PeriodKind::{Month, Quarter, Week};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn period(kind: PeriodKind, zone: &str, when: &str) -> (String, String, String) {
    let Period { start, end, name } = Calendar::new(kind, zone).unwrap().period(at(when));
    (name, start.to_string(), end.to_string())
}

fn hours(kind: PeriodKind, zone: &str, when: &str) -> i64 {
    let Period { start, end, .. } = Calendar::new(kind, zone).unwrap().period(at(when));
    end.duration_since(start).as_hours()
}

#[test]
fn periods_east_and_west() {
    for (kind, zone, when, name, start, end) in [
        (Week, "UTC", "2026-11-24T09:00:00Z", "2026-W48", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
        (Month, "UTC", "2026-11-24T09:00:00Z", "2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        (Quarter, "UTC", "2026-11-24T09:00:00Z", "2026-Q4", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        // The last instant before, and the first instant of a year, by the clocks of the zone.
        (Month, "Asia/Tokyo", "2026-12-31T14:59:59Z", "2026-12", "2026-11-30T15:00:00Z", "2026-12-31T15:00:00Z"),
        (Month, "Asia/Tokyo", "2026-12-31T15:00:00Z", "2027-01", "2026-12-31T15:00:00Z", "2027-01-31T15:00:00Z"),
        (
            Quarter,
            "America/New_York",
            "2027-01-01T04:59:59Z",
            "2026-Q4",
            "2026-10-01T04:00:00Z",
            "2027-01-01T05:00:00Z",
        ),
        (
            Week,
            "Pacific/Kiritimati",
            "2026-11-22T10:00:00Z",
            "2026-W48",
            "2026-11-22T10:00:00Z",
            "2026-11-29T10:00:00Z",
        ),
        (Week, "Pacific/Pago_Pago", "2026-11-23T10:59:59Z", "2026-W47", "2026-11-16T11:00:00Z", "2026-11-23T11:00:00Z"),
        (Month, "Asia/Kathmandu", "2024-02-29T00:00:00Z", "2024-02", "2024-01-31T18:15:00Z", "2024-02-29T18:15:00Z"),
        // Weeks across the end of a year bear the number of their Thursday.
        (Week, "UTC", "2027-01-03T23:59:59Z", "2026-W53", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
        (Week, "UTC", "2027-01-04T00:00:00Z", "2027-W01", "2027-01-04T00:00:00Z", "2027-01-11T00:00:00Z"),
        (Week, "UTC", "2024-12-30T00:00:00Z", "2025-W01", "2024-12-30T00:00:00Z", "2025-01-06T00:00:00Z"),
    ] {
        assert_eq!(period(kind, zone, when), (name.into(), start.into(), end.into()), "{kind} {zone} {when}");
    }
}

#[test]
fn clock_changes_make_periods_an_hour_shorter_or_longer() {
    assert_eq!(hours(Month, "Europe/Berlin", "2026-03-10T00:00:00Z"), 31 * 24 - 1);
    assert_eq!(hours(Month, "Europe/Berlin", "2026-10-10T00:00:00Z"), 31 * 24 + 1);
    assert_eq!(hours(Week, "Europe/Berlin", "2026-03-29T00:00:00Z"), 7 * 24 - 1);
    assert_eq!(hours(Week, "America/New_York", "2026-11-01T12:00:00Z"), 7 * 24 + 1);
    assert_eq!(hours(Quarter, "Europe/Berlin", "2026-10-10T00:00:00Z"), 92 * 24 + 1);
    assert_eq!(hours(Month, "UTC", "2024-02-10T00:00:00Z"), 29 * 24);
    assert_eq!(hours(Month, "UTC", "2026-02-10T00:00:00Z"), 28 * 24);
    // Samoa left a day out, and Lord Howe changes by half an hour.
    assert_eq!(hours(Month, "Pacific/Apia", "2011-12-10T00:00:00Z"), 30 * 24);
    let Period { start, end, .. } =
        Calendar::new(Month, "Australia/Lord_Howe").unwrap().period(at("2026-04-02T00:00:00Z"));
    assert_eq!(end.duration_since(start), SignedDuration::from_mins(30 * 24 * 60 + 30));
}

#[test]
fn a_month_whose_first_day_has_no_midnight_begins_at_one() {
    // Clocks in Paraguay went forward at 2023-10-01T00:00.
    let (name, start, end) = period(Month, "America/Asuncion", "2023-10-01T04:00:00Z");
    assert_eq!(
        (name.as_str(), start.as_str(), end.as_str()),
        ("2023-10", "2023-10-01T04:00:00Z", "2023-11-01T03:00:00Z")
    );
    assert_eq!(period(Month, "America/Asuncion", "2023-10-01T03:59:59Z").0, "2023-09");
    assert_eq!(hours(Month, "America/Asuncion", "2023-10-10T00:00:00Z"), 31 * 24 - 1);
}

#[test]
fn a_period_that_has_begun_does_not_end_when_clocks_go_back_over_midnight() {
    // In Newfoundland, 2009-11-01T00:01 was followed by 2009-10-31T23:01.
    let november = period(Month, "America/St_Johns", "2009-11-01T02:30:00Z");
    assert_eq!(november.0, "2009-11");
    assert_eq!(period(Month, "America/St_Johns", "2009-11-01T02:45:00Z"), november, "by the clock, 23:15 on the 31st");
    assert_eq!(period(Month, "America/St_Johns", "2009-11-01T02:29:59Z").0, "2009-10");
}

#[test]
fn the_next_period_begins_where_one_ends() {
    let calendar = Calendar::new(Week, "Europe/Berlin").unwrap();
    let mut week = calendar.period(at("2026-12-20T00:00:00Z"));
    let mut names = vec![];
    for _ in 0..4 {
        names.push(week.name.clone());
        week = calendar.next(&week);
    }
    assert_eq!(names, ["2026-W51", "2026-W52", "2026-W53", "2027-W01"]);
}

#[test]
fn unknown_zones_are_refused() {
    assert!(matches!(Calendar::new(Week, "Mars/Olympus"), Err(ScheduleError::UnknownZone { .. })));
}

#[test]
fn the_ends_of_time_have_a_period() {
    for (kind, zone) in [(Week, "UTC"), (Month, "Pacific/Kiritimati"), (Quarter, "Pacific/Pago_Pago")] {
        let calendar = Calendar::new(kind, zone).unwrap();
        let last = calendar.period(Timestamp::MAX);
        assert_eq!((last.end, calendar.next(&last)), (Timestamp::MAX, last.clone()));
        assert!(calendar.period(Timestamp::MIN).start <= Timestamp::MIN + SignedDuration::from_hours(48));
    }
}

const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Asuncion",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/St_Johns",
    "America/Toronto",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Australia/Lord_Howe",
    "America/Havana",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn periods_tile_time(
        kind in prop_oneof![Just(Week), Just(Month), Just(Quarter)],
        zone in prop::sample::select(&ZONES[..]),
        second in -2_500_000_000_i64..7_000_000_000,
    ) {
        let calendar = Calendar::new(kind, zone).unwrap();
        let when = Timestamp::from_second(second).unwrap();
        let period = calendar.period(when);
        prop_assert!(period.start <= when && when < period.end, "{period:?}");
        prop_assert_eq!(&calendar.period(period.start), &period);
        prop_assert_eq!(&calendar.period(period.end - SignedDuration::from_nanos(1)), &period);
        let next = calendar.next(&period);
        prop_assert_eq!(next.start, period.end);
        prop_assert_ne!(next.name, period.name);
    }
}
