//! Random expressions over the columns of tests/expressions/rows.csv. `random.txt` beside it has those that other
//! engines are asked, so that a script can read them too; HIGHWATER_BLESS=1 writes it.

use crate::expressions::{Computed, Value, text};
use crate::expressions_postgres::{Server, same};
use std::fmt::Write;

/// The kinds of values, by which expressions are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Int,
    Decimal,
    Float,
    Text,
    Bool,
    Time,
    Date,
}

const KINDS: [Kind; 7] =
    [Kind::Int, Kind::Decimal, Kind::Float, Kind::Text, Kind::Bool, Kind::Time, Kind::Date];

/// Numbers that look random, the same ones for a seed. (SplitMix64)
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    pub fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// An expression of any kind.
    pub fn any(&mut self, depth: usize) -> String {
        let kind = KINDS[self.below(KINDS.len())];
        self.expression(kind, depth)
    }

    /// The pattern with an expression of that kind in the place of each letter after `@`: `i`nt, `d`ecimal, `f`loat,
    /// `s` for text, `b`ool, `t`ime, `a` for date.
    fn filled(&mut self, pattern: &str, depth: usize) -> String {
        let mut out = String::new();
        let mut parts = pattern.split('@');
        out += parts.next().unwrap_or("");
        for part in parts {
            let (kind, rest) = part.split_at(1);
            let kind = match kind {
                "i" => Kind::Int,
                "d" => Kind::Decimal,
                "f" => Kind::Float,
                "s" => Kind::Text,
                "b" => Kind::Bool,
                "t" => Kind::Time,
                _ => Kind::Date,
            };
            let _ = write!(out, "{}{rest}", self.expression(kind, depth - 1));
        }
        out
    }

    /// An expression of a kind, in parentheses where it needs them.
    pub fn expression(&mut self, kind: Kind, depth: usize) -> String {
        let leaf = depth == 0 || self.below(5) == 0;
        let pattern = self.one(if leaf { leaves(kind) } else { forms(kind) });
        if leaf { pattern.to_string() } else { self.filled(pattern, depth) }
    }
}

fn leaves(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Int => &["i", "j", "i", "j", "3", "-7", "0", "10"],
        Kind::Decimal => &["d", "e", "d", "0.5", "-2.50", "100.001"],
        Kind::Float => &["f", "g", "f", "CAST(1 AS DOUBLE PRECISION)", "CAST(-2.5 AS DOUBLE PRECISION)"],
        Kind::Text => &["s", "u", "s", "w", "n", "''", "'ab'", "'é,日'"],
        Kind::Bool => &["b", "c", "b", "(i > 0)"],
        Kind::Time => &["t", "v", "t", "TIMESTAMPTZ '2024-02-29 12:00:00'"],
        Kind::Date => &["a", "z", "a", "DATE '2024-12-31'"],
    }
}

/// What has another meaning elsewhere on purpose is not in it: quotients of two int64s and of decimals, letters that
/// are made large or small, the texts of floats.
fn forms(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Int => &[
            "(@i + @i)",
            "(@i - @i)",
            "(@i * @i)",
            "(i % @i)",
            "(- @i)",
            "ABS(@i)",
            "SIGN(@i)",
            "(@i & @i)",
            "(i | @i)",
            "GREATEST(@i, @i)",
            "LEAST(@i, @i, @i)",
            "COALESCE(@i, @i)",
            "NULLIF(@i, @i)",
            "CASE WHEN @b THEN @i ELSE @i END",
            "CASE @i WHEN 7 THEN @i WHEN j THEN @i END",
            "CAST(LENGTH(@s) AS BIGINT)",
            "CAST(EXTRACT(YEAR FROM @t) AS BIGINT)",
            "CAST(EXTRACT(DOW FROM @a) AS BIGINT)",
            "CAST(EXTRACT(HOUR FROM @t) AS BIGINT)",
            "CAST(@d AS BIGINT)",
            "CAST(@f AS BIGINT)",
            "CAST(@a - @a AS BIGINT)",
            "CAST(POSITION(@s IN @s) AS BIGINT)",
            "CAST(@b AS INTEGER)",
        ],
        Kind::Decimal => &[
            "(@d + @d)",
            "(@d - @d)",
            "(@d * 1.5)",
            "(@d + @i)",
            "(d % @d)",
            "(- @d)",
            "ABS(@d)",
            "ROUND(@d, 1)",
            "ROUND(@d)",
            "TRUNC(@d, 2)",
            "FLOOR(@d)",
            "CEIL(@d)",
            "GREATEST(@d, @d)",
            "LEAST(@d, @i)",
            "COALESCE(@d, @i)",
            "NULLIF(@d, @d)",
            "CASE WHEN @b THEN @d ELSE @d END",
            "CAST(@i AS DECIMAL(30, 2))",
            "CAST(@d AS DECIMAL(20, 3))",
            "SIGN(@d)",
            "EXTRACT(SECOND FROM @t)",
        ],
        Kind::Float => &[
            "(@f + @f)",
            "(@f - @f)",
            "(@f * @f)",
            "(f / @f)",
            "(- @f)",
            "ABS(@f)",
            "ROUND(@f)",
            "FLOOR(@f)",
            "TRUNC(@f)",
            "SQRT(ABS(@f))",
            "GREATEST(@f, @f)",
            "COALESCE(@f, @f)",
            "NULLIF(@f, @f)",
            "CASE WHEN @b THEN @f ELSE @f END",
            "CAST(@i AS DOUBLE PRECISION)",
            "CAST(@d AS DOUBLE PRECISION)",
            "(@f + @d)",
            "(@i * @f)",
            "SIGN(@f)",
        ],
        Kind::Text => &[
            "(@s || @s)",
            "(@s || '-' || @s)",
            "CONCAT(@s, @s)",
            "CONCAT_WS(',', @s, @s)",
            "LEFT(@s, 3)",
            "RIGHT(@s, 2)",
            "SUBSTRING(@s, 2, 3)",
            "SUBSTRING(@s FROM 2)",
            "TRIM(@s)",
            "LTRIM(@s, 'a ')",
            "REPLACE(@s, 'a', 'bc')",
            "REPLACE(@s, u, @s)",
            "REVERSE(LEFT(@s, 2))",
            "REPEAT(@s, 2)",
            "LPAD(@s, 4, '0')",
            "RPAD(@s, 5, '.')",
            "SPLIT_PART(@s, ',', 2)",
            "TRANSLATE(@s, 'ab', 'x')",
            "COALESCE(@s, @s)",
            "NULLIF(@s, @s)",
            "CASE WHEN @b THEN @s ELSE @s END",
            "GREATEST(@s, @s)",
            "CAST(@i AS VARCHAR)",
            "CAST(CAST(@d AS DECIMAL(38, 4)) AS VARCHAR)",
            "CAST(@b AS VARCHAR)",
            "CAST(@a AS VARCHAR)",
            "CAST(@t AS VARCHAR)",
            "MD5(@s)",
            "REGEXP_REPLACE(@s, '[a-c]', '<\\&>')",
            "REGEXP_REPLACE(@s, 'b+', '', 'g')",
        ],
        Kind::Bool => &[
            "(@i < @i)",
            "(@i = @i)",
            "(@i >= @d)",
            "(@d <> @d)",
            "(@d <= @i)",
            "(@f > @f)",
            "(@f = @f)",
            "(@f < @d)",
            "(@s < @s)",
            "(@s = @s)",
            "(@t > @t)",
            "(@t <= @a)",
            "(@a < @a)",
            "(@a = @t)",
            "(@b = @b)",
            "(@b AND @b)",
            "(@b OR @b)",
            "(NOT @b)",
            "(@b IS TRUE)",
            "(@b IS NOT FALSE)",
            "(@b IS NULL)",
            "(@i IS NOT NULL)",
            "(@s IS DISTINCT FROM @s)",
            "(@d IS NOT DISTINCT FROM @d)",
            "(@i IN (@i, 7, @i))",
            "(@i NOT IN (1, 2, 7))",
            "(@s IN ('a', @s))",
            "(@d IN (0.5, @i))",
            "(@i BETWEEN @i AND @i)",
            "(@d NOT BETWEEN @i AND @d)",
            "(@t BETWEEN @t AND @t)",
            "(@s LIKE '%a%')",
            "(@s NOT LIKE '_b%')",
            "(@s ~ '^[a-z]+$')",
            "STARTS_WITH(@s, @s)",
            "COALESCE(@b, @b)",
            "CASE WHEN @b THEN @b ELSE @b END",
            "(CASE WHEN i = 0 THEN NULL ELSE 100 % i END > @i)",
            "(i <> 0 AND 100 % i = @i)",
            "(@t < '2024-03-01 00:00:00')",
        ],
        Kind::Time => &[
            "(@t + INTERVAL '90 minutes')",
            "(@t - INTERVAL '1 day')",
            "(@t + INTERVAL '1 month 2 days')",
            "(@t + INTERVAL '1 hour' * 5)",
            "DATE_TRUNC('hour', @t)",
            "DATE_TRUNC('day', @t)",
            "DATE_TRUNC('month', @t)",
            "DATE_TRUNC('week', @t)",
            "CAST(@a AS TIMESTAMPTZ)",
            "COALESCE(@t, @t)",
            "GREATEST(@t, @t)",
            "CASE WHEN @b THEN @t ELSE @t END",
            "NULLIF(@t, @t)",
        ],
        Kind::Date => &[
            "CAST(@t AS DATE)",
            "(@a + 30)",
            "(@a - 1)",
            "COALESCE(@a, @a)",
            "GREATEST(@a, @a)",
            "LEAST(@a, DATE '2024-02-29')",
            "CASE WHEN @b THEN @a ELSE @a END",
            "NULLIF(@a, @a)",
        ],
    }
}

/// Random expressions, the same ones every time.
pub fn made(seed: u64, count: usize) -> Vec<String> {
    let mut random = Random(seed);
    (0..count)
        .map(|number| random.any(1 + number % 4))
        .filter(|sql| sql.len() > 8 && sql.len() < 600)
        .collect()
}

/// Those that other engines are asked.
pub fn asked() -> Vec<String> {
    text("random.txt").lines().map(str::to_string).collect()
}

#[test]
fn the_random_expressions_of_other_engines_are_made_here() {
    let made = made(1, 450);
    if std::env::var_os("HIGHWATER_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/expressions/random.txt");
        std::fs::write(path, made.join("\n") + "\n").unwrap();
    }
    assert!(
        asked() == made,
        "tests/expressions/random.txt is not what is made here; HIGHWATER_BLESS=1 writes it"
    );
    assert!(made.len() > 300, "{}", made.len());
}

/// What PostgreSQL can and we cannot: more than 38 digits. What it cannot: numbers too near to zero.
fn is_listed(ours: &Value, theirs: &Value) -> bool {
    let too_long =
        |why: &String| why.contains("too large for decimal") || why.contains("digits after the point");
    ours.as_ref().is_err_and(too_long) || theirs.as_ref().is_err_and(|why| why.ends_with("underflow"))
}

#[test]
fn random_expressions_are_what_they_are_in_postgresql() {
    let zone = "Asia/Jakarta";
    let Some(mut server) = Server::new(zone) else { return };
    let computed = Computed::new(zone);
    let (mut compared, mut values, mut listed, mut wrong) = (0, 0, 0, vec![]);
    for sql in asked() {
        let (ours, theirs, ty) = (computed.texts(&sql), server.texts(&sql), computed.ty(&sql));
        for (row, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            compared += 1;
            values += usize::from(ours.is_ok());
            if same(ours, theirs, ty) {
                continue;
            }
            if is_listed(ours, theirs) {
                listed += 1;
                continue;
            }
            wrong.push(format!("{sql}\n  in row {row}: ours {ours:?}, theirs {theirs:?}"));
            break;
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
    assert!(values > compared / 2 && listed < compared / 20, "{compared} {values} {listed}");
}
