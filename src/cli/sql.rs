//! `highwater sql`.

use super::{JobArgs, ui};
use crate::error::{Error, Result, exit};
use crate::job;
use crate::plan::{OutputTo, Plan};
use crate::sql::{self, Dialect};
use clap::{Args, ValueEnum};

/// Print the SQL that computes each output of a job from the raw files. `verify` runs it in another engine, and you can
/// run it elsewhere.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  highwater sql data/jobs/big-spenders.toml --dialect duckdb\n  \
    highwater sql data/jobs/user-sessions.toml --dialect postgres --output out/user-sessions.csv")]
pub struct SqlArgs {
    #[command(flatten)]
    job: JobArgs,
    /// The SQL dialect
    #[arg(long, value_name = "NAME", value_enum, default_value_t = DialectName::Polars)]
    dialect: DialectName,
    /// Only this output, by its path
    #[arg(long, value_name = "PATH")]
    output: Option<String>,
}

/// [`Dialect`], as the command line names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DialectName {
    /// The engine that `verify` uses
    Polars,
    Duckdb,
    Postgres,
    /// Not tested on this engine yet
    Spark,
    /// Not tested on this engine yet
    Flink,
    /// Not tested on this engine yet
    Bigquery,
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Dialect {
        match name {
            DialectName::Polars => Dialect::Polars,
            DialectName::Duckdb => Dialect::DuckDb,
            DialectName::Postgres => Dialect::Postgres,
            DialectName::Spark => Dialect::Spark,
            DialectName::Flink => Dialect::Flink,
            DialectName::Bigquery => Dialect::BigQuery,
        }
    }
}

impl SqlArgs {
    pub fn run(&self) -> Result<u8> {
        let plan = job::plan_job(&job::read(&self.job.job)?, &self.job.overrides())?;
        ui::notes(&plan.notes);
        ui::print(&text(&plan, self.dialect.into(), self.output.as_deref())?)?;
        Ok(exit::DONE)
    }
}

/// All statements, each ended by a semicolon: what makes the relations once, then a query for each output.
fn text(plan: &Plan, dialect: Dialect, only: Option<&str>) -> Result<String> {
    let mut setup: Vec<String> = vec![];
    let (mut queries, mut refused) = (String::new(), vec![]);
    let wanted = plan.chosen(only)?;
    for &output in &wanted {
        let path = ui::plain(&plan.deliveries.outputs[output].to.to_string());
        match sql::script(plan, output, dialect) {
            Ok(script) => {
                queries.push_str(&format!("\n-- {}\n", title(&plan.deliveries.outputs[output].to)));
                script.notes.iter().for_each(|note| queries.push_str(&comment(note)));
                queries.push_str(&format!("{};\n", script.query.trim_end()));
                let new: Vec<String> = script.setup.into_iter().filter(|s| !setup.contains(s)).collect();
                setup.extend(new);
            }
            Err(why) => {
                queries.push_str(&format!("\n-- {path} is left out:\n{}", comment(&why.to_string())));
                refused.push(why);
            }
        }
    }
    if refused.len() == wanted.len() {
        return Err(Error::all(refused).unwrap_or_else(|| Error::job("the job has no output")));
    }
    let mut text = format!("-- {}, for {}\n", ui::plain(&plan.name), dialect.name());
    for statement in setup {
        text.push_str(&format!("{};\n", statement.trim_end()));
    }
    text.push_str(&queries);
    Ok(text)
}

fn title(to: &OutputTo) -> String {
    match to {
        OutputTo::Terminal => "the table on the terminal".to_string(),
        to => ui::plain(&to.to_string()),
    }
}

fn comment(text: &str) -> String {
    text.lines().map(|line| format!("-- {line}\n")).collect()
}
