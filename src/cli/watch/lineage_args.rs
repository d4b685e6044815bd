//! `--lineage`: where events of OpenLineage go.

use crate::error::Result;
use crate::lineage::Lineage;
use clap::Args;

/// Where events of OpenLineage go.
#[derive(Debug, Args)]
pub struct LineageArgs {
    /// Send OpenLineage events: add them to this file, a JSON object per line, or post them to this server. The token of
    /// a server comes from OPENLINEAGE_API_KEY. A server that fails gives a warning and delays the end by at most 5 s
    #[arg(long, value_name = "FILE|URL")]
    lineage: Option<String>,
}

impl LineageArgs {
    /// Opens the receiver, if there is one.
    ///
    /// # Errors
    /// As of [`Lineage::open`].
    pub fn open(&self, command: &'static str) -> Result<Option<Lineage>> {
        self.lineage.as_deref().map(|target| Lineage::open(target, command)).transpose()
    }
}
