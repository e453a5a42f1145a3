//! What is refused, and rules by which someone would make the answer slow.

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window(rule: &str, start: &str, zone: &str) -> Recurring {
    Recurring::new(rule, start, zone, HOUR).unwrap()
}

#[test]
fn what_is_wrong_is_said_with_what_to_write() {
    let refused = |rule, start, zone, duration| Recurring::new(rule, start, zone, duration).unwrap_err().to_string();
    for (rule, start, zone, duration, message) in [
        (
            "FREQ=WEEKLY;BYDAY=SU",
            "2026-01-01T02:00:00",
            "UTC",
            HOUR,
            "the start 2026-01-01T02:00:00 is no occurrence of `FREQ=WEEKLY;BYDAY=SU`: write the first one, 2026-01-04T02:00:00",
        ),
        (
            "FREQ=YEARLY;BYMONTHDAY=31;BYMONTH=2",
            "2026-01-01T02:00:00",
            "UTC",
            HOUR,
            "`FREQ=YEARLY;BYMONTHDAY=31;BYMONTH=2` has no occurrence in the 40 years after 2026-01-01T02:00:00: \
             its parts name days that do not exist together",
        ),
        (
            "FREQ=DAILY;UNTIL=20251231",
            "2026-01-01T02:00:00",
            "UTC",
            HOUR,
            "`FREQ=DAILY;UNTIL=20251231` ends before its start 2026-01-01T02:00:00: write a later UNTIL or leave it out",
        ),
        (
            "FREQ=DAILY",
            "2026-01-01T02:00:00Z",
            "UTC",
            HOUR,
            "`2026-01-01T02:00:00Z` is no local date and time: write it without an offset, like 2026-01-04T02:00:00; the zone says the rest",
        ),
        (
            "FREQ=DAILY",
            "1900-01-01T02:00:00",
            "UTC",
            HOUR,
            "a window that starts in the year 1900 cannot be used: the years are 1970 to 2199",
        ),
        (
            "FREQ=DAILY",
            "2026-01-01T02:00:00",
            "CEST",
            HOUR,
            "there is no time zone `CEST`: write an IANA name like Europe/Berlin or UTC, no abbreviation and no offset",
        ),
        (
            "FREQ=DAILY",
            "2026-01-01T02:00:00",
            "UTC",
            Duration::from_secs(59),
            "a window of 59 s is not supported: write whole seconds from 1m to 7d, like 2h",
        ),
        (
            "FREQ=DAILY",
            "2026-01-01T02:00:00",
            "UTC",
            MAX_DURATION + Duration::from_secs(1),
            "a window of 604801 s is not supported: write whole seconds from 1m to 7d, like 2h",
        ),
        (
            "FREQ=DAILY",
            "2026-01-01T02:00:00",
            "UTC",
            Duration::from_millis(60_500),
            "a window of 60.5 s is not supported: write whole seconds from 1m to 7d, like 2h",
        ),
        (
            "FREQ=DAILY;INTERVAL=0",
            "2026-01-01T02:00:00",
            "UTC",
            HOUR,
            "`FREQ=DAILY;INTERVAL=0` cannot be used: in INTERVAL=0, INTERVAL is at least 1 (RFC 5545, section 3.3.10); \
             a rule looks like FREQ=WEEKLY;BYDAY=SU or FREQ=MONTHLY;BYDAY=1SU",
        ),
    ] {
        assert_eq!(refused(rule, start, zone, duration), message);
    }
    for wrong in ["2026-01-01", "2026-01-01T02:00:00+01:00", "2026-01-01T02:00:00.5", "2026-02-29T00:00:00", "T", ""] {
        assert!(refused("FREQ=DAILY", wrong, "UTC", HOUR).contains("is no local date and time"), "{wrong}");
    }
    assert!(refused(&"F".repeat(1 << 20), "2026-01-01T02:00:00", "UTC", HOUR).len() < 400);
}

/// Each of these would walk for long, or for ever, if nothing bounded it.
#[test]
fn hostile_rules_end() {
    let to = "2199-12-29T00:00:00Z";
    for rule in [
        "FREQ=YEARLY;BYMONTHDAY=31;BYMONTH=2",
        "FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30,31,30,31,30,31;INTERVAL=999",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4,5;BYMINUTE=0,1,2,3;BYSETPOS=25",
    ] {
        let error = Recurring::new(rule, "1970-01-01T00:00:00", "Europe/Berlin", HOUR).unwrap_err();
        assert!(matches!(error, ScheduleError::NeverOccurs { .. }), "{rule}: {error}");
    }
    let every_start = "BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11;BYMINUTE=0,30";
    for (rule, found) in [
        ("FREQ=DAILY;COUNT=1000".to_owned(), Some(0)),
        (format!("FREQ=DAILY;COUNT=1000;{every_start}"), Some(0)),
        (format!("FREQ=YEARLY;COUNT=1000;BYDAY=TH,FR;{every_start};BYSETPOS=1"), Some(2)),
        (format!("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;{every_start}"), None),
        ("FREQ=YEARLY;INTERVAL=1000".to_owned(), Some(0)),
        ("FREQ=DAILY;INTERVAL=1000".to_owned(), Some(1)),
    ] {
        let window = window(&rule, "1970-01-01T00:00:00", "Africa/Cairo");
        let occurrences = window.occurrences(at("2197-12-30T00:00:00Z"), at(to));
        assert_eq!(occurrences.ok().map(|spans| spans.len()), found, "{rule}");
    }
}

#[test]
fn horizons_and_their_occurrences_are_bounded() {
    let daily = window("FREQ=DAILY", "1970-01-01T00:00:00", "UTC");
    assert_eq!(daily.occurrences(at("2026-01-01T00:00:00Z"), at("2026-07-20T00:00:00Z")).unwrap().len(), 200);
    assert_eq!(
        daily.occurrences(at("2026-01-01T00:00:00Z"), at("2026-07-20T00:00:01Z")).unwrap_err().to_string(),
        "`FREQ=DAILY` occurs more than 200 times from 2026-01-01T00:00:00Z to 2026-07-20T00:00:01Z: \
         write a rarer rule with a longer duration"
    );
    let yearly = window("FREQ=YEARLY", "1970-01-01T00:00:00", "UTC");
    assert_eq!(yearly.occurrences(at("2025-12-31T00:00:00Z"), at("2028-01-01T00:00:00Z")).unwrap().len(), 2);
    for (from, to) in [
        ("2025-12-31T00:00:00Z", "2028-01-01T00:00:01Z"),
        ("1969-12-31T23:59:59Z", "1970-01-01T02:00:00Z"),
        ("2199-12-31T00:00:00Z", "2200-01-01T00:00:00Z"),
    ] {
        let error = yearly.occurrences(at(from), at(to)).unwrap_err();
        assert_eq!(error, ScheduleError::Horizon { from: from.to_owned(), to: to.to_owned() });
    }
    assert!(yearly.occurrences(Timestamp::MIN, Timestamp::MAX).is_err());
}
