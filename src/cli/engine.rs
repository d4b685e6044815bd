//! The arguments of commands that let another engine compute the outputs, and what they say of it.

use super::ui;
use crate::adbc::{self, EngineAddress};
use crate::error::Result;
use crate::on::{CheckExtent, CheckedOutput};
use crate::sink::value::TimeText;
use crate::time::TimeRange;
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
    /// Of a backfill the stretch that was computed again, where it is not all of time.
    pub stretch: Option<TimeRange>,
}

impl OnEngine {
    /// For people.
    pub fn events(&self) -> impl Iterator<Item = ui::LogEvent> + '_ {
        let stretch = self.ends().map(|[from, to]| {
            let text = format!("computed again by {}: from {from} to {to}", ui::plain(&self.engine));
            ui::LogEvent::info("stretch", text, json!({ "from": from, "to": to }))
        });
        let checked = self.checked.iter().map(|output| {
            let CheckedOutput { path, rows, all } = output;
            let which = if *all { "all rows" } else { "a sample" };
            let text = format!(
                "{} by {}: {which} computed here too, {} the same",
                ui::plain(path),
                ui::plain(&self.engine),
                ui::count(*rows, "row is", "rows are")
            );
            ui::LogEvent::info("checked", text, json!(output))
        });
        stretch.into_iter().chain(checked)
    }

    /// The ends of the stretch, as text.
    fn ends(&self) -> Option<[String; 2]> {
        let mut clock = TimeText::utc();
        self.stretch.map(|TimeRange { start, end }| [start, end].map(|instant| clock.text(instant)))
    }

    /// For programs.
    pub fn in_json(&self) -> Value {
        let mut value = json!({ "name": self.engine, "checked": self.checked });
        if let Some([from, to]) = self.ends() {
            value["computed_again"] = json!({ "from": from, "to": to });
        }
        value
    }
}
