//! The arguments of commands that let another engine compute the outputs, and what they say of it.

use super::ui;
use crate::adbc::{self, EngineAddress};
use crate::error::Result;
use crate::on::{CheckExtent, CheckedOutput};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

/// Which engine, and how it is checked.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// Let another engine compute the outputs: a name from engines.toml, or duckdb, duckdb:FILE, postgresql://HOST/DB, sc://HOST:PORT
    #[arg(long, value_name = "ENGINE")]
    on: Option<String>,
    /// With --on: how much of the engine's result is also computed here, and compared before the commit
    #[arg(long, value_name = "HOW", value_enum, default_value_t, requires = "on")]
    check: CheckName,
}

/// [`CheckExtent`], as the command line names it.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum CheckName {
    /// Some groups of each output
    #[default]
    Sample,
    /// All rows
    All,
}

impl EngineArgs {
    pub fn is_given(&self) -> bool {
        self.on.is_some()
    }

    /// The engine.
    pub fn address(&self) -> Result<EngineAddress> {
        adbc::engine(self.on.as_deref().unwrap_or_default())
    }

    pub fn extent(&self) -> CheckExtent {
        match self.check {
            CheckName::Sample => CheckExtent::Sample,
            CheckName::All => CheckExtent::All,
        }
    }
}

/// Which engine has computed the outputs, and what was computed here too.
#[derive(Debug)]
pub struct OnEngine {
    pub engine: String,
    pub checked: Vec<CheckedOutput>,
}

impl OnEngine {
    /// For people.
    pub fn events(&self) -> impl Iterator<Item = ui::LogEvent> + '_ {
        self.checked.iter().map(|output| {
            let CheckedOutput { path, rows, all } = output;
            let which = if *all { "all rows" } else { "a sample" };
            let text = format!(
                "{} by {}: {which} computed here too, {} the same",
                ui::plain(path),
                ui::plain(&self.engine),
                ui::count(*rows, "row is", "rows are")
            );
            ui::LogEvent::info("checked", text, json!(output))
        })
    }

    /// For programs.
    pub fn in_json(&self) -> Value {
        json!({ "name": self.engine, "checked": self.checked })
    }
}
