//! Flags of `plimsoll arena`.

use clap::Args;

use super::ReportFormat;
use crate::arena;

/// Flags of `plimsoll arena`.
#[derive(Debug, Args)]
pub struct ArenaArgs {
    /// Loads; may be repeated. Default: all, and those of the faults
    #[arg(long, value_enum, value_name = "SHAPE", value_delimiter = ',')]
    pub shapes: Vec<arena::Shape>,

    /// What goes wrong; may be repeated. Default: all, and nothing
    #[arg(long, value_enum, value_name = "FAULT", value_delimiter = ',')]
    pub faults: Vec<arena::Fault>,

    /// Ways of scaling; may be repeated. Default: all
    #[arg(long, value_enum, value_name = "POLICY", value_delimiter = ',')]
    pub policies: Vec<arena::Policy>,

    /// Runs of each, with other chance
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: u64,

    /// Minutes of each run, after five to settle; what loads and faults do is scaled to them
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(10..=1440))]
    pub minutes: u32,

    /// Runs at the same time. Default: as many as there are cores
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,

    /// Form of the answer on standard output; html is one page that needs nothing else
    #[arg(long, alias = "output", value_enum, default_value_t = ReportFormat::Table)]
    pub format: ReportFormat,

    /// Compare the simulated queue with queueing theory instead
    #[arg(long)]
    pub validate: bool,
}
