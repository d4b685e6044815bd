//! Drivers of ADBC: shared libraries, loaded by path or by name.

use super::address::EngineAddress;
use super::driving::{EngineBatches, EngineDriver};
use crate::error::{Error, Result};
use crate::secret::without_secrets;
use adbc_core::error::{Error as Fault, Status};
use adbc_core::options::{AdbcVersion, IngestMode, OptionDatabase, OptionStatement, OptionValue};
use adbc_core::{Connection, Database, Driver, LOAD_FLAG_DEFAULT, Optionable, Statement};
use adbc_driver_manager::{ManagedConnection, ManagedDriver, ManagedStatement};
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::SchemaRef;

/// The function that libraries begin with by convention, where they have none of their own.
const USUAL: &str = "AdbcDriverInit";

/// A connection to an engine.
struct AdbcDriver {
    name: String,
    connection: ManagedConnection,
}

/// A result with the statement that gives it.
struct AdbcBatches {
    name: String,
    // Before the statement: a result ends before what gives it.
    reader: Box<dyn RecordBatchReader + Send>,
    _statement: ManagedStatement,
}

/// Loads the driver of `address` and connects.
///
/// # Errors
/// A job error: there is no such driver, a variable is not set. A machine error: the engine does not answer.
pub(super) fn open(address: &EngineAddress) -> Result<Box<dyn EngineDriver>> {
    let options = address.options.iter().map(|(key, value)| {
        let value = value.expand().map_err(|name| {
            Error::job(format!("the engine `{}` needs the variable {name}, which is not set", address.name))
        })?;
        Ok((OptionDatabase::from(key.as_str()), OptionValue::String(value)))
    });
    let options = options.collect::<Result<Vec<_>>>()?;
    let mut driver = load(address)?;
    let connected = driver.new_database_with_opts(options).and_then(|database| database.new_connection());
    let connection = connected.map_err(|fault| {
        Error::machine(format!("cannot connect to the engine `{}`", address.name)).caused_by(words(&fault))
    })?;
    Ok(Box::new(AdbcDriver { name: address.name.clone(), connection }))
}

fn load(address: &EngineAddress) -> Result<ManagedDriver> {
    let load = |entrypoint: Option<&str>| {
        let entrypoint = entrypoint.map(str::as_bytes);
        ManagedDriver::load_from_name(&address.driver, entrypoint, AdbcVersion::V110, LOAD_FLAG_DEFAULT, None)
    };
    let loaded = match &address.entrypoint {
        Some(entrypoint) => load(Some(entrypoint)),
        None => load(None).or_else(|fault| load(Some(USUAL)).map_err(|_| fault)),
    };
    loaded.map_err(|fault| {
        Error::job(format!(
            "the driver `{}` of the engine `{}` cannot be loaded",
            address.driver, address.name
        ))
        .caused_by(words(&fault))
        .hint("install the driver, and name its library in engines.toml: driver = \"/path/lib….so\"")
        .hint("or put the folder of the library into ADBC_DRIVER_PATH")
    })
}

/// What the driver says, on one line and without a login.
fn words(fault: &Fault) -> String {
    let lines: Vec<&str> = fault.message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    without_secrets(&lines.join(" ")).into_owned()
}

impl AdbcDriver {
    fn statement(&mut self, sql: &str) -> Result<ManagedStatement> {
        let made = self.connection.new_statement().and_then(|mut statement| {
            statement.set_sql_query(sql)?;
            Ok(statement)
        });
        made.map_err(|fault| refused(&self.name, &fault))
    }
}

impl EngineDriver for AdbcDriver {
    fn execute(&mut self, statement: &str) -> Result<()> {
        let done = self.statement(statement)?.execute_update();
        done.map(drop).map_err(|fault| refused(&self.name, &fault))
    }

    fn query(&mut self, statement: &str) -> Result<(SchemaRef, EngineBatches)> {
        let mut statement = self.statement(statement)?;
        let reader = statement.execute().map_err(|fault| refused(&self.name, &fault))?;
        let schema = reader.schema();
        Ok((schema, Box::new(AdbcBatches { name: self.name.clone(), reader, _statement: statement })))
    }

    fn append(&mut self, table: &str, rows: RecordBatch) -> Result<()> {
        let done = self.connection.new_statement().and_then(|mut statement| {
            statement.set_option(OptionStatement::TargetTable, table.into())?;
            statement.set_option(OptionStatement::Temporary, OptionValue::String("true".into()))?;
            statement.set_option(OptionStatement::IngestMode, IngestMode::Append.into())?;
            statement.bind(rows)?;
            statement.execute_update()
        });
        done.map(drop).map_err(|fault| refused(&self.name, &fault))
    }
}

impl Iterator for AdbcBatches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|e| computed(&self.name, &e.to_string())))
    }
}

/// The error of a statement that the engine does not run.
fn refused(name: &str, fault: &Fault) -> Error {
    let class: String = fault.sqlstate[..2].iter().map(|&c| char::from(c as u8)).collect();
    let text = words(fault);
    match (fault.status, class.as_str()) {
        (
            Status::IO | Status::Timeout | Status::Cancelled | Status::Unauthenticated | Status::Unauthorized,
            _,
        )
        | (_, "08" | "53" | "57" | "58") => {
            Error::machine(format!("the engine `{name}` does not answer")).caused_by(text)
        }
        // Values that cannot be computed, as a division by zero.
        (Status::InvalidData, _) | (_, "22") => computed(name, &text),
        _ if is_of_values(&text) => computed(name, &text),
        _ => Error::job(format!("the engine `{name}` refuses the statement")).caused_by(text),
    }
}

/// Whether an engine that has no codes speaks of values: DuckDB begins with the kind of an error.
fn is_of_values(text: &str) -> bool {
    ["Conversion Error", "Out of Range Error", "Invalid Input Error"].iter().any(|kind| text.contains(kind))
}

fn computed(name: &str, text: &str) -> Error {
    let text = without_secrets(text).into_owned();
    Error::data(format!("the engine `{name}` cannot compute the statement"))
        .caused_by(text)
        .hint("run the job without --on: it names the file, the line and the column of a bad record")
}
