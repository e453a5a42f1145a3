//! Something in a profile that is wrong, or could be better.

use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It works, and not quite as the user may think.
    Warning,
    /// The part of the profile that it is in is not carried out.
    Error,
}

/// Something in a profile that is wrong, or could be better; the message says what to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// Where it is, as a JSON pointer into the manifest.
    pub pointer: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    /// A finding at a place of the manifest.
    pub fn new(level: Level, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level, pointer: pointer.into(), message: message.into() }
    }
}

/// `spec.objectives[0].indicator: …`, as users write paths.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.pointer.split('/').skip(1).enumerate() {
            match part.parse::<usize>() {
                Ok(number) => write!(f, "[{number}]")?,
                Err(_) if index == 0 => f.write_str(part)?,
                Err(_) => write!(f, ".{}", part.replace("~1", "/").replace("~0", "~"))?,
            }
        }
        if !self.pointer.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}
