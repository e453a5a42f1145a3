//! Published security problems of `PgBouncer`, by the release that fixes them.

use super::Version;

/// A published security problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advisory {
    /// Its number.
    pub id: &'static str,
    /// The oldest release that has it, of those that are accepted at all.
    pub since: Version,
    /// The release that fixes it.
    pub fixed: Version,
    /// What can happen, and under which condition.
    pub what: &'static str,
}

const fn advisory(id: &'static str, since: (u16, u16), fixed: (u16, u16, u16), what: &'static str) -> Advisory {
    Advisory { id, since: Version::new(since.0, since.1, 0), fixed: Version::new(fixed.0, fixed.1, fixed.2), what }
}

/// All of them that touch an accepted version, from the oldest fix to the newest.
pub const fn published() -> &'static [Advisory] {
    &PUBLISHED
}

/// From the project's changelog, in which their conditions are.
const PUBLISHED: [Advisory; 12] = [
    advisory(
        "CVE-2025-2291",
        (1, 0),
        (1, 24, 1),
        "the default auth_query lets expired passwords in; a looking-up function must honour VALID UNTIL itself",
    ),
    advisory(
        "CVE-2025-12819",
        (1, 20),
        (1, 25, 1),
        "a client runs SQL as the looking-up user before it is known, where track_extra_parameters has search_path",
    ),
    advisory("CVE-2026-6664", (1, 0), (1, 25, 2), "anybody who can connect crashes it by a malformed SCRAM message"),
    advisory("CVE-2026-6665", (1, 0), (1, 25, 2), "a malicious server overflows its stack by a long SCRAM nonce"),
    advisory("CVE-2026-6666", (1, 0), (1, 25, 2), "a server crashes it by an error without SQLSTATE"),
    advisory("CVE-2026-6667", (1, 24), (1, 25, 2), "users with read-only rights on the console can disconnect clients"),
    advisory(
        "CVE-2026-19888",
        (1, 11),
        (1, 26, 0),
        "anybody who can connect crashes it by a SCRAM message without a nonce",
    ),
    advisory(
        "CVE-2026-6668",
        (1, 0),
        (1, 26, 0),
        "anybody who can connect makes it spin for ever by the length in a packet",
    ),
    advisory(
        "CVE-2026-6669",
        (1, 0),
        (1, 26, 0),
        "a malicious server keeps it busy without end by its SCRAM iterations",
    ),
    advisory(
        "CVE-2026-107350",
        (1, 17),
        (1, 26, 1),
        "somebody with one user's password in the list of users logs in as any other user",
    ),
    advisory(
        "CVE-2026-107349",
        (1, 20),
        (1, 26, 1),
        "anybody who can connect makes it spin for ever, where ignore_startup_parameters is set without options",
    ),
    advisory(
        "CVE-2026-107348",
        (1, 21),
        (1, 26, 1),
        "anybody who can connect makes it hang, where max_packet_size is above 2147483648",
    ),
];

/// What is to be said of a version: absent where nothing is known against it.
///
/// Only the number that the program prints is known. Distributions fix problems without a new number, so it is a finding and no refusal.
pub fn advisories(version: Version) -> Option<String> {
    let open: Vec<&Advisory> = PUBLISHED.iter().filter(|one| one.since <= version && version < one.fixed).collect();
    let newest = open.iter().map(|one| one.fixed).max()?;
    let list: Vec<String> = open.iter().map(|one| format!("{} ({})", one.id, one.what)).collect();
    Some(format!(
        "PgBouncer {version} as released has {} published security {}, fixed by {newest}: {}. Use an image with {newest} or newer. \
         A distribution's package may have the fixes under the older number: look for them in its changelog",
        open.len(),
        if open.len() == 1 { "problem" } else { "problems" },
        list.join("; "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_what_was_fixed_after_it() {
        let count = |text: &str| {
            let version = text.parse().unwrap();
            PUBLISHED.iter().filter(|one| one.since <= version && version < one.fixed).count()
        };
        assert_eq!(
            ["1.26.1", "1.27", "1.26.0", "1.25.2", "1.25.1", "1.24.1", "1.21.0"].map(count),
            [0, 0, 3, 6, 10, 11, 11]
        );
    }

    #[test]
    fn the_finding_names_the_release_and_the_packages() {
        let said = advisories(Version::new(1, 24, 1)).unwrap();
        assert!(said.contains("fixed by 1.26.1"), "{said}");
        assert!(said.contains("CVE-2026-6664") && !said.contains("CVE-2025-2291"), "{said}");
        assert!(said.contains("distribution"), "{said}");
        assert_eq!(advisories(Version::new(1, 26, 1)), None);
    }

    #[test]
    fn the_table_is_in_order_and_without_doubles() {
        assert!(PUBLISHED.windows(2).all(|pair| pair[0].fixed <= pair[1].fixed));
        assert!(PUBLISHED.iter().all(|one| one.since < one.fixed));
        let ids: std::collections::BTreeSet<_> = PUBLISHED.iter().map(|one| one.id).collect();
        assert_eq!(ids.len(), PUBLISHED.len());
    }
}
