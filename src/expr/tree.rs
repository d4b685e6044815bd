//! The tree of an expression: names, types and functions are resolved, and nothing else is in it.
//!
//! # Contract
//! * A column is a number. The names of the job are looked up once, where the tree is made, so nothing that a job can
//!   write, in a name, a literal or a function, is taken for a column of ours, or a column for another.
//! * Every node has its type, and the arguments of a call have the types that its operation takes: what has to be cast
//!   for that is a cast in the tree. Evaluation and the SQL of dialects read the same tree.

use super::moment::{Interval, TimeField};
use super::ready::Ready;
use super::types::Type;
use crate::batch::Schema;

/// An expression over columns of its own.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The whole.
    pub root: Node,
    /// The columns that it reads, each once: [`NodeKind::Column`] is a place in it.
    pub schema: Schema,
    /// Of each column of `schema` its number where its name was found.
    pub columns: Vec<usize>,
}

impl Tree {
    /// Whether a division in it may be one by zero, which is an error. Of the columns that it reads, those are never zero of
    /// whose numbers `above_zero` is true.
    pub fn may_divide_by_zero(&self, above_zero: &dyn Fn(usize) -> bool) -> bool {
        let above_zero = |place: usize| above_zero(self.columns[place]);
        let may = |node: &Node| node.exact_divisor().is_some_and(|by| !by.is_never_zero(&above_zero));
        self.root.any(&may)
    }

    /// The number of the column that the whole expression is, if it is one.
    pub fn column(&self) -> Option<usize> {
        match self.root.kind {
            NodeKind::Column(place) => Some(self.columns[place]),
            _ => None,
        }
    }
}

/// A part of an expression, with the type of what it gives.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// What it gives.
    pub ty: Type,
}

/// What a part of an expression is.
#[derive(Debug, Clone)]
pub enum NodeKind {
    /// A column, by its place in the tree's own schema.
    Column(usize),
    /// A constant.
    Literal(Literal),
    /// An operator or a function.
    Call(Call),
    /// `CASE WHEN … THEN … ELSE … END`: the first branch whose condition is true. Without ELSE that is NULL.
    Case(Vec<(Node, Node)>, Box<Node>),
    /// The value in another type.
    Cast(Box<Node>, Casting),
}

/// An operation and its arguments.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which.
    pub op: Op,
    /// What it is applied to, in the order in which [`Op`] names them.
    pub args: Vec<Node>,
    /// What was made once of arguments that are constants.
    pub ready: Ready,
}

/// Who wants a cast, and what happens where it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Casting {
    /// The types meet: nobody wrote it.
    Implied,
    /// `CAST`: a value that has no place in the type is an error.
    Written,
    /// `TRY_CAST`: such a value is NULL.
    Tried,
}

/// A constant. Its type is that of its node.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// NULL, of any type.
    Null,
    /// true or false.
    Bool(bool),
    /// An int64.
    Int(i64),
    /// A float64.
    Float(f64),
    /// A decimal, in units of its last digit.
    Decimal(i128),
    /// Text.
    Text(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970, UTC; of a clock, as it shows them.
    Micros(i64),
    /// A length of time.
    Interval(Interval),
}

/// What can be done with values. Each operation is of one row: none looks at another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    // Logic. AND and OR have two arguments or more; what decides is looked for from the left.
    And,
    Or,
    Not,
    IsNull,
    IsTrue,
    IsFalse,
    // Comparisons, of arguments of one type or of exact numbers.
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    /// `a IS DISTINCT FROM b`.
    Distinct,
    /// The value, then the list.
    In,
    /// The value, the lower bound, the upper bound; both bounds belong to it.
    Between,
    // Arithmetic: of int64, of float64, or of exact numbers of which one is a decimal.
    Plus,
    Minus,
    Times,
    /// Of int64 the arguments are cast to float64.
    Divide,
    /// The quotient cut towards zero.
    WholeDivide,
    /// The rest of that, with the sign of the dividend.
    Modulo,
    Negate,
    Abs,
    Sign,
    Floor,
    Ceil,
    /// The number, and the digits after the point if there are any.
    Round,
    /// As [`Op::Round`].
    Trunc,
    Sqrt,
    Cbrt,
    Power,
    Exp,
    Ln,
    Log10,
    Log2,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Atan2,
    Degrees,
    Radians,
    Pi,
    BitAnd,
    BitOr,
    BitXor,
    BitNot,
    ShiftLeft,
    ShiftRight,
    // Choices.
    Coalesce,
    NullIf,
    Greatest,
    Least,
    // Text. Positions and lengths count characters.
    /// `a || b`: NULL where one is.
    Concat,
    /// `concat(…)`: NULLs are left out.
    ConcatAll,
    /// `concat_ws(between, …)`: NULLs are left out.
    ConcatWith,
    Upper,
    Lower,
    Initcap,
    Length,
    OctetLength,
    Left,
    Right,
    /// The text, the first character, and how many if that is said.
    Substring,
    /// The text, and the characters to take away.
    Trim,
    TrimStart,
    TrimEnd,
    Replace,
    Reverse,
    Repeat,
    PadStart,
    PadEnd,
    StartsWith,
    EndsWith,
    Contains,
    /// The text, and what is looked for: the number of the character where it begins, or 0.
    Position,
    SplitPart,
    Translate,
    /// The text, the other, the first character, and how many if that is said.
    Overlay,
    Ascii,
    Chr,
    Md5,
    Sha256,
    /// A text as its bytes in hexadecimal digits.
    Hex,
    FromHex,
    /// An int64 in hexadecimal digits, as two's complement.
    ToHex,
    ToBase64,
    FromBase64,
    // Patterns.
    /// The text, the pattern, and the escape if it is not `\`.
    Like,
    /// As [`Op::Like`], whatever the case of letters.
    ILike,
    /// The text and the pattern, and flags if there are any.
    RegexLike,
    /// The text, the pattern, and the number of the group if it is said.
    RegexExtract,
    /// The text and the pattern; NULL where it does not match.
    RegexFind,
    /// The text, the pattern, the replacement, and flags if there are any.
    RegexReplace,
    // JSON.
    /// The text and the path: what stands there, as text.
    JsonText,
    /// The text and the path: what stands there, as JSON.
    JsonPart,
    // Moments. An instant is seen in the job's zone.
    Extract(TimeField),
    DateTrunc(TimeField),
    /// How often a unit begins between two moments.
    DateDiff(TimeField),
    /// How many whole units there are between two moments.
    DateSub(TimeField),
    /// A moment and a length of time.
    Later,
    /// A moment and a length of time.
    Earlier,
    /// A day and a number of days.
    DaysLater,
    /// A day and a number of days.
    DaysEarlier,
    /// Of two days, the number of days between.
    DaysBetween,
    /// Of two moments, the length of time between.
    TimeBetween,
    /// A length of time, and how often.
    IntervalTimes,
    IntervalPlus,
    IntervalMinus,
    /// A moment, and a format of strftime.
    Strftime,
    /// A text, and a format of strftime.
    Strptime,
    /// As [`Op::Strptime`]; NULL where the text does not follow the format.
    TryStrptime,
    /// As [`Op::Strptime`], of a day.
    StrpDate,
    /// Seconds since 1970.
    FromEpoch,
    FromEpochMillis,
    FromEpochMicros,
    ToEpochMillis,
    ToEpochMicros,
    MakeDate,
    LastDay,
    /// An instant, and the name of a zone: what a clock shows there.
    AtZone,
    /// What a clock shows, and the name of its zone: the instant.
    OfZone,
}

impl Node {
    /// A constant.
    pub fn literal(literal: Literal, ty: Type) -> Node {
        Node { kind: NodeKind::Literal(literal), ty }
    }

    /// NULL of a type.
    pub fn null(ty: Type) -> Node {
        Node::literal(Literal::Null, ty)
    }

    /// A call whose arguments are as the operation takes them.
    pub fn call(op: Op, args: Vec<Node>, ty: Type) -> Node {
        Node { kind: NodeKind::Call(Call { op, args, ready: Ready::Nothing }), ty }
    }

    /// The constant that it is, if it is one.
    pub fn as_literal(&self) -> Option<&Literal> {
        match &self.kind {
            NodeKind::Literal(literal) => Some(literal),
            _ => None,
        }
    }

    /// The constant text that it is, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self.as_literal()? {
            Literal::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The constant integer that it is, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self.as_literal()? {
            Literal::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The parts of it, from the left.
    pub fn parts(&self) -> Vec<&Node> {
        match &self.kind {
            NodeKind::Column(_) | NodeKind::Literal(_) => vec![],
            NodeKind::Call(call) => call.args.iter().collect(),
            NodeKind::Case(branches, otherwise) => {
                let branches = branches.iter().flat_map(|(when, then)| [when, then]);
                branches.chain([&**otherwise]).collect()
            }
            NodeKind::Cast(inner, _) => vec![inner],
        }
    }

    /// Whether `found` is true of a part of it, at any depth, or of itself.
    pub fn any(&self, found: &dyn Fn(&Node) -> bool) -> bool {
        found(self) || self.parts().into_iter().any(|part| part.any(found))
    }

    /// The divisor, where it divides numbers of which zero as a divisor is an error.
    pub fn exact_divisor(&self) -> Option<&Node> {
        let NodeKind::Call(call) = &self.kind else { return None };
        let [a, b] = &call.args[..] else { return None };
        // Of floats, a division by zero is infinite, or NaN.
        let exact =
            self.ty != Type::FLOAT || matches!(&a.kind, NodeKind::Cast(of, _) if of.ty.scale().is_some());
        (matches!(call.op, Op::Divide | Op::WholeDivide | Op::Modulo) && exact).then_some(b)
    }

    /// Whether it is a constant, a value that `NULLIF(…, 0)` keeps from zero, or a column of which `above_zero` is true.
    fn is_never_zero(&self, above_zero: &dyn Fn(usize) -> bool) -> bool {
        match &self.kind {
            NodeKind::Literal(_) => true,
            NodeKind::Column(place) => above_zero(*place),
            NodeKind::Cast(inner, _) => inner.is_never_zero(above_zero),
            NodeKind::Call(call) => {
                call.op == Op::NullIf && call.args.get(1).is_some_and(|zero| zero.as_int() == Some(0))
            }
            NodeKind::Case(..) => false,
        }
    }

    /// Whether it reads no column.
    pub fn is_constant(&self) -> bool {
        !self.any(&|node| matches!(node.kind, NodeKind::Column(_)))
    }
}
