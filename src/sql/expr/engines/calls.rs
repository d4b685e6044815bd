//! Operations, each by the file that prints it.

use super::DialectPrinter;
use crate::error::Result;
use crate::expr::tree::{Call, Node, Op};

impl DialectPrinter<'_> {
    /// The SQL of an operation. Every [`Op`] is here, so a new one is printed or refused on purpose.
    pub(super) fn call(&self, node: &Node, call: &Call) -> Result<String> {
        use Op::*;
        match call.op {
            And | Or => self.chain(call),
            Not => self.not(&call.args[0]),
            IsNull | IsTrue | IsFalse => self.test(call, "IS"),
            Eq | NotEq | Lt | LtEq | Gt | GtEq => self.compare(call),
            Distinct => self.distinct(call, true),
            In | Between => self.among(call, ""),
            Plus | Minus | Times | Divide | WholeDivide | Modulo => self.arithmetic(node, call),
            Negate => Ok(format!("-{}", self.tight(&call.args[0])?)),
            Abs | Sign | Floor | Ceil | Round | Trunc => self.shaped(node, call),
            // A square root is rounded as IEEE 754 says; of the others the last digit is each engine's own.
            Sqrt => Ok(format!("SQRT({})", self.list(&call.args)?)),
            Pi => self.float(std::f64::consts::PI),
            Cbrt | Power | Exp | Ln | Log10 | Log2 | Sin | Cos | Tan | Asin | Acos | Atan | Atan2
            | Degrees | Radians => {
                Err(self.no_op(call.op).hint("the last digit of such a float differs between engines"))
            }
            BitAnd | BitOr | BitXor | BitNot | ShiftLeft | ShiftRight => self.bits(call),
            Coalesce => Ok(format!("COALESCE({})", self.list(&call.args)?)),
            NullIf => Ok(format!("NULLIF({})", self.list(&call.args)?)),
            Greatest | Least => self.extreme(node, call),
            Concat | ConcatAll | ConcatWith => self.joined(call),
            Upper | Lower | Initcap | Length | OctetLength | Reverse | Ascii | Chr => self.of_text(call),
            Left | Right | Substring | Overlay | SplitPart => self.cut(call),
            Trim | TrimStart | TrimEnd => self.trimmed(call),
            Replace | Translate | Repeat | PadStart | PadEnd => self.changed(call),
            StartsWith | EndsWith | Contains | Position => self.found(call),
            Md5 | Sha256 | Hex | FromHex | ToHex | ToBase64 | FromBase64 => self.coded(call),
            JsonText | JsonPart => self.json(call),
            Like | ILike => self.like(call, ""),
            RegexLike | RegexExtract | RegexFind | RegexReplace => self.regex(call),
            Extract(field) => self.extract(node, call, field),
            DateTrunc(field) => self.truncated(call, field),
            DateDiff(field) => self.boundaries(call, field),
            DateSub(field) => self.whole_units(call, field),
            Later | Earlier => self.moved(call),
            DaysLater | DaysEarlier | DaysBetween | MakeDate | LastDay => self.days(call),
            TimeBetween | IntervalTimes | IntervalPlus | IntervalMinus => self.lengths(call),
            Strftime => self.strftime(call),
            Strptime | TryStrptime | StrpDate => self.strptime(call),
            FromEpoch | FromEpochMillis | FromEpochMicros | ToEpochMillis | ToEpochMicros => self.epoch(call),
            AtZone | OfZone => self.zoned(call),
        }
    }
}
