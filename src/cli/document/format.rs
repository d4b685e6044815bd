//! The flags that choose how a report is printed.

use super::ReportDocument;
use crate::cli::ui;
use crate::error::{Error, Result};
use clap::Args;
use serde::Serialize;

/// How a command prints its report.
#[derive(Debug, Clone, Copy, Args)]
pub struct FormatArgs {
    /// Print the report as JSON on stdout
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the report as Markdown on stdout, for example for a pull request
    #[arg(long)]
    markdown: bool,
}

impl FormatArgs {
    /// Whether the report is text for a terminal; else stdout has the report alone.
    pub fn is_text(self) -> bool {
        !self.json && !self.markdown
    }

    /// Whether it is JSON.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints the report.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub fn print<T: Serialize>(
        self,
        outcome: impl FnOnce() -> T,
        document: impl FnOnce() -> ReportDocument,
    ) -> Result<()> {
        if self.json {
            let text = serde_json::to_string_pretty(&outcome());
            let text = text.map_err(|e| Error::machine("cannot print JSON").caused_by(e))?;
            return ui::print(&format!("{text}\n"));
        }
        let document = document();
        ui::print(&if self.markdown { document.markdown() } else { document.text() })
    }
}
