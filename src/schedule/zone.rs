//! Time zones by name, from the database that is built in.

use std::sync::LazyLock;

use jiff::{
    SignedDuration, Timestamp,
    civil::Date,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

use super::error::ScheduleError;

/// No name in the IANA database is longer than about half of this.
const MAX_NAME: usize = 64;

/// Not the machine's own database: replicas on different nodes must agree, and a static image has none.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The time zone of an IANA name, like `Europe/Berlin` or `UTC`.
pub(super) fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
    let unknown = |hint| ScheduleError::UnknownZone { name: name.chars().take(MAX_NAME).collect(), hint };
    if name.len() > MAX_NAME {
        return Err(unknown("write an IANA name like Europe/Berlin or UTC".to_owned()));
    }
    DATABASE.get(name).map_err(|_| unknown(hint(name)))
}

/// The name that was meant: the one whose city it is, or the one that is spelt most like it.
fn hint(name: &str) -> String {
    let lower = name.to_ascii_lowercase().replace(' ', "_");
    let names: Vec<_> = DATABASE.available().map(|known| known.as_str().to_owned()).collect();
    let city = |known: &str| known.split_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(&lower));
    let distance = |known: &str| strsim::damerau_levenshtein(&known.to_ascii_lowercase(), &lower);
    // Names without a slash are short and alike: CET is not what was meant by CEST.
    let places = || names.iter().filter(|known| known.contains('/'));
    let near = || places().map(|known| (distance(known), known)).min().filter(|(distance, _)| *distance <= 2);
    match places().find(|known| city(known)).or_else(|| near().map(|(_, known)| known)) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "write an IANA name like Europe/Berlin or UTC, no abbreviation and no offset".to_owned(),
    }
}

/// The first instant of a day: not 00:00 where clocks go forward over midnight. Days that a zone has left out begin
/// with the next one. Beyond the year 9999, the last instant there is.
pub(super) fn first_instant(zone: &TimeZone, day: Date) -> Timestamp {
    let midnight = zone.to_ambiguous_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
    let first = match midnight.offset() {
        // Midnight by the old clock is as far after the change as the change is before midnight by it; the day begins
        // with the change itself.
        AmbiguousOffset::Gap { before, .. } => before
            .to_timestamp(midnight.datetime())
            .ok()
            .and_then(|old| old.checked_add(SignedDuration::from_secs(1)).ok())
            .and_then(|after| zone.preceding(after).next())
            .map(|change| change.timestamp()),
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => midnight.compatible().ok(),
    };
    first.unwrap_or(if day.year() < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_by_name_in_any_case() {
        for name in ["UTC", "Europe/Berlin", "america/argentina/buenos_aires", "Pacific/Apia", "EST5EDT"] {
            assert!(zone(name).is_ok(), "{name}");
        }
        assert_eq!(zone("europe/BERLIN").unwrap().iana_name(), Some("Europe/Berlin"));
    }

    #[test]
    fn an_unknown_zone_is_named_with_what_was_meant() {
        for (name, hint) in [
            ("Berlin", "did you mean Europe/Berlin?"),
            ("new york", "did you mean America/New_York?"),
            ("Europe/Berln", "did you mean Europe/Berlin?"),
            ("Asia/Beruit", "did you mean Asia/Beirut?"),
            ("", "write an IANA name like Europe/Berlin or UTC, no abbreviation and no offset"),
            ("CEST", "write an IANA name like Europe/Berlin or UTC, no abbreviation and no offset"),
            ("+02:00", "write an IANA name like Europe/Berlin or UTC, no abbreviation and no offset"),
            ("../../etc/passwd", "write an IANA name like Europe/Berlin or UTC, no abbreviation and no offset"),
        ] {
            assert_eq!(zone(name).unwrap_err().to_string(), format!("there is no time zone `{name}`: {hint}"));
        }
        let long = zone(&"é".repeat(1_000_000)).unwrap_err().to_string();
        assert!(long.len() < 250 && long.contains("write an IANA name"), "{long}");
    }

    #[test]
    fn days_begin_when_they_begin() {
        for (name, day, first) in [
            ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z"),
            // Clocks went forward at midnight: the day began at 01:00.
            ("America/Asuncion", "2023-10-01", "2023-10-01T04:00:00Z"),
            ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z"),
            ("Asia/Beirut", "2021-03-28", "2021-03-27T22:00:00Z"),
            // Clocks went forward from 23:30 to 00:30, half an hour before midnight.
            ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z"),
            // The zone left a day out.
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"),
            // Clocks went back a minute after midnight: the day began twice, first at 00:00 summer time.
            ("America/St_Johns", "2009-11-01", "2009-11-01T02:30:00Z"),
        ] {
            let found = first_instant(&zone(name).unwrap(), day.parse().unwrap());
            assert_eq!(found, first.parse::<Timestamp>().unwrap(), "{name} {day}");
        }
    }
}
