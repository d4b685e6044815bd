//! Functions of text. Lengths and positions count characters.

use super::DialectPrinter;
use crate::batch::DataType;
use crate::error::Result;
use crate::expr::tree::{Call, Node, Op};
use crate::sql::Dialect::{BigQuery, DuckDb, Flink, Postgres, Spark};

impl DialectPrinter<'_> {
    /// An integer that an engine gives in 32 bits, in 64.
    fn widened(&self, sql: String) -> String {
        match self.dialect {
            BigQuery => sql,
            _ => self.cast_to(&sql, DataType::Int64),
        }
    }

    /// A count of characters, which PostgreSQL takes in 32 bits. Of what is not a literal, some engines count in other
    /// ways where it is negative or large: those refuse it.
    fn count(&self, call: &Call, at: usize, least: i64) -> Result<String> {
        let node = &call.args[at];
        match (node.as_int(), self.dialect) {
            (Some(count), _) if count >= least => Ok(count.min(i32::MAX.into()).to_string()),
            (Some(count), Postgres) => Ok(count.max(i32::MIN.into()).to_string()),
            (None, Postgres) => Ok(format!("CAST({} AS INTEGER)", self.sql(node)?)),
            _ => Err(self.no_op(call.op).hint("write the number as a literal")),
        }
    }

    /// A text that is a literal and not empty, or any in PostgreSQL.
    fn some(&self, call: &Call, at: usize) -> Result<String> {
        let node = &call.args[at];
        match self.dialect == Postgres || node.as_text().is_some_and(|text| !text.is_empty()) {
            true => self.sql(node),
            false => Err(self.no_op(call.op).hint("write the text as a literal")),
        }
    }

    /// `||`, CONCAT and CONCAT_WS.
    pub(super) fn joined(&self, call: &Call) -> Result<String> {
        if call.op == Op::Concat {
            return Ok(call.args.iter().map(|arg| self.tight(arg)).collect::<Result<Vec<_>>>()?.join(" || "));
        }
        let first = usize::from(call.op == Op::ConcatWith);
        let texts = self.list(&call.args[first..])?;
        if first == 1 {
            let between = self.sql(&call.args[0])?;
            return match self.dialect {
                BigQuery if call.args[0].as_text().is_none() => Err(self.no_op(call.op)),
                BigQuery => Ok(format!("ARRAY_TO_STRING([{texts}], {between})")),
                _ => Ok(format!("CONCAT_WS({between}, {texts})")),
            };
        }
        Ok(match self.dialect {
            DuckDb | Postgres => format!("CONCAT({texts})"),
            // NULL makes the whole NULL here.
            BigQuery => {
                let texts = call.args.iter().map(|arg| Ok(format!("COALESCE({}, '')", self.sql(arg)?)));
                format!("CONCAT({})", texts.collect::<Result<Vec<_>>>()?.join(", "))
            }
            _ => format!("CONCAT_WS('', {texts})"),
        })
    }

    /// Functions of a text alone, and CHR.
    pub(super) fn of_text(&self, call: &Call) -> Result<String> {
        let text = &call.args[0];
        let sql = self.sql(text)?;
        Ok(match (call.op, self.dialect) {
            // The columns are of the collation "C", whose letters are those of ASCII.
            (Op::Upper, Postgres) => {
                format!("(UPPER({} COLLATE \"und-x-icu\") COLLATE \"C\")", self.tight(text)?)
            }
            (Op::Lower, Postgres) => {
                format!("(LOWER({} COLLATE \"und-x-icu\") COLLATE \"C\")", self.tight(text)?)
            }
            (Op::Upper, _) => format!("UPPER({sql})"),
            (Op::Lower, _) => format!("LOWER({sql})"),
            (Op::Length, DuckDb) => format!("LENGTH({sql})"),
            (Op::Length, _) => self.widened(format!("CHAR_LENGTH({sql})")),
            (Op::OctetLength, DuckDb) => format!("STRLEN({sql})"),
            (Op::OctetLength, Postgres | Spark) => self.widened(format!("OCTET_LENGTH({sql})")),
            (Op::OctetLength, BigQuery) => format!("BYTE_LENGTH({sql})"),
            // DuckDB keeps letters and their accents together.
            (Op::Reverse, Postgres | Spark | Flink | BigQuery) => format!("REVERSE({sql})"),
            (Op::Ascii, DuckDb | Postgres | Spark) => self.widened(format!("ASCII({sql})")),
            (Op::Ascii, BigQuery) => format!("UNICODE({sql})"),
            (Op::Chr, DuckDb | Postgres) => format!("CHR(CAST({sql} AS INTEGER))"),
            (Op::Chr, BigQuery) => format!("CHR({sql})"),
            // Spark and Flink count CHR by 256, and what a word is in INITCAP is each engine's own.
            _ => return Err(self.no_op(call.op)),
        })
    }

    /// Parts of a text by the number of characters, or of separators.
    pub(super) fn cut(&self, call: &Call) -> Result<String> {
        match call.op {
            Op::Left | Op::Right => {
                let name = if call.op == Op::Left { "LEFT" } else { "RIGHT" };
                let least = if self.dialect == DuckDb { i64::from(i32::MIN) } else { 0 };
                let text = self.sql(&call.args[0])?;
                Ok(format!("{name}({text}, {})", self.count(call, 1, least)?))
            }
            Op::Substring => self.substring(call),
            Op::Overlay => self.overlay(call),
            _ => self.split_part(call),
        }
    }

    fn substring(&self, call: &Call) -> Result<String> {
        let text = self.sql(&call.args[0])?;
        let name = if self.dialect == Flink { "SUBSTRING" } else { "SUBSTR" };
        let from = call.args[1].as_int();
        match call.args.get(2) {
            None => match from {
                Some(..=0) => Ok(text),
                _ => Ok(format!("{name}({text}, {})", self.count(call, 1, 1)?)),
            },
            Some(count) => match (from, count.as_int()) {
                // What lies before the first character counts too.
                (Some(from @ ..=0), Some(count @ 0..)) => Ok(format!(
                    "{name}({text}, 1, {})",
                    count.saturating_add(from - 1).clamp(0, i32::MAX.into())
                )),
                _ => Ok(format!("{name}({text}, {}, {})", self.count(call, 1, 1)?, self.count(call, 2, 0)?)),
            },
        }
    }

    fn overlay(&self, call: &Call) -> Result<String> {
        let (text, by) = (self.sql(&call.args[0])?, self.tight(&call.args[1])?);
        if self.dialect == Postgres {
            let mut out = format!("OVERLAY({text} PLACING {by} FROM {}", self.count(call, 2, 1)?);
            if call.args.len() > 3 {
                out += &format!(" FOR {}", self.count(call, 3, 0)?);
            }
            return Ok(out + ")");
        }
        let count = match call.args.get(3) {
            Some(count) => count.as_int(),
            None => call.args[1].as_text().map(|by| by.chars().count() as i64),
        };
        let (Some(from @ 1..), Some(count)) = (call.args[2].as_int(), count) else {
            return Err(self.no_op(call.op).hint("write the numbers as literals"));
        };
        let rest = (from - 1).saturating_add(count).clamp(0, i64::from(i32::MAX) - 1) + 1;
        let name = if self.dialect == Flink { "SUBSTRING" } else { "SUBSTR" };
        let before = (from - 1).min(i32::MAX.into());
        Ok(format!("LEFT({text}, {before}) || {by} || {name}({text}, {rest})"))
    }

    fn split_part(&self, call: &Call) -> Result<String> {
        let (text, by) = (self.sql(&call.args[0])?, self.some(call, 1)?);
        let number = match (call.args[2].as_int(), self.dialect) {
            (Some(0), _) => return Err(self.no_op(call.op)),
            (_, DuckDb | Spark | Postgres) => self.count(call, 2, i64::from(i32::MIN))?,
            (Some(number @ 1..), BigQuery) => {
                let part = format!("SPLIT({text}, {by})[SAFE_OFFSET({})]", number - 1);
                return Ok(format!("CASE WHEN {text} IS NOT NULL THEN COALESCE({part}, '') END"));
            }
            _ => return Err(self.no_op(call.op)),
        };
        Ok(format!("SPLIT_PART({text}, {by}, {number})"))
    }

    pub(super) fn trimmed(&self, call: &Call) -> Result<String> {
        let sql = self.sql(&call.args[0])?;
        let set = match call.args.get(1) {
            Some(set) if set.as_text() == Some("") => return Ok(sql),
            Some(_) => self.some(call, 1)?,
            None => "' '".into(),
        };
        let (name, side) = match call.op {
            Op::Trim => ("TRIM", "BOTH"),
            Op::TrimStart => ("LTRIM", "LEADING"),
            _ => ("RTRIM", "TRAILING"),
        };
        let one =
            call.args.get(1).is_none_or(|set| set.as_text().is_some_and(|set| set.chars().count() == 1));
        match self.dialect {
            DuckDb | BigQuery => Ok(format!("{name}({sql}, {set})")),
            Flink if !one => Err(self.no_op(call.op)),
            _ => Ok(format!("TRIM({side} {set} FROM {sql})")),
        }
    }

    /// A text with others in it replaced, or made longer.
    pub(super) fn changed(&self, call: &Call) -> Result<String> {
        let args = &call.args;
        let text = self.sql(&args[0])?;
        match call.op {
            Op::Replace => match self.dialect {
                Flink => Ok(format!("REPLACE({text}, {}, {})", self.some(call, 1)?, self.sql(&args[2])?)),
                _ => Ok(format!("REPLACE({})", self.list(args)?)),
            },
            Op::Translate => {
                let distinct = args[1].as_text().is_some_and(|from| {
                    let mut letters: Vec<char> = from.chars().collect();
                    letters.sort_unstable();
                    letters.windows(2).all(|pair| pair[0] != pair[1]) && !letters.is_empty()
                });
                match self.dialect {
                    Postgres => Ok(format!("TRANSLATE({})", self.list(args)?)),
                    // Of a letter that stands twice, the second place may count.
                    DuckDb | Spark | BigQuery if distinct => Ok(format!("TRANSLATE({})", self.list(args)?)),
                    _ => Err(self.no_op(call.op)),
                }
            }
            Op::Repeat => {
                let least = if self.dialect == DuckDb { i64::from(i32::MIN) } else { 0 };
                Ok(format!("REPEAT({text}, {})", self.count(call, 1, least)?))
            }
            // Flink counts a character past the first 65,536 as two there.
            op if self.dialect == Flink => Err(self.no_op(op)),
            op => {
                let name = if op == Op::PadStart { "LPAD" } else { "RPAD" };
                let by = if args.len() > 2 { self.some(call, 2)? } else { "' '".into() };
                Ok(format!("{name}({text}, {}, {by})", self.count(call, 1, 0)?))
            }
        }
    }

    /// Where a text stands in another.
    pub(super) fn found(&self, call: &Call) -> Result<String> {
        let (text, what) = (self.sql(&call.args[0])?, self.sql(&call.args[1])?);
        Ok(match (call.op, self.dialect) {
            (Op::StartsWith, DuckDb | Postgres | BigQuery) => format!("STARTS_WITH({text}, {what})"),
            (Op::StartsWith, Spark) => format!("STARTSWITH({text}, {what})"),
            (Op::StartsWith, _) => {
                let what = self.tight(&call.args[1])?;
                format!("(LEFT({text}, CHAR_LENGTH({what})) = {what})")
            }
            (Op::EndsWith, DuckDb | BigQuery) => format!("ENDS_WITH({text}, {what})"),
            (Op::EndsWith, Spark) => format!("ENDSWITH({text}, {what})"),
            (Op::EndsWith, _) => {
                let what = self.tight(&call.args[1])?;
                format!("(RIGHT({text}, CHAR_LENGTH({what})) = {what})")
            }
            (Op::Contains, DuckDb | Spark) => format!("CONTAINS({text}, {what})"),
            (Op::Contains, _) => format!("({} > 0)", self.place(call, &text, &what)?),
            (_, DuckDb | BigQuery) => self.place(call, &text, &what)?,
            _ => self.widened(self.place(call, &text, &what)?),
        })
    }

    fn place(&self, call: &Call, text: &str, what: &str) -> Result<String> {
        Ok(match self.dialect {
            DuckDb | Postgres => format!("STRPOS({text}, {what})"),
            Spark => format!("LOCATE({what}, {text})"),
            // Where the empty text is found is not known of these.
            BigQuery => format!("STRPOS({text}, {})", self.some(call, 1)?),
            _ => format!("POSITION({} IN {text})", self.some(call, 1)?),
        })
    }

    /// The text of a value that a cast is to read, without the blanks around it.
    pub(super) fn bare(&self, node: &Node) -> Result<String> {
        Ok(format!("TRIM({})", self.sql(node)?))
    }
}
