//! Windows that recur: over clock changes, at the ends of years, and against those who would make them slow.

use proptest::prelude::*;

use super::super::merge;
use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window(rule: &str, start: &str, zone: &str) -> Recurring {
    Recurring::new(rule, start, zone, HOUR).unwrap()
}

/// The starts of a window's occurrences.
fn starts(window: &Recurring, from: &str, to: &str) -> Vec<String> {
    window.occurrences(at(from), at(to)).unwrap().iter().map(|(start, _)| start.to_string()).collect()
}

#[test]
fn every_sunday_by_the_clock_over_both_changes() {
    let night = window("FREQ=WEEKLY;BYDAY=SU", "2026-01-04T02:00:00", "Europe/Berlin");
    // On the 29th there is no 02:00; with the offset before the change, it is 03:00 summer time.
    assert_eq!(
        starts(&night, "2026-03-20T00:00:00Z", "2026-04-10T00:00:00Z"),
        ["2026-03-22T01:00:00Z", "2026-03-29T01:00:00Z", "2026-04-05T00:00:00Z"]
    );
    // On the 25th there are two; it is the first.
    assert_eq!(
        starts(&night, "2026-10-17T00:00:00Z", "2026-11-02T00:00:00Z"),
        ["2026-10-18T00:00:00Z", "2026-10-25T00:00:00Z", "2026-11-01T01:00:00Z"]
    );
    let half_past = window("FREQ=WEEKLY", "2026-01-04T02:30:00", "Europe/Berlin");
    assert_eq!(starts(&half_past, "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z"), ["2026-03-29T01:30:00Z"]);
}

#[test]
fn the_examples_of_the_rfc_for_a_change() {
    // Section 3.3.5: 2007-03-11T02:30 in New York is 03:30 EDT, 2007-11-04T01:30 is EDT.
    let window = window("FREQ=DAILY;BYHOUR=1,2;BYMINUTE=30", "2007-03-01T01:30:00", "America/New_York");
    assert_eq!(
        starts(&window, "2007-03-11T06:00:00Z", "2007-03-12T00:00:00Z"),
        ["2007-03-11T06:30:00Z", "2007-03-11T07:30:00Z"]
    );
    assert_eq!(
        starts(&window, "2007-11-04T04:00:00Z", "2007-11-05T00:00:00Z"),
        ["2007-11-04T05:30:00Z", "2007-11-04T07:30:00Z"]
    );
}

#[test]
fn a_shifted_start_counts_and_meets_another_one_once() {
    // Erratum 4271: what falls into the gap of 29 March is counted.
    let counted = window("FREQ=DAILY;COUNT=3", "2026-03-28T02:30:00", "Europe/Berlin");
    assert_eq!(
        starts(&counted, "2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z"),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]
    );
    // 30 February is not.
    let days = window("FREQ=MONTHLY;COUNT=3", "2026-01-30T00:00:00", "UTC");
    assert_eq!(
        starts(&days, "2026-01-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ["2026-01-30T00:00:00Z", "2026-03-30T00:00:00Z", "2026-04-30T00:00:00Z"]
    );
    let twice = window("FREQ=DAILY;BYHOUR=2,3", "2026-03-28T02:00:00", "Europe/Berlin");
    assert_eq!(starts(&twice, "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z"), ["2026-03-29T01:00:00Z"]);
    // 02:30 shifts behind 03:00.
    let order =
        window("FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30;UNTIL=20260329T013000Z", "2026-03-28T02:00:00", "Europe/Berlin");
    assert_eq!(
        starts(&order, "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"),
        ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]
    );
}

#[test]
fn leap_days_year_ends_and_weeks_of_the_year() {
    let leap = window("FREQ=YEARLY", "2024-02-29T12:00:00", "UTC");
    assert_eq!(starts(&leap, "2027-06-01T00:00:00Z", "2029-05-31T00:00:00Z"), ["2028-02-29T12:00:00Z"]);
    let year_end = window("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=-1", "2020-12-31T23:30:00", "Asia/Tokyo");
    assert_eq!(starts(&year_end, "2026-12-31T15:00:00Z", "2026-12-31T16:00:00Z"), ["2026-12-31T14:30:00Z"]);
    // Week 1 of 2025 began in 2024.
    let week = window("FREQ=YEARLY;BYWEEKNO=1", "2020-01-03T00:00:00", "UTC");
    assert_eq!(
        starts(&week, "2023-12-01T00:00:00Z", "2025-02-01T00:00:00Z"),
        ["2024-01-05T00:00:00Z", "2025-01-03T00:00:00Z"]
    );
    let patch_tuesday = window("FREQ=MONTHLY;BYDAY=2TU", "2026-01-13T20:00:00", "America/Los_Angeles");
    assert_eq!(
        starts(&patch_tuesday, "2026-03-01T00:00:00Z", "2026-04-30T00:00:00Z"),
        ["2026-03-11T03:00:00Z", "2026-04-15T03:00:00Z"]
    );
    // The day that Samoa left out shifts by a whole day, onto the next one.
    let samoa = window("FREQ=DAILY", "2011-12-01T10:00:00", "Pacific/Apia");
    assert_eq!(
        starts(&samoa, "2011-12-29T10:00:00Z", "2012-01-01T00:00:00Z"),
        ["2011-12-29T20:00:00Z", "2011-12-30T20:00:00Z", "2011-12-31T20:00:00Z"]
    );
}

#[test]
fn occurrences_overlap_the_horizon_and_are_whole() {
    let daily = Recurring::new("FREQ=DAILY", "2026-01-01T22:00:00", "UTC", 4 * HOUR).unwrap();
    let span = |day: i64| {
        let start = at("2026-01-01T22:00:00Z") + SignedDuration::from_hours(24 * day);
        (start, start + SignedDuration::from_hours(4))
    };
    let found = |from, to| daily.occurrences(at(from), at(to)).unwrap();
    assert_eq!(found("2026-01-03T01:59:59Z", "2026-01-03T22:00:01Z"), [span(1), span(2)]);
    assert_eq!(found("2026-01-03T02:00:00Z", "2026-01-03T22:00:00Z"), []);
    assert_eq!(found("2025-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), [span(0)]);
    assert_eq!(found("2026-01-05T00:00:00Z", "2026-01-04T00:00:00Z"), []);
    // The duration is exact where the day is longer.
    let long = Recurring::new("FREQ=YEARLY", "2026-10-24T12:00:00", "Europe/Berlin", 24 * HOUR).unwrap();
    let found = long.occurrences(at("2026-10-01T00:00:00Z"), at("2026-12-01T00:00:00Z")).unwrap();
    assert_eq!(found, [(at("2026-10-24T10:00:00Z"), at("2026-10-25T10:00:00Z"))]);
}

#[test]
fn horizons_that_begin_or_end_about_a_change() {
    // 02:30 shifts to 03:30 summer time and lasts until 04:30, that is 02:30 UTC.
    let night = window("FREQ=DAILY", "2026-01-01T02:30:00", "Europe/Berlin");
    assert_eq!(starts(&night, "2026-03-29T02:20:00Z", "2026-03-29T03:00:00Z"), ["2026-03-29T01:30:00Z"]);
    // It ends at 02:10 for the second time; 02:30 has been once.
    assert_eq!(starts(&night, "2026-10-25T00:00:00Z", "2026-10-25T01:10:00Z"), ["2026-10-25T00:30:00Z"]);
}

#[test]
fn until_is_the_last_start() {
    for (until, last) in [
        ("20260103T010000Z", "2026-01-03T01:00:00Z"),
        ("20260103T005959Z", "2026-01-02T01:00:00Z"),
        ("20260103T020000", "2026-01-03T01:00:00Z"),
        ("20260103T015959", "2026-01-02T01:00:00Z"),
        ("20260103", "2026-01-03T01:00:00Z"),
    ] {
        let window = window(&format!("FREQ=DAILY;UNTIL={until}"), "2026-01-01T02:00:00", "Europe/Berlin");
        assert_eq!(starts(&window, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z").last().unwrap(), last, "{until}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn merged_occurrences_are_disjoint_and_whole_horizons_agree_with_their_halves(
        rule in prop::sample::select(vec![
            "FREQ=DAILY;INTERVAL=3;BYHOUR=0,2,3", "FREQ=WEEKLY;BYDAY=SU,WE;BYHOUR=2;BYMINUTE=0,30",
            "FREQ=MONTHLY;BYDAY=-1SU,1SU", "FREQ=DAILY;COUNT=900", "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU",
        ]),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/St_Johns", "Africa/Cairo", "Pacific/Apia"]),
        from in 1_262_304_000_i64..1_830_000_000,
        hours in 1_i64..2_000,
        minutes in 1_u64..10_080,
    ) {
        let rules = Rule::parse(rule).unwrap();
        let mut parts = rules.parts;
        let base: DateTime = "2010-01-01T00:00:00".parse().unwrap();
        pin(&mut parts, base);
        let start = between(&parts, base, base, base.saturating_add(2.years())).next().unwrap().to_string();
        let window = Recurring::new(rule, &start, zone, Duration::from_mins(minutes)).unwrap();
        let from = Timestamp::from_second(from).unwrap();
        let (middle, to) = (from + SignedDuration::from_hours(hours / 2), from + SignedDuration::from_hours(hours));
        let found = window.occurrences(from, to).unwrap();
        prop_assert!(found.iter().all(|(start, end)| *start < to && *end > from));
        prop_assert!(found.is_sorted());
        let mut halves = window.occurrences(from, middle).unwrap();
        halves.extend(window.occurrences(middle, to).unwrap());
        halves.sort_unstable();
        halves.dedup();
        prop_assert_eq!(&halves, &found);
        prop_assert!(merge(found).windows(2).all(|pair| pair[0].1 < pair[1].0));
    }
}
