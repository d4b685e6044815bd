//! What an entry of the table of functions says: name, arguments, result, help.

use crate::expr::moment::TimeField;
use crate::expr::tree::Op;
use crate::expr::types::Type;

/// A function by one of its forms. A name may have several, which differ in their arguments.
#[derive(Debug)]
pub struct FunctionForm {
    /// Its name, in lower case.
    pub name: &'static str,
    /// Other names of it.
    pub aliases: &'static [&'static str],
    /// What its arguments are.
    pub takes: &'static [Take],
    /// How many of the last arguments may be left out.
    pub optional: usize,
    /// Whether the last argument may be repeated.
    pub repeats: bool,
    /// What a call becomes.
    pub make: Make,
    /// What it gives.
    pub gives: Gives,
    /// One sentence of help.
    pub help: &'static str,
    /// A call, and what it gives.
    pub example: (&'static str, &'static str),
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Text.
    Text,
    /// Text, the same for all rows: a literal.
    Word,
    /// The name of a part of a time, a literal.
    Field,
    /// An int64.
    Int,
    /// A number of any type.
    Number,
    /// A number, taken as a float64.
    Float,
    /// true or false.
    Bool,
    /// A day, an instant, or the time of a clock.
    Moment,
    /// A day.
    Day,
    /// Any value, as text.
    Shown,
    /// Any value; all such arguments of a call get one type.
    Any,
}

impl Take {
    /// In words, for errors and help.
    pub fn words(self) -> &'static str {
        match self {
            Take::Text => "a text",
            Take::Word => "a text in quotes",
            Take::Field => "a part of a time in quotes, such as 'day'",
            Take::Int => "an int64",
            Take::Number | Take::Float => "a number",
            Take::Bool => "a bool",
            Take::Moment => "a date or a timestamp",
            Take::Day => "a date",
            Take::Shown | Take::Any => "a value",
        }
    }

    /// As a signature has it.
    pub fn name(self) -> &'static str {
        match self {
            Take::Text => "text",
            Take::Word => "'text'",
            Take::Field => "'part'",
            Take::Int => "int",
            Take::Number | Take::Float => "number",
            Take::Bool => "condition",
            Take::Moment => "time",
            Take::Day => "date",
            Take::Shown | Take::Any => "value",
        }
    }
}

/// What a call becomes.
#[derive(Debug, Clone, Copy)]
pub enum Make {
    /// The operation, of all arguments.
    Op(Op),
    /// The operation of the part of a time that the first argument names, of the others.
    Of(fn(TimeField) -> Op),
    /// The arguments the other way round.
    Turned(Op),
    /// As the operator of these: types meet as they do there.
    Operator(Op),
    /// An expression over the arguments, which it calls `$1`, `$2` and so on. Evaluation, the dialects and the referee
    /// see that expression alone, so a function of this kind is nothing but its entry.
    Sql(&'static str),
    /// The operation with a format of strftime in the place of PostgreSQL's.
    Pattern(Op),
}

/// What a function gives.
#[derive(Debug, Clone, Copy)]
pub enum Gives {
    /// A type, whatever the arguments are.
    Is(Type),
    /// The type of the first argument.
    First,
    /// The type in which all [`Take::Any`] arguments meet.
    Common,
    /// A whole number of the kind of the first argument.
    Whole,
    /// The first argument with so many digits after the point as the second says.
    Rounded,
    /// What `Op::Extract` gives of the part.
    Part,
    /// The type of the time, and of a day that is truncated an instant.
    Truncated,
}

impl FunctionForm {
    pub(super) const fn new(
        name: &'static str,
        takes: &'static [Take],
        op: Op,
        gives: Type,
        help: &'static str,
        example: (&'static str, &'static str),
    ) -> FunctionForm {
        let (make, gives) = (Make::Op(op), Gives::Is(gives));
        FunctionForm { name, aliases: &[], takes, optional: 0, repeats: false, make, gives, help, example }
    }

    pub(super) const fn aliases(self, aliases: &'static [&'static str]) -> FunctionForm {
        FunctionForm { aliases, ..self }
    }

    pub(super) const fn optional(self, optional: usize) -> FunctionForm {
        FunctionForm { optional, ..self }
    }

    pub(super) const fn repeats(self) -> FunctionForm {
        FunctionForm { repeats: true, ..self }
    }

    pub(super) const fn make(self, make: Make) -> FunctionForm {
        FunctionForm { make, ..self }
    }

    pub(super) const fn gives(self, gives: Gives) -> FunctionForm {
        FunctionForm { gives, ..self }
    }

    /// Whether it can be called with so many arguments.
    pub fn takes_count(&self, count: usize) -> bool {
        // Added on the left side: a difference of lengths could be below zero.
        count + self.optional >= self.takes.len() && (self.repeats || count <= self.takes.len())
    }

    /// What argument number `at` is.
    pub fn take(&self, at: usize) -> Take {
        // Arguments that repeat are what the last one is. A form without arguments is never asked for one.
        self.takes[at.min(self.takes.len().saturating_sub(1))]
    }

    /// `substring(text, int[, int])`.
    pub fn signature(&self) -> String {
        let mut out = format!("{}(", self.name);
        for (at, take) in self.takes.iter().enumerate() {
            let open = at + self.optional >= self.takes.len();
            out += if open { "[" } else { "" };
            out += if at > 0 { ", " } else { "" };
            out += take.name();
            out += if open { "]" } else { "" };
        }
        out + if self.repeats { ", …)" } else { ")" }
    }
}
