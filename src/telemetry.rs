//! Logs: format, level, and the handle that changes the level while the operator runs.

use tracing_subscriber::{EnvFilter, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Changes the level of the logs at run time.
#[derive(Clone)]
pub struct LogLevel {
    handle: reload::Handle<EnvFilter, Registry>,
}

/// What is wrong with a level.
#[derive(Debug, thiserror::Error)]
pub enum LogLevelError {
    /// The text is no filter.
    #[error("`{0}` is no log filter: write a level such as info or debug, or a list like info,kube=debug")]
    Malformed(String),
    /// The logs cannot be changed any more.
    #[error("the log level cannot be changed: {0}")]
    Gone(#[from] reload::Error),
}

impl LogLevel {
    /// The filter in force.
    pub fn get(&self) -> Result<String, LogLevelError> {
        Ok(self.handle.with_current(ToString::to_string)?)
    }

    /// Puts another filter in force.
    pub fn set(&self, filter: &str) -> Result<(), LogLevelError> {
        Ok(self.handle.reload(parse(filter)?)?)
    }
}

/// Starts the logs, to standard error. Call it once.
pub fn start(format: LogFormat, filter: &str) -> Result<LogLevel, LogLevelError> {
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let layers = Registry::default().with(filter);
    match format {
        LogFormat::Text => layers.with(fmt::layer().with_writer(std::io::stderr)).init(),
        LogFormat::Json => layers.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).init(),
    }
    Ok(LogLevel { handle })
}

fn parse(filter: &str) -> Result<EnvFilter, LogLevelError> {
    let filter = filter.trim();
    // `EnvFilter` takes any word for the name of a target; a bare word here is meant as a level.
    let malformed = || LogLevelError::Malformed(filter.to_owned());
    let bare_words = filter.split(',').filter(|part| !part.contains(['=', ':', '[']));
    for word in bare_words {
        // An empty word would be read as the level error.
        let level = Some(word.trim()).filter(|word| !word.is_empty()).ok_or_else(malformed)?;
        level.parse::<tracing::level_filters::LevelFilter>().map_err(|_| malformed())?;
    }
    EnvFilter::builder().parse(filter).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_levels_and_lists_and_refuses_words() {
        for good in ["info", "DEBUG", "off", "info,kube=debug", "warn,plimsoll::profile=trace"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", "loud", "info,kube=loud", "info,,"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
