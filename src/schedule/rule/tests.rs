//! What a rule may say, and what is said of one that may not.

use ical::recur::IcalRecurWeekday::{Monday, Sunday};

use super::*;

fn error(rule: &str) -> RuleError {
    Rule::parse(rule).unwrap_err()
}

#[test]
fn rules_are_read() {
    for rule in [
        "FREQ=DAILY",
        "freq=weekly;byday=su",
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU, TH",
        "FREQ=MONTHLY;BYDAY=-1FR,2MO;BYHOUR=2,14;BYMINUTE=0,30",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=1000",
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        "FREQ=YEARLY;BYYEARDAY=1,-366",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23",
    ] {
        assert!(Rule::parse(rule).is_ok(), "{rule}: {:?}", Rule::parse(rule));
    }
    let rule = Rule::parse("FREQ=WEEKLY;BYDAY=SU,MO;WKST=SU").unwrap();
    assert_eq!(rule.parts.by_day.iter().map(|day| day.weekday).collect::<Vec<_>>(), [Sunday, Monday]);
    assert_eq!((rule.parts.week_start, rule.until), (Sunday, None));
}

#[test]
fn until_has_three_forms() {
    let until = |value: &str| Rule::parse(&format!("FREQ=DAILY;UNTIL={value}")).map(|rule| rule.until.unwrap());
    assert_eq!(until("20261231T225959Z"), Ok(Until::Instant("2026-12-31T22:59:59Z".parse().unwrap())));
    assert_eq!(until("20261231T020000"), Ok(Until::Local("2026-12-31T02:00:00".parse().unwrap())));
    assert_eq!(until("20261231"), Ok(Until::Local("2026-12-31T23:59:59".parse().unwrap())));
    for wrong in ["tomorrow", "2026-12-31", "20260229", "20261231T235960Z", "20261231Z", "+0261231", "20261231T250000"]
    {
        let message = format!("UNTIL={wrong} is no date like 20261231 or 20261231T235959Z");
        assert_eq!(until(wrong), Err(RuleError::Value(message)), "{wrong}");
    }
}

#[test]
fn parts_are_known_and_stand_once() {
    for part in ["", "FREQ", "FREQ=", "FREQ=DAILY;", "FREQ=WEEKLY;BYDAY=", "FREQ=WEEKLY;BYDAY=MO,,TU", "every sunday"] {
        assert!(matches!(error(part), RuleError::Part(_)), "{part}: {:?}", error(part));
    }
    // A mistyped part is not skipped: this would be a window every day.
    for (rule, unknown) in [("FREQ=DAILY;BYDYA=SU", "BYDYA"), ("RRULE:FREQ=DAILY", "RRULE:FREQ"), ("X=1", "X")] {
        assert!(matches!(error(rule), RuleError::UnknownPart { name, .. } if name == unknown), "{rule}");
    }
    assert_eq!(error("FREQ=DAILY;BYHOUR=1;byhour=2"), RuleError::Repeated("BYHOUR".to_owned()));
}

#[test]
fn what_windows_have_no_use_for_is_refused() {
    for freq in ["SECONDLY", "MINUTELY", "HOURLY"] {
        let error = error(&format!("FREQ={freq}")).to_string();
        assert_eq!(
            error,
            "a FREQ of less than a day is not supported: write FREQ=DAILY, with BYHOUR for several windows a day"
        );
    }
    for (rule, part) in [
        ("FREQ=DAILY;BYSECOND=1", "BYSECOND"),
        ("RSCALE=HEBREW;FREQ=DAILY", "RSCALE"),
        ("FREQ=MONTHLY;SKIP=FORWARD", "SKIP"),
    ] {
        assert!(matches!(error(rule), RuleError::Unsupported(name, _) if name == part), "{rule}");
    }
}

#[test]
fn values_are_in_range() {
    for rule in [
        "INTERVAL=2",
        "FREQ=OFTEN",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;INTERVAL=1001",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=4294967295",
        "FREQ=DAILY;COUNT=99999999999999999999",
        "FREQ=DAILY;COUNT=3;UNTIL=20261231",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=YEARLY;BYDAY=-54MO",
        "FREQ=YEARLY;BYDAY=-32768MO",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=WEEKLY;BYDAY=é",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=MONTHLY;BYWEEKNO=1",
        "FREQ=DAILY;BYSETPOS=1",
        "FREQ=YEARLY;BYYEARDAY=367",
    ] {
        assert!(matches!(error(rule), RuleError::Value(_)), "{rule}: {:?}", error(rule));
    }
    assert_eq!(error("FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=0,10,20,30,40"), RuleError::TooFrequent(25, 24));
    assert!(Rule::parse("FREQ=DAILY;BYHOUR=1,1,1,1,1;BYMINUTE=0,0,0,0,0,30").is_ok());
    assert_eq!(error(&format!("FREQ=DAILY;BYHOUR=1{}", ",1".repeat(1_000_000))), RuleError::TooLong(256));
}
