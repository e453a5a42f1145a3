//! Versions of `PgBouncer`: which are accepted, and which have published security problems.

use std::{fmt, str::FromStr};

mod advisories;

pub use advisories::{Advisory, advisories, published};

/// A version of `PgBouncer`; a patch level that is not written is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// As 1 in 1.24.1.
    pub major: u16,
    /// As 24 in 1.24.1.
    pub minor: u16,
    /// As 1 in 1.24.1.
    pub patch: u16,
}

/// The oldest version that is accepted at all. Before it prepared statements fail in transaction mode, and peers of before it and
/// after it do not understand each other's cancel keys.
pub const OLDEST: Version = Version::new(1, 21, 0);

/// The newest version whose settings are known here. A later one is taken to know what this one knows.
pub const NEWEST_KNOWN: Version = Version::new(1, 26, 1);

/// Since then a client can be sent away by the console (`KILL_CLIENT`).
pub const KILL_CLIENT: Version = Version::new(1, 24, 0);

/// A version that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// It is not written as a version is.
    #[error("{0:?} is not a version of PgBouncer: write it as 1.24 or 1.24.1")]
    Syntax(String),
    /// The program said something else.
    #[error("the program does not say which version of PgBouncer it is; its first line was {0:?}")]
    NoPgBouncer(String),
    /// It is older than anything that works.
    #[error(
        "PgBouncer {found} is too old: {OLDEST} is the oldest that keeps prepared statements in transaction mode; use an image with a newer one"
    )]
    TooOld {
        /// What is there.
        found: Version,
    },
    /// It is older than what the profile asks for.
    #[error(
        "PgBouncer {found} is older than {wanted}, which the profile asks for: use an image with {wanted} or newer, or lower version"
    )]
    OlderThanWanted {
        /// What is there.
        found: Version,
        /// What the profile asks for.
        wanted: Version,
    },
}

impl Version {
    /// A version by its parts.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// The version in what `pgbouncer --version` prints: its first line is `PgBouncer 1.24.1`.
    pub fn from_program(output: &str) -> Result<Self, VersionError> {
        let first = output.lines().next().unwrap_or_default().trim();
        let name = first.to_ascii_lowercase();
        let words = name.strip_prefix("pgbouncer").map(|rest| rest.trim().trim_start_matches("version").trim());
        // Before 1.13 it printed other things behind it, and packages may do so still.
        let word = words.and_then(|rest| rest.split_whitespace().next());
        word.and_then(Self::lenient).ok_or_else(|| VersionError::NoPgBouncer(first.chars().take(80).collect()))
    }

    /// A version with something behind it, as a package may write it: `1.24.1-pl2`, `1.25.0rc1`.
    fn lenient(word: &str) -> Option<Self> {
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        word.get(..end)?.trim_end_matches('.').parse().ok()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || VersionError::Syntax(text.chars().take(40).collect());
        let parts: Vec<&str> = text.split('.').collect();
        let number = |part: &&str| {
            let plain = !part.is_empty() && part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse::<u16>().ok()).flatten().ok_or_else(wrong)
        };
        match parts.as_slice() {
            [major, minor] => Ok(Self::new(number(major)?, number(minor)?, 0)),
            [major, minor, patch] => Ok(Self::new(number(major)?, number(minor)?, number(patch)?)),
            _ => Err(wrong()),
        }
    }
}

/// The version that a profile asks for, as `1.24` or `1.24.1`: it must be one that works.
pub fn wanted(text: &str) -> Result<Version, VersionError> {
    let version: Version = text.parse()?;
    if version < OLDEST { Err(VersionError::TooOld { found: version }) } else { Ok(version) }
}

/// Whether the program that is there may be used.
pub fn gate(found: Version, wanted: Version) -> Result<(), VersionError> {
    if found < OLDEST {
        return Err(VersionError::TooOld { found });
    }
    if found < wanted { Err(VersionError::OlderThanWanted { found, wanted }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn programs_say_their_version() {
        let said = |output| Version::from_program(output);
        assert_eq!(said("PgBouncer 1.24.1\nlibevent 2.1.12-stable\n"), Ok(Version::new(1, 24, 1)));
        assert_eq!(said("pgbouncer version 1.12.0\n"), Ok(Version::new(1, 12, 0)));
        assert_eq!(said("PgBouncer 1.25.0rc1"), Ok(Version::new(1, 25, 0)));
        assert!(matches!(said("bash: pgbouncer: not found"), Err(VersionError::NoPgBouncer(_))));
        assert!(matches!(said(""), Err(VersionError::NoPgBouncer(_))));
        assert!(matches!(said("PgBouncer"), Err(VersionError::NoPgBouncer(_))));
    }

    #[test]
    fn the_gate_refuses_what_is_too_old() {
        let at = |text: &str| text.parse::<Version>().unwrap();
        assert_eq!(gate(at("1.20.1"), at("1.21")), Err(VersionError::TooOld { found: at("1.20.1") }));
        assert_eq!(
            gate(at("1.24.0"), at("1.24.1")),
            Err(VersionError::OlderThanWanted { found: at("1.24"), wanted: at("1.24.1") })
        );
        assert_eq!(gate(at("1.24.1"), at("1.24")), Ok(()));
        assert_eq!(gate(at("2.0"), at("1.26.1")), Ok(()));
        assert_eq!(wanted("1.20"), Err(VersionError::TooOld { found: at("1.20") }));
        for bad in ["", "1", "1.24.1.2", "1.x", "v1.24", "1.24 ", "1.24\n", "-1.24", "1.99999"] {
            assert!(matches!(wanted(bad), Err(VersionError::Syntax(_))), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(major in 0u16..10, minor in 0u16..100, patch in 0u16..100) {
            let version = Version::new(major, minor, patch);
            prop_assert_eq!(version.to_string().parse::<Version>(), Ok(version));
            prop_assert_eq!(Version::from_program(&format!("PgBouncer {version}\nlibevent 2")), Ok(version));
        }
    }
}
