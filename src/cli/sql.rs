//! `highwater sql`.

use super::document::{FormatArgs, ReportDocument};
use super::job_args::{JobArgs, JobId};
use super::mode::ModeArg;
use super::ui;
use crate::error::{Error, Result, exit};
use crate::job;
use crate::plan::{Mode, OutputTo, Plan};
use crate::sql::{self, Connector, Dialect, SqlScript};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

/// Print the SQL that computes each output of a job from the raw files. `verify` runs it in another engine, and you can
/// run it elsewhere.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  highwater sql data/jobs/big-spenders.toml --dialect duckdb\n  \
    highwater sql data/jobs/user-sessions.toml --dialect postgres --output out/user-sessions.csv\n  \
    highwater sql data/jobs/pageviews-per-postcode.toml --dialect spark --mode complete --script\n  \
    highwater sql data/jobs/pageviews.toml --dialect flink --live --connector kafka --output out/views-per-minute")]
pub struct SqlArgs {
    #[command(flatten)]
    job: JobArgs,
    /// The SQL dialect
    #[arg(long, value_name = "NAME", value_enum, default_value_t = DialectName::Polars)]
    dialect: DialectName,
    /// Print only the SQL of this output, by its path
    #[arg(long, value_name = "PATH")]
    output: Option<String>,
    /// Print a Python program for spark-submit that runs the statements and puts the outputs in place; with
    /// --dialect spark
    #[arg(long)]
    script: bool,
    /// The mode of every output; overrides the job file
    #[arg(long, value_name = "MODE")]
    mode: Option<ModeArg>,
    /// Print statements of a streaming job that publishes what `--mode streamed` does, for Flink
    #[arg(long)]
    live: bool,
    /// What a streaming job reads: the job's file, or a topic of Kafka
    #[arg(long, value_name = "NAME", value_enum, requires = "live")]
    connector: Option<ConnectorName>,
    #[command(flatten)]
    format: FormatArgs,
}

/// [`Connector`], as the command line names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ConnectorName {
    Filesystem,
    Kafka,
}

/// [`Dialect`], as the command line names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DialectName {
    /// The engine that `verify` uses
    Polars,
    Duckdb,
    Postgres,
    /// Apache Spark, from version 3.5
    Spark,
    /// From version 2.3
    Flink,
    /// Made of what its documentation defines; no engine has run it
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
        let overrides = job::Overrides { mode: self.mode.map(Mode::from), ..self.job.overrides() };
        let plan = job::plan_job(&job::read(&self.job.job)?, &overrides)?;
        ui::notes(&plan.notes);
        if self.script {
            return self.program(&plan);
        }
        let dialect = self.dialect.into();
        if self.live && dialect != Dialect::Flink {
            return Err(Error::job("only Flink has streaming statements").hint("add `--dialect flink`"));
        }
        let connector = match self.connector {
            Some(ConnectorName::Kafka) => Connector::Kafka,
            _ => Connector::Filesystem,
        };
        let live = self.live.then_some(connector);
        let statements = Statements::of(&plan, dialect, live, self.output.as_deref())?;
        self.format
            .print(|| statements.in_json(&plan), || ReportDocument::of_code("sql", statements.text(&plan)))?;
        Ok(exit::DONE)
    }
}

impl SqlArgs {
    /// Prints the program.
    fn program(&self, plan: &Plan) -> Result<u8> {
        if !matches!(self.dialect, DialectName::Spark) {
            return Err(Error::job("--script prints a program for Spark").hint("add --dialect spark"));
        }
        if !self.format.is_text() {
            return Err(Error::job("--script prints a program, which has one format"));
        }
        let (program, notes) = sql::spark_program(plan, &plan.chosen(self.output.as_deref())?)?;
        ui::notes(&notes);
        ui::print(&program)?;
        Ok(exit::DONE)
    }
}

/// All statements: what makes the relations, once, then a query for each output.
struct Statements {
    dialect: Dialect,
    setup: Vec<String>,
    /// By the path of the output; or why it has none.
    queries: Vec<(OutputTo, std::result::Result<SqlScript, Error>)>,
}

impl Statements {
    fn of(plan: &Plan, dialect: Dialect, live: Option<Connector>, only: Option<&str>) -> Result<Statements> {
        let mut queries = vec![];
        let chosen = plan.chosen_or_late(only)?;
        for output in chosen.outputs {
            let script = match live {
                Some(connector) => sql::live(plan, output, connector),
                None => sql::script(plan, output, dialect),
            };
            queries.push((plan.deliveries.outputs[output].to.clone(), script));
        }
        // Of a stream the late events are a statement beside each output.
        if live.is_none()
            && let (Some(late), Some(script)) = (chosen.late, sql::late_script(plan, dialect).transpose())
        {
            queries.push((OutputTo::File(late.path.clone()), script));
        }
        let mut setup: Vec<String> = vec![];
        for statement in queries.iter().filter_map(|(_, script)| script.as_ref().ok()).flat_map(|s| &s.setup)
        {
            if !setup.contains(statement) {
                setup.push(statement.clone());
            }
        }
        if queries.iter().all(|(_, script)| script.is_err()) {
            let refused = queries.into_iter().filter_map(|(_, script)| script.err()).collect();
            return Err(Error::all(refused).unwrap_or_else(|| Error::job("the job has no output")));
        }
        Ok(Statements { dialect, setup, queries })
    }

    /// Each statement ended by a semicolon.
    fn text(&self, plan: &Plan) -> String {
        let mut text = format!("-- {}, for {}\n", ui::plain(&plan.name), self.dialect.name());
        for statement in &self.setup {
            text.push_str(&format!("{};\n", statement.trim_end()));
        }
        for (to, script) in &self.queries {
            match script {
                Ok(script) => {
                    text.push_str(&format!("\n-- {}\n", title(to)));
                    script.notes.iter().for_each(|note| text.push_str(&comment(note)));
                    text.push_str(&format!("{};\n", script.query.trim_end()));
                }
                Err(why) => {
                    let path = ui::plain(&to.to_string());
                    text.push_str(&format!("\n-- {path} is left out:\n{}", comment(&why.to_string())));
                }
            }
        }
        text
    }

    fn in_json(&self, plan: &Plan) -> Value {
        let outputs = self.queries.iter().map(|(to, script)| match script {
            Ok(script) => json!({ "path": to, "query": script.query, "notes": script.notes }),
            Err(why) => json!({ "path": to, "left_out": why.message() }),
        });
        json!({
            "job": JobId::of(plan),
            "dialect": self.dialect.name(),
            "setup": self.setup,
            "outputs": outputs.collect::<Vec<_>>(),
        })
    }
}

fn title(to: &OutputTo) -> String {
    match to {
        OutputTo::Terminal => "the table on the terminal".to_string(),
        to => ui::plain(&to.to_string()),
    }
}

fn comment(text: &str) -> String {
    // An error may have several lines, and each needs the mark of a comment.
    text.lines().map(|line| format!("-- {line}\n")).collect()
}
