//! The kinds of faults, as other programs know them: their names stay.

use crate::error::{Error, Kind, Reason};

/// One kind of faults.
#[derive(Debug, PartialEq, Eq)]
pub struct FaultRule {
    /// Its name. It stays, as settings of other programs name it.
    pub id: &'static str,
    /// What is wrong, in a sentence.
    pub short: &'static str,
    /// What to do, in a sentence or two.
    pub help: &'static str,
}

const SYNTAX: FaultRule = FaultRule {
    id: "syntax",
    short: "The job file is not valid TOML.",
    help: "Correct the line that the message names. Texts need quotes, and each key is allowed once.",
};
const UNKNOWN_KEY: FaultRule = FaultRule {
    id: "unknown-key",
    short: "A table of the job file does not have this key.",
    help: "Check the spelling. The hint names the nearest key; `highwater schema --markdown` lists all keys.",
};
const MISSING_KEY: FaultRule = FaultRule {
    id: "missing-key",
    short: "A table of the job file lacks a required key.",
    help: "Add the key. `highwater schema --markdown` says what it means and shows an example.",
};
const WRONG_TYPE: FaultRule = FaultRule {
    id: "wrong-type",
    short: "The value of a key has another type.",
    help: "Write a value of the type that the message names: a string in quotes, a number, true or false, a list.",
};
const UNKNOWN_COLUMN: FaultRule = FaultRule {
    id: "unknown-column",
    short: "A column does not exist.",
    help: "Check the spelling. The hint names the nearest column; `highwater explain JOB` lists the columns.",
};
const UNKNOWN_FUNCTION: FaultRule = FaultRule {
    id: "unknown-function",
    short: "A function does not exist.",
    help: "Check the spelling. The guide's page of expressions lists all functions.",
};
const UNKNOWN_TYPE: FaultRule = FaultRule {
    id: "unknown-type",
    short: "The type of a column is not known: its sample has no value.",
    help: "Declare the type of the column in `types` of [source].",
};
const EXPRESSION: FaultRule = FaultRule {
    id: "expression",
    short: "A part of an expression is wrong.",
    help: "The cause names the part. The guide's page of expressions describes operators, functions and types.",
};
const JOB: FaultRule = FaultRule {
    id: "job",
    short: "The job file or the command line is wrong.",
    help: "Correct what the message names. `highwater schema --markdown` describes every key.",
};
const DATA: FaultRule = FaultRule {
    id: "data",
    short: "The input data cannot be read as the job says.",
    help: "Correct the data or its description in the job. `on_bad_record` in [source] can set bad records aside.",
};
const MACHINE: FaultRule = FaultRule {
    id: "machine",
    short: "A file, the network or the memory of the machine failed.",
    help: "The cause says what the system refused. The job itself may be valid.",
};
const INTERNAL: FaultRule = FaultRule {
    id: "internal",
    short: "Highwater has a bug.",
    help: "Report the message, the version and the command. Existing outputs do not change.",
};

impl FaultRule {
    /// All kinds.
    pub const ALL: [&'static FaultRule; 12] = [
        &SYNTAX,
        &UNKNOWN_KEY,
        &MISSING_KEY,
        &WRONG_TYPE,
        &UNKNOWN_COLUMN,
        &UNKNOWN_FUNCTION,
        &UNKNOWN_TYPE,
        &EXPRESSION,
        &JOB,
        &DATA,
        &MACHINE,
        &INTERNAL,
    ];

    /// The kind of a fault.
    pub fn of(error: &Error) -> &'static FaultRule {
        match error.kind() {
            Kind::Data => &DATA,
            Kind::Machine => &MACHINE,
            Kind::Fault => &INTERNAL,
            Kind::Job => match error.reason() {
                Some(Reason::Syntax) => &SYNTAX,
                Some(Reason::UnknownKey) => &UNKNOWN_KEY,
                Some(Reason::MissingKey) => &MISSING_KEY,
                Some(Reason::WrongType) => &WRONG_TYPE,
                Some(Reason::UnknownColumn(_)) => &UNKNOWN_COLUMN,
                Some(Reason::UnknownFunction) => &UNKNOWN_FUNCTION,
                Some(Reason::OpenColumns(_)) => &UNKNOWN_TYPE,
                Some(Reason::Expression) => &EXPRESSION,
                Some(Reason::Follows | Reason::ReaderGone) | None => &JOB,
            },
        }
    }

    /// Its number in [`FaultRule::ALL`].
    pub fn index(&self) -> usize {
        FaultRule::ALL.iter().position(|rule| rule.id == self.id).unwrap_or_default()
    }
}

/// What a fault says beside its place: the message, causes and hints, a line each. Credentials are hidden.
pub fn words(error: &Error) -> String {
    let mut text = crate::secret::without_secrets(error.message()).into_owned();
    for (name, lines) in [("cause", error.causes()), ("hint", error.hints())] {
        for line in lines {
            text.push_str(&format!("\n{name}: {}", crate::secret::without_secrets(line)));
        }
    }
    text
}
