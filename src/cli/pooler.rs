//! Flags that say what poolers are made of.

use clap::Args;

use crate::profile::PoolerImages;

/// What poolers are made of.
#[derive(Debug, Args)]
pub struct PoolerArgs {
    /// Image with PgBouncer, for profiles that name none. Without it these get no poolers, and say so
    #[arg(long, env = "PLIMSOLL_POOLER_IMAGE", value_name = "IMAGE")]
    pub pooler_image: Option<String>,

    /// Image of this program, which poolers take the agent from; in the chart its own. Without it no poolers are made
    #[arg(long, env = "PLIMSOLL_AGENT_IMAGE", value_name = "IMAGE")]
    pub agent_image: Option<String>,
}

impl PoolerArgs {
    /// The flags as the pipeline takes them.
    pub fn images(&self) -> PoolerImages {
        let some = |image: &Option<String>| image.clone().filter(|image| !image.is_empty());
        PoolerImages { image: some(&self.pooler_image), agent_image: some(&self.agent_image) }
    }
}
