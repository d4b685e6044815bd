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

/// Characters of an engine's message that are shown.
const MOST_SHOWN: usize = 800;

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
    on_one_line(&fault.message)
}

fn on_one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    // Spark shows the statement behind the message.
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with("== SQL")).collect();
    let text = without_secrets(&lines.join(" ")).into_owned();
    // It may go on with the calls that led there.
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
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
        // A reader gives words alone.
        Some(batch.map_err(|e| {
            let text = on_one_line(&e.to_string());
            match text.contains(SPARK) {
                true => by_class(&self.name, class_in(&text), &text),
                false => computed(&self.name, &text),
            }
        }))
    }
}

/// What the driver of Spark begins its messages with.
const SPARK: &str = "[Spark]";

/// The error of a statement that the engine does not run.
fn refused(name: &str, fault: &Fault) -> Error {
    let text = words(fault);
    match fault.status {
        Status::IO | Status::Timeout | Status::Cancelled | Status::Unauthenticated | Status::Unauthorized => {
            no_answer(name, &text)
        }
        Status::InvalidData => computed(name, &text),
        _ if is_of_values(&text) => computed(name, &text),
        _ if text.contains(SPARK) => by_class(name, class_in(&text), &text),
        _ => {
            let class: String = fault.sqlstate[..2].iter().map(|&c| char::from(c as u8)).collect();
            by_class(name, Some(&class), &text)
        }
    }
}

/// The error by the class of its SQLSTATE, which Spark alone may not have.
fn by_class(name: &str, class: Option<&str>, text: &str) -> Error {
    match class {
        Some("08" | "53" | "57" | "58") => no_answer(name, text),
        None if ["connection", "transport", "reading from server"].iter().any(|word| text.contains(word)) => {
            no_answer(name, text)
        }
        None => Error::machine(format!("the engine `{name}` fails")).caused_by(text),
        // Values that cannot be computed, as a division by zero; what a statement of ours raises; files that Spark cannot
        // read.
        Some("22" | "P0" | "KD") => computed(name, text),
        Some(_) => {
            let unseen = text.contains("PATH_NOT_FOUND");
            let error = Error::job(format!("the engine `{name}` refuses the statement")).caused_by(text);
            match unseen {
                true => error.hint("the engine reads the files itself: it has to see them by the same paths"),
                false => error,
            }
        }
    }
}

/// The class of the SQLSTATE that a message names.
fn class_in(text: &str) -> Option<&str> {
    text.split("SQLSTATE: ").nth(1)?.get(..2)
}

fn no_answer(name: &str, text: &str) -> Error {
    Error::machine(format!("the engine `{name}` does not answer")).caused_by(text)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn the_class_of_an_error_says_whose_fault_it_is() {
        let of = |message: &str, status| {
            let fault = Fault::with_message_and_status(message, status);
            refused("x", &fault).kind()
        };
        let spark = |message: &str| of(&format!("[Spark] {message}"), Status::Internal);
        assert_eq!(
            spark("[DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012\n== SQL ==\nSELECT"),
            Kind::Data
        );
        assert_eq!(spark("[USER_RAISED_EXCEPTION] a line. SQLSTATE: P0001"), Kind::Data);
        assert_eq!(spark("[FAILED_READ_FILE.NO_HINT] a.csv. SQLSTATE: KD001"), Kind::Data);
        assert_eq!(spark("[PATH_NOT_FOUND] a.csv. SQLSTATE: 42K03"), Kind::Job);
        assert_eq!(spark("error reading from server: connection reset by peer"), Kind::Machine);
        assert_eq!(of("[Spark] connection error", Status::IO), Kind::Machine);
        assert_eq!(of("Conversion Error: x", Status::Internal), Kind::Data);
    }

    #[test]
    fn errors_show_neither_statements_nor_logins() {
        let text = on_one_line("[Spark] no.\n  sc://me:pw@host \n== SQL (line 1) ==\nSELECT 'secret'");
        assert!(
            text.starts_with("[Spark] no. sc://") && !text.contains("pw") && !text.contains("secret"),
            "{text}"
        );
    }
}
